"""Code that the documents print, so that tests can run it as printed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from local.tools import ROOT

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@cache
def _text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(language: str, document: Path) -> list[str]:
    """The blocks of code in one language of one document."""
    return re.findall(rf"^```{language}\n(.*?)^```", _text(document), re.DOTALL | re.MULTILINE)


@cache
def printed(language: str, words: str) -> str:
    """The one block of code in README or docs that has these words.

    Raises:
        ValueError: there is no such block, or more than one.
    """
    (found,) = [block for guide in GUIDES for block in blocks(language, guide) if words in block]
    return found
