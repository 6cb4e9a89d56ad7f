"""One routing message on its way through the router, and the outcome of a batch of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from event_service.configuration.endpoint import EndpointType
from event_service.delivery.outlet import RoutedEvents
from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.routing.table import RoutingTable


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A routing message as the queue handed it over.

    Attributes:
        message: what it says.
        repeat: it may have been handed over before.
        receives: how often it was received, this time included. Above 1 it may be what ended an invocation.
        receipt: by which it is removed from the queue.
    """

    message: RoutingMessage
    repeat: bool
    receives: int = 1
    receipt: str = ""


@dataclass(slots=True)
class RoutingReport:
    """The outcome of a batch.

    Attributes:
        failed: positions of messages that must come again.
        events: routed, each once, whatever the number of its endpoints.
        duplicates: dropped, because another publish has their id.
        deliveries: handed over.
        continued: messages whose rest was sent as a message of its own.
        faults: messages that failed through a fault of our own.
        refused_filters: event filters that this release cannot read, found when a table was loaded or changed.
        undecided_filters: verdicts that count as matches because the budget for an event ended.
        by_workspace: events and deliveries by workspace.
        types: of these events, by workspace.
    """

    failed: list[int] = field(default_factory=list)
    events: int = 0
    duplicates: int = 0
    deliveries: int = 0
    continued: int = 0
    faults: int = 0
    refused_filters: int = 0
    undecided_filters: int = 0
    by_workspace: dict[str, tuple[int, int]] = field(default_factory=dict)
    types: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Work:
    """One message on its way.

    Attributes:
        position: in the batch.
        received: the message.
        table: of its workspace.
        events: those that are its own.
        unfinished: those whose rows are to be written once they are routed.
        routed: to hand over to the outlet of each type of endpoints.
        rest: continues the message where it was cut off.
        failure: why it comes again.
        too_late: it was not begun for lack of time.
        fault: it failed through a fault of our own.
        undecided: verdicts that count as matches because the budget for an event ended.
        unwritten: deliveries to endpoints whose rows are not written yet: the message comes again for them.
        duplicates: events that another publish has.
        continued: 1 when its rest was sent as a message of its own.
    """

    position: int
    received: ReceivedMessage
    table: RoutingTable | None = None
    events: tuple[Event, ...] = ()
    unfinished: tuple[Event, ...] = ()
    routed: dict[EndpointType, RoutedEvents] = field(default_factory=dict)
    rest: RoutingMessage | None = None
    failure: str | None = None
    too_late: bool = False
    fault: bool = False
    undecided: int = 0
    unwritten: int = 0
    duplicates: int = 0
    continued: int = 0

    @property
    def workspace_id(self) -> str:
        """Whose message it is."""
        return self.received.message.workspace_id

    @property
    def deliveries(self) -> int:
        """What it hands over."""
        return sum(routed.deliveries for routed in self.routed.values())

    @property
    def is_open(self) -> bool:
        """Whether nothing has failed so far."""
        return self.failure is None

    def hand_back(self) -> None:
        """It is not begun: too little time is left."""
        self.failure, self.too_late = "too little time was left", True

    def anew(self, *, repeat: bool) -> Work:
        """The same message from its beginning; ``repeat``: some of it may have been handed over."""
        return Work(self.position, replace(self.received, repeat=self.received.repeat or repeat))
