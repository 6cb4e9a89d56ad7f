"""Cursors: where a page ended, as clients carry it to the next one.

A cursor holds the place and a check sum over the place, the workspace, the list and its filters. The sum is no secret:
whoever makes a cursor can only begin somewhere else in a list of its own workspace.
"""

import base64
import binascii
import dataclasses
import hashlib
from typing import Any, Final

from event_service.base.errors import BadUserInput

MAXIMUM_CURSOR_CHARACTERS: Final = 2_000
"""An event's id of 256 characters outside the BMP is the longest part of a place: 1,024 bytes."""
_SUM_BYTES: Final = 9
_PAGING: Final = ("offset", "limit", "after", "with_data", "may_end_early")
"""Fields of a query that say which page, and not which list."""


class Cursors:
    """Of one list: a workspace, the list's name, and everything that says what is in it and in which order."""

    def __init__(self, workspace_id: str, name: str, query: Any) -> None:
        """
        Args:
            workspace_id: of the caller.
            name: of the list.
            query: the use case's query, a data class. Fields with their default say nothing, so that a release that adds one
                still reads the cursors of the release before.
        """
        given = [
            f"{one.name}={getattr(query, one.name)!r}"
            for one in dataclasses.fields(query)
            if one.name not in _PAGING and getattr(query, one.name) != _default_of(one)
        ]
        self._list = "\n".join([workspace_id, name, *sorted(given)])

    def write(self, place: str) -> str:
        """The cursor of a place."""
        raw = place.encode(errors="surrogatepass")
        return base64.urlsafe_b64encode(self._sum(raw) + raw).decode().rstrip("=")

    def read(self, cursor: str) -> str:
        """The place in a cursor.

        Raises:
            BadUserInput: it is not from this list.
        """
        try:
            cursor = cursor if len(cursor) <= MAXIMUM_CURSOR_CHARACTERS else ""
            # altchars rather than urlsafe_b64decode: only b64decode can refuse stray characters.
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            given, place = raw[:_SUM_BYTES], raw[_SUM_BYTES:]
            text = place.decode(errors="surrogatepass")
        except (binascii.Error, UnicodeError, ValueError):
            given, place, text = b"", b"", ""
        if given != self._sum(place):
            raise BadUserInput(
                "after: it is not an endCursor of this list. Give one as it came, with the same filters and order, or leave it out to "
                "begin again."
            )
        return text

    def _sum(self, place: bytes) -> bytes:
        return hashlib.blake2b(place, digest_size=_SUM_BYTES, key=hashlib.blake2b(self._list.encode(), digest_size=32).digest()).digest()


def _default_of(one: dataclasses.Field[Any]) -> Any:
    if one.default_factory is not dataclasses.MISSING:
        return one.default_factory()
    return one.default
