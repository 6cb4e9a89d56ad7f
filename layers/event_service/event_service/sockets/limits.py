"""How many sockets may be open at once, and how many may connect in a second.

One row per endpoint, workspace and token counts its open connections. A process adds what it opened and closed to a row at
most once a second and remembers the answer until then, so that ten thousand clients that come back at once are not ten
thousand writes of one row. A count therefore lacks what came in the last second, and, of a process that is asked nothing
more, what came in its last second: together no more than the connects that a second may have.

Nothing has to be repaired when a $disconnect is lost: connections are counted by the ten minutes in which they were opened,
and API Gateway ends every connection after two hours (:data:`~event_service.sockets.connection.CONNECTION_LIFE`), so a count
forgets what is older.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.ports import ConnectionCounts, Counted, Scope, ScopeKind
from event_service.sockets.slow_clients import SlowClients

PRECISION: Final = timedelta(seconds=1)
"""A count that is older is asked for again."""
FREE_CONNECTS: Final = 2
"""Connects of a workspace in a second that a process takes without asking: single connects cost no call more."""
REMEMBERED: Final = 2_000
"""Rows of which a process knows the count; with some 300 bytes each."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What is allowed at once, and of connects in a second."""

    per_endpoint: int = 10_000
    per_workspace: int = 20_000
    per_token: int = 5_000
    connects_per_second: int = 500


@dataclass(slots=True)
class _Tally:
    """What this process knows of one row; ``changes`` are not in it yet, by when the connections were opened."""

    known: int = 0
    asked_at: datetime | None = None
    changes: Counter[datetime] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        return self.known + sum(self.changes.values())


@dataclass(slots=True)
class _Pace:
    """Connects of a workspace in one second, as far as this process knows."""

    second: int
    free: int = FREE_CONNECTS
    is_used_up: bool = False


class ConnectionLimits:
    """Of one process. Its methods may be called by several threads."""

    def __init__(self, counts: ConnectionCounts, limits: SocketLimits, clock: Clock, slow_clients: SlowClients | None = None) -> None:
        """
        Args:
            counts: the rows that all processes share.
            limits: what is allowed.
            clock: the time; seconds begin for all processes at the same moment, or nearly.
            slow_clients: those that took nothing again and again come later; ``None``: they need not.
        """
        self.slow_clients = slow_clients
        self._counts = counts
        self._limits = limits
        self._clock = clock
        self._tallies: OrderedDict[Scope, _Tally] = OrderedDict()
        self._paces: OrderedDict[str, _Pace] = OrderedDict()
        self._lock = Lock()

    def admit(self, counted: Counted) -> None:
        """Counts a connection that is about to be opened.

        Raises:
            RateLimited: a limit is reached, which the message names. Nothing was counted.
        """
        self._check_rate(counted.workspace_id)
        scopes = _scopes(counted)
        self._change(scopes, counted.connected_at, 1)
        asked = self._write(scopes)
        full = next((scope for scope in scopes if self._tally(scope).open > self._limit(scope.kind)), None)
        if full is None:
            return
        self._change(scopes, counted.connected_at, -1)
        if asked:
            # Or the row would hold a refused connection for two hours if this process were never asked again.
            self._write(asked, at_once=True)
        raise RateLimited(_sentence(full.kind, self._limit(full.kind)))

    def release(self, closed: Iterable[Counted]) -> None:
        """Counts connections as closed."""
        scopes: dict[Scope, None] = {}
        for counted in closed:
            of_one = _scopes(counted)
            self._change(of_one, counted.connected_at, -1)
            scopes.update(dict.fromkeys(of_one))
        self._write(list(scopes))

    # -- connects in a second ------------------------------------------------------------------------------------

    def _check_rate(self, workspace_id: str) -> None:
        second = int(self._clock().timestamp())
        with self._lock:
            pace = self._paces.get(workspace_id)
            if pace is None or pace.second != second:
                pace = self._paces[workspace_id] = _Pace(second)
                self._paces.move_to_end(workspace_id)
                while len(self._paces) > REMEMBERED:
                    self._paces.popitem(last=False)
            if pace.free > 0:
                pace.free -= 1
                return
        ceiling = self._limits.connects_per_second
        if not pace.is_used_up:
            try:
                pace.is_used_up = not self._counts.lease_connect(workspace_id, second, ceiling)
            except (RateLimited, Unavailable) as error:
                # A counter that is busy must not keep everybody out.
                _LOG.warning("a connect of workspace %s was not counted: %s", workspace_id, error)
        if pace.is_used_up:
            raise RateLimited(f"The limit of {ceiling:,} connects a second in this workspace is reached; try again in a few seconds.")

    # -- connections that are open -------------------------------------------------------------------------------

    def _limit(self, kind: ScopeKind) -> int:
        limits = self._limits
        return {
            ScopeKind.ENDPOINT: limits.per_endpoint,
            ScopeKind.WORKSPACE: limits.per_workspace,
            ScopeKind.TOKEN: limits.per_token,
        }[kind]

    def _tally(self, scope: Scope) -> _Tally:
        return self._tallies.get(scope) or _Tally()

    def _change(self, scopes: Sequence[Scope], connected_at: datetime, number: int) -> None:
        with self._lock:
            for scope in scopes:
                tally = self._tallies.setdefault(scope, _Tally())
                self._tallies.move_to_end(scope)
                tally.changes[connected_at] += number
            while len(self._tallies) > REMEMBERED:
                self._tallies.popitem(last=False)

    def _write(self, scopes: Sequence[Scope], *, at_once: bool = False) -> list[Scope]:
        """Writes what is not written yet to the rows that were not asked for a second; which these were."""
        now = self._clock()
        due: list[tuple[Scope, _Tally, Counter[datetime]]] = []
        with self._lock:
            for scope in scopes:
                tally = self._tallies.get(scope)
                if tally is not None and (at_once or tally.asked_at is None or now >= tally.asked_at + PRECISION):
                    due.append((scope, tally, tally.changes))
                    tally.asked_at, tally.changes = now, Counter()
        for scope, tally, changes in due:
            try:
                known = self._counts.count(scope, changes)
            except (RateLimited, Unavailable) as error:
                # The count forgets what is wrong with it by itself; who connects does not wait for it.
                _LOG.warning("connections of %s %s were not counted: %s", scope.kind.value, scope.id[:36], error)
            else:
                with self._lock:
                    tally.known = known
        return [scope for scope, _, _ in due]


def _scopes(counted: Counted) -> list[Scope]:
    scopes = [Scope(ScopeKind.ENDPOINT, counted.endpoint_id), Scope(ScopeKind.WORKSPACE, counted.workspace_id)]
    if counted.token_hash is not None:
        scopes.append(Scope(ScopeKind.TOKEN, counted.token_hash))
    return scopes


def _sentence(kind: ScopeKind, limit: int) -> str:
    return f"The limit of {limit:,} open connections per {kind.value} is reached; close some, or ask the operator to raise the limit."
