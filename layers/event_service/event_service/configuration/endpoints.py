"""Endpoints: creating, changing, deleting and pausing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import NotFound, TooLarge
from event_service.base.identifiers import new_id, parse_optional_uuids, parse_uuid, parse_uuids
from event_service.base.marks import MARKS, NO_MARKS, GivenMarks, as_input
from event_service.base.names import parse_name
from event_service.base.problems import Problems, nothing_given
from event_service.configuration.chain import Chain, Plan
from event_service.configuration.change_note import replaced
from event_service.configuration.changes import Counts, DeleteEndpoints, Link, Operation, PutEndpoint, SetState
from event_service.configuration.codec import endpoint_fields, endpoint_of, without_none
from event_service.configuration.destinations import Destinations, Feature
from event_service.configuration.endpoint import SETTINGS, Endpoint, EndpointStatus, EndpointType, Settings, contract_name
from event_service.configuration.endpoint_lists import EndpointLists
from event_service.configuration.existence import (
    Quotas,
    refuse_taken_key,
    refuse_too_many_rows,
    refuse_unknown,
    require_endpoints,
    require_event_filters,
    require_room_for_links,
)
from event_service.configuration.ports import Beside, ConfigurationRows
from event_service.configuration.requests import Requests
from event_service.configuration.secrets import EndpointSecrets, new_secret
from event_service.filters.event_filter import EventFilter


class Endpoints(EndpointLists):
    """The endpoints of workspaces. Ids are taken in any case; a foreign id is an unknown id."""

    def __init__(
        self,
        chain: Chain,
        rows: ConfigurationRows,
        requests: Requests,
        destinations: Destinations,
        quotas: Quotas,
        clock: Clock,
    ) -> None:
        super().__init__(chain, rows)
        self._requests = requests
        self._destinations = destinations
        self._quotas = quotas
        self._clock = clock

    def create(
        self,
        workspace_id: str,
        endpoint_type: EndpointType,
        name: str,
        settings: Settings | None = None,
        event_filter_ids: Sequence[str] | None = None,
        idempotency_key: str | None = None,
        marks: GivenMarks | None = None,
    ) -> Endpoint:
        """Creates an endpoint; linked from the start, so no event slips in between. One whose requests are signed gets a
        secret of its own.

        Example::

            endpoints.create(workspace_id, EndpointType.WEB_HOOK, "Orders", Settings("https://example.com/hook"))

        With an idempotency key it is created once, however often it is asked for within 24 hours, and answered as it was
        created.

        Raises:
            BadUserInput: a bad name, id, setting, mark or idempotency key; all faults together.
            NotFound: an unknown event filter.
            TooLarge: the workspace holds as many endpoints as it may.
            Conflict: the idempotency key was used for other input, or another endpoint has the key.
        """
        destination = self._destinations.of(endpoint_type)
        given = settings or Settings()
        problems = Problems()
        parsed_name = problems.collect(lambda: parse_name(name), "")
        checked = problems.collect(lambda: destination.settings_of_new(given), given)
        filter_ids = problems.collect(lambda: parse_optional_uuids(event_filter_ids, "eventFiltersIds"), [])
        parsed_marks = problems.collect(lambda: (marks or GivenMarks()).over(NO_MARKS), NO_MARKS)
        asked = [endpoint_type.value, parsed_name, checked.given(), filter_ids, *as_input(parsed_marks)]
        request = problems.collect(lambda: self._requests.begin(workspace_id, "createEndpoint", idempotency_key, asked), None)
        problems.refuse()
        now = self._clock()
        endpoint = Endpoint(
            id=new_id(),
            workspace_id=workspace_id,
            type=endpoint_type,
            name=parsed_name,
            **{one: getattr(checked, one) for one in SETTINGS},
            status=EndpointStatus.ENABLED,
            status_reason=None,
            created=now,
            modified=now,
            marks=parsed_marks,
        )
        secrets = {endpoint.id: EndpointSecrets(new_secret())} if self._destinations.can(endpoint_type, Feature.SECRET) else {}
        beside = Beside(secrets, request.remembering(without_none(endpoint_fields(endpoint))) if request else None)
        created = endpoint

        def plan(counts: Counts) -> Plan:
            nonlocal created
            answered = self._requests.answer_of(request)
            if answered is not None:
                created = endpoint_of(answered)
                return Plan((), counts)
            if counts.endpoints >= self._quotas.endpoints:
                raise TooLarge(f"This workspace holds {counts.endpoints:,} endpoints, as many as it may; delete some first.")
            self._refuse_taken_key(endpoint)
            operations: list[Operation] = [PutEndpoint(endpoint)]
            linked: list[EventFilter] = []
            if filter_ids:
                linked = list(require_event_filters(self._rows, workspace_id, filter_ids).values())
                require_room_for_links(self._rows, workspace_id, [endpoint.id], filter_ids)
                operations.append(Link((endpoint.id,), tuple(filter_ids)))
            return Plan(tuple(operations), counts.plus(endpoint_type, 1), beside=beside, touched=(endpoint, *linked))

        self._chain.commit(workspace_id, plan, destination.creation)
        return created

    def update(
        self,
        workspace_id: str,
        endpoint_id: str,
        name: str | None = None,
        settings: Settings | None = None,
        marks: GivenMarks | None = None,
    ) -> Endpoint:
        """Changes what is given and leaves the rest.

        Raises:
            BadUserInput: bad values, nothing given, or settings that the endpoint's type does not have.
            NotFound: an unknown endpoint.
            Conflict: another endpoint has the key.
        """
        given, given_marks = settings or Settings(), marks or GivenMarks()
        problems = Problems()
        parsed_id = problems.collect(lambda: parse_uuid(endpoint_id, "id"), "")
        parsed_name = problems.collect(lambda: parse_name(name), "") if name is not None else None
        problems.collect(lambda: given_marks.over(NO_MARKS), NO_MARKS)
        if name is None and given == Settings() and given_marks.is_empty:
            problems.add(nothing_given("updateEndpoint", ["name", *map(contract_name, SETTINGS), *MARKS]))
        # Its type says which settings are right: read before, so that all faults are told together.
        existing = self._rows.endpoints(workspace_id, [parsed_id]).get(parsed_id) if parsed_id else None
        if existing is not None:
            destination = self._destinations.of(existing.type)
            given = problems.collect(lambda: destination.changed_settings(given), given)
        problems.refuse()
        updated: list[Endpoint] = []

        def plan(counts: Counts) -> Plan:
            endpoint = require_endpoints(self._rows, workspace_id, [parsed_id])[parsed_id]
            changed = replace(
                endpoint,
                name=endpoint.name if parsed_name is None else parsed_name,
                **given.given(),
                modified=self._clock(),
                marks=given_marks.over(endpoint.marks),
            )
            self._refuse_taken_key(changed)
            updated[:] = [changed]
            before = {endpoint.id: replaced(endpoint_fields(endpoint), endpoint_fields(changed))}
            return Plan((PutEndpoint(changed),), counts, touched=(changed,), before=before)

        self._chain.commit(workspace_id, plan, "updateEndpoint")
        return updated[0]

    def delete(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Deletes endpoints with their links and secrets. Those deleted within 24 hours may be named again.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was deleted.
            TooLarge: they have so many links that fewer must be given.
        """
        parsed = parse_uuids(ids, "ids")

        def plan(counts: Counts) -> Plan:
            existing = self._rows.endpoints(workspace_id, parsed)
            refuse_unknown("endpoint", [one for one in parsed if one not in existing], self._rows.deleted_endpoints, workspace_id)
            if not existing:
                return Plan((), counts)
            links = self._rows.event_filter_ids_of(workspace_id, list(existing))
            # Two rows of its own, one of its links, and one of each event filter that it is linked to.
            refuse_too_many_rows("ids", "endpoints", [3 + len(links[one]) for one in existing])
            for endpoint in existing.values():
                counts = counts.plus(endpoint.type, -1)
            deletion = DeleteEndpoints(tuple(existing), tuple(one.type for one in existing.values()))
            return Plan((deletion,), counts, touched=list(existing.values()))

        self._chain.commit(workspace_id, plan, "deleteEndpoints")

    def pause(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Stops sending and keeps collecting. A DISABLED endpoint stays DISABLED, with its reason.

        Raises: as :meth:`delete`.
        """
        self._set_status(workspace_id, parse_uuids(ids, "ids"), EndpointStatus.PAUSED, None, "pauseEndpoints")

    def resume(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Sends again, beginning with the backlog; re-enables a DISABLED endpoint as well. One that lost its last event
        filter by its deletion receives every event from now on.

        Raises: as :meth:`delete`.
        """
        parsed = parse_uuids(ids, "ids")

        def plan(counts: Counts) -> Plan:
            existing = require_endpoints(self._rows, workspace_id, parsed)
            affected = [one for one in existing.values() if one.shown_status is not EndpointStatus.ENABLED]
            if not affected:
                return Plan((), counts)
            state = SetState(_ids(affected), format_date(self._clock()), EndpointStatus.ENABLED, None, matches_nothing=False)
            resuming = [one for one in affected if one.status is not EndpointStatus.ENABLED]
            return Plan((state,), counts, resuming, touched=affected, before=_states(affected, state))

        self._chain.commit(workspace_id, plan, "resumeEndpoints")

    def disable_endpoint(self, workspace_id: str, endpoint_id: str, reason: str) -> bool:
        """Disables an ENABLED endpoint on the service's own account.

        Returns:
            Whether it was ENABLED until now; ``False`` as well when it does not exist any more.
        """
        try:
            return self._set_status(workspace_id, [endpoint_id], EndpointStatus.DISABLED, reason, reason)
        except NotFound:
            return False

    def _refuse_taken_key(self, endpoint: Endpoint) -> None:
        refuse_taken_key("endpoint", endpoint.marks.key, endpoint.id, self._rows.endpoint_with_key, endpoint.workspace_id)

    def _set_status(self, workspace_id: str, ids: Sequence[str], status: EndpointStatus, reason: str | None, operation: str) -> bool:
        """Of those that are ENABLED; returns whether there were any."""
        changed: list[Endpoint] = []

        def plan(counts: Counts) -> Plan:
            existing = require_endpoints(self._rows, workspace_id, ids)
            changed[:] = [one for one in existing.values() if one.status is EndpointStatus.ENABLED]
            if not changed:
                return Plan((), counts)
            state = SetState(_ids(changed), format_date(self._clock()), status, reason)
            return Plan((state,), counts, touched=changed, before=_states(changed, state))

        self._chain.commit(workspace_id, plan, operation)
        return bool(changed)


def _ids(endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    return tuple(one.id for one in endpoints)


def _states(endpoints: Sequence[Endpoint], state: SetState) -> dict[str, dict[str, Any]]:
    """What of each a new state replaces."""
    return {one.id: replaced(endpoint_fields(one), endpoint_fields(state.applied_to(one))) for one in endpoints}
