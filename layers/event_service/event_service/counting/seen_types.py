"""When each type of event was first and last seen in a workspace."""

from __future__ import annotations

import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, RateLimited, Unavailable

PRECISION: Final = timedelta(hours=1)
REMEMBERED: Final = 5_000
"""Types of all workspaces, about 300 bytes each."""
WRITES_PER_INVOCATION: Final = 10
"""One takes some 5 ms. Workspaces take turns, and an invocation routes at most ten publishes: each workspace gets at least one. The
others are seen again with the next event."""
SECONDS_NEEDED: Final = 15.0
"""With less time left nothing is written: a call takes up to 6 s, and the invocation still has to answer."""
MAXIMUM_TYPES: Final = 1_000
"""Of one page."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SeenType:
    """A type, and when it was seen."""

    type: str
    first: datetime
    last: datetime


class SeenTypeStore(Protocol):
    """Keeps when types were seen."""

    def see(self, workspace_id: str, event_type: str, date: datetime) -> None:
        """It was seen then. The first date stays."""

    def seen(self, workspace_id: str, after: str | None, limit: int) -> list[SeenType]:
        """Up to ``limit`` types in their order, those behind ``after`` if it is given."""


class SeenTypes:
    """Notes the types of routed events: at most one write for a type and hour in each warm process. No event fails by it."""

    def __init__(self, store: SeenTypeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def note(self, types: Mapping[str, Iterable[str]], time_left: Callable[[], float]) -> None:
        """Notes what an invocation routed.

        Args:
            types: by workspace.
            time_left: seconds until this process is stopped.
        """
        now = self._clock()
        new = [
            [(workspace_id, one) for one in of_workspace if self._known.get((workspace_id, one), now - PRECISION) <= now - PRECISION]
            for workspace_id, of_workspace in types.items()
        ]
        in_turn: Iterator[tuple[str, str]]
        # Workspaces in turn: one with many types must not use up the writes of all.
        in_turn = (key for keys in itertools.zip_longest(*new) for key in keys if key is not None)
        for key in itertools.islice(in_turn, WRITES_PER_INVOCATION):
            if time_left() < SECONDS_NEEDED:
                return
            # Also if the write fails: a table that is too busy must not be asked again by the next invocation.
            self._known[key] = now
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            try:
                self._store.see(*key, now)
            except (RateLimited, Unavailable) as error:
                _LOG.warning("that a type was seen was not written: %s", error, extra={"workspace_id": key[0]})
                return
            except Exception:  # noqa: BLE001 - the events are routed, and must not be routed again because of a list of types
                _LOG.exception("that a type was seen was not written by a fault of the service", extra={"workspace_id": key[0]})
                return


@dataclass(frozen=True, slots=True)
class TypePage:
    """Some types, in their order; ``more``: others follow."""

    types: list[SeenType]
    more: bool


class EventTypes:
    """The use case behind ``eventTypes``.

    Example::

        page = event_types.page(workspace_id, first=100)
    """

    def __init__(self, store: SeenTypeStore) -> None:
        self._store = store

    def page(self, workspace_id: str, first: int, after: str | None = None) -> TypePage:
        """One page of a workspace's types.

        Args:
            workspace_id: the token's workspace.
            first: how many, 1 to 1,000.
            after: the last type of the page before.

        Raises:
            BadUserInput: another number.
        """
        if not 1 <= first <= MAXIMUM_TYPES:
            raise BadUserInput(f"first: {first} is not from 1 to {MAXIMUM_TYPES:,}.")
        found = self._store.seen(workspace_id, after, first + 1)
        return TypePage(found[:first], len(found) > first)
