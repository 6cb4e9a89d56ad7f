"""Links in the documents lead somewhere: to a file of the repository, and to a heading that the file has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.tools import ROOT

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "functions").rglob("*.md")]
)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", _without_code_blocks(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_code_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def broken_links(document: Path) -> list[str]:
    """The links of a document that lead nowhere, as they are written."""
    broken = []
    for target, anchor in LINK.findall(_without_code(document.read_text(encoding="utf-8"))):
        path = (document.parent / target) if target else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in _anchors(path)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    return broken


def test_there_are_documents() -> None:
    assert ROOT / "README.md" in DOCUMENTS
    assert len(DOCUMENTS) > 50


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_a_broken_link_and_a_missing_heading_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A heading, with signs\n")
    document = tmp_path / "page.md"
    document.write_text("[a](other.md#a-heading-with-signs) [b](gone.md) [c](other.md#gone) [d](https://example.com/x) `[e](code.md)`\n")

    assert broken_links(document) == ["gone.md", "other.md#gone"]
