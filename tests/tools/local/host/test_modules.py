"""Each change to MiniStack is installed, and has a row in the decision that lists them."""

from __future__ import annotations

import re

import pytest

from local.tools import ROOT

MODULES = sorted(
    path.stem for path in (ROOT / "local" / "host").glob("*.py") if re.search(r"^def install\(", path.read_text("utf-8"), re.MULTILINE)
)
HOST = (ROOT / "local" / "ministack_host.py").read_text(encoding="utf-8")
(DECISION,) = (ROOT / "docs" / "decisions").glob("0065-*.md")
ROWS = {name for row in re.findall(r"^\| ([a-z_, ]+) \|", DECISION.read_text("utf-8"), re.MULTILINE) for name in row.split(", ")}


def test_changes_are_found() -> None:
    assert len(MODULES) > 5


@pytest.mark.parametrize("module", MODULES)
def test_a_change_is_installed_and_listed(module: str) -> None:
    assert f"{module}.install(" in HOST
    assert module in ROWS
