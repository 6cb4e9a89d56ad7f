"""Names of constants."""

from __future__ import annotations

import re

from local.tools import ROOT

FOLDERS = ("benchmarks", "cli", "functions", "layers/event_service", "local", "tests")


def test_constants_say_per_and_not_a() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in re.findall(r"^_?[A-Z][A-Z_]*_AN?_[A-Z_]+(?=[ :=])", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert len(files) > 500
    assert found == set(), "write EVENTS_PER_PUBLISH, not EVENTS_A_PUBLISH"
