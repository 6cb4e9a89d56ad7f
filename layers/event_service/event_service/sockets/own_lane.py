"""Turns of single connections: whoever catches up, is slow or takes nothing holds up nobody but itself.

A turn is short, and its continuation goes to the end of the queue. The connection's row names the turn under way, so that a
message that comes twice, or is started again because it seemed lost, serves nobody twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.budget import ByteBudget
from event_service.sockets.client import QUICK_SECONDS, Client, ClientServing, Served
from event_service.sockets.connection import Connection, Lane
from event_service.sockets.frames import closing_notice
from event_service.sockets.lanes import leave, own_turn
from event_service.sockets.live_run import OVERDUE
from event_service.sockets.log_window import LogWindow
from event_service.sockets.messages import OwnTurn, WakeUp
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.ports import RowPlace, Situation
from event_service.sockets.waking import wake_group

TURN_SECONDS: Final = 5.0
"""Of one connection; then others have theirs."""
RETURN_SECONDS: Final = 0.03
"""So long a connection that has everything waits for others, to share the calls that bring it back to its group."""
JUDGING_STEPS: Final = 2_000_000
"""What the event filters of an invocation's connections may cost: about 0.5 s. See filters/matching/budget.py."""
COSTLY_PAUSE_SECONDS: Final = 2
"""Before the next turn of a connection whose event filter used that up."""
LONGEST_DELAY_SECONDS: Final = 600
"""Between two tries to close a socket."""
LONGEST_PAUSE_SECONDS: Final = 8
"""Between two posts to a client that takes nothing."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    workspace_id: str
    endpoint_id: str


class OwnLane:
    """The turns of one invocation."""

    def __init__(self, outside: Outside, budget: ByteBudget, time_left: Callable[[], float], report: ServingReport) -> None:
        """
        Args:
            outside: the ports.
            budget: bounds what the invocation holds of events.
            time_left: seconds for the work.
            report: counts what happens.
        """
        self._outside = outside
        self._budget = budget
        self._time_left = time_left
        self._report = report
        self._started = outside.clock()
        self._endpoints = 1

    async def work(self, turns: Sequence[OwnTurn]) -> set[OwnTurn]:
        """Serves connections side by side. Returns those turns that must come again."""
        rows, unread = await self._rows(turns)
        of_endpoint: dict[_Endpoint, list[tuple[OwnTurn, Connection]]] = {}
        for turn in turns:
            row = rows.get(turn.connection_id)
            if row is not None and _is_meant(turn, row, self._outside.clock()):
                of_endpoint.setdefault(_Endpoint(turn.workspace_id, turn.endpoint_id), []).append((turn, row))
        self._endpoints = max(1, len(of_endpoint))
        results = await asyncio.gather(*(self._serve_endpoint(one, some) for one, some in of_endpoint.items()))
        return {*unread, *(turn for failed in results for turn in failed)}

    async def _rows(self, turns: Sequence[OwnTurn]) -> tuple[dict[str, Connection], list[OwnTurn]]:
        """The rows by connection, and the turns whose row cannot be read: those of the others are read nevertheless."""
        outside = self._outside
        keys = [(RowPlace(turn.endpoint_id, turn.group), turn.connection_id) for turn in turns]
        try:
            return {row.connection_id: row for row in await outside.call(lambda: outside.connections.find(keys))}, []
        except (RateLimited, Unavailable):
            raise
        except Exception:  # noqa: BLE001 - logged and counted once it is known whose row it is
            if len(turns) == 1:
                self._report.faults += 1
                _LOG.exception("the row of connection %s cannot be read", turns[0].connection_id)
                return {}, list(turns)
        rows: dict[str, Connection] = {}
        unread: list[OwnTurn] = []
        for turn in turns:
            found, not_found = await self._rows([turn])
            rows |= found
            unread += not_found
        return rows, unread

    async def _serve_endpoint(self, endpoint: _Endpoint, turns: Sequence[tuple[OwnTurn, Connection]]) -> list[OwnTurn]:
        outside = self._outside
        window = LogWindow(outside, endpoint.workspace_id, endpoint.endpoint_id, self._budget)
        serving = ClientServing(outside, window, asyncio.Semaphore(len(turns)), self._report)
        hashes = sorted({row.token_hash for _, row in turns if row.token_hash is not None})
        try:
            situation = await self._situation(endpoint, hashes)
            self._judge(serving, window, situation)
            steps = JUDGING_STEPS // self._endpoints
            serving.narrowing = await outside.narrowing([row for _, row in turns], steps, judges_costly=True)
            now = outside.clock()
            invalid = {one for one in hashes if one not in situation.tokens or not situation.tokens[one].is_valid(now)}
            clients = [Client(replace(row, closing=row.closing or row.token_hash in invalid), row) for _, row in turns]
            returns = _Returns(outside, partial(self._look_again, endpoint), len(clients))
            results = await asyncio.gather(
                *(self._turn(serving, returns, client) for client in clients),
                return_exceptions=True,
            )
        except (RateLimited, Unavailable) as error:
            _LOG.warning("endpoint %s could not be served: %s", endpoint.endpoint_id, error)
            return [turn for turn, _ in turns]
        except Exception:  # noqa: BLE001 - our own fault, logged and counted; turns of other endpoints must not come again for it
            self._report.faults += 1
            _LOG.exception("endpoint %s could not be served", endpoint.endpoint_id)
            return [turn for turn, _ in turns]
        finally:
            window.close()
        failed = []
        for (turn, _), result in zip(turns, results, strict=True):
            if isinstance(result, BaseException):
                if not isinstance(result, Exception):
                    raise result
                _LOG.error("connection %s could not be served", turn.connection_id, exc_info=result)
                failed.append(turn)
        return failed

    async def _situation(self, endpoint: _Endpoint, hashes: Sequence[str]) -> Situation:
        outside = self._outside
        return await outside.call(lambda: outside.connections.situation(endpoint.workspace_id, endpoint.endpoint_id, hashes))

    @staticmethod
    def _judge(serving: ClientServing, window: LogWindow, situation: Situation) -> None:
        serving.status = situation.endpoint.status if situation.endpoint is not None and situation.head is not None else None
        if situation.head is not None:
            window.head = situation.head

    def _goes_on(self) -> bool:
        return self._time_left() > 0 and (self._outside.clock() - self._started).total_seconds() < TURN_SECONDS

    # -- one connection ------------------------------------------------------------------------------------------

    async def _turn(self, serving: ClientServing, returns: _Returns, client: Client) -> None:
        if client.connection.ends_at < self._outside.clock():
            await serving.forget(client)
            return
        if client.saved.lane is Lane.JOINING:
            await returns.add(client.saved, is_saved=True)  # its last turn ended before it had looked
            return
        task = asyncio.ensure_future(serving.serve(client, self._goes_on))
        await self._within_time(task)
        failed = False
        if not task.cancelled() and isinstance(task.exception(), RateLimited | Unavailable):
            failed = True
        if client.served is Served.TROUBLE and self._is_too_slow(client):
            await self._close_slow(serving, client)
        if client.served is Served.GONE:
            return
        if client.served is Served.CUT and not failed and self._time_left() > 0:
            await serving.tell_behind(client)
        if client.served is Served.DONE:
            await self._come_back(returns, client, is_costly=_is_costly(serving, client.connection))
        else:
            await self._continue(client, failed=failed)

    async def _within_time(self, task: asyncio.Task[None]) -> None:
        """A post that is under way when the invocation's time is up is given up."""
        while not task.done():
            tick = asyncio.ensure_future(self._outside.sleep(min(1.0, max(0.05, self._time_left()))))
            await asyncio.wait({task, tick}, return_when=asyncio.FIRST_COMPLETED)
            tick.cancel()
            if self._time_left() <= 0 and not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _is_too_slow(self, client: Client) -> bool:
        now, since = self._outside.clock(), client.connection.trouble_since
        if client.connection.closing or client.connection.is_young(now) or since is None:
            return False
        return now - since >= self._outside.slow_after

    async def _close_slow(self, serving: ClientServing, client: Client) -> None:
        seconds = int(self._outside.slow_after.total_seconds())
        _LOG.info("connection %s took nothing for %d seconds and is closed", client.connection.connection_id, seconds)
        slow = client.connection  # what it took before, and not whether it takes the notice
        await self._outside.call(lambda: self._outside.note_slow(slow, serving.head))
        await serving.post(client, closing_notice(seconds))
        client.connection = replace(client.connection, closing=True)
        client.served = await serving.close(client)
        self._report.closed_slow += 1

    async def _continue(self, client: Client, *, failed: bool) -> None:
        """The row first: a turn whose message is lost is overdue, one whose row is old would be dropped."""
        outside, now = self._outside, self._outside.clock()
        trouble = client.served is Served.TROUBLE
        delay = _delay(client, now) if trouble else COSTLY_PAUSE_SECONDS if client.is_costly else int(failed)
        connection = leave(client.connection, now, delay, trouble=trouble)
        await outside.call(lambda: outside.connections.save([connection]))
        await outside.call(lambda: outside.backlog.send([own_turn(connection)], delay))

    async def _come_back(self, returns: _Returns, client: Client, *, is_costly: bool) -> None:
        """It has everything: from now on its group serves it, or, if it is slow or its event filter is costly, starts its turns."""
        lane = Lane.OWN if is_costly or client.slowest > QUICK_SECONDS else Lane.JOINING
        await returns.add(replace(client.connection, lane=lane, due=None, turn=client.connection.turn + 1), is_saved=False)

    async def _look_again(self, endpoint: _Endpoint, connections: Sequence[Connection]) -> None:
        """For what came after the last look, and before the rows were there for their groups' runs to see."""
        outside = self._outside
        situation = await self._situation(endpoint, sorted({one.token_hash for one in connections if one.token_hash is not None}))
        window = LogWindow(outside, endpoint.workspace_id, endpoint.endpoint_id, self._budget)
        again = ClientServing(outside, window, asyncio.Semaphore(1), self._report)
        self._judge(again, window, situation)
        head, now = situation.head, outside.clock()
        if head is None:
            return
        valid = {token_hash for token_hash, token in situation.tokens.items() if token.is_valid(now)}
        owed = (one for one in connections if again.has_work(one) or (one.token_hash is not None and one.token_hash not in valid))
        for group in sorted({one.group for one in owed}):
            wake_up = WakeUp(endpoint.workspace_id, endpoint.endpoint_id, group, deleted=situation.endpoint is None)
            await outside.call(lambda some=wake_up: wake_group(outside.connections, outside.wake_ups, some, head))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


