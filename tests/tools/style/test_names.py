"""Names of tests: short enough to be read in one line of a report."""

from __future__ import annotations

import re

from local.tools import ROOT

LONGEST = 70
"""Characters."""


def test_names_of_tests_have_at_most_70_characters() -> None:
    names = [
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    ]

    assert len(names) > 2_000
    assert [name for name in names if len(name) > LONGEST] == []
