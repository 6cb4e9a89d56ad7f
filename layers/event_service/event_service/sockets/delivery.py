"""Serving the connections of WEB_SOCKET endpoints: posting, from each connection's cursor, what its log holds.

One worker at a time serves a group, because its wake-ups come from a FIFO queue; connections that need more than a moment
are served in turns of their own, through another queue. A cursor is stored only after what it stands for was posted. So after
a crash a frame may come again, with the same sequence, and never is one left out; two workers at once do no worse.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.budget import ByteBudget
from event_service.sockets.live_run import LiveRun, TurnsNotSent
from event_service.sockets.log import SocketLog
from event_service.sockets.messages import BacklogMessage, CloseSocket, LateAppend, OwnTurn, WakeUp
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.own_lane import OwnLane
from event_service.sockets.ports import Posted

RELEASE_SECONDS: Final = 0.05
"""After so long, the messages of finished groups are deleted although others of the batch still work."""
RUN_PAUSES: Final = (0.2, 0.5, 1.5)
"""Seconds before a run that AWS throttled, or whose call failed, is made again."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReceivedWakeUp:
    """A wake-up as the queue handed it over; ``receipt`` is what deletes it."""

    wake_up: WakeUp
    receipt: str


class SocketDelivery:
    """Serves what a batch of messages is about.

    Example::

        report = await delivery.serve([ReceivedWakeUp(WakeUp.parse(body), receipt)], time_left)
    """

    def __init__(self, outside: Outside, log: SocketLog) -> None:
        """
        Args:
            outside: the ports.
            log: appends what was put off.
        """
        self._outside = outside
        self._log = log

    # -- wake-ups ------------------------------------------------------------------------------------------------

    async def serve(self, batch: Sequence[ReceivedWakeUp], time_left: Callable[[], float]) -> ServingReport:
        """Serves the groups that wake-ups are about, side by side. A group that is finished is let go before the others are.

        Args:
            batch: several wake-ups of one group count as one.
            time_left: how long the work may still take, in seconds.
        """
        report = ServingReport()
        budget = ByteBudget()
        positions: dict[str, list[int]] = {}
        wake_ups: dict[str, WakeUp] = {}
        for position, received in enumerate(batch):
            group = received.wake_up.fifo_group
            known = wake_ups.get(group, received.wake_up)
            wake_ups[group] = replace(known, deleted=known.deleted or received.wake_up.deleted)
            positions.setdefault(group, []).append(position)
        if len(wake_ups) == 1:
            # Mostly: a task and its turns of the loop less.
            ((group, wake_up),) = wake_ups.items()
            if not await self._run(wake_up, budget, time_left, report):
                report.again.extend(positions[group])
            return report
        tasks: dict[asyncio.Future[bool], str] = {
            asyncio.ensure_future(self._run(wake_up, budget, time_left, report)): group for group, wake_up in wake_ups.items()
        }
        released: set[str] = set()
        pending: set[asyncio.Future[bool]] = set(tasks)
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if pending:
                pending = await self._wait_a_moment(pending)
            if pending:
                finished = [tasks[task] for task in tasks if task.done() and task not in pending and task.result()]
                await self._release([group for group in finished if group not in released], positions, batch)
                released.update(finished)
        for task, group in tasks.items():
            if not task.result():
                report.again.extend(positions[group])
        return report

    async def _wait_a_moment(self, pending: set[asyncio.Future[bool]]) -> set[asyncio.Future[bool]]:
        """Most groups of a batch end at about the same time: releasing them one by one would cost a call each."""
        tick = asyncio.ensure_future(self._outside.sleep(RELEASE_SECONDS))
        everybody = asyncio.ensure_future(asyncio.wait(pending))
        await asyncio.wait((everybody, tick), return_when=asyncio.FIRST_COMPLETED)
        tick.cancel()
        everybody.cancel()
        return {task for task in pending if not task.done()}

    async def _release(self, groups: Sequence[str], positions: dict[str, list[int]], batch: Sequence[ReceivedWakeUp]) -> None:
        receipts = [batch[position].receipt for group in groups for position in positions[group]]
        if not receipts:
            return
        try:
            await self._outside.call(lambda: self._outside.wake_ups.release(receipts))
        except (RateLimited, Unavailable) as error:
            _LOG.warning("%d groups could not be released early: %s", len(groups), error)

    async def _run(self, wake_up: WakeUp, budget: ByteBudget, time_left: Callable[[], float], report: ServingReport) -> bool:
        """Whether the group was served."""
        for pause in (*RUN_PAUSES, None):
            try:
                await LiveRun(self._outside, wake_up, budget, time_left, report).work()
            except (RateLimited, Unavailable) as error:
                _LOG.warning("endpoint %s could not be served: %s", wake_up.endpoint_id, error)
                if pause is None or time_left() < pause:
                    return False
                await self._outside.sleep(pause)
            except TurnsNotSent as error:
                _LOG.warning("endpoint %s comes again: %s", wake_up.endpoint_id, error.__cause__)
                return False
            except Exception:  # noqa: BLE001 - logged and counted
                # Our own fault, and one endpoint's: the others of the batch must not come again for it.
                report.faults += 1
                _LOG.exception("endpoint %s could not be served", wake_up.endpoint_id)
                return False
            else:
                return True
        return False

    # -- the backlog queue ---------------------------------------------------------------------------------------

    async def serve_backlog(self, batch: Sequence[BacklogMessage], time_left: Callable[[], float]) -> ServingReport:
        """Does what the backlog queue carries: turns of connections, sockets to close, events to append.

        Args:
            batch: the messages.
            time_left: how long the work may still take, in seconds.
        """
        report = ServingReport()
        turns = {position: one for position, one in enumerate(batch) if isinstance(one, OwnTurn)}
        late = {position: one for position, one in enumerate(batch) if isinstance(one, LateAppend)}
        closing = {position: one for position, one in enumerate(batch) if isinstance(one, CloseSocket)}
        work = [self._attempt((position,), self._close(one), report) for position, one in closing.items()]
        if late:
            work.append(self._attempt(late, self._append_late(list(late.values())), report))
        if turns:
            work.append(self._attempt(turns, self._serve_turns(turns, time_left, report), report))
        # Side by side: they are about many workspaces, and a socket takes up to three seconds to close.
        await asyncio.gather(*work)
        report.again.sort()
        return report

    async def _attempt(self, positions: Iterable[int], work: Awaitable[Iterable[int] | bool], report: ServingReport) -> None:
        """Does the work of some messages. What fails repeats these and no others of the batch.

        Args:
            positions: of the messages.
            work: says whether it was done, or which positions were not.
            report: is told of what must come again.
        """
        try:
            done = await work
        except (RateLimited, Unavailable) as error:
            _LOG.warning("messages of the backlog queue come again: %s", error)
            done = False
        except Exception:  # noqa: BLE001 - our own fault, logged and counted
            report.faults += 1
            _LOG.exception("messages of the backlog queue come again")
            done = False
        if isinstance(done, bool):
            done = () if done else positions
        report.again.extend(done)

    async def _append_late(self, messages: Sequence[LateAppend]) -> bool:
        return await self._outside.call(lambda: self._log.append_late(messages))

    async def _serve_turns(self, turns: Mapping[int, OwnTurn], time_left: Callable[[], float], report: ServingReport) -> list[int]:
        failed = await OwnLane(self._outside, ByteBudget(), time_left, report).work(list(turns.values()))
        return [position for position, turn in turns.items() if turn in failed]

    async def _close(self, message: CloseSocket) -> bool:
        outside = self._outside
        if not message.at_once and await outside.call(lambda: outside.connections.owner(message.connection_id)) is not None:
            return True  # it has a row after all
        # Its row goes with the $disconnect that follows, or when the next post finds it gone.
        return await outside.poster.close(message.connection_id) in (Posted.SENT, Posted.GONE)
