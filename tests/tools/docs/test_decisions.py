"""``docs/decisions``: one file for each decision, and an index that lists them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.tools import ROOT

FOLDER = ROOT / "docs" / "decisions"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
FILES = sorted(path for path in FOLDER.iterdir() if path.name != "README.md")
LISTED = re.findall(r"^- \[(\d{4})\. (.+)\]\((\S+)\)$", INDEX, re.MULTILINE)
STATUS = re.compile(r"accepted|replaced by \[\d{4}\]\((?P<by>\d{4}-[a-z0-9-]+\.md)\)")

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:40])


def test_index_lists_every_file_and_nothing_else() -> None:
    assert sorted(name for _, _, name in LISTED) == [path.name for path in FILES]


def test_numbers_are_unique_and_without_gaps() -> None:
    assert [int(path.name[:4]) for path in FILES] == list(range(1, len(FILES) + 1))


@each_file
def test_title_number_and_file_name_agree_with_the_index(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    number, title, _ = next(entry for entry in LISTED if entry[2] == path.name)

    assert first == f"# {number}. {title}"
    assert path.name == f"{number}-{re.sub(r'[^a-z0-9]+', '-', title.lower().replace(chr(39), '')).strip('-')}.md"


@each_file
def test_a_decision_has_its_sections(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert re.search(r"^- Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.search(r"^- Reversible: \S", text, re.MULTILINE)
    for heading in ("Question", "Decision", "Sources"):
        section = re.search(rf"^## {heading}\n\n(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, heading
        assert section[1].strip(), heading


@each_file
def test_a_replaced_decision_names_its_successor(path: Path) -> None:
    status = re.search(r"^- Status: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert status
    found = STATUS.fullmatch(status[1])
    assert found, status[1]
    if found["by"]:
        assert (FOLDER / found["by"]).exists()
