"""The rows of one lane on their way from the backlog to its owner: a page at a time, by bytes, oldest first, each once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from event_service.base.clock import Clock
from event_service.base.dates import format_date, from_stored
from event_service.base.threads import InThread
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery.attempt import LogKey, LogRecord, PendingAttempt, discarded_record
from event_service.delivery.lane import Lane
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import BacklogRow
from event_service.delivery.service_events import OperationalEvents
from event_service.webhooks.batch import Batch, Outcome, Result, Task
from event_service.webhooks.ports import DeliveryStores, EventTexts, SnapshotReader
from event_service.webhooks.record import Recorder

ROWS_PER_PAGE: Final = 100
PAGE_BYTES: Final = 2 * 1024 * 1024
FRESH_SECONDS: Final = 3.0
"""A row is sent at most so long after the log was asked for it: a copy of its message, which a fault made, may have been delivered by
the shared lane while the row waited for its place in the pace."""
ROWS_PER_CHECK: Final = 25
"""A slow lane sends few rows before they are to be checked again."""
UNKNOWN_BYTES: Final = 16 * 1024
"""Of a row that does not say how large its event is."""
BYTES_AT_ONCE: Final = 96 * 1024 * 1024
"""Events in the memory of one process, over all lanes that it serves."""


Recorded = Mapping[LogKey, LogRecord]
"""Attempts that the log has."""


class ByteBudget:
    """Bounds the bytes that are in memory at once; whoever waits is served in turn."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total
        self._waiting: dict[asyncio.Future[int], int] = {}

    def ask(self, number: int) -> asyncio.Future[int]:
        """Asks for so many bytes, at most all that there are. The answer, once they are free, is how many were taken."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = min(number, self._total)
        self.give_back(0)
        return turn

    def withdraw(self, turn: asyncio.Future[int]) -> None:
        """Does not wait any longer; the answer is 0, unless it was given."""
        if self._waiting.pop(turn, None) is not None:
            turn.set_result(0)
            self.give_back(0)

    def give_back(self, number: int) -> None:
        """Bytes that are not needed any more."""
        self._left += number
        while self._waiting:
            turn, wanted = next(iter(self._waiting.items()))
            if wanted > self._left:
                return
            del self._waiting[turn]
            self._left -= wanted
            turn.set_result(wanted)


@dataclass(frozen=True, slots=True)
class RowReader:
    """What it takes to turn rows into tasks, shared by the lanes of a process."""

    snapshots: SnapshotReader
    stores: DeliveryStores
    texts: EventTexts
    recorder: Recorder
    events: OperationalEvents
    budget: ByteBudget
    clock: Clock
    in_thread: InThread


class LaneRows:
    """The rows of one lane during one turn."""

    def __init__(self, reader: RowReader, lane: Lane, batch: Batch) -> None:
        self._reader = reader
        self._lane = lane
        self._batch = batch
        self._ready: deque[tuple[Task, datetime]] = deque()
        """Each with when the log was asked for it."""
        self._known: dict[LogKey, int] = {}
        """Rows that were read in this turn and are not deleted yet, with their bytes."""
        self._more_due = False
        self._exhausted = False
        self._room: asyncio.Future[int] | None = None
        self._is_ending = False
        self.endpoint: Endpoint | None = None
        self.next_due: datetime | None = None
        """When the next row is due, of those that are not due yet."""

    @property
    def may_send(self) -> bool:
        """Whether the endpoint is on."""
        return self.endpoint is not None and self.endpoint.status is EndpointStatus.ENABLED

    @property
    def wants_more(self) -> bool:
        """Whether another page is to be read."""
        return not self._exhausted and len(self._ready) < ROWS_PER_PAGE // 2

    @property
    def is_stale(self) -> bool:
        """Whether the log is to be asked once more before the next row is sent."""
        return bool(self._ready) and (self._reader.clock() - self._ready[0][1]).total_seconds() > FRESH_SECONDS

    def has_due(self) -> bool:
        """Whether there is more to send now."""
        return self.may_send and (bool(self._ready) or self._more_due)

    def look_again(self) -> None:
        """More may have come: the next page is to be read."""
        self._exhausted = False

    def begin(self) -> None:
        """From now on pages are read to be sent."""
        self._is_ending = False

    def end(self) -> None:
        """From now on a page is only looked at. One that waits for room is given up: what this lane has at hand and does not
        send any more may be what takes the room."""
        self._is_ending = True
        if self._room is not None:
            self._reader.budget.withdraw(self._room)

    def take(self) -> Task | None:
        """The next task, if one is at hand that need not be checked."""
        return self._ready.popleft()[0] if self._ready and not self.is_stale else None

    def done(self, row: BacklogRow) -> None:
        """A row was recorded and deleted."""
        self._reader.budget.give_back(self._known.pop(row.key, 0))

    def close(self) -> None:
        """The turn is over: what was read and not sent takes no memory any more."""
        for number in self._known.values():
            self._reader.budget.give_back(number)
        self._known.clear()
        self._ready.clear()

    async def read(self) -> None:
        """Reads a page: the rows, the endpoint as it is now, which attempts the log has, and the events.

        Raises:
            RateLimited, Unavailable: something could not be read.
        """
        reader, lane = self._reader, self._lane
        # Whatever is put back from now on may not be among what is read.
        self._batch.added_to.clear()
        found = await reader.in_thread(
            reader.stores.backlog.oldest, lane.endpoint_id, ROWS_PER_PAGE + len(self._known) + len(lane.open_rows)
        )
        now = format_date(reader.clock())
        unknown = [row for row in found if row.key not in self._known]
        # Owners before may not have heard of their requests yet.
        elsewhere = lane.still_open(reader.clock())
        fresh = [row for row in unknown if row.mark not in elsewhere] if elsewhere else unknown
        # One attempt may stand there twice, live and not: the second is looked at once the first is in the log.
        due = list({row.key: row for row in reversed(fresh) if row.at <= now}.values())[::-1]
        later = [row.at for row in fresh if row.at > now]
        if len(fresh) < len(unknown):
            later.append(format_date(datetime.fromtimestamp(max(elsewhere.values()), tz=UTC)))
        self.next_due = from_stored(min(later)) if later else None
        page = _page(due)
        self._more_due = len(page) < len(due)
        # A read that found fewer due rows than it asked for has seen all; rows that are due later do not count.
        self._exhausted = not self._more_due and len(due) < ROWS_PER_PAGE
        asked = reader.clock()
        snapshot = await reader.in_thread(
            reader.snapshots.read, [(lane.workspace_id, lane.endpoint_id)], [key for row in page for key in row.attempt.log_keys]
        )
        snapshot.require_all()
        self._batch.forget(lane.endpoint_id)
        self._batch.add(snapshot)
        self.endpoint = snapshot.endpoints.get(lane.endpoint_id)
        if self.endpoint is None or self.endpoint.workspace_id != lane.workspace_id:
            self.endpoint, self.next_due, self._more_due = None, None, False
            while found:
                await self._discard(found)
                found = await reader.in_thread(reader.stores.backlog.oldest, lane.endpoint_id, ROWS_PER_PAGE)
            return
        if not page or not self.may_send:
            return
        await self._prepare(self.endpoint, page, snapshot.recorded, asked)

    async def check(self) -> list[Result]:
        """Asks the log once more for the rows that are sent next; returns those that need not be sent, to be recorded.

        Raises:
            RateLimited, Unavailable: it could not be read.
        """
        reader = self._reader
        tasks = [self._ready.popleft()[0] for _ in range(min(ROWS_PER_CHECK, len(self._ready)))]
        snapshot = await reader.in_thread(reader.snapshots.read, [], [key for task in tasks for key in task.message.attempt.log_keys])
        snapshot.require_all()
        repeated = [one for task in tasks if (one := _superfluous(task, snapshot.recorded)) is not None]
        known = {id(one.task) for one in repeated}
        # From now, and not from when it was asked: rows would never be sent while a read takes longer than its answer counts.
        now = reader.clock()
        self._ready.extendleft((task, now) for task in reversed(tasks) if id(task) not in known)
        self._batch.report.dropped += len(repeated)
        return repeated

    async def _prepare(self, endpoint: Endpoint, page: Sequence[BacklogRow], recorded: Recorded, asked: datetime) -> None:
        reader = self._reader
        sizes = {row.key: row.attempt.body_bytes or UNKNOWN_BYTES for row in page}
        taken = 0
        if not self._is_ending:
            self._room = reader.budget.ask(sum(sizes.values()))
            taken = await self._room
            self._room = None
        if not taken:
            self._more_due, self._exhausted = True, False
            return
        self._known.update(sizes)
        surplus = sum(sizes.values()) - taken
        if surplus:
            self._known[page[0].key] -= surplus
        texts = await reader.in_thread(reader.texts.read, [row.attempt.delivery.event for row in page])
        gone = [row for row in page if row.attempt.delivery.event not in texts]
        if gone:
            await self._discard(gone)
        repeated: list[Result] = []
        for row in page:
            text = texts.get(row.attempt.delivery.event)
            if text is None:
                continue
            task = Task(WebhookMessage(row.attempt, text, repeat=True), endpoint, row=row)
            superfluous = _superfluous(task, recorded)
            if superfluous is not None:
                repeated.append(superfluous)
            else:
                self._ready.append((task, asked))
        if repeated and await self._reader.recorder.record(self._batch, repeated):
            self._batch.report.dropped += len(repeated)
            for one in repeated:
                self.done(one.task.row or page[0])

    async def _discard(self, rows: Sequence[BacklogRow]) -> None:
        """The endpoint was deleted, or the events have expired."""
        if not rows:
            return
        reader = self._reader
        now = reader.clock()
        # Two rows of one delivery would be two records with one key, and a batch that has those is refused as a whole.
        newest: dict[object, PendingAttempt] = {}
        for row in rows:
            known = newest.get(row.attempt.delivery)
            if known is None or known.number < row.attempt.number:
                newest[row.attempt.delivery] = row.attempt
        await reader.in_thread(reader.stores.log.write, [discarded_record(one, now) for one in newest.values()])
        await reader.in_thread(reader.stores.backlog.delete, list(rows))
        for row in rows:
            self.done(row)
        self._batch.report.discarded += len(newest)
        if self.endpoint is not None:
            # Whoever deleted the endpoint knows; an event that expired is lost, and somebody must hear of it.
            await reader.in_thread(reader.events.deliveries_discarded, self.endpoint, len(newest), now)


def _superfluous(task: Task, recorded: Recorded) -> Result | None:
    """What is left to do for an attempt that was made, or that a success made superfluous; ``None``: it is to be made."""
    attempt = task.message.attempt
    if attempt.log_key in recorded:
        # An owner died between the record and the row. What follows from the record may not have been done.
        return Result(task, Outcome.REPEATED, recorded[attempt.log_key])
    return Result(task, Outcome.REPEATED) if attempt.is_superfluous(recorded) else None


def _page(due: Sequence[BacklogRow]) -> list[BacklogRow]:
    """What is read next: live rows and others in turn, each oldest first, up to a number and to a size."""
    live = deque(sorted((row for row in due if row.live), key=lambda row: row.at))
    others = deque(sorted((row for row in due if not row.live), key=lambda row: row.at))
    page: list[BacklogRow] = []
    size = 0
    while live or others:
        turn = live if live and (not others or len(page) % 2 == 0) else others
        row = turn.popleft()
        size += row.attempt.body_bytes or UNKNOWN_BYTES
        if page and (size > PAGE_BYTES or len(page) >= ROWS_PER_PAGE):
            break
        page.append(row)
    return page
