"""What the use cases need from outside, as protocols.

Adapters and fakes implement them; nothing here knows AWS. All methods block: callers that run on an event loop move
them to threads. Every method may raise :class:`~event_service.base.errors.RateLimited` (throttled also after our
retries) or :class:`~event_service.base.errors.Unavailable` (failed or timed out: the outcome is unknown).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from event_service.base.marks import has_marks
from event_service.configuration.changes import ChangeSet, Head
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.secrets import EndpointSecrets
from event_service.filters.event_filter import EventFilter


@dataclass(frozen=True, slots=True)
class EndpointPage:
    """Which endpoints: those that meet everything given, behind the place ``after``; skip ``offset`` of them in creation order, then
    take ``limit``.

    Attributes:
        name: a part of the name, in any case.
        status: as it is shown.
        key: its owner's.
        labels: all of these pairs.
        event_filter_id: a linked event filter.
        may_end_early: a page may end early, so that it ends in time, and say that there may be more.
    """

    type: EndpointType | None
    descending: bool
    offset: int
    limit: int
    after: str | None = None
    id: str | None = None
    name: str | None = None
    status: EndpointStatus | None = None
    key: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    event_filter_id: str | None = None
    may_end_early: bool = False

    @property
    def is_looked_up(self) -> bool:
        """Whether each endpoint has to be looked at."""
        return self.name is not None or self.status is not None or bool(self.labels)

    def matches(self, endpoint: Endpoint) -> bool:
        """Whether it meets what can be seen of it alone."""
        return (
            self.id in (None, endpoint.id)
            and self.type in (None, endpoint.type)
            and self.status in (None, endpoint.shown_status)
            and (self.name is None or self.name.casefold() in endpoint.name.casefold())
            and has_marks(endpoint.marks, self.key, self.labels)
        )


@dataclass(frozen=True, slots=True)
class EventFilterPage:
    """Which event filters: as :class:`EndpointPage`, in order of creation or of last modification.

    Attributes:
        endpoint_id: a linked endpoint.
        linked: whether any endpoint is linked.
    """

    by_modification: bool
    descending: bool
    offset: int
    limit: int
    after: str | None = None
    id: str | None = None
    name: str | None = None
    key: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    endpoint_id: str | None = None
    linked: bool | None = None
    may_end_early: bool = False

    @property
    def is_looked_up(self) -> bool:
        """Whether each event filter has to be looked at."""
        return self.name is not None or self.linked is not None or bool(self.labels)

    def matches(self, event_filter: EventFilter) -> bool:
        """Whether it meets what can be seen of it alone."""
        return (
            self.id in (None, event_filter.id)
            and (self.name is None or self.name.casefold() in event_filter.name.casefold())
            and has_marks(event_filter.marks, self.key, self.labels)
        )


class ChangeLog(Protocol):
    """The chain of change sets of each workspace."""

    def head(self, workspace_id: str) -> Head | None:
        """The newest version, strongly consistent; ``None`` before the first change."""

    def append(self, change: ChangeSet, beside: Beside | None = None) -> bool:
        """Commits ``change`` and what is stored beside it; ``False`` when its version is already taken, or the request was
        made before, and nothing was written."""

    def after(self, workspace_id: str, version: int, limit: int) -> list[ChangeSet]:
        """Up to ``limit`` change sets above ``version`` in order, strongly consistent. The first may be above
        ``version + 1`` when older ones were trimmed."""

    def unapplied(self, workspace_id: str) -> list[ChangeSet]:
        """All that the rows may not show yet, in order, strongly consistent."""

    def mark_applied(self, workspace_id: str, version: int) -> None:
        """Notes that the rows show ``version``, and trims what is 1,000 versions older."""


class ConfigurationRows(Protocol):
    """The rows of endpoints, event filters and links, from which lists are read. All reads are strongly consistent."""

    def apply(self, change: ChangeSet, *, repair: bool = False) -> None:
        """Brings the rows to ``change``; doing it again, late or beside another one that does it, changes nothing.

        Args:
            change: a committed change set; those before it are applied.
            repair: most rows are probably written: they are read first, many at a time, and skipped.
        """

    def endpoints(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        """Those that exist, by id; any number of ids."""

    def endpoint_with_key(self, workspace_id: str, key: str) -> str | None:
        """The id of the endpoint that has this key."""

    def event_filter_with_key(self, workspace_id: str, key: str) -> str | None:
        """The id of the event filter that has this key."""

    def deleted_endpoints(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        """Which of the ids were endpoints of this workspace, deleted within 24 hours."""

    def endpoint_page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        """One page of all endpoints, or of those of a type; the other conditions are not looked at."""

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        """Those that exist, by id; any number of ids."""

    def deleted_event_filters(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        """Which of the ids were event filters of this workspace, deleted within 24 hours."""

    def event_filter_page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        """One page of all event filters; the other conditions are not looked at."""

    def event_filter_ids_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, set[str]]:
        """The linked event filters of each endpoint; every given id is a key."""

    def endpoint_ids_of(self, workspace_id: str, event_filter_ids: Sequence[str]) -> dict[str, set[str]]:
        """The linked endpoints of each event filter; every given id is a key."""

    def load(self, workspace_id: str) -> RoutingRows:
        """All that routing needs, which is not a snapshot: rows may show changes that were committed meanwhile."""


@dataclass(frozen=True, slots=True)
class RoutingRows:
    """What :meth:`ConfigurationRows.load` read."""

    endpoints: Mapping[str, EndpointType]
    event_filters: Mapping[str, EventFilter]
    links: Mapping[str, set[str]]
    """Endpoint id to event filter ids."""
    matching_nothing: frozenset[str] = frozenset()
    """Endpoints that lost their last event filter by its deletion."""


class EndpointReference(Protocol):
    """What can still be told of an endpoint that was deleted."""

    @property
    def id(self) -> str:
        """Of an endpoint that may be deleted already."""

    @property
    def workspace_id(self) -> str:
        """Whose it was."""

    @property
    def type(self) -> EndpointType:
        """Which destination the endpoint had; kept in the change that deletes it."""


class EndpointObserver(Protocol):
    """Who must know that endpoints changed: sockets are told and closed, backlogs are sent. Told everything that concerns
    its own type, it may be told twice."""

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        """Called before a resume is committed, so that a crash right after the commit leaves no backlog unsent for ever.
        The endpoints are as they were."""

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        """Called after pause, resume, disabling or an update was committed; the endpoints are as they are now."""

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        """Called after a deletion was committed."""


@dataclass(frozen=True, slots=True)
class RememberedRequest:
    """A mutation that carried an idempotency key, and its answer.

    Attributes:
        workspace_id: whose it is.
        key: the digest of the mutation and its key.
        given: the digest of the input.
        answer: JSON.
        expires: until when it is kept, to the second.
    """

    workspace_id: str
    key: str
    given: str
    answer: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Beside:
    """What is stored by the commit of a change, or not at all.

    Attributes:
        secrets: of new endpoints, by id.
        request: the mutation's answer, if it carried an idempotency key.
    """

    secrets: Mapping[str, EndpointSecrets] = field(default_factory=lambda: MappingProxyType({}))
    request: RememberedRequest | None = None


class SecretStore(Protocol):
    """Signing secrets, apart from endpoints so that no list and no change set can leak one. New ones are stored by
    :meth:`ChangeLog.append`, so that one that loses a race leaves none behind."""

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointSecrets | None:
        """Strongly consistent."""

    def replace(
        self,
        workspace_id: str,
        endpoint_id: str,
        secrets: EndpointSecrets,
        replaces: EndpointSecrets,
        request: RememberedRequest | None = None,
    ) -> bool:
        """Stores, together with ``request``; ``False`` when what is stored is not ``replaces`` any more, or the request was
        made before, and nothing was written."""

    def delete(self, endpoint_ids: Sequence[str]) -> None:
        """Forgets; unknown ids are fine."""


class RequestMemory(Protocol):
    """Mutations that carried idempotency keys."""

    def find(self, workspace_id: str, key: str) -> RememberedRequest | None:
        """Strongly consistent; it may be one that has expired."""
