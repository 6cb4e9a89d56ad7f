"""README and docs are plain English, and the check that says so finds what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.prose import LONGEST_SENTENCE, documents, faults, faults_of_code, modules
from local.tools import ROOT

LONG = " ".join(["word"] * (LONGEST_SENTENCE + 1))
ALLOWED = " ".join(["word"] * LONGEST_SENTENCE)


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_plain_english(document: Path) -> None:
    assert list(faults(document.read_text(encoding="utf-8"))) == []


def test_docstrings_and_comments_are_plain_english() -> None:
    found = [(str(path.relative_to(ROOT)), *fault) for path in modules() for fault in faults_of_code(path.read_text(encoding="utf-8"))]

    assert len(modules()) > 200
    assert found == []


def test_replaced_words_are_found_in_docstrings_and_comments_only() -> None:
    source = 'def parked() -> None:\n    """Its fate."""\n    what = "drained"  # it was just parked\n'

    assert [(fault.line, fault.text) for fault in faults_of_code(source)] == [(2, "fate"), (3, "parked")]


@pytest.mark.parametrize(
    "words",
    [
        *("mend it", "Mended", "put aside", "see to it", "which fulfils it", "it is no more", "gives out", "what waits", "parked"),
        *("drained", "a strike", "it cools down", "its fate", "a hop", "an own key", "utilises", "in order to", "simply", "of course"),
    ],
)
def test_a_replaced_word_is_found_with_its_line_and_advice(words: str) -> None:
    (fault,) = faults(f"# Title\n\nA line.\nHere {words} again.\n")

    assert fault.line == 4
    assert fault.text.lower() in words.lower()
    assert fault.advice


@pytest.mark.parametrize("text", ["`parked#`", "```\ndrain\n```\n", "[x](mend.md)", "https://example.com/drain", "recommended", "shopping"])
def test_code_links_and_longer_words_are_not_prose(text: str) -> None:
    assert list(faults(f"See:\n{text}\nhere.\n")) == []


@pytest.mark.parametrize("end", [". Next", "\n\nNext", "\n- next", " | next", ": next"])
def test_a_long_sentence_is_found_and_one_of_the_longest_length_is_not(end: str) -> None:
    (fault,) = faults(f"First.\n\n{LONG}{end}\n")

    assert fault.line == 3
    assert str(LONGEST_SENTENCE + 1) in fault.advice
    assert list(faults(f"First.\n\n{ALLOWED}{end}\n")) == []
