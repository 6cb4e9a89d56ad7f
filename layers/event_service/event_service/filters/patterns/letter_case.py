"""Comparison without case, character by character.

A character of the pattern stands for its lower-case and its upper-case form, and either may be longer than one
character: the pattern `ß` accepts `ß` and `SS`. So two texts that match may differ in length.
"""

from __future__ import annotations


def search_key(text: str) -> str:
    """A text that is the same for all texts which one pattern accepts; equal keys alone do not prove a match."""
    return text.upper().casefold()


def accepts_whole(pattern: str, text: str) -> bool:
    """Whether ``text`` as a whole is ``pattern`` but for case."""
    if pattern.isascii():
        return text.isascii() and text.lower() == pattern.lower()
    return len(text) in _ends(pattern, text)


def accepts_start(pattern: str, text: str) -> bool:
    """Whether ``text`` begins with ``pattern`` but for case."""
    if pattern.isascii():
        head = text[: len(pattern)]
        return head.isascii() and head.lower() == pattern.lower()
    return bool(_ends(pattern, text))


def accepts_end(pattern: str, text: str) -> bool:
    """Whether ``text`` ends with ``pattern`` but for case."""
    if pattern.isascii():
        tail = text[len(text) - len(pattern) :] if len(pattern) <= len(text) else ""
        return len(tail) == len(pattern) and tail.isascii() and tail.lower() == pattern.lower()
    starts = {len(text)}
    for character in reversed(pattern):
        forms = {character.lower(), character.upper()}
        starts = {start - len(form) for start in starts for form in forms if text.endswith(form, 0, start)}
    return bool(starts)


def _ends(pattern: str, text: str) -> set[int]:
    """Where in ``text`` the pattern can end when it begins at the start."""
    ends = {0}
    for character in pattern:
        forms = {character.lower(), character.upper()}
        ends = {end + len(form) for end in ends for form in forms if text.startswith(form, end)}
    return ends
