"""Format numbers: what is stored or queued says which form it has. See "Formats" in CONTRIBUTING.md."""

from __future__ import annotations

from typing import Any


def check_format(found: Any, known: int, what: str) -> None:
    """Refuses what a newer release wrote, instead of guessing what it added. Older forms are fine.

    Args:
        found: the number that stands in it.
        known: the highest that this release reads.
        what: a name for it, with its article, for the error.

    Raises:
        ValueError: the number is higher, or there is none.

    Example::

        check_format(message["v"], FORMAT, "a routing message")
    """
    try:
        number = int(found)
    except (TypeError, ValueError):
        raise ValueError(f"{what} without a format number: {found!r}") from None
    if number > known:
        raise ValueError(f"{what} of format {number} is newer than this release, which reads up to {known}")
