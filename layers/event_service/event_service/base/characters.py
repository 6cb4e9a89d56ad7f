"""Which characters texts may hold that people read, compare and copy: types, names and ids."""

from __future__ import annotations

import re
import unicodedata

from event_service.base.errors import BadUserInput

# Control, format (bidi overrides, zero-width characters, tags), surrogates, line and paragraph separators.
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
# Persian and Indic words need the joiners, and so do many emoji: between two characters, never at an end and never two in a row.
_JOINERS = re.compile("(?<=[^\u200c\u200d])[\u200c\u200d](?=[^\u200c\u200d])")

# Letters that are drawn like those of "event-service." (Unicode Technical Standard 39, confusables.txt), after decomposition and
# case folding, which already bring full-width, mathematical and accented letters back.
# fmt: off
_DRAWN_ALIKE = str.maketrans({
    **dict.fromkeys("\u0435\u04bd\u0454\u03b5\u212e\u0258\u0259\u025b\uab32\u0117", "e"),
    **dict.fromkeys("\u03bd\u0475\u05d8\u2228\u1d20\u22c1\uaba9", "v"),
    **dict.fromkeys("\u0578\u057c\u0438\u03b7\u1d28\u0273", "n"),
    **dict.fromkeys("\u0442\u03c4\u1d1b\u01ad", "t"),
    **dict.fromkeys("\u0455\ua731\uabaa\u01bd\u0282", "s"),
    **dict.fromkeys("\u0433\u1d26\uab47\uab48\uab81\u0280", "r"),
    **dict.fromkeys("\u0131\u0456\u03b9\u0269\u026a\u04cf\ua647\uab75\u1d09l|\u01c0\u2223", "i"),
    **dict.fromkeys("\u0441\u03f2\u1d04\uabaf\u2ca5", "c"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u02d7\u06d4\u2cba\u30fc\u1806_", "-"),
    **dict.fromkeys("\u00b7\u2022\u2024\u2027\u0660\u06f0\u0701\u0702\u3002\uff61\u30fb\ua60e", "."),
})
# fmt: on


def check_visible(text: str, name: str) -> None:
    """Refuses what cannot be seen or makes the rest look different.

    Raises:
        BadUserInput: ``text`` holds a control or format character, a line separator or half of a surrogate pair.
    """
    for character in text:
        category = unicodedata.category(character)
        if category in _INVISIBLE:
            what = "control" if category == "Cc" else "format" if category == "Cf" else "invisible"
            raise BadUserInput(f"{name}: {what} characters such as U+{ord(character):04X} are not allowed.")


def is_printable(text: str) -> bool:
    """Whether every character can be seen; joiners are allowed where words and emoji need them."""
    return text.isprintable() or _JOINERS.sub("", text).isprintable()


def looks_like(text: str, prefix: str) -> bool:
    """Whether ``text`` begins with ``prefix`` for somebody who reads it: in any case, with letters of other scripts, accents, spaces or
    invisible characters."""
    return _skeleton(text).startswith(_skeleton(prefix))


def _skeleton(text: str) -> str:
    # enough for any prefix of ours with something between its letters, and a bound for the rest
    decomposed = unicodedata.normalize("NFKD", text[:1024].casefold()).casefold()
    return "".join(
        character.translate(_DRAWN_ALIKE)
        for character in decomposed
        if unicodedata.category(character) not in ("Mn", "Me", "Cc", "Cf", "Zs", "Zl", "Zp")
    )
