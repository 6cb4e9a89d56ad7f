"""Comparison without case, over all characters there are."""

from __future__ import annotations

import pytest

from event_service.filters.patterns import letter_case

CHARACTERS = [chr(code) for code in range(0x1F000) if not 0xD800 <= code <= 0xDFFF]


def test_both_cases_of_every_character_have_one_search_key() -> None:
    apart = [
        character for character in CHARACTERS if letter_case.search_key(character.lower()) != letter_case.search_key(character.upper())
    ]

    assert apart == []


def test_search_keys_are_made_character_by_character() -> None:
    # what makes the key of a beginning the beginning of the key
    for start in range(0, len(CHARACTERS), 997):
        text = "".join(CHARACTERS[start : start + 50])
        assert letter_case.search_key(text) == "".join(map(letter_case.search_key, text))


def test_every_character_is_accepted_in_both_its_cases() -> None:
    refused = [
        character
        for character in CHARACTERS
        for form in (character.lower(), character.upper())
        if not (
            letter_case.accepts_whole(character, form)
            and letter_case.accepts_start(character, form + "x")
            and letter_case.accepts_end(character, "x" + form)
        )
    ]

    assert refused == []


def test_no_form_of_a_character_begins_or_ends_with_its_other_form() -> None:
    # what lets a comparison go on without ever going back
    doubtful = [
        character
        for character in map(chr, range(0x110000))
        for lower, upper in [(character.lower(), character.upper())]
        if lower != upper and (lower.startswith(upper) or upper.startswith(lower) or lower.endswith(upper) or upper.endswith(lower))
    ]

    assert doubtful == []


@pytest.mark.parametrize(("pattern", "text"), [("abc", "ab"), ("abc", "abcd"), ("ß", "S"), ("ßß", "SSS"), ("é", "e"), ("", "a")])
def test_what_is_shorter_longer_or_other_is_refused(pattern: str, text: str) -> None:
    assert not letter_case.accepts_whole(pattern, text)