class _Returns:
    """Connections of one endpoint that go back to their groups: those of a moment share their calls."""

    def __init__(self, outside: Outside, look_again: Callable[[Sequence[Connection]], Awaitable[None]], expected: int) -> None:
        """
        Args:
            outside: the ports.
            look_again: called once their rows are stored.
            expected: connections that are served; a single one waits for nobody.
        """
        self._outside = outside
        self._look_again = look_again
        self._expected = expected
        self._waiting: list[tuple[Connection, bool]] = []
        self._going: asyncio.Task[None] | None = None

    async def add(self, connection: Connection, *, is_saved: bool) -> None:
        """Returns when the connection's row is stored and its group was woken, if it is owed anything."""
        self._waiting.append((connection, is_saved))
        if self._going is None:
            self._going = asyncio.ensure_future(self._go())
        await asyncio.shield(self._going)

    async def _go(self) -> None:
        if self._expected > 1:
            await self._outside.sleep(RETURN_SECONDS)
        together, self._waiting, self._going = self._waiting, [], None
        unsaved = [connection for connection, is_saved in together if not is_saved]
        if unsaved:
            await self._outside.call(lambda: self._outside.connections.save(unsaved))
        await self._look_again([connection for connection, _ in together])


def _is_meant(turn: OwnTurn, row: Connection, now: datetime) -> bool:
    """Whether a message begins a turn, and is no old copy of one that is over or under way."""
    if row.lane is Lane.JOINING:
        return row.turn == turn.turn + 1
    if row.lane is not Lane.OWN:
        return False
    is_overdue = row.due is not None and row.due + OVERDUE < now
    return row.turn == turn.turn or is_overdue


def _is_costly(serving: ClientServing, connection: Connection) -> bool:
    return connection.filter_id is not None and serving.narrowing is not None and serving.narrowing.is_costly(connection.filter_id)


def _delay(client: Client, now: datetime) -> int:
    """Seconds to the next try: longer the longer nothing worked."""
    if client.is_not_open:
        return 1
    age = (now - (client.connection.trouble_since or now)).total_seconds()
    if client.connection.closing:
        return max(1, min(LONGEST_DELAY_SECONDS, int(age / 4)))
    return max(1, min(LONGEST_PAUSE_SECONDS, int(age)))
