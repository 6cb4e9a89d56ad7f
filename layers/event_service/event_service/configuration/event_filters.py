"""Event filters: creating, changing and deleting them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import TooLarge
from event_service.base.identifiers import new_id, parse_optional_uuids, parse_uuid, parse_uuids
from event_service.base.marks import MARKS, NO_MARKS, GivenMarks, as_input
from event_service.base.names import parse_name
from event_service.base.problems import Problems, nothing_given
from event_service.configuration.chain import Chain, Plan
from event_service.configuration.change_note import Named, replaced
from event_service.configuration.changes import Counts, DeleteEventFilters, Operation, PutEventFilter, SetState
from event_service.configuration.codec import event_filter_fields, event_filter_of
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.event_filter_lists import EventFilterLists
from event_service.configuration.existence import (
    Quotas,
    refuse_taken_key,
    refuse_too_many_rows,
    refuse_unknown,
    require_endpoints,
    require_event_filters,
    require_room_for_links,
    require_room_in_the_index,
)
from event_service.configuration.links import linking
from event_service.configuration.ports import Beside, ConfigurationRows
from event_service.configuration.requests import Requests
from event_service.filters.event_filter import DEFAULT_NAME, EventFilter, parse_condition


@dataclass(frozen=True, slots=True)
class ConditionReading:
    """How conditions of event filters are read and weighed: passed in, since what compiles them is loaded when it is needed.

    ``check_pattern`` reads an event pattern, raising ``BadUserInput``; ``index_entries`` counts what a condition takes in an
    index.
    """

    check_pattern: Callable[[Any], dict[str, Any]]
    index_entries: Callable[[Mapping[str, Any]], int]


class EventFilters(EventFilterLists):
    """The event filters of workspaces. Ids are taken in any case; a foreign id is an unknown id.

    Example::

        alarms = event_filters.create(workspace_id, {"in": {"eventTypes": ["ALARM"]}}, "Alarms", [endpoint.id])
    """

    def __init__(
        self,
        chain: Chain,
        rows: ConfigurationRows,
        requests: Requests,
        reading: ConditionReading,
        quotas: Quotas,
        clock: Clock,
    ) -> None:
        """
        Args:
            chain: commits changes.
            rows: the rows that follow it.
            requests: those that carry idempotency keys.
            reading: how conditions are read and weighed.
            quotas: what a workspace may hold.
            clock: the time.
        """
        super().__init__(chain, rows)
        self._requests = requests
        self._reading = reading
        self._quotas = quotas
        self._clock = clock

    def create(
        self,
        workspace_id: str,
        condition: Mapping[str, Any],
        name: str | None = None,
        endpoint_ids: Sequence[str] | None = None,
        idempotency_key: str | None = None,
        marks: GivenMarks | None = None,
    ) -> EventFilter:
        """Creates an event filter and links it. With an idempotency key it is created once, however often it is asked for
        within 24 hours, and answered as it was created.

        Raises:
            BadUserInput: a bad condition, name, id, mark or idempotency key; all faults together.
            NotFound: an unknown endpoint.
            TooLarge: the workspace holds as many event filters, or index entries, as it may.
            Conflict: the idempotency key was used for other input, or another event filter has the key.
        """
        problems = Problems()
        parsed_condition = problems.collect(lambda: parse_condition(condition, self._reading.check_pattern), {})
        parsed_name = problems.collect(lambda: parse_name(name), "") if name is not None else DEFAULT_NAME
        linked = problems.collect(lambda: parse_optional_uuids(endpoint_ids, "endpointIds"), [])
        parsed_marks = problems.collect(lambda: (marks or GivenMarks()).over(NO_MARKS), NO_MARKS)
        asked = [parsed_condition, parsed_name, linked, *as_input(parsed_marks)]
        request = problems.collect(lambda: self._requests.begin(workspace_id, "createEventFilters", idempotency_key, asked), None)
        problems.refuse()
        now = self._clock()
        entries = self._reading.index_entries(parsed_condition)
        event_filter = EventFilter(new_id(), workspace_id, parsed_name, parsed_condition, now, now, entries, parsed_marks)
        beside = Beside(request=request.remembering(event_filter_fields(event_filter))) if request else None
        created = event_filter

        def plan(counts: Counts) -> Plan:
            nonlocal created
            answered = self._requests.answer_of(request)
            if answered is not None:
                created = event_filter_of(answered)
                return Plan((), counts)
            if counts.event_filters >= self._quotas.event_filters:
                raise TooLarge(f"This workspace holds {counts.event_filters:,} event filters, as many as it may; delete some first.")
            require_room_in_the_index(counts.index_entries, entries, self._quotas.index_entries)
            self._refuse_taken_key(event_filter)
            operations: list[Operation] = [PutEventFilter(event_filter)]
            existing: dict[str, Endpoint] = {}
            if linked:
                existing = require_endpoints(self._rows, workspace_id, linked)
                require_room_for_links(self._rows, workspace_id, linked, [event_filter.id])
                operations.extend(linking(existing.values(), event_filter.id, self._clock()))
            touched: list[Named] = [event_filter, *existing.values()]
            return Plan(tuple(operations), counts.plus_event_filters(1, entries), beside=beside, touched=touched)

        self._chain.commit(workspace_id, plan, "createEventFilters")
        return created

    def update(
        self,
        workspace_id: str,
        event_filter_id: str,
        condition: Mapping[str, Any] | None = None,
        name: str | None = None,
        marks: GivenMarks | None = None,
    ) -> EventFilter:
        """Changes what is given; a condition replaces the whole condition.

        Raises:
            BadUserInput: bad values, or nothing given.
            NotFound: an unknown event filter.
            TooLarge: the workspace would have more index entries than it may.
            Conflict: another event filter has the key.
        """
        given_marks = marks or GivenMarks()
        problems = Problems()
        parsed_id = problems.collect(lambda: parse_uuid(event_filter_id, "id"), "")
        parsed_name = problems.collect(lambda: parse_name(name), "") if name is not None else None
        parsed_condition: dict[str, Any] | None = None
        if condition is not None:
            parsed_condition = problems.collect(lambda: parse_condition(condition, self._reading.check_pattern), {})
        problems.collect(lambda: given_marks.over(NO_MARKS), NO_MARKS)
        if name is None and condition is None and given_marks.is_empty:
            problems.add(nothing_given("updateEventFilters", ["eventFiltersInput", "name", *MARKS]))
        problems.refuse()
        entries = None if parsed_condition is None else self._reading.index_entries(parsed_condition)
        updated: list[EventFilter] = []

        def plan(counts: Counts) -> Plan:
            event_filter = require_event_filters(self._rows, workspace_id, [parsed_id])[parsed_id]
            changed = replace(
                event_filter,
                name=event_filter.name if parsed_name is None else parsed_name,
                condition=event_filter.condition if parsed_condition is None else parsed_condition,
                modified=self._clock(),
                index_entries=event_filter.index_entries if entries is None else entries,
                marks=given_marks.over(event_filter.marks),
            )
            more = changed.index_entries - event_filter.index_entries
            if more > 0:
                require_room_in_the_index(
                    counts.index_entries - event_filter.index_entries, changed.index_entries, self._quotas.index_entries
                )
            self._refuse_taken_key(changed)
            updated[:] = [changed]
            before = {parsed_id: replaced(event_filter_fields(event_filter), event_filter_fields(changed))}
            return Plan((PutEventFilter(changed),), counts.plus_event_filters(0, more), touched=(changed,), before=before)

        self._chain.commit(workspace_id, plan, "updateEventFilters")
        return updated[0]

    def delete(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Deletes event filters and their links. Deleting never widens what an endpoint receives: to one that loses its
        last event filter this way no event is routed, until one is linked or a person resumes it. Those deleted within 24
        hours may be named again.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was deleted.
            TooLarge: they have so many links that fewer must be given.
        """
        parsed = parse_uuids(ids, "ids")

        def plan(counts: Counts) -> Plan:
            existing = self._rows.event_filters(workspace_id, parsed)
            missing = [one for one in parsed if one not in existing]
            refuse_unknown("event filter", missing, self._rows.deleted_event_filters, workspace_id)
            if not existing:
                return Plan((), counts)
            # The state first: whoever reads the rows while they are written must not find the links gone and an endpoint
            # that matches everything.
            operations: list[Operation] = []
            linked = self._rows.endpoint_ids_of(workspace_id, list(existing))
            # A row of its own, one of its links, and of each endpoint the links and, if it loses its last filter, both rows.
            refuse_too_many_rows("ids", "event filters", [2 + 3 * len(linked[one]) for one in existing])
            affected = self._losing_their_last(workspace_id, existing, set().union(*linked.values()))
            if affected:
                operations.append(SetState(tuple(affected), format_date(self._clock()), matches_nothing=True))
            operations.append(DeleteEventFilters(tuple(existing)))
            touched: list[Named] = [*existing.values(), *affected.values()]
            fewer = sum(one.index_entries for one in existing.values())
            return Plan(tuple(operations), counts.plus_event_filters(-len(existing), -fewer), touched=touched)

        self._chain.commit(workspace_id, plan, "deleteEventFilters")

    def _refuse_taken_key(self, event_filter: EventFilter) -> None:
        holder_of = self._rows.event_filter_with_key
        refuse_taken_key("event filter", event_filter.marks.key, event_filter.id, holder_of, event_filter.workspace_id)

    def _losing_their_last(self, workspace_id: str, deleted: Mapping[str, EventFilter], linked: set[str]) -> dict[str, Endpoint]:
        losing = [
            endpoint_id
            for endpoint_id, filters in self._rows.event_filter_ids_of(workspace_id, sorted(linked)).items()
            if filters and not filters - deleted.keys()
        ]
        return self._rows.endpoints(workspace_id, losing)
