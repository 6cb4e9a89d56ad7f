"""The own lane of an endpoint: its owner sends what is in its backlog, at the pace that the receiver takes.

One look is one turn: it claims the lane, reads rows, sends them, records the answers, and hands the lane over before its time
ends. Turns are short, so that any number of endpoints in trouble are served side by side and none of them waits for another.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.base.threads import InThread
from event_service.delivery.lane import LEASE_SECONDS, Lane, Look, Trouble
from event_service.delivery.receiver_health import in_lane
from event_service.webhooks.attempt import RECORD_SECONDS, Attempts
from event_service.webhooks.batch import Batch, DeliveryReport
from event_service.webhooks.lane_rows import LaneRows, RowReader
from event_service.webhooks.pace import Pace
from event_service.webhooks.ports import DeliveryStores, EndpointState, Snapshot
from event_service.webhooks.record import Recorder
from event_service.webhooks.turn import Turn

_LOG = logging.getLogger(__name__)

TURN_SECONDS: Final = 45.0
"""The most that one turn takes, beside its last requests: other endpoints in trouble wait for their turn meanwhile."""
SLACK_SECONDS: Final = 3.0
MAXIMUM_REQUESTS: Final = 100
"""Open at one receiver at once, unless the operator says otherwise."""


@dataclass(slots=True)
class LaneReport:
    """The outcome of a batch of looks. ``failed``: positions of looks that must come again."""

    failed: set[int] = field(default_factory=set)
    turns: int = 0
    delivery: DeliveryReport = field(default_factory=DeliveryReport)


class OwnLanes:
    """The use case behind the own lanes' queue. One for a process and its event loop."""

    def __init__(
        self,
        *,
        state: EndpointState,
        stores: DeliveryStores,
        rows: RowReader,
        attempts: Attempts,
        recorder: Recorder,
        clock: Clock,
        maximum_requests: int = MAXIMUM_REQUESTS,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """
        Args:
            state: what is read and written about endpoints.
            stores: where deliveries are written down.
            rows: reads backlogs.
            attempts: makes attempts.
            recorder: records them.
            clock: the time.
            maximum_requests: open at one receiver at once.
            in_thread: runs blocking calls.
        """
        self._state = state
        self._stores = stores
        self._rows = rows
        self._attempts = attempts
        self._recorder = recorder
        self._clock = clock
        self._maximum = maximum_requests
        self._in_thread = in_thread

    async def serve(self, texts: Sequence[str], time_left: Callable[[], float]) -> LaneReport:
        """Serves the lanes of a batch of looks side by side.

        Args:
            texts: the messages of the batch.
            time_left: seconds until the process is stopped.
        """
        report = LaneReport()
        looks: dict[int, Look] = {}
        for position, text in enumerate(texts):
            try:
                looks[position] = Look.parse(text)
            except ValueError as error:
                _LOG.error("unreadable look: %s", error)
                report.failed.add(position)
        # Two looks of one endpoint in a batch are one.
        first = {look.endpoint_id: position for position, look in reversed(looks.items())}
        await asyncio.gather(*(self._serve_one(report, position, looks[position], time_left) for position in first.values()))
        return report

    async def _serve_one(self, report: LaneReport, position: int, look: Look, time_left: Callable[[], float]) -> None:
        try:
            lane = await self._claim(look)
            if lane is not None:
                report.turns += 1
                await self._turn(report, look, lane, time_left)
        except (DomainError, Unavailable) as error:
            _LOG.warning("the lane of endpoint %s could not be served: %s", look.endpoint_id, error)
            report.failed.add(position)
        except Exception:  # noqa: BLE001
            # A fault of ours in one lane must not end the turns of the others.
            _LOG.exception("the lane of endpoint %s failed by a fault of the service", look.endpoint_id)
            report.failed.add(position)

    async def _claim(self, look: Look) -> Lane | None:
        """The lane, if it is to be served now and nobody serves it."""
        while True:
            now = self._clock()
            lanes = await self._in_thread(self._state.lanes.read, [look.endpoint_id])
            lane = lanes.get(look.endpoint_id) or Lane(look.workspace_id, look.endpoint_id)
            if lane.is_leased(now):
                if lane.again or await self._in_thread(self._state.lanes.ask_again, lane):
                    return None
                continue
            if lane.next_at is not None and lane.next_at > now:
                return None  # a look for then is under way
            claimed = await self._in_thread(self._state.lanes.claim, lane, secrets.token_hex(8), now + timedelta(seconds=LEASE_SECONDS))
            if claimed is not None:
                return claimed

    async def _turn(self, report: LaneReport, look: Look, lane: Lane, time_left: Callable[[], float]) -> None:
        now = self._clock()
        batch = Batch(Snapshot({}, {}, {}, {}), time_left, report.delivery)
        # What is sent here never goes to the queue of the shared lane.
        batch.stopped.add(look.endpoint_id)
        rows = LaneRows(self._rows, lane, batch)
        seconds = now.timestamp()
        trouble = lane.trouble
        pace = Pace(
            self._maximum,
            seconds,
            lane.pace,
            troubled=trouble is not None and trouble is not Trouble.LIMITED,
            limited=trouble is Trouble.LIMITED,
        )
        for until in lane.still_open(now).values():
            pace.inherit(until)
        stop_at = seconds + min(TURN_SECONDS, time_left() - self._attempts.deadline_seconds - RECORD_SECONDS - SLACK_SECONDS)
        turn = Turn(rows, pace, self._attempts, self._recorder, batch, self._clock, stop_at)
        if lane.not_before is not None:
            turn.not_before = lane.not_before.timestamp()
        try:
            await rows.read()
            await self._keep_in_lane(batch, lane)
            if await self._work(lane, rows, turn, batch):
                await self._calm(batch, lane, rows, pace)
                await self._let_go(look, replace(lane, pace=pace.written()), rows, turn)
        finally:
            # Whatever failed: answers that are still to come are recorded, and the bytes are there for other lanes.
            await turn.finish()
            rows.close()
        if batch.added_to:
            # A request that outlived the lease has put something back.
            await self._in_thread(self._stores.looks.ask, [replace(look, continuations=look.continuations + 1)])
        if turn.failed:
            raise Unavailable("not all answers could be recorded")

    async def _work(self, lane: Lane, rows: LaneRows, turn: Turn, batch: Batch) -> bool:
        """Sends until the turn is over; whether the lane is still ours."""
        while True:
            await turn.run()
            if turn.failed or not turn.is_out_of_work or turn.is_over():
                break
            if not await self._in_thread(self._state.lanes.set_ending, lane, True):
                return False
            await rows.read()
            if not rows.has_due():
                break
            if not await self._in_thread(self._state.lanes.set_ending, lane, False):
                return False
        if batch.added_to and not turn.failed and not rows.has_due():
            # What was put back since the last read decides when the lane is served next.
            await rows.read()
        return True

    async def _keep_in_lane(self, batch: Batch, lane: Lane) -> None:
        """Whoever saw the trouble may have died before the shared lane could know of it."""
        known = batch.health.get(lane.endpoint_id)
        if lane.trouble is None or (known is not None and known.own_lane):
            return
        fresh = in_lane(known, lane.endpoint_id, own_lane=True)
        if fresh is not None and await self._in_thread(self._state.health.put, lane.workspace_id, fresh, known):
            batch.health[lane.endpoint_id] = fresh

    async def _calm(self, batch: Batch, lane: Lane, rows: LaneRows, pace: Pace) -> None:
        """Back to the shared lane, when nothing waits and the receiver has been well for a while."""
        known = batch.health.get(lane.endpoint_id)
        in_own_lane = known is not None and known.own_lane
        if not (in_own_lane or lane.trouble is not None) or rows.has_due() or not pace.is_well(self._clock().timestamp()):
            return
        if known is not None and known.own_lane:
            fresh = in_lane(known, lane.endpoint_id, own_lane=False)
            if fresh is None:
                done = await self._in_thread(self._state.health.clear, lane.workspace_id, known)
            else:
                done = await self._in_thread(self._state.health.put, lane.workspace_id, fresh, known)
            if not done:
                return
        await self._in_thread(self._state.lanes.calm, lane)

    async def _let_go(self, look: Look, lane: Lane, rows: LaneRows, turn: Turn) -> None:
        now = self._clock()
        # Requests of owners before may still be open as well.
        until = math.ceil(now.timestamp() + self._attempts.deadline_seconds + RECORD_SECONDS)
        still_open = lane.still_open(now) | {row.mark: until for row in turn.open_rows}
        lane = replace(lane, open_rows=tuple(still_open.items()))
        next_at = self._next_at(now, rows, turn)
        look_at = next_at or self._look_at(now, lane, rows)
        following = replace(look, continuations=look.continuations + 1)
        if look_at is not None:
            # First the look, then the lane: an owner that died in between would leave one that nobody looks at.
            await self._in_thread(self._stores.looks.ask, [following], (look_at - now).total_seconds())
            lane = lane if next_at else replace(lane, look_at=look_at)
        if not await self._in_thread(self._state.lanes.release, lane, next_at):
            # Somebody asked for another look while this one was under way. The receiver is left alone all the same.
            wait = max(1.0, turn.rest_seconds, turn.not_before - now.timestamp())
            await self._in_thread(self._stores.looks.ask, [following], wait)
            rests = wait > 1.0
            next_at = now + timedelta(seconds=wait) if rests else None
            await self._in_thread(self._state.lanes.release, replace(lane, again=True), next_at)

    def _next_at(self, now: datetime, rows: LaneRows, turn: Turn) -> datetime | None:
        """When the lane is served next, which may be now; ``None`` when nothing is due and the receiver need not be left alone."""
        left_alone = datetime.fromtimestamp(max(turn.not_before, now.timestamp() + turn.rest_seconds), tz=now.tzinfo)
        if not rows.may_send or not (rows.has_due() or left_alone > now):
            return None
        return max(now, left_alone)

    @staticmethod
    def _look_at(now: datetime, lane: Lane, rows: LaneRows) -> datetime | None:
        """When a look is needed for a row that is due later; ``None`` when there is none, one is under way, or the endpoint is off:
        whoever resumes it asks for a look."""
        due = rows.next_due if rows.may_send else None
        under_way = due is not None and lane.look_at is not None and now < lane.look_at <= due
        return None if under_way else due
