"""Links between endpoints and event filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.identifiers import parse_uuid, parse_uuids
from event_service.base.problems import Problems
from event_service.configuration.chain import Chain, Plan
from event_service.configuration.changes import Counts, Link, Operation, SetState, Unlink
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.existence import require_both, require_room_for_links
from event_service.configuration.ports import ConfigurationRows


class Links:
    """Which endpoint wants what which event filter says. Ids are taken in any case; a foreign id is an unknown id."""

    def __init__(self, chain: Chain, rows: ConfigurationRows, clock: Clock) -> None:
        self._chain = chain
        self._rows = rows
        self._clock = clock

    def link(self, workspace_id: str, endpoint_ids: Sequence[str], event_filter_id: str) -> None:
        """Links endpoints to an event filter; those that are linked stay so. An endpoint whose last event filter was
        deleted matches by its filters again.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was linked.
            TooLarge: an endpoint or the event filter would have more than 10,000 links.
        """
        parsed, filter_id = _arguments(endpoint_ids, event_filter_id)

        def plan(counts: Counts) -> Plan:
            existing, event_filter = require_both(self._rows, workspace_id, parsed, filter_id)
            require_room_for_links(self._rows, workspace_id, parsed, [filter_id])
            operations = tuple(linking(existing.values(), filter_id, self._clock()))
            return Plan(operations, counts, touched=(event_filter, *existing.values()))

        self._chain.commit(workspace_id, plan, "linkEndpointsToEventFilters")

    def unlink(self, workspace_id: str, endpoint_ids: Sequence[str], event_filter_id: str) -> None:
        """Unlinks endpoints from an event filter; those that are not linked stay so. An endpoint without any linked
        event filter receives every event, as documented.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was unlinked.
        """
        parsed, filter_id = _arguments(endpoint_ids, event_filter_id)

        def plan(counts: Counts) -> Plan:
            existing, event_filter = require_both(self._rows, workspace_id, parsed, filter_id)
            return Plan((Unlink(tuple(parsed), (filter_id,)),), counts, touched=(event_filter, *existing.values()))

        self._chain.commit(workspace_id, plan, "unlinkEndpointsToEventFilters")


def linking(endpoints: Iterable[Endpoint], event_filter_id: str, now: datetime) -> list[Operation]:
    """The operations that link endpoints to an event filter. The link first: an endpoint that matched nothing must never
    be found with neither."""
    linked = list(endpoints)
    operations: list[Operation] = [Link(tuple(one.id for one in linked), (event_filter_id,))]
    matching_nothing = tuple(one.id for one in linked if one.matches_nothing)
    if matching_nothing:
        operations.append(SetState(matching_nothing, format_date(now), matches_nothing=False))
    return operations


def _arguments(endpoint_ids: Sequence[str], event_filter_id: str) -> tuple[list[str], str]:
    problems = Problems()
    parsed: list[str] = problems.collect(lambda: parse_uuids(endpoint_ids, "endpointIds"), [])
    filter_id = problems.collect(lambda: parse_uuid(event_filter_id, "eventFiltersId"), "")
    problems.refuse()
    return parsed, filter_id
