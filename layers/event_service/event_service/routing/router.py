"""Routing: from accepted events to the endpoints they go to.

Messages of many workspaces share a batch, and each succeeds or fails on its own, whatever is raised. What may have
ended an invocation before is routed by itself, when the others are done and removed from the queue. What the time does
not suffice for goes back as it came.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.endpoint import EndpointType
from event_service.delivery.outlet import Outlet
from event_service.events.ports import EventStore
from event_service.routing.fan_out import CALLS_PER_INVOCATION, FanOut, OutOfTime
from event_service.routing.hand_over import HandOver
from event_service.routing.ownership import Ownership
from event_service.routing.ports import RefusedFilterReports, RoutingMessages
from event_service.routing.table import RoutingTable
from event_service.routing.tables import RoutingTables
from event_service.routing.work import ReceivedMessage, RoutingReport, Work

_LOG = logging.getLogger(__name__)

SECONDS_TO_FINISH: Final = 12.0
"""With less time left nothing new is begun: what is under way must be handed over, which takes two calls of 6 s at most."""
SECONDS_AFTER_END: Final = 5
"""A message is not shown again before the process that works on it has certainly ended."""
SECONDS_UNTIL_RETRY: Final = {1: 15, 2: 60}
"""By the number of receives; later tries wait for the queue's visibility time-out (6 minutes)."""
MAXIMUM_BYTES_IN_HAND: Final = 350_000_000
"""Of the tables that a group of messages needs at once, as they estimate themselves."""
MAXIMUM_FILTERS_PER_LINE: Final = 20


