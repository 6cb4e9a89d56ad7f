"""The history of a workspace's configuration: who changed what, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from event_service.base.errors import BadUserInput
from event_service.configuration.changes import ChangeSet
from event_service.explain.ports import ChangeHistory

MAXIMUM_CHANGES: Final = 100
"""Of one page. Each may have 380 KB: more would not fit into what one request may read."""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes, the newest first. ``end`` is the place of the last, ``more`` whether older ones are kept."""

    changes: list[ChangeSet]
    end: str | None
    more: bool


class Changes:
    """The use case behind ``changes``.

    Example::

        page = changes.page(workspace_id, first=50)  # the newest first
    """

    def __init__(self, history: ChangeHistory) -> None:
        self._history = history

    def page(self, workspace_id: str, first: int, after: str | None = None) -> ChangePage:
        """One page. The newest 1,000 changes are kept.

        Args:
            workspace_id: the token's workspace.
            first: how many, 1 to 100.
            after: ``end`` of the page before.

        Raises:
            BadUserInput: another number, or no place in this list.
            TooLarge: the changes of the page are more than one request may read.
        """
        if not 1 <= first <= MAXIMUM_CHANGES:
            raise BadUserInput(f"first: {first} is not from 1 to {MAXIMUM_CHANGES}.")
        before = None if after is None else _version_in(after)
        found = self._history.newest(workspace_id, before, first + 1)
        page = found[:first]
        return ChangePage(page, str(page[-1].version) if page else None, len(found) > first)


def _version_in(place: str) -> int:
    if not (place.isascii() and place.isdecimal()) or len(place) > 15:
        raise BadUserInput("after: it is no place in this list; give the endCursor of a page.")
    return int(place)
