"""``docs/glossary.md``: at most twenty words, in order, each with its meaning."""

from __future__ import annotations

import re

import pytest

from local.tools import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
WORDS = re.findall(r"^\| \*\*([a-z -]+)\*\* \| (.+) \|$", PAGE, re.MULTILINE)


def test_glossary_has_at_most_twenty_words_in_order() -> None:
    words = [word for word, _ in WORDS]

    assert 12 <= len(words) <= 20
    assert words == sorted(words)
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(("word", "meaning"), WORDS, ids=[word for word, _ in WORDS])
def test_a_word_of_the_glossary_has_a_meaning(word: str, meaning: str) -> None:
    assert len(meaning.split()) >= 8
