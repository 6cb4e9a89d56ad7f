"""How routing hands events over to the endpoints of one type.

Each type has an outlet in its own package; ``wiring.outlets`` registers it. Routing knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from event_service.events.event import Event

PARTS_PER_CALL: Final = 1_000
"""Costs are whole numbers of these: sums of tenths would drift."""


@dataclass(frozen=True, slots=True)
class RoutedEvents:
    """What one routing message has for the endpoints of one type.

    Attributes:
        workspace_id: whose events they are.
        nonce: of the publish; equal for every copy of the message and for its continuations.
        accepted_at: a stored date.
        traceparent: of the publish, as W3C Trace Context has it.
        configuration_version: by which the events were routed.
        repeat: they may have been handed over before.
        bodies: the JSON texts of events by their ids, made once for all endpoints and types.
        wide: ids of events for more than ``WIDE_FROM`` endpoints of the type, also where other messages serve some of them.
        per_endpoint: the events of each endpoint id, in order.
    """

    workspace_id: str
    nonce: str
    accepted_at: str
    traceparent: str | None
    configuration_version: int
    repeat: bool
    bodies: dict[str, str]
    wide: Collection[str] = ()
    per_endpoint: dict[str, Sequence[Event]] = field(default_factory=dict)

    def body(self, event: Event) -> str:
        """The text of an event that is sent."""
        body = self.bodies.get(event.id)
        if body is None:
            body = self.bodies[event.id] = event.as_json()
        return body

    @property
    def deliveries(self) -> int:
        """How many deliveries these are."""
        return sum(map(len, self.per_endpoint.values()))


class Outlet(Protocol):
    """The way to the endpoints of one type.

    Example::

        outlets = {EndpointType.WEB_HOOK: WebhookOutlet(queue), EndpointType.WEB_SOCKET: SocketOutlet(log)}
    """

    @property
    def failure(self) -> str:
        """What is logged of a message whose events could not all be handed over."""

    def cost(self, routed: RoutedEvents, events: Sequence[Event]) -> int:
        """What handing over ``events`` to one endpoint takes, in thousandths of a call that takes 10 ms."""

    def send(self, routed: Sequence[RoutedEvents], time_left: Callable[[], float]) -> Collection[int]:
        """Hands all over, together, so that they share calls.

        Args:
            routed: of several messages; two of them may be copies of one.
            time_left: seconds until this process is stopped.

        Returns:
            The positions of those of which it is not certain that everything was handed over. Does not raise for what is
            throttled or unreachable. These messages come again as repeats.
        """
