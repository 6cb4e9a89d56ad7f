"""One run for one group: its connections are served side by side up to the end of the log, and let go soon.

Whoever takes nothing, is slow or has much to catch up with leaves the group for a lane of its own, so that a group is never
held up by one of its connections. The order of writes keeps what a crash leaves behind harmless: rows of connections that
leave or join are stored before the cursor that all others share moves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets.budget import ByteBudget
from event_service.sockets.client import Client, ClientServing, Served
from event_service.sockets.connection import ROW_LIFE, Connection, Lane
from event_service.sockets.lanes import leave, own_turn
from event_service.sockets.log_window import LogWindow
from event_service.sockets.messages import CloseSocket, OwnTurn, WakeUp
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.ports import GroupState, LogHead, RowPlace, Situation

POSTS_PER_GROUP: Final = 32
"""Calls to API Gateway at once."""
LIVE_EVENTS: Final = 500
"""A connection that is further behind catches up in its own lane."""
LIVE_SECONDS: Final = 3.0
"""Of a run; who has not got everything by then goes on in its own lane. A hole in the log is waited for two seconds."""
CALL_SECONDS: Final = 0.5
"""A post that takes longer goes on in the connection's own lane."""
GRACE_SECONDS: Final = 0.1
"""For posts under way when everybody else of the group has everything."""
OVERDUE: Final = timedelta(seconds=90)
"""A turn that is so late was lost with its worker."""
CONNECTIONS_PER_GROUP: Final = 100
MAXIMUM_GROUPS: Final = 256
FEW_CONNECTIONS: Final = 20
"""With fewer in its first group, an endpoint's new connections are spread over half as many groups."""
JUDGING_STEPS: Final = 400_000
"""What the event filters of a group's connections may cost in a run: about 0.1 s. See filters/matching/budget.py."""
RESIZE_PAUSE: Final = timedelta(minutes=10)


class TurnsNotSent(Exception):
    """Connections left their group, and the messages that begin their turns may not have been sent. The wake-up must come again
    after its visibility time-out: their turns are overdue then, and are begun anew."""


_LOG = logging.getLogger(__name__)


