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
        return len(text) == len(pattern) and text.isascii() and text.lower() == pattern.lower()
    return _end(pattern, text) == len(text)


def accepts_start(pattern: str, text: str) -> bool:
    """Whether ``text`` begins with ``pattern`` but for case."""
    if pattern.isascii():
        head = text[: len(pattern)]
        return head.isascii() and head.lower() == pattern.lower()
    return _end(pattern, text) is not None


def accepts_end(pattern: str, text: str) -> bool:
    """Whether ``text`` ends with ``pattern`` but for case."""
    if pattern.isascii():
        tail = text[len(text) - len(pattern) :] if len(pattern) <= len(text) else ""
        return len(tail) == len(pattern) and tail.isascii() and tail.lower() == pattern.lower()
    position = len(text)
    for character in reversed(pattern):
        if text.endswith(lower := character.lower(), 0, position):
            position -= len(lower)
        elif text.endswith(upper := character.upper(), 0, position):
            position -= len(upper)
        else:
            return False
    return True


def _end(pattern: str, text: str) -> int | None:
    """Where in ``text`` the pattern ends when it begins at the start; ``None`` where it does not fit.

    Neither form of a character begins or ends with the other, in all of Unicode: at one place at most one form fits, so
    there is nothing to go back for.
    """
    position = 0
    for character in pattern:
        if text.startswith(lower := character.lower(), position):
            position += len(lower)
        elif text.startswith(upper := character.upper(), position):
            position += len(upper)
        else:
            return None
    return position
