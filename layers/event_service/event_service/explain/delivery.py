"""Why an event did or did not reach an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, NotFound, TooLarge
from event_service.base.identifiers import parse_uuid
from event_service.configuration.changes import ChangeSet
from event_service.configuration.configuration import Configuration
from event_service.configuration.destinations import Destinations, Records
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.configuration.ports import EndpointPage
from event_service.delivery.attempt import Delivery, DeliveryStatus
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.receiver_reports import KnownHealth
from event_service.events.event import Event, parse_event_id
from event_service.explain import sentences
from event_service.explain.configuration_then import ConfigurationThen, EndpointThen, Routed
from event_service.explain.outcome import DeliveryOutcome
from event_service.explain.ports import ChangeHistory, Deliveries, Events
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.filters.matching.explanation import STEPS_PER_EXPLANATION, Explainer, Explanation, FailedClause
from event_service.filters.matching.matcher import Matcher
from event_service.routing.table import RoutingTable
from event_service.sockets.places import SocketPlaces

MAXIMUM_DESTINATIONS: Final = 50
"""Of one page."""
MAXIMUM_FILTERS: Final = 1_000
"""That are explained in one answer: each has up to 32 KiB."""
ON_ITS_WAY: Final = timedelta(minutes=1)
"""So long after its acceptance a missing record says nothing yet."""


@dataclass(frozen=True, slots=True)
class FilterExplanation:
    """One event filter and the event.

    Attributes:
        event_filter: as it was judged by.
        failed: the clauses that the event does not match; none where it matches.
        complete: whether all clauses could be judged within the budget.
        last_change: the newest change of the filter, or of its link to the endpoint; ``None``: not kept any more.
    """

    event_filter: EventFilter
    failed: tuple[FailedClause, ...]
    complete: bool
    last_change: ChangeSet | None

    @property
    def matched(self) -> bool:
        """Whether the event matches it."""
        return not self.failed


@dataclass(frozen=True, slots=True)
class DeliveryExplanation:
    """The outcome of an event at an endpoint, and why.

    Attributes:
        endpoint: as it is now.
        sentence: the answer, for a person.
        delivery: its record, for an endpoint whose attempts are logged.
        sequence: where it stands in the log of a WEB_SOCKET endpoint.
        routed: by which version of the configuration.
        as_routed: whether ``filters`` are those that the event was routed by; otherwise they are those of now.
    """

    endpoint: Endpoint
    outcome: DeliveryOutcome
    sentence: str
    delivery: Delivery | None
    sequence: int | None
    routed: Routed
    as_routed: bool
    filters: tuple[FilterExplanation, ...]


@dataclass(frozen=True, slots=True)
class DestinationPage:
    """Some endpoints of a workspace and the outcome of one event there, in order of their creation."""

    explanations: list[DeliveryExplanation]
    end: str | None
    more: bool


class Explanations:
    """The use cases behind ``explainDelivery`` and ``event.destinations``.

    Example::

        explained = explanations.explain(workspace_id, event_id, endpoint_id)
    """

    def __init__(
        self,
        *,
        configuration: Configuration,
        history: ChangeHistory,
        events: Events,
        deliveries: Deliveries,
        sockets: SocketPlaces,
        destinations: Destinations,
        health: KnownHealth,
        clock: Clock,
    ) -> None:
        self._configuration = configuration
        self._history = history
        self._events = events
        self._deliveries = deliveries
        self._sockets = sockets
        self._destinations = destinations
        self._health = health
        self._clock = clock

    def explain(self, workspace_id: str, event_id: str, endpoint_id: str) -> DeliveryExplanation:
        """The outcome of one event at one endpoint, and why.

        Raises:
            BadUserInput: malformed ids.
            NotFound: an unknown event or endpoint.
            TooLarge: the endpoint has more event filters than one answer explains.
        """
        parsed_event, parsed_endpoint = parse_event_id(event_id, "eventId"), parse_uuid(endpoint_id, "endpointId")
        event = self._event(workspace_id, parsed_event)
        endpoint = self._configuration.endpoints.endpoint(workspace_id, parsed_endpoint)
        if endpoint is None:
            raise NotFound("endpoint", [parsed_endpoint])
        (explanation,) = self._explain(event, [endpoint])
        return explanation

    def destinations(self, workspace_id: str, event_id: str, first: int, after: str | None = None) -> DestinationPage:
        """The outcome of one event at each endpoint of the workspace, matched or not.

        Args:
            workspace_id: the token's workspace.
            event_id: the event.
            first: how many endpoints, 1 to 50.
            after: ``end`` of the page before.

        Raises: as :meth:`explain`.
        """
        if not 1 <= first <= MAXIMUM_DESTINATIONS:
            raise BadUserInput(f"first: {first} is not from 1 to {MAXIMUM_DESTINATIONS}.")
        event = self._event(workspace_id, event_id)
        wanted = EndpointPage(None, descending=False, offset=0, limit=first, after=after)
        page = self._configuration.endpoints.read_page(workspace_id, wanted)
        return DestinationPage(self._explain(event, page.items), page.end if page.items else None, page.more)

    def _event(self, workspace_id: str, event_id: str) -> Event:
        stored = self._events.get(workspace_id, [event_id]).get(event_id)
        if stored is None:
            raise NotFound("event", [event_id])
        return stored.event

    def _explain(self, event: Event, endpoints: Sequence[Endpoint]) -> list[DeliveryExplanation]:
        workspace_id, ids = event.workspace_id, [one.id for one in endpoints]
        linked = self._configuration.event_filters.of_endpoints(workspace_id, ids, _refuse_many)
        logged = [one.id for one in endpoints if self._destinations.records_of(one.type) is Records.ATTEMPTS]
        found = self._deliveries.deliveries(workspace_id, [(one, event.id) for one in logged]) if logged else {}
        health = self._health_of(workspace_id, [one for one in endpoints if _is_being_sent(one, found.get((one.id, event.id)))])
        then = ConfigurationThen(self._history, workspace_id)
        budget = Budget(2 * STEPS_PER_EVENT)
        return [
            self._explain_one(event, one, linked[one.id], found.get((one.id, event.id)), health.get(one.id), then, budget)
            for one in endpoints
        ]

    def _health_of(self, workspace_id: str, endpoints: Sequence[Endpoint]) -> Mapping[str, EndpointHealth]:
        """Of those in whose backlog the event waits: what delays it."""
        return self._health.of(workspace_id, [one.id for one in endpoints]) if endpoints else {}

    def _explain_one(
        self,
        event: Event,
        endpoint: Endpoint,
        linked: Sequence[EventFilter],
        delivery: Delivery | None,
        health: EndpointHealth | None,
        then: ConfigurationThen,
        budget: Budget,
    ) -> DeliveryExplanation:
        routed = then.routed(event.created, None if delivery is None else delivery.configuration_version)
        known = then.endpoint_at(routed.shown, endpoint, linked)
        selected = self._selects(event, endpoint, known)
        place: tuple[int, int | None] | None = None
        has_log = self._destinations.records_of(endpoint.type) is Records.SEQUENCES
        if has_log and (selected or not known.as_routed or routed.version is None):
            place = self._place(event, endpoint)
            if place is not None and place[1] is not None:
                routed = then.routed(event.created, place[1])
                known = then.endpoint_at(routed.shown, endpoint, linked)
        changes = then.last_changes({one.id for one in known.filters}, endpoint.id)
        filters = tuple(_explain_filter(event, one, changes, budget) for one in known.filters)
        if delivery is not None:
            outcome, sentence = sentences.of_delivery(delivery, endpoint, health)
        elif place is not None:
            outcome, sentence = DeliveryOutcome.LOGGED, sentences.logged(place[0])
        elif selected:
            outcome, sentence = self._unrecorded(event, has_log=has_log)
        else:
            named = [(one.event_filter.name, one.failed) for one in filters]
            outcome, sentence = DeliveryOutcome.NOT_MATCHED, sentences.not_matched(event, endpoint, known, named)
        if outcome in (DeliveryOutcome.NOT_MATCHED, DeliveryOutcome.NOT_ROUTED_YET):
            sentence += sentences.uncertainty(routed, known)
        sequence = None if place is None else place[0]
        return DeliveryExplanation(endpoint, outcome, sentence, delivery, sequence, routed, known.as_routed, filters)

    def _selects(self, event: Event, endpoint: Endpoint, known: EndpointThen) -> bool:
        """The verdict of routing itself."""
        if not known.exists:
            return False
        table = RoutingTable(event.workspace_id, Matcher())
        nothing = [endpoint.id] if known.matches_nothing else []
        table.load(0, {endpoint.id: endpoint.type}, known.filters, {endpoint.id: [one.id for one in known.filters]}, nothing)
        return table.selects(endpoint.id, event)

    def _place(self, event: Event, endpoint: Endpoint) -> tuple[int, int | None] | None:
        head = self._sockets.head(endpoint.id)
        return None if head is None else self._sockets.place_of(endpoint.id, head, event.id, event.created)

    def _unrecorded(self, event: Event, *, has_log: bool) -> tuple[DeliveryOutcome, str]:
        """It matches, and nothing says that it was handed over."""
        age, retention = self._clock() - event.created, self._sockets.retention
        if has_log and age > ON_ITS_WAY:
            return DeliveryOutcome.DISCARDED, sentences.not_in_log(retention, expired=age > retention)
        return DeliveryOutcome.NOT_ROUTED_YET, sentences.on_its_way(age, late=age > ON_ITS_WAY)


def _is_being_sent(endpoint: Endpoint, delivery: Delivery | None) -> bool:
    """Whether it waits in a backlog that nobody has stopped."""
    waits = delivery is not None and delivery.status is DeliveryStatus.PENDING and delivery.next_attempt is None
    return waits and endpoint.status is EndpointStatus.ENABLED


def _explain_filter(event: Event, event_filter: EventFilter, changes: Mapping[str, ChangeSet], budget: Budget) -> FilterExplanation:
    budget.allow(STEPS_PER_EXPLANATION)
    try:
        explanation = Explainer(event_filter.condition).explain(event.as_delivered(), budget)
    except (BadUserInput, TooLarge) as error:
        refused = FailedClause("", False, None, [], f"This release cannot read the condition, so it matches nothing: {error.message}")
        explanation = Explanation((refused,))
    return FilterExplanation(event_filter, explanation.failed, explanation.complete, changes.get(event_filter.id))


def _refuse_many(number: int) -> None:
    if number > MAXIMUM_FILTERS:
        raise TooLarge(
            f"These endpoints have {number:,} event filters; at most {MAXIMUM_FILTERS:,} are explained at once. Ask for fewer endpoints."
        )
