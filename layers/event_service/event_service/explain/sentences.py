"""The outcome of an event, in sentences for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from event_service.configuration.endpoint import LAST_FILTER_DELETED, Endpoint, EndpointStatus
from event_service.delivery.attempt import Attempt, Delivery, DeliveryStatus, FailureClass
from event_service.delivery.receiver_health import EndpointHealth
from event_service.events.event import RESERVED_TYPE_PREFIX, Event
from event_service.explain.configuration_then import EndpointThen, Routed
from event_service.explain.outcome import DeliveryOutcome
from event_service.filters.matching.explanation import FailedClause


def of_delivery(delivery: Delivery, endpoint: Endpoint, health: EndpointHealth | None) -> tuple[DeliveryOutcome, str]:
    """What the record of a delivery says.

    Args:
        delivery: the record.
        endpoint: as it is now.
        health: what is known of its receiver, for a delivery in a backlog; ``None``: nothing.
    """
    last = delivery.attempts[-1] if delivery.attempts else None
    if delivery.status is DeliveryStatus.DELIVERED and last is not None:
        return DeliveryOutcome.DELIVERED, f"It was delivered by attempt {last.number} at {moment(last.date)}: HTTP {last.status_code}."
    if delivery.status is DeliveryStatus.DELIVERED:
        return DeliveryOutcome.DELIVERED, "It was delivered."
    if delivery.status is DeliveryStatus.FAILED:
        why = f" The last: {_what_happened(last)}." if last is not None else ""
        return DeliveryOutcome.FAILED, f"It was given up after {_attempts(delivery)}.{why}"
    if delivery.status is DeliveryStatus.DISCARDED and last is not None and last.failure is FailureClass.CANCELLED:
        return DeliveryOutcome.DISCARDED, f"It was cancelled at {moment(last.date)}."
    if delivery.status is DeliveryStatus.DISCARDED:
        return DeliveryOutcome.DISCARDED, f"It was discarded after {_attempts(delivery)}: the event expired before it could be sent."
    return DeliveryOutcome.WAITING, _waiting(delivery, endpoint, health, last)


def _waiting(delivery: Delivery, endpoint: Endpoint, health: EndpointHealth | None, last: Attempt | None) -> str:
    said = f"{_attempts(delivery).capitalize()} so far" + (f", the last: {_what_happened(last)}." if last is not None else ".")
    if delivery.next_attempt is not None:
        return f"It waits: the next attempt is due at {moment(delivery.next_attempt)}. {said}"
    if endpoint.shown_status is not EndpointStatus.ENABLED:
        reason = f", because {endpoint.shown_reason}" if endpoint.shown_reason else ""
        where = f"in the endpoint's backlog: the endpoint is {endpoint.shown_status.value}{reason}"
        return f"It waits {where}. Resuming it sends the backlog. {said}"
    if health is not None and health.failing_since is not None:
        since = f"the receiver has failed since {moment(health.failing_since)}, and is tried again every few minutes"
        return f"It waits in the endpoint's backlog: {since}. {said}"
    return f"It waits in the endpoint's backlog, which is being sent. {said}"


def _attempts(delivery: Delivery) -> str:
    number = len(delivery.attempts)
    return "no attempt" if not number else "one attempt" if number == 1 else f"{number} attempts"


def _what_happened(attempt: Attempt) -> str:
    happened = attempt.error.rstrip(".") if attempt.error else f"HTTP {attempt.status_code}"
    return f"{happened}, at {moment(attempt.date)}"


def logged(sequence: int) -> str:
    """It stands in a socket's log."""
    return f"It stands in the endpoint's log as sequence {sequence}; a client that reads from there gets it."


def not_in_log(retention: timedelta, *, expired: bool) -> str:
    """It should stand in a socket's log and does not."""
    hours = retention.total_seconds() / 3600
    if expired:
        return f"It matched, but a log keeps its events for {hours:g} hours only, and that time is over."
    return f"It matched, but the endpoint's log was off: no client had been connected for {hours:g} hours, so nothing was kept for one."


def on_its_way(age: timedelta, *, late: bool) -> str:
    """It matches, and nothing is recorded yet."""
    seconds = f"{max(age.total_seconds(), 0):,.0f} s"
    if late:
        return f"It matched and was accepted {seconds} ago, but no attempt is recorded yet: the service is behind, or its queues are full."
    return f"It matched and was accepted {seconds} ago; it is on its way."


def not_matched(event: Event, endpoint: Endpoint, known: EndpointThen, filters: Sequence[tuple[str, Sequence[FailedClause]]]) -> str:
    """Nothing was routed there: why."""
    if not known.exists:
        return f"The endpoint was created at {moment(endpoint.created)}, after the event was routed (accepted at {moment(event.created)})."
    if known.matches_nothing and not filters:
        return f"No event was routed to the endpoint: {LAST_FILTER_DELETED}."
    if event.type.casefold().startswith(RESERVED_TYPE_PREFIX):
        return "An event of the service's own goes only where an event filter names its type, and never to the endpoint that it is about."
    nearest = min(filters, key=lambda one: len(one[1]), default=None)
    if nearest is None:
        return "The endpoint did not receive it."
    name, failed = nearest
    why = " ".join(one.sentence for one in failed[:3])
    count = "Its event filter did not match" if len(filters) == 1 else f"None of its {len(filters)} event filters matched; the nearest is"
    return f'{count} "{name}": {why}' if len(filters) > 1 else f'{count} ("{name}"): {why}'


def uncertainty(routed: Routed, known: EndpointThen) -> str:
    """What is not known for certain."""
    if not known.as_routed:
        return " The changes since then are not all kept: this is said of the configuration of now."
    if routed.version is None:
        between = f"by version {routed.low} or one up to {routed.high}"
        return f" The configuration was changed at that moment: it was routed {between}, and this is said of version {routed.low}."
    return ""


def moment(value: datetime) -> str:
    """To the second."""
    return value.strftime("%Y-%m-%d %H:%M:%S UTC")
