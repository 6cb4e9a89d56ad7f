"""What the doors call says how it is called."""

from __future__ import annotations

import re

import pytest

from local.tools import ROOT

LAYER = ROOT / "layers" / "event_service"
USE_CASES = (ROOT / "functions" / "graphql_api" / "use_cases.py").read_text(encoding="utf-8")
CALLED = sorted(set(re.findall(r"^    from (event_service\S+) import (\w+)", USE_CASES, re.MULTILINE)))


def test_the_use_cases_behind_the_api_are_found() -> None:
    assert len(CALLED) >= 19


@pytest.mark.parametrize(("module", "name"), CALLED, ids=[name for _, name in CALLED])
def test_a_use_case_carries_an_example(module: str, name: str) -> None:
    source = (LAYER / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")

    assert re.search(rf"^class {name}\b", source, re.MULTILINE)
    assert "Example::\n" in source