class LiveRun:
    """Serves one group of connections until all have everything or three seconds are over."""

    def __init__(
        self, outside: Outside, wake_up: WakeUp, budget: ByteBudget, time_left: Callable[[], float], report: ServingReport
    ) -> None:
        """
        Args:
            outside: the ports.
            wake_up: which group.
            budget: bounds what the invocation holds of events.
            time_left: seconds for the work.
            report: counts what happens.
        """
        self._outside = outside
        self._wake_up = wake_up
        self._time_left = time_left
        self._report = report
        self._window = LogWindow(outside, wake_up.workspace_id, wake_up.endpoint_id, budget)
        self._serving = ClientServing(outside, self._window, asyncio.Semaphore(POSTS_PER_GROUP), report, CALL_SECONDS)
        self._started = outside.clock()

    async def work(self) -> None:
        """Serves the group once.

        Raises:
            RateLimited: AWS throttles. The wake-up must come again.
            Unavailable: a call failed. The wake-up must come again.
            TurnsNotSent: the wake-up must come again, and not at once.
        """
        try:
            head = await self._take_turn()
            others = self._other_groups(head)
            if others:
                (state, rows), _ = await asyncio.gather(self._rows(), self._wake(others))
            else:
                state, rows = await self._rows()
            if head is not None and self._wake_up.group == 0:
                await self._note_size(head, rows)
            if rows:
                await self._serve(state, rows)
            elif self._wake_up.deleted and self._wake_up.group == 0:
                await self._outside.call(lambda: self._outside.log.drop(self._wake_up.endpoint_id))
            if state.unreadable:
                await self._close_unreadable(state.unreadable)
        finally:
            self._window.close()

    # -- before --------------------------------------------------------------------------------------------------

    async def _take_turn(self) -> LogHead | None:
        """From here on a wake-up is a new one; so it comes before everything that is read."""
        outside, wake_up = self._outside, self._wake_up
        if wake_up.group == 0:
            return await outside.call(lambda: outside.log.take_turn(wake_up.endpoint_id))
        await outside.call(lambda: outside.connections.take_turn(wake_up.endpoint_id, wake_up.group))
        return None

    async def _rows(self) -> tuple[GroupState, list[Connection]]:
        outside, wake_up = self._outside, self._wake_up
        state, rows = await outside.call(lambda: outside.connections.of_group(wake_up.endpoint_id, wake_up.group))
        self._report.connections = max(self._report.connections, len(rows))
        return state, rows

    def _other_groups(self, head: LogHead | None) -> range:
        """Those that this run wakes: group 0 wakes all."""
        if head is None or self._wake_up.group != 0:
            return range(0)
        return range(1, head.groups_now(self._outside.clock()))

    async def _wake(self, groups: range) -> None:
        outside, wake_up = self._outside, self._wake_up
        turns = await outside.call(lambda: outside.connections.turns(wake_up.endpoint_id, groups))
        others = [replace(wake_up, group=group, turn=turns.get(group, 0)) for group in groups]
        await outside.call(lambda: outside.wake_ups.send(others))

    async def _note_size(self, head: LogHead, rows: Sequence[Connection]) -> None:
        """The first group is as large as the others, since connections are spread by a hash; but for those that came while
        they were spread over fewer, which stay where they are until they end."""
        outside, endpoint_id, now = self._outside, self._wake_up.endpoint_id, self._outside.clock()
        if not rows:
            if head.groups_now(now) == 1 and not head.nobody_connected:
                await outside.call(lambda: outside.log.set_nobody_connected(endpoint_id, head.arrivals))
            return
        resized_at = head.wide_until - ROW_LIFE if head.wide_until is not None else None
        since = sum(resized_at is None or row.connected_at > resized_at for row in rows)
        groups = head.groups
        while groups < MAXIMUM_GROUPS and since * head.groups > CONNECTIONS_PER_GROUP * groups:
            groups *= 2
        if len(rows) < FEW_CONNECTIONS and groups > 1 and (resized_at is None or now > resized_at + RESIZE_PAUSE):
            groups //= 2
        if groups != head.groups:
            wide = max(groups, head.groups_now(now))
            await outside.call(lambda: outside.log.resize(endpoint_id, groups, wide, now + ROW_LIFE))

    async def _close_unreadable(self, connection_ids: Sequence[str]) -> None:
        """Nobody can serve them; their clients come back and go on with their last sequences. Their rows go afterwards: should this
        run end in between, the next one closes them again."""
        outside, wake_up = self._outside, self._wake_up
        self._report.faults += len(connection_ids)
        await outside.call(lambda: outside.backlog.send([CloseSocket(one, at_once=True) for one in connection_ids]))
        place = RowPlace(wake_up.endpoint_id, wake_up.group)
        owners = await outside.call(lambda: [outside.connections.owner(one) for one in connection_ids])
        await outside.call(lambda: outside.connections.forget([(place, one) for one in connection_ids]))
        counted = [owner.counted for owner in owners if owner is not None and owner.counted is not None]
        await outside.call(lambda: outside.release(counted))

    # -- serving -------------------------------------------------------------------------------------------------

    async def _serve(self, state: GroupState, rows: Sequence[Connection]) -> None:
        outside, wake_up = self._outside, self._wake_up
        hashes = sorted({row.token_hash for row in rows if row.token_hash is not None})
        situation = await outside.call(lambda: outside.connections.situation(wake_up.workspace_id, wake_up.endpoint_id, hashes))
        self._serving.status = situation.endpoint.status if situation.endpoint is not None and situation.head is not None else None
        if situation.head is not None:
            self._window.head = situation.head
        self._serving.narrowing = await outside.narrowing(rows, JUDGING_STEPS, judges_costly=False)
        now = outside.clock()
        invalid = {one for one in hashes if one not in situation.tokens or not situation.tokens[one].is_valid(now)}
        clients = [_client(row, state, closing=row.token_hash in invalid) for row in rows]
        together = [one for one in clients if one.saved.lane is not Lane.OWN and not self._is_far_behind(one.connection)]
        await self._serve_all([one for one in together if self._serving.has_work(one.connection)])
        await self._store(state, clients, together)
        await self._drop_log(situation, clients)

    def _is_far_behind(self, connection: Connection) -> bool:
        is_served = self._serving.status is EndpointStatus.ENABLED and not connection.closing
        return is_served and (connection.reset or self._window.head.last - connection.cursor > LIVE_EVENTS)

    async def _serve_all(self, clients: Sequence[Client]) -> None:
        """Returns when all have everything, or whoever has not is to go on in its own lane."""
        if not clients:
            return
        for client in clients:
            client.task = asyncio.ensure_future(self._serving.serve(client, self._goes_on))
        tasks = [client.task for client in clients if client.task is not None]
        everybody: asyncio.Future[Any] = tasks[0] if len(tasks) == 1 else asyncio.ensure_future(asyncio.wait(tasks))
        try:
            while not everybody.done():
                tick = asyncio.ensure_future(self._outside.sleep(GRACE_SECONDS))
                await asyncio.wait((everybody, tick), return_when=asyncio.FIRST_COMPLETED)
                tick.cancel()
                if not self._goes_on() or self._only_slow_posts_are_left(clients):
                    break
        finally:
            everybody.cancel()
            unfinished = [client.task for client in clients if client.task is not None and not client.task.done()]
            for task in unfinished:
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished)
        for client in clients:
            if client.task is not None and not client.task.cancelled():
                client.task.result()  # of a read that failed

    def _goes_on(self) -> bool:
        return self._time_left() > 0 and (self._outside.clock() - self._started).total_seconds() < LIVE_SECONDS

    def _only_slow_posts_are_left(self, clients: Sequence[Client]) -> bool:
        limit = self._outside.clock() - timedelta(seconds=GRACE_SECONDS)
        unfinished = [client for client in clients if client.task is not None and not client.task.done()]
        return all(client.posting_since is not None and client.posting_since <= limit for client in unfinished)

    # -- after ---------------------------------------------------------------------------------------------------

    async def _store(self, state: GroupState, clients: Sequence[Client], together: Sequence[Client]) -> None:
        """First those that leave, then those that join, then the cursor that all live ones share."""
        outside, now, wake_up = self._outside, self._outside.clock(), self._wake_up
        here = [client for client in clients if client.served is not Served.GONE]
        leaving: dict[int, list[Connection]] = {}
        for client in here:
            delay = self._delay_in_own_lane(client, now, is_served=client in together)
            if delay is not None:
                client.connection = leave(client.connection, now, delay, trouble=client.served is Served.TROUBLE)
                leaving.setdefault(delay, []).append(client.connection)
        if leaving:
            rows = [connection for some in leaving.values() for connection in some]
            await outside.call(lambda: outside.connections.save(rows))
        cursor = _shared_cursor(state, here)
        joined = [(client.saved, _joined(client, cursor)) for client in here if _is_to_be_joined(client)]
        if joined:
            await outside.call(lambda: outside.connections.join(joined))
        if cursor > state.cursor:
            await outside.call(lambda: outside.connections.save_cursor(wake_up.endpoint_id, wake_up.group, cursor))
        for delay, some in leaving.items():
            await self._send_turns([own_turn(connection) for connection in some], delay)

    async def _send_turns(self, turns: Sequence[OwnTurn], delay: int) -> None:
        outside = self._outside
        try:
            await outside.call(lambda: outside.backlog.send(turns, delay))
        except (RateLimited, Unavailable) as error:
            raise TurnsNotSent from error

    def _delay_in_own_lane(self, client: Client, now: datetime, *, is_served: bool) -> int | None:
        """Seconds to its next turn in its own lane; ``None``: it stays where it is."""
        if client.saved.lane is Lane.OWN:
            return 0 if self._is_to_be_started(client, now) else None
        if client.served is Served.TROUBLE:
            return 0 if client.connection.is_young(now) else 1
        return 0 if client.served is Served.CUT or not is_served else None

    def _is_to_be_started(self, client: Client, now: datetime) -> bool:
        """Whether a connection in its own lane has something to get and no turn under way."""
        due = client.saved.due
        return (due is None or due + OVERDUE < now) and self._serving.has_work(client.connection)

    async def _drop_log(self, situation: Situation, clients: Sequence[Client]) -> None:
        """Of a deleted endpoint, once nobody is left to be closed by what the log's head tells."""
        if situation.endpoint is None and situation.head is not None and self._wake_up.group == 0:
            await self._outside.call(lambda: self._outside.log.drop(self._wake_up.endpoint_id))
        if situation.endpoint is None and any(client.served is not Served.GONE for client in clients):
            _LOG.info("endpoint %s was deleted; some of its sockets are closed later", self._wake_up.endpoint_id)


def _client(row: Connection, state: GroupState, *, closing: bool) -> Client:
    cursor = max(row.cursor, state.cursor) if row.lane is Lane.LIVE else row.cursor
    return Client(replace(row, cursor=cursor, closing=row.closing or closing), row)


def _shared_cursor(state: GroupState, clients: Sequence[Client]) -> int:
    """How far all live connections are, once those that can join have joined."""
    live = [one.connection.cursor for one in clients if one.connection.lane is Lane.LIVE]
    joining = [one.connection.cursor for one in clients if one.connection.lane is Lane.JOINING and one.served is Served.DONE]
    return max(state.cursor, min(live or joining or [0]))


def _is_to_be_joined(client: Client) -> bool:
    """Whether a connection's row changes and it is live afterwards. One that is behind the shared cursor stays on its own."""
    if client.connection.lane is Lane.LIVE:
        return client.connection.told_paused != client.saved.told_paused
    return client.connection.lane is Lane.JOINING and client.served is Served.DONE


def _joined(client: Client, cursor: int) -> Connection:
    if client.connection.lane is Lane.JOINING and client.connection.cursor < cursor:
        return client.connection
    return replace(client.connection, lane=Lane.LIVE)
