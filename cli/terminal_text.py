"""Text from elsewhere, made safe for a terminal.

Event data, names and answers of receivers are written by others. Escape and C1 control characters in them are commands to a terminal,
bidirectional overrides make it show something else than is there. All are shown as JSON writes them, such as ``\\u001b``.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSAFE: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def safe(text: str, *, lines: bool = False) -> str:
    """The text with every control, format and unassigned character escaped.

    Args:
        text: any.
        lines: whether line feeds stay: where the text is one of ours that has several lines.
    """
    # printable covers all letters, but also space; what is not printable is looked at one by one
    if text.isprintable():
        return text
    return "".join(
        character if character == " " or (lines and character == "\n") or _is_safe(character) else escaped(character) for character in text
    )


def escaped(character: str) -> str:
    """As JSON writes it: beyond U+FFFF as a pair of surrogates, so that JSON stays the JSON it was."""
    number = ord(character)
    if number <= 0xFFFF:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def _is_safe(character: str) -> bool:
    return unicodedata.category(character) not in _UNSAFE
