"""Code uses the words of docs/glossary.md: the private words that they replaced do not come back."""

from __future__ import annotations

import re

import pytest

from local.tools import ROOT

FOLDERS = ("benchmarks", "cli", "functions", "layers/event_service", "local", "tests")
SUFFIXES = (".py", ".json", ".yaml", ".ts", ".tsx")
REPLACED = r"park(?:s|ed|ing)?|drain(?:s|ed|ing)?|strikes?|fates?|hops?|cooling|put_aside|set_aside"
_WORD = re.compile(rf"(?<![A-Za-z])(?i:{REPLACED})(?![a-z])")
_OF_OTHERS = re.compile(r"writer\.drain\(\)")
"""asyncio's."""
ABOUT_WORDS = {
    ROOT / "local" / "prose.py",
    ROOT / "tests" / "tools" / "style" / "test_prose.py",
    ROOT / "tests" / "tools" / "style" / "test_words.py",
}


def _found(text: str) -> list[str]:
    return _WORD.findall(_OF_OTHERS.sub("", text))


def test_replaced_words_are_in_no_name_comment_or_sample() -> None:
    files = [
        path
        for folder in (*FOLDERS, "events", "console/src")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SUFFIXES and not {"files", "node_modules"} & set(path.parts)
    ]
    found = {(str(path.relative_to(ROOT)), word) for path in files if path not in ABOUT_WORDS for word in _found(path.read_text("utf-8"))}

    assert len(files) > 700
    assert found == set()


@pytest.mark.parametrize("text", ["drainBacklog", "MAX_HOPS", "a_strike", "is parked", '"hop":1', "hop_count"])
def test_a_replaced_word_is_found_inside_a_name(text: str) -> None:
    assert _found(text)


@pytest.mark.parametrize("text", ["shopping", "spark", "await writer.drain()", "hopeful"])
def test_other_words_are_left_alone(text: str) -> None:
    assert not _found(text)
