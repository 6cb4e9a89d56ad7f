"""`make mutants` counts a change as noticed only when a test failed, and says which were not."""

from __future__ import annotations

import tomllib

import pytest

from local import mutants
from local.mutants import MODULES, PACKAGE, SIMULATIONS, SLOW, TESTS, UNFIT, Outcome, summary
from local.tools import ROOT


def test_survivors_are_what_no_test_noticed() -> None:
    outcome = Outcome({"a.x_one__mutmut_1": "killed", "a.x_one__mutmut_2": "survived", "b.x__mutmut_1": "no tests", "b.y": "timeout"}, {})
    assert outcome.survivors == ("a.x_one__mutmut_2", "b.x__mutmut_1")


def test_the_summary_counts_by_module_and_in_all() -> None:
    statuses = {"event_service.a.x_1": "killed", "event_service.a.x_2": "survived", "event_service.b.x_1": "timeout"}
    assert summary(Outcome(statuses, {})) == [
        "    1 of     2 noticed   50%  a",
        "    1 of     1 noticed  100%  b",
        "    2 of     3 noticed   67%  in all",
    ]
    assert summary(Outcome({}, {})) == []


def test_modules_are_tried_with_the_tests_of_their_packages() -> None:
    assert mutants.tests_of(["delivery/lanes.py", "webhooks/*.py"]) == ["tests/unit/delivery", *TESTS["webhooks"]]
    assert {pattern.partition("/")[0] for pattern in MODULES} == set(TESTS)


@pytest.mark.parametrize("pattern", MODULES)
def test_a_pattern_of_modules_finds_files(pattern: str) -> None:
    assert list((ROOT / PACKAGE).glob(pattern))


@pytest.mark.parametrize("path", [*mutants.tests_of(MODULES), *SLOW, *UNFIT, SIMULATIONS])
def test_a_path_of_tests_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_copy_has_the_package_where_mutmut_looks(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = tmp_path_factory.mktemp("mutants") / "copy"
    monkeypatch.setattr(mutants, "COPY", copy)
    mutants.copy_tree(["webhooks/verdict.py"], ["tests/unit/webhooks"], ["tests/unit/webhooks/test_faults.py"])
    settings = tomllib.loads((copy / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    assert (copy / "src/event_service/webhooks/verdict.py").is_file()
    assert not (copy / PACKAGE).exists()
    assert settings["only_mutate"] == ["src/event_service/webhooks/verdict.py"]
    assert settings["pytest_add_cli_args_test_selection"] == ["tests/unit/webhooks", "--ignore=tests/unit/webhooks/test_faults.py"]
    assert {"tests", "functions", "local"} <= set(settings["also_copy"])
