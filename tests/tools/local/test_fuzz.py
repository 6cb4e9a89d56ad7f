"""Property tests try the same examples in each run; `make fuzz` tries others and prints what fails as a test to paste."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given, settings, strategies

from local import fuzz
from local.fuzz import to_paste
from local.tools import ROOT

FAILING = """
from hypothesis import example, given, strategies as st

@given(number=st.integers(min_value=0, max_value=10_000), text=st.text(max_size=3))
def test_small(number, text):
    assert number < 100
"""


@pytest.fixture
def _few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading every plugin that is installed takes longer than the tests that are run."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "_hypothesis_pytestplugin,xdist.plugin")
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def test_property_tests_are_derandomised_and_examples_have_no_time_limit() -> None:
    assert settings.default is not None
    assert settings.default.derandomize
    assert settings.default.deadline is None
    assert settings.default.database is None


def test_no_property_test_chooses_its_randomness_itself() -> None:
    written = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]

    choosing = [str(path) for path in written if re.search(r"\b(derandomize|database)=", path.read_text(encoding="utf-8"))]

    assert choosing == [], "leave it to the profiles in tests/conftest.py"


def _failure(directory: Path) -> tuple[str, str]:
    """The report of a property test that fails, as pytest writes it."""
    findings = directory / "findings.jsonl"
    (directory / "test_it.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "local.fuzz", "-p", "no:schemathesis", "test_it.py"]
    environment = os.environ | {fuzz.FINDINGS: str(findings), "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    (found,) = fuzz._new(findings, set())
    return found


@pytest.mark.usefixtures("_few_plugins")
def test_a_finding_is_printed_as_an_example_that_fails_when_pasted(tmp_path: Path) -> None:
    node, text = _failure(tmp_path)

    assert node == "test_it.py::test_small"
    assert text.splitlines()[0] == "# test_it.py, above test_small:"
    assert "number=100," in text

    pasted = FAILING.replace("@given", "\n".join(text.splitlines()[1:]) + "\n@given").replace("max_value=10_000", "max_value=99")
    (tmp_path / "test_pasted.py").write_text(pasted)
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "test_pasted.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answer.returncode == 1
    assert "explicit example" in answer.stdout


def test_a_failure_without_an_example_is_shown_whole() -> None:
    assert to_paste("tests/x.py::test_y", "E  AssertionError: odd") is None


def test_what_was_shown_is_not_shown_again(tmp_path: Path) -> None:
    findings = tmp_path / "findings.jsonl"
    findings.write_text('{"node": "a", "report": "r"}\n{"node": "a", "report": "r"}\n{"node": "b", "report": "s"}\n')
    shown: set[str] = set()

    assert fuzz._new(findings, shown) == [("a", "r"), ("b", "s")]
    assert fuzz._new(findings, shown) == []


def test_a_round_runs_property_tests_only_with_the_random_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("local.fuzz.subprocess.run", run)

    assert fuzz._round(["tests/unit"], tmp_path / "f", 60) == 0

    assert "--hypothesis-profile=fuzz" in commands[0]
    assert not [part for part in commands[0] if "seed" in part], "with a seed Hypothesis keeps no examples"
    assert commands[0][4:6] == ["-m", "hypothesis"]
    assert not settings.get_profile("fuzz").derandomize
    assert settings.get_profile("fuzz").database is not None


@pytest.mark.usefixtures("_few_plugins")
def test_what_failed_is_kept_and_tried_first_in_the_next_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import settings\nfrom hypothesis.database import DirectoryBasedExampleDatabase\n"
        "settings.register_profile('fuzz', derandomize=False, deadline=None, database=DirectoryBasedExampleDatabase('kept'))\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:schemathesis\n")
    (tmp_path / "test_it.py").write_text(
        FAILING.replace("assert number < 100", "with open('tried', 'a') as tried: print(number, file=tried)\n    assert number < 100")
    )
    monkeypatch.setattr(fuzz, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    first = fuzz._round(["test_it.py"], tmp_path / "findings.jsonl", 300)
    kept = list((tmp_path / "kept").rglob("*"))
    (tmp_path / "tried").unlink()
    second = fuzz._round(["test_it.py"], tmp_path / "findings.jsonl", 300)

    assert (first, second) == (1, 1)
    assert kept
    assert (tmp_path / "tried").read_text().splitlines()[0] == "100", "the smallest that failed comes first"


@given(strategies.integers())
def _property(number: int) -> None:
    del number


def test_the_mark_that_selects_property_tests_is_hypothesis_own() -> None:
    assert hypothesis.is_hypothesis_test(_property)