class Routing:
    """The use case behind the routing queue.

    Example::

        report = routing.route([ReceivedMessage(RoutingMessage.parse(body), repeat=False)], time_left)
        report.failed  # positions of messages that must come again
    """

    def __init__(
        self,
        tables: RoutingTables,
        store: EventStore,
        outlets: Mapping[EndpointType, Outlet],
        routing_queue: RoutingMessages,
        refused_filters: RefusedFilterReports,
        calls_per_invocation: int = CALLS_PER_INVOCATION,
    ) -> None:
        self._tables = tables
        self._ownership = Ownership(store, routing_queue)
        self._hand_over = HandOver(outlets, routing_queue)
        self._queue = routing_queue
        self._refused_filters = refused_filters
        self._outlets = outlets
        self._calls_per_invocation = calls_per_invocation

    def route(self, batch: Sequence[ReceivedMessage], time_left: Callable[[], float]) -> RoutingReport:
        """Routes messages; each succeeds or fails on its own.

        A message that fails comes again and is routed again whole: what was handed over twice is marked as a repeat.

        Args:
            batch: messages of any workspaces.
            time_left: seconds until this process is stopped.
        """
        works = [Work(position, received) for position, received in enumerate(batch)]
        report = RoutingReport()
        suspects = sorted((work for work in works if work.received.receives > 1), key=lambda work: work.received.receives)
        done = self._route_group([work for work in works if work.received.receives <= 1], time_left, report)
        if suspects:
            if done:
                # If a suspect ends this invocation, what is done must not come again with it.
                self._delete(done)
            done += self._route_suspects(suspects, time_left, report)
        self._send_back(done)
        for work in done:
            _add_up(report, work)
        report.failed.sort()
        return report

    def _route_suspects(self, suspects: Sequence[Work], time_left: Callable[[], float], report: RoutingReport) -> list[Work]:
        """Routes, one by one, messages that may be what ended an invocation; those that were received least often first."""
        if len(suspects) > 1:
            # And what is not done must not stay away for minutes.
            seconds = math.ceil(time_left()) + SECONDS_AFTER_END
            self._queue.show_again([work.received.receipt for work in suspects], seconds)
        routed: list[Work] = []
        for number, suspect in enumerate(suspects, start=1):
            (work,) = self._route_group([suspect], time_left, report)
            if number < len(suspects):
                self._delete([work])
            routed.append(work)
        return routed

    def _route_group(self, works: Sequence[Work], time_left: Callable[[], float], report: RoutingReport) -> list[Work]:
        """Routes messages together, so that they share calls, and one by one where they would hurt one another. Returns
        the outcome of each."""
        done: list[Work] = []
        pending = [list(works)] if works else []
        while pending:
            group = pending.pop(0)
            try:
                put_off = self._route_together(group, time_left, report)
            except Exception as error:  # noqa: BLE001 - whatever it is, one message of the batch must not fail the others
                if len(group) > 1:
                    _LOG.exception("a batch failed as a whole; its messages are routed one by one", exc_info=error)
                    if isinstance(error, MemoryError):
                        self._tables.forget_all()
                    pending = [[work.anew(repeat=True)] for work in group] + pending
                    continue
                self._note(group[0], error)
                put_off = []
            done.extend(work for work in group if work not in put_off)
            pending.extend([work.anew(repeat=False)] for work in put_off)
        return done

    def _route_together(self, works: Sequence[Work], time_left: Callable[[], float], report: RoutingReport) -> list[Work]:
        """Returns those that are put off, so that they are routed alone."""

        def is_late() -> bool:
            return time_left() < SECONDS_TO_FINISH

        put_off = self._find_tables(works, is_late)
        current = [work for work in works if work.is_open and work not in put_off]
        routed = [work for work in current if not work.received.message.rows_only]
        try:
            owners = self._ownership.owners_of(routed)
        except (DomainError, Unavailable) as error:
            # Asking ten times more, for each alone, would not help a database that is down.
            for work in routed:
                self._note(work, error)
            return put_off
        for work in routed:
            if work.is_open:
                with self._isolated(work):
                    self._ownership.claim(work, owners)
        put_off += self._choose_endpoints(routed, FanOut(self._calls_per_invocation, is_late, self._outlets))
        current = [work for work in current if work not in put_off]
        self._hand_over.send(current, time_left)
        for work in current:
            if work.is_open:
                with self._isolated(work):
                    self._end(work, is_late)
        self._tell_refused({work.workspace_id: work.table for work in current if work.table is not None}, report)
        return put_off

    def _find_tables(self, works: Sequence[Work], is_late: Callable[[], bool]) -> list[Work]:
        """One read for each workspace of the batch, which was received before it, so that what was accepted after a change
        meets that change. Returns the messages whose tables would be too much to hold at once."""
        tables: dict[str, RoutingTable] = {}
        failures: dict[str, Work] = {}
        put_off: list[Work] = []
        for work in works:
            workspace_id = work.workspace_id
            if is_late():
                work.hand_back()
            elif work.received.message.rows_only:
                continue
            elif workspace_id in failures:
                work.failure, work.fault = failures[workspace_id].failure, failures[workspace_id].fault
            elif workspace_id in tables:
                work.table = tables[workspace_id]
            elif sum(table.estimated_bytes for table in tables.values()) > MAXIMUM_BYTES_IN_HAND:
                put_off.append(work)
            else:
                with self._isolated(work):
                    work.table = tables[workspace_id] = self._tables.current(workspace_id)
                if not work.is_open:
                    failures[workspace_id] = work
        return put_off

    def _choose_endpoints(self, works: Sequence[Work], fan_out: FanOut) -> list[Work]:
        """Plans what is handed over. Returns the messages of workspaces that take long: the others are served first."""
        put_off: list[Work] = []
        still_open = [work for work in works if work.is_open]
        for number, work in enumerate(still_open):
            if fan_out.is_slow(work.workspace_id):
                put_off.append(work)
                continue
            with self._isolated(work):
                fan_out.plan(work, len(still_open) - number - 1)
        return put_off

    def _end(self, work: Work, is_late: Callable[[], bool]) -> None:
        """What comes after the hand-over."""
        message = work.received.message
        if message.rows_only:
            self._ownership.finish(message, message.events, is_late)
            return
        self._hand_over.continue_rest(work)
        if work.unfinished:
            self._ownership.finish(message, work.unfinished, is_late)
        if work.undecided:
            _LOG.warning(
                "the budget for an event ended: %d verdicts of event filters count as matches",
                work.undecided,
                extra={"workspace_id": work.workspace_id, "count": work.undecided},
            )
        if work.unwritten:
            work.failure = f"the rows of endpoints that get {work.unwritten} of its deliveries are not written yet"

    def _tell_refused(self, tables: Mapping[str, RoutingTable], report: RoutingReport) -> None:
        """Names the event filters that match nothing because this release cannot read them."""
        for workspace_id, table in tables.items():
            refused = table.take_refused()
            if not refused:
                continue
            report.refused_filters += len(refused)
            named = [one.event_filter.id for one in refused[:MAXIMUM_FILTERS_PER_LINE]]
            _LOG.warning(
                "%d event filters match nothing, because this release cannot read their conditions: %s; the first: %s",
                len(refused),
                ", ".join(named),
                refused[0].reason,
                extra={"workspace_id": workspace_id, "event_filter_id": named[0], "count": len(refused)},
            )
            try:
                self._refused_filters.filters_refused(workspace_id, refused)
            except Exception:  # noqa: BLE001 - the log and the metric tell it, too; routing does not fail for it
                _LOG.exception("refused event filters could not be announced", extra={"workspace_id": workspace_id})

    # -- failures ------------------------------------------------------------------------------------------------

    @contextmanager
    def _isolated(self, work: Work) -> Iterator[None]:
        """What is raised inside is the failure of this message, and of no other."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - noted on the message and logged there
            self._note(work, error)

    def _note(self, work: Work, error: Exception) -> None:
        if isinstance(error, OutOfTime):
            work.hand_back()
        elif isinstance(error, DomainError | Unavailable):
            work.failure = str(error)
        else:
            work.failure, work.fault = f"a fault of ours: {type(error).__name__}", True
            _LOG.exception("a routing message failed", exc_info=error, extra={"workspace_id": work.workspace_id})
            if isinstance(error, MemoryError):
                self._tables.forget_all()

    def _delete(self, works: Sequence[Work]) -> None:
        receipts = [work.received.receipt for work in works if work.is_open]
        if receipts:
            self._queue.delete(receipts)

    def _send_back(self, works: Sequence[Work]) -> None:
        """Has what failed come again sooner than the queue's visibility time-out would."""
        by_seconds: dict[int, list[str]] = {}
        for work in works:
            if work.is_open:
                continue
            _LOG.warning("a routing message comes again: %s", work.failure, extra={"workspace_id": work.workspace_id})
            seconds = 0 if work.too_late else SECONDS_UNTIL_RETRY.get(work.received.receives)
            if seconds is not None:
                by_seconds.setdefault(seconds, []).append(work.received.receipt)
        for seconds, receipts in by_seconds.items():
            self._queue.show_again(receipts, seconds)


def _add_up(report: RoutingReport, work: Work) -> None:
    report.duplicates += work.duplicates
    report.faults += work.fault
    report.undecided_filters += work.undecided
    if not work.is_open:
        report.failed.append(work.position)
        return
    report.deliveries += work.deliveries
    report.continued += work.continued
    new_events = 0 if work.received.message.continuation else len(work.events)
    report.events += new_events
    events, deliveries = report.by_workspace.get(work.workspace_id, (0, 0))
    report.types.setdefault(work.workspace_id, set()).update(one.type for one in work.events)
    report.by_workspace[work.workspace_id] = (events + new_events, deliveries + work.deliveries)
