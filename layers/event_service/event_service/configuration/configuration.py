"""Endpoints, event filters and links: the use cases that change and list a workspace's configuration.

A change is planned against the settled head of the workspace's chain of change sets and committed by one conditional
put. Of two that race one wins; the other plans again. The rows, from which lists are read, are written before the
answer, so a caller reads what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import BadUserInput, Conflict, NotFound, TooLarge
from event_service.base.identifiers import new_id, parse_uuid, parse_uuids
from event_service.base.names import parse_name
from event_service.configuration.changes import (
    ChangeSet,
    Counts,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetStatus,
    Unlink,
)
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType, parse_method
from event_service.configuration.ports import ChangeLog, ConfigurationRows, EndpointPage, EventFilterPage, SecretStore
from event_service.configuration.secrets import EndpointSecrets, new_secret
from event_service.filters.event_filter import DEFAULT_NAME, LAST_FILTER_DELETED, EventFilter, parse_condition

TRIES: Final = 5
MAXIMUM_LINKS: Final = 10_000
"""Event filters of one endpoint and endpoints of one event filter: their ids stand in one item of at most 400 KB."""
MAXIMUM_GRACE: Final = timedelta(days=7)
MAXIMUM_PREVIOUS_SECRETS: Final = 10

_T = TypeVar("_T")


class EndpointObserver(Protocol):
    """Who must know that endpoints changed: sockets are told and closed, what waited is sent."""

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        """Called before a resume is committed, so that a crash right after the commit leaves nothing waiting for ever.
        The endpoints are as they were."""

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        """Called after pause, resume, disabling or an update was committed; the endpoints are as they are now."""

    def deleted(self, endpoints: Sequence[Endpoint]) -> None:
        """Called after a deletion was committed; the endpoints are as they were."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a workspace may hold."""

    endpoints: int
    event_filters: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a mutation will commit (nothing, when there are no operations) and what it will answer."""

    operations: tuple[Operation, ...]
    counts: Counts


class Configuration:
    """The configuration of workspaces. Ids are taken in any case; a foreign id is an unknown id."""

    def __init__(
        self,
        *,
        changes: ChangeLog,
        rows: ConfigurationRows,
        secrets: SecretStore,
        observers: Sequence[EndpointObserver],
        quotas: Quotas,
        check_url: Callable[[str], object],
        check_pattern: Callable[[Any], dict[str, Any]],
        clock: Clock,
    ) -> None:
        """
        Args:
            changes: the chain of change sets.
            rows: the rows that follow it.
            secrets: signing secrets.
            observers: told of changed endpoints, in this order.
            quotas: what a workspace may hold.
            check_url: judges a webhook URL, raising ``BadUserInput``.
            check_pattern: reads an event pattern, raising ``BadUserInput``.
            clock: the time.
        """
        self._changes = changes
        self._rows = rows
        self._secrets = secrets
        self._observers = observers
        self._quotas = quotas
        self._check_url = check_url
        self._check_pattern = check_pattern
        self._clock = clock

    # -- endpoints -----------------------------------------------------------------------------------------------

    def create_web_socket_endpoint(self, workspace_id: str, name: str, event_filter_ids: Sequence[str] | None = None) -> Endpoint:
        """Creates an endpoint to which programs connect; linked from the start, so no event slips in between.

        Raises:
            BadUserInput: a bad name or id.
            NotFound: an unknown event filter.
            TooLarge: the workspace holds as many endpoints as it may.
        """
        return self._create_endpoint(workspace_id, EndpointType.WEB_SOCKET, name, None, None, event_filter_ids)

    def create_webhook_endpoint(
        self,
        workspace_id: str,
        name: str,
        url: str,
        method: str | None = "POST",
        event_filter_ids: Sequence[str] | None = None,
    ) -> Endpoint:
        """Creates an endpoint that events are sent to, with a signing secret of its own.

        Raises: as :meth:`create_web_socket_endpoint`; ``BadUserInput`` for a bad URL or method as well.
        """
        return self._create_endpoint(workspace_id, EndpointType.WEB_HOOK, name, url, "POST" if method is None else method, event_filter_ids)

    def _create_endpoint(
        self,
        workspace_id: str,
        endpoint_type: EndpointType,
        name: str,
        url: str | None,
        method: str | None,
        event_filter_ids: Sequence[str] | None,
    ) -> Endpoint:
        checks = _Checks()
        parsed_name = checks.run(lambda: parse_name(name), "")
        parsed_method = checks.run(lambda: parse_method(method), "") if method is not None else None
        if url is not None:
            checks.run(lambda: self._check_url(url), None)
        filter_ids = _optional_ids(event_filter_ids, "eventFiltersIds", checks)
        checks.finish()
        now = self._clock()
        endpoint = Endpoint(
            id=new_id(),
            workspace_id=workspace_id,
            type=endpoint_type,
            name=parsed_name,
            url=url,
            method=parsed_method,
            status=EndpointStatus.ENABLED,
            status_reason=None,
            created=now,
            modified=now,
        )
        secrets = EndpointSecrets(new_secret())

        def plan(counts: Counts) -> _Plan:
            if counts.endpoints >= self._quotas.endpoints:
                raise TooLarge(f"This workspace holds {counts.endpoints:,} endpoints, as many as it may; delete some first.")
            operations: list[Operation] = [PutEndpoint(endpoint)]
            if filter_ids:
                self._require_event_filters(workspace_id, filter_ids)
                self._require_room_for_links(workspace_id, [endpoint.id], filter_ids)
                operations.append(Link((endpoint.id,), tuple(filter_ids)))
            if endpoint_type is EndpointType.WEB_HOOK:
                # Before the commit: an endpoint without a secret could not be delivered to. Left alone if the commit
                # fails, and not there when the request is refused; at a second try the first one's stands.
                self._secrets.put(workspace_id, endpoint.id, secrets, None)
            return _Plan(tuple(operations), counts.plus(endpoint_type, 1))

        self._commit(workspace_id, plan)
        return endpoint

    def update_endpoint(
        self,
        workspace_id: str,
        endpoint_id: str,
        name: str | None = None,
        url: str | None = None,
        method: str | None = None,
    ) -> Endpoint:
        """Changes what is given and leaves the rest.

        Raises:
            BadUserInput: bad values, nothing given, or a URL or method for a WEB_SOCKET.
            NotFound: an unknown endpoint.
        """
        checks = _Checks()
        parsed_id = checks.run(lambda: parse_uuid(endpoint_id, "id"), "")
        parsed_name = checks.run(lambda: parse_name(name), "") if name is not None else None
        parsed_method = checks.run(lambda: parse_method(method), "") if method is not None else None
        if url is not None:
            checks.run(lambda: self._check_url(url), None)
        if name is None and url is None and method is None:
            checks.add("updateEndpoint: nothing to change was given; give name, url or method.")
        checks.finish()
        updated: list[Endpoint] = []

        def plan(counts: Counts) -> _Plan:
            endpoint = self._require_endpoints(workspace_id, [parsed_id])[parsed_id]
            if endpoint.type is EndpointType.WEB_SOCKET and (url is not None or method is not None):
                raise BadUserInput("url, method: a WEB_SOCKET endpoint has neither; only its name can be changed.")
            changed = replace(
                endpoint,
                name=endpoint.name if parsed_name is None else parsed_name,
                url=endpoint.url if url is None else url,
                method=endpoint.method if parsed_method is None else parsed_method,
                modified=self._clock(),
            )
            updated[:] = [changed]
            return _Plan((PutEndpoint(changed),), counts)

        self._commit(workspace_id, plan)
        for observer in self._observers:
            observer.changed(updated)
        return updated[0]

    def delete_endpoints(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Deletes endpoints with their links and secrets. Those deleted within 24 hours may be named again.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was deleted.
        """
        parsed = parse_uuids(ids, "ids")
        gone: list[Endpoint] = []

        def plan(counts: Counts) -> _Plan:
            existing = self._rows.endpoints(workspace_id, parsed)
            missing = [one for one in parsed if one not in existing]
            self._refuse_unknown("endpoint", missing, self._rows.deleted_endpoints, workspace_id)
            gone[:] = existing.values()
            for endpoint in gone:
                counts = counts.plus(endpoint.type, -1)
            return _Plan((DeleteEndpoints(tuple(existing)),) if existing else (), counts)

        self._commit(workspace_id, plan)
        if gone:
            self._secrets.delete(workspace_id, [one.id for one in gone if one.type is EndpointType.WEB_HOOK])
            for observer in self._observers:
                observer.deleted(gone)

    def pause_endpoints(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Stops sending and keeps collecting. A DISABLED endpoint stays DISABLED, with its reason.

        Raises: as :meth:`delete_endpoints`.
        """
        parsed = parse_uuids(ids, "ids")
        self._set_status(workspace_id, parsed, EndpointStatus.PAUSED, None, {EndpointStatus.ENABLED})

    def resume_endpoints(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Sends again, beginning with what waited; re-enables a DISABLED endpoint as well.

        Raises: as :meth:`delete_endpoints`.
        """
        parsed = parse_uuids(ids, "ids")
        off = {EndpointStatus.PAUSED, EndpointStatus.DISABLED}
        self._set_status(workspace_id, parsed, EndpointStatus.ENABLED, None, off)

    def disable_endpoint(self, workspace_id: str, endpoint_id: str, reason: str) -> bool:
        """Disables an ENABLED endpoint on the service's own account.

        Returns:
            Whether it was ENABLED until now; ``False`` as well when it does not exist any more.
        """
        try:
            return bool(self._set_status(workspace_id, [endpoint_id], EndpointStatus.DISABLED, reason, {EndpointStatus.ENABLED}))
        except NotFound:
            return False

    def _set_status(
        self,
        workspace_id: str,
        ids: Sequence[str],
        status: EndpointStatus,
        reason: str | None,
        of: set[EndpointStatus],
    ) -> list[Endpoint]:
        changed: list[Endpoint] = []

        def plan(counts: Counts) -> _Plan:
            existing = self._require_endpoints(workspace_id, ids)
            affected = [endpoint for endpoint in existing.values() if endpoint.status in of]
            now = self._clock()
            changed[:] = [replace(one, status=status, status_reason=reason, modified=now) for one in affected]
            if not affected:
                return _Plan((), counts)
            if status is EndpointStatus.ENABLED:
                for observer in self._observers:
                    observer.resuming(affected)
            return _Plan((SetStatus(tuple(one.id for one in affected), status, reason, format_date(now)),), counts)

        self._commit(workspace_id, plan)
        if changed:
            for observer in self._observers:
                observer.changed(changed)
        return changed

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        """One endpoint."""
        return self._rows.endpoints(workspace_id, [endpoint_id]).get(endpoint_id)

    def endpoint_page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        """One page of endpoints."""
        return self._rows.endpoint_page(workspace_id, page)

    def count_endpoints(self, workspace_id: str, endpoint_type: EndpointType | None = None) -> int:
        """How many there are: one read, however many there are."""
        counts = self._counts(workspace_id)
        match endpoint_type:
            case None:
                return counts.endpoints
            case EndpointType.WEB_SOCKET:
                return counts.web_sockets
            case EndpointType.WEB_HOOK:
                return counts.webhooks

    def endpoints_of(
        self, workspace_id: str, event_filter_ids: Sequence[str], expect: Callable[[int], None] = lambda _number: None
    ) -> dict[str, list[Endpoint]]:
        """The linked endpoints of each event filter, in creation order; every given id is a key. ``expect`` is told how many
        there are before they are read, and may refuse by raising."""
        linked = self._rows.endpoint_ids_of(workspace_id, event_filter_ids)
        expect(sum(map(len, linked.values())))
        endpoints = self._rows.endpoints(workspace_id, sorted(set().union(*linked.values())))
        return {one: _in_order(endpoints, ids) for one, ids in linked.items()}

    # -- event filters -------------------------------------------------------------------------------------------

    def create_event_filters(
        self,
        workspace_id: str,
        condition: Mapping[str, Any],
        name: str | None = None,
        endpoint_ids: Sequence[str] | None = None,
    ) -> EventFilter:
        """Creates an event filter and links it.

        Raises:
            BadUserInput: a bad condition, name or id, all faults together.
            NotFound: an unknown endpoint.
            TooLarge: the workspace holds as many event filters as it may.
        """
        checks = _Checks()
        no_condition: dict[str, Any] = {}
        parsed_condition = checks.run(lambda: parse_condition(condition, self._check_pattern), no_condition)
        parsed_name = checks.run(lambda: parse_name(name), "") if name is not None else DEFAULT_NAME
        parsed_endpoints = _optional_ids(endpoint_ids, "endpointIds", checks)
        checks.finish()
        now = self._clock()
        event_filter = EventFilter(new_id(), workspace_id, parsed_name, parsed_condition, now, now)
        enabled: list[str] = []

        def plan(counts: Counts) -> _Plan:
            if counts.event_filters >= self._quotas.event_filters:
                raise TooLarge(f"This workspace holds {counts.event_filters:,} event filters, as many as it may; delete some first.")
            operations: list[Operation] = [PutEventFilter(event_filter)]
            if parsed_endpoints:
                existing = self._require_endpoints(workspace_id, parsed_endpoints)
                self._require_room_for_links(workspace_id, parsed_endpoints, [event_filter.id])
                operations.append(Link(tuple(parsed_endpoints), (event_filter.id,)))
                enabling = self._enable_linked(existing.values())
                operations.extend(enabling)
                enabled[:] = [one for operation in enabling for one in operation.ids]
            return _Plan(tuple(operations), replace(counts, event_filters=counts.event_filters + 1))

        self._commit(workspace_id, plan)
        self._tell_enabled(workspace_id, enabled)
        return event_filter

    def update_event_filters(
        self,
        workspace_id: str,
        event_filter_id: str,
        condition: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> EventFilter:
        """Changes what is given; a condition replaces the whole condition.

        Raises:
            BadUserInput: bad values, or nothing given.
            NotFound: an unknown event filter.
        """
        checks = _Checks()
        parsed_id = checks.run(lambda: parse_uuid(event_filter_id, "id"), "")
        parsed_name = checks.run(lambda: parse_name(name), "") if name is not None else None
        parsed_condition: dict[str, Any] | None = None
        if condition is not None:
            no_condition: dict[str, Any] = {}
            parsed_condition = checks.run(lambda: parse_condition(condition, self._check_pattern), no_condition)
        if name is None and condition is None:
            checks.add("updateEventFilters: nothing to change was given; give eventFiltersInput or name.")
        checks.finish()
        updated: list[EventFilter] = []

        def plan(counts: Counts) -> _Plan:
            event_filter = self._require_event_filters(workspace_id, [parsed_id])[parsed_id]
            changed = replace(
                event_filter,
                name=event_filter.name if parsed_name is None else parsed_name,
                condition=event_filter.condition if parsed_condition is None else parsed_condition,
                modified=self._clock(),
            )
            updated[:] = [changed]
            return _Plan((PutEventFilter(changed),), counts)

        self._commit(workspace_id, plan)
        return updated[0]

    def delete_event_filters(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Deletes event filters and their links. Deleting never widens what an endpoint receives: one that loses its
        last event filter this way becomes DISABLED. Those deleted within 24 hours may be named again.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was deleted.
        """
        parsed = parse_uuids(ids, "ids")
        disabled: list[Endpoint] = []

        def plan(counts: Counts) -> _Plan:
            existing = self._rows.event_filters(workspace_id, parsed)
            missing = [one for one in parsed if one not in existing]
            self._refuse_unknown("event filter", missing, self._rows.deleted_event_filters, workspace_id)
            if not existing:
                return _Plan((), counts)
            now = self._clock()
            linked = set().union(*self._rows.endpoint_ids_of(workspace_id, list(existing)).values())
            losing = [
                endpoint_id
                for endpoint_id, filters in self._rows.event_filter_ids_of(workspace_id, sorted(linked)).items()
                if filters and not filters - existing.keys()
            ]
            endpoints = self._rows.endpoints(workspace_id, losing)
            affected = [one for one in endpoints.values() if one.status is not EndpointStatus.DISABLED]
            disabled[:] = [
                replace(one, status=EndpointStatus.DISABLED, status_reason=LAST_FILTER_DELETED, modified=now) for one in affected
            ]
            # The status first: whoever reads the rows while they are written must not find the links gone and the
            # endpoint enabled.
            operations: list[Operation] = []
            if affected:
                affected_ids = tuple(one.id for one in affected)
                operations.append(SetStatus(affected_ids, EndpointStatus.DISABLED, LAST_FILTER_DELETED, format_date(now)))
            operations.append(DeleteEventFilters(tuple(existing)))
            return _Plan(tuple(operations), replace(counts, event_filters=counts.event_filters - len(existing)))

        self._commit(workspace_id, plan)
        if disabled:
            for observer in self._observers:
                observer.changed(disabled)

    def event_filter(self, workspace_id: str, event_filter_id: str) -> EventFilter | None:
        """One event filter."""
        return self._rows.event_filters(workspace_id, [event_filter_id]).get(event_filter_id)

    def event_filter_page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        """One page of event filters."""
        return self._rows.event_filter_page(workspace_id, page)

    def count_event_filters(self, workspace_id: str) -> int:
        """How many there are: one read, however many there are."""
        return self._counts(workspace_id).event_filters

    def event_filters_of(
        self, workspace_id: str, endpoint_ids: Sequence[str], expect: Callable[[int], None] = lambda _number: None
    ) -> dict[str, list[EventFilter]]:
        """The linked event filters of each endpoint, in creation order; every given id is a key. ``expect`` is told how many
        there are before they are read, and may refuse by raising."""
        linked = self._rows.event_filter_ids_of(workspace_id, endpoint_ids)
        expect(sum(map(len, linked.values())))
        event_filters = self._rows.event_filters(workspace_id, sorted(set().union(*linked.values())))
        return {one: _in_order(event_filters, ids) for one, ids in linked.items()}

    # -- links ---------------------------------------------------------------------------------------------------

    def link(self, workspace_id: str, endpoint_ids: Sequence[str], event_filter_id: str) -> None:
        """Links endpoints to an event filter; those that are linked stay so.

        An endpoint that was disabled because its last event filter was deleted works again.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was linked.
            TooLarge: an endpoint or the event filter would have more than 10,000 links.
        """
        parsed, filter_id = _link_arguments(endpoint_ids, event_filter_id)
        enabled: list[str] = []

        def plan(counts: Counts) -> _Plan:
            existing = self._require_both(workspace_id, parsed, filter_id)
            self._require_room_for_links(workspace_id, parsed, [filter_id])
            operations: list[Operation] = [Link(tuple(parsed), (filter_id,))]
            enabling = self._enable_linked(existing.values())
            operations.extend(enabling)
            enabled[:] = [one for operation in enabling for one in operation.ids]
            return _Plan(tuple(operations), counts)

        self._commit(workspace_id, plan)
        self._tell_enabled(workspace_id, enabled)

    def unlink(self, workspace_id: str, endpoint_ids: Sequence[str], event_filter_id: str) -> None:
        """Unlinks endpoints from an event filter; those that are not linked stay so. An endpoint without any linked
        event filter receives every event, as documented.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was unlinked.
        """
        parsed, filter_id = _link_arguments(endpoint_ids, event_filter_id)

        def plan(counts: Counts) -> _Plan:
            self._require_both(workspace_id, parsed, filter_id)
            return _Plan((Unlink(tuple(parsed), (filter_id,)),), counts)

        self._commit(workspace_id, plan)

    # -- secrets -------------------------------------------------------------------------------------------------

    def endpoint_secret(self, workspace_id: str, endpoint_id: str) -> str:
        """The secret that signs a webhook's requests.

        Raises:
            BadUserInput: a malformed id, or a WEB_SOCKET endpoint.
            NotFound: an unknown endpoint.
        """
        return self._secrets_of(workspace_id, endpoint_id)[1].current

    def rotate_endpoint_secret(self, workspace_id: str, endpoint_id: str, grace_period_seconds: int | None = 86_400) -> str:
        """Replaces the secret; the old one signs beside it for the grace period.

        Args:
            workspace_id: the token's workspace.
            endpoint_id: a WEB_HOOK endpoint.
            grace_period_seconds: 0 to 604,800 (7 days). It also ends older secrets that would sign for longer.

        Returns:
            The new secret.

        Raises:
            BadUserInput: a bad period or id, or a WEB_SOCKET endpoint.
            NotFound: an unknown endpoint.
            Conflict: other rotations kept winning.
        """
        seconds = 86_400 if grace_period_seconds is None else grace_period_seconds
        maximum = int(MAXIMUM_GRACE.total_seconds())
        if not 0 <= seconds <= maximum:
            raise BadUserInput(f"gracePeriodSeconds: {seconds} is not from 0 to {maximum:,} (7 days).")
        secret = new_secret()
        for _ in range(TRIES):
            parsed_id, stored = self._secrets_of(workspace_id, endpoint_id)
            now = self._clock()
            until = now + timedelta(seconds=seconds)
            previous = [(old, min(end, until)) for old, end in ((stored.current, until), *stored.previous)]
            kept = tuple((old, end) for old, end in previous if end > now)[:MAXIMUM_PREVIOUS_SECRETS]
            if self._secrets.put(workspace_id, parsed_id, EndpointSecrets(secret, kept), stored):
                return secret
        raise Conflict("Other rotations of this secret were faster; read the secret and decide whether to try again.")

    def _secrets_of(self, workspace_id: str, endpoint_id: str) -> tuple[str, EndpointSecrets]:
        parsed_id = parse_uuid(endpoint_id, "id")
        endpoint = self._require_endpoints(workspace_id, [parsed_id])[parsed_id]
        if endpoint.type is not EndpointType.WEB_HOOK:
            raise BadUserInput("id: only WEB_HOOK endpoints have a secret; this one is a WEB_SOCKET.")
        stored = self._secrets.get(workspace_id, parsed_id)
        if stored is None:
            # Deleted between the two reads.
            raise NotFound("endpoint", [parsed_id])
        return parsed_id, stored

    # -- the chain -----------------------------------------------------------------------------------------------

    def _commit(self, workspace_id: str, plan: Callable[[Counts], _Plan]) -> None:
        for _ in range(TRIES):
            head = self.settle(workspace_id)
            planned = plan(head.counts if head else Counts())
            if not planned.operations:
                return
            version = head.version + 1 if head else 1
            change = ChangeSet(workspace_id, version, planned.operations, planned.counts)
            if self._changes.append(change):
                self._apply(change)
                return
        raise Conflict("Other changes to this workspace were faster five times; nothing was changed. Try again.")

    def settle(self, workspace_id: str) -> ChangeSet | None:
        """Brings the rows to the head of the chain when a mutation died before it had done so; returns the head."""
        head = self._changes.head(workspace_id)
        if head is not None and not head.applied:
            for change in self._changes.unapplied(workspace_id):
                self._apply(change)
        return head

    def _apply(self, change: ChangeSet) -> None:
        self._rows.apply(change)
        self._changes.mark_applied(change.workspace_id, change.version)

    def _counts(self, workspace_id: str) -> Counts:
        head = self._changes.head(workspace_id)
        return head.counts if head else Counts()

    # -- checks against the rows -----------------------------------------------------------------------------------

    def _require_endpoints(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        existing = self._rows.endpoints(workspace_id, ids)
        missing = [one for one in ids if one not in existing]
        if missing:
            raise NotFound("endpoint", missing)
        return {one: existing[one] for one in ids}

    def _require_event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        existing = self._rows.event_filters(workspace_id, ids)
        missing = [one for one in ids if one not in existing]
        if missing:
            raise NotFound("event filter", missing)
        return existing

    def _require_both(self, workspace_id: str, endpoint_ids: Sequence[str], event_filter_id: str) -> dict[str, Endpoint]:
        existing = self._rows.endpoints(workspace_id, endpoint_ids)
        missing = [one for one in endpoint_ids if one not in existing]
        if event_filter_id not in self._rows.event_filters(workspace_id, [event_filter_id]):
            raise NotFound("event filter" if not missing else "event filter or endpoint", [event_filter_id, *missing])
        if missing:
            raise NotFound("endpoint", missing)
        return existing

    @staticmethod
    def _refuse_unknown(what: str, missing: Sequence[str], deleted: Callable[[str, Sequence[str]], set[str]], workspace_id: str) -> None:
        if missing:
            unknown = sorted(set(missing) - deleted(workspace_id, missing), key=list(missing).index)
            if unknown:
                raise NotFound(what, unknown)

    def _require_room_for_links(self, workspace_id: str, endpoint_ids: Sequence[str], event_filter_ids: Sequence[str]) -> None:
        for endpoint_id, filters in self._rows.event_filter_ids_of(workspace_id, endpoint_ids).items():
            if len(filters) >= MAXIMUM_LINKS and not filters.issuperset(event_filter_ids):
                raise TooLarge(f"The endpoint {endpoint_id} is linked to {len(filters):,} event filters, as many as it may.")
        for filter_id, endpoints in self._rows.endpoint_ids_of(workspace_id, event_filter_ids).items():
            if len(endpoints | set(endpoint_ids)) > MAXIMUM_LINKS:
                raise TooLarge(f"The event filter {filter_id} may be linked to at most {MAXIMUM_LINKS:,} endpoints.")

    def _enable_linked(self, endpoints: Iterable[Endpoint]) -> list[SetStatus]:
        affected = [one for one in endpoints if one.status is EndpointStatus.DISABLED and one.status_reason == LAST_FILTER_DELETED]
        if not affected:
            return []
        for observer in self._observers:
            observer.resuming(affected)
        ids = tuple(one.id for one in affected)
        return [SetStatus(ids, EndpointStatus.ENABLED, None, format_date(self._clock()))]

    def _tell_enabled(self, workspace_id: str, ids: Sequence[str]) -> None:
        if ids:
            current = list(self._rows.endpoints(workspace_id, ids).values())
            for observer in self._observers:
                observer.changed(current)


class _Checks:
    """Collects the faults of one call, so that they are reported together."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def run(self, check: Callable[[], _T], otherwise: _T) -> _T:
        """What ``check`` returns, or ``otherwise`` when it found faults."""
        try:
            return check()
        except BadUserInput as error:
            self._problems.extend(error.problems)
            return otherwise

    def add(self, problem: str) -> None:
        """Notes a fault."""
        self._problems.append(problem)

    def finish(self) -> None:
        """Raises all faults noted."""
        if self._problems:
            raise BadUserInput(*self._problems)


def _optional_ids(ids: Sequence[str] | None, name: str, checks: _Checks) -> list[str]:
    # An empty list links nothing: it is what a form with nothing chosen sends.
    no_ids: list[str] = []
    return checks.run(lambda: parse_uuids(ids, name), no_ids) if ids else no_ids


def _link_arguments(endpoint_ids: Sequence[str], event_filter_id: str) -> tuple[list[str], str]:
    checks = _Checks()
    no_ids: list[str] = []
    parsed = checks.run(lambda: parse_uuids(endpoint_ids, "endpointIds"), no_ids)
    filter_id = checks.run(lambda: parse_uuid(event_filter_id, "eventFiltersId"), "")
    checks.finish()
    return parsed, filter_id


_E = TypeVar("_E", Endpoint, EventFilter)


def _in_order(existing: Mapping[str, _E], ids: Iterable[str]) -> list[_E]:
    return sorted((existing[one] for one in ids if one in existing), key=lambda one: (one.created, one.id))
