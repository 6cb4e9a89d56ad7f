"""`make test` ends with one line for both of its lanes, and says what was not tested for want of a browser."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local import run_tests
from local.run_tests import hash_seed, summary_of, without_browser

GREEN = "....\n3714 passed, 1 skipped in 200.19s (0:03:20)\n"


@pytest.mark.parametrize(
    ("outputs", "seconds", "line"),
    [
        ([GREEN, "..\n40 passed in 90.00s (0:01:30)"], 210.0, "3754 passed, 1 skipped in 210.00s (3:30)"),
        ([GREEN, "1 failed, 39 passed, 2 errors in 3s"], 5.0, "1 failed, 3753 passed, 1 skipped, 2 error in 5.00s"),
        ([GREEN, "a line: 7 passed\nfatal: out of memory"], 5.0, "3714 passed, 1 skipped, 1 error in 5.00s"),
        ([GREEN, "no tests ran in 0.10s"], 5.0, "3714 passed, 1 skipped in 5.00s"),
        (["====== 2 passed, 3 deselected in 1.00s ======"], 5.0, "2 passed, 3 deselected in 5.00s"),
    ],
)
def test_the_last_line_adds_up_both_lanes(outputs: list[str], seconds: float, line: str) -> None:
    assert summary_of(outputs, seconds) == line


def test_the_summary_says_what_was_skipped_and_how_to_get_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.run_tests.shutil.which", lambda name: "/usr/bin/x" if name == "google-chrome" else None)
    assert without_browser() == ""

    monkeypatch.setattr("local.run_tests.shutil.which", lambda name: None)
    assert "skipped" in without_browser()
    assert "apt-get install chromium" in without_browser()


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Gives both lanes a program in the place of pytest."""

    def set_lanes(parallel: str, end_to_end: str) -> None:
        programs = {run_tests.PARALLEL: parallel, run_tests.END_TO_END: end_to_end}
        monkeypatch.setattr(run_tests, "_pytest", lambda lane, arguments: ["sh", "-c", programs[lane]])

    monkeypatch.setattr(run_tests, "LOCAL", tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "random")  # which the run sets for what it starts
    return set_lanes


@pytest.mark.parametrize(
    ("parallel", "end_to_end", "status"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (5, 0, 0), (0, 5, 0), (5, 5, 5), (2, 5, 2), (0, 3, 3)]
)
def test_the_run_fails_when_either_lane_fails(
    lanes: Callable[[str, str], None], capfd: pytest.CaptureFixture[str], parallel: int, end_to_end: int, status: int
) -> None:
    lanes(f"echo 2 passed in 1s; exit {parallel}", f"echo 1 passed in 1s; exit {end_to_end}")

    assert run_tests.main([]) == status

    assert capfd.readouterr().out.splitlines()[-1].startswith("3 passed in ")


def test_the_lane_beside_is_ended_when_this_one_is_interrupted(lanes: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    lanes("true", "exec sleep 600")
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def interrupted(_command: list[str]) -> tuple[int, str]:
        raise KeyboardInterrupt

    def remember(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = popen(*arguments, **options)  # type: ignore[call-overload]  # passed on as they came
        started.append(process)
        return process

    monkeypatch.setattr("local.run_tests.subprocess.Popen", remember)
    monkeypatch.setattr(run_tests, "_shown", interrupted)

    with pytest.raises(KeyboardInterrupt):
        run_tests.main([])

    assert [process.poll() is not None for process in started] == [True]


def test_each_run_draws_a_hash_seed_unless_one_is_given() -> None:
    assert hash_seed({"PYTHONHASHSEED": "7"}) == "7"
    drawn = {hash_seed({}) for _ in range(5)} | {hash_seed({"PYTHONHASHSEED": "random"})}
    assert len(drawn) > 1
    assert all(1 <= int(seed) < 2**32 for seed in drawn)


def test_both_lanes_run_with_the_seed_that_is_printed(lanes: Callable[[str, str], None], capfd: pytest.CaptureFixture[str]) -> None:
    show = "echo lane $PYTHONHASHSEED; echo 1 passed in 1s"
    lanes(show, show)
    run_tests.main([])
    lines = capfd.readouterr().out.splitlines()
    seed = next(line for line in lines if line.startswith("PYTHONHASHSEED=")).partition("=")[2]
    assert lines.count(f"lane {seed}") == 2
