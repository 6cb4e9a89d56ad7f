"""Types of endpoints: what each says of itself, so that no other code asks which type it has before it.

A new type is a folder with a class like :class:`Destination` and an :class:`~event_service.delivery.outlet.Outlet`, a value in
``EndpointType``, and a line each in ``wiring.destinations`` and ``wiring.outlets``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Protocol

from event_service.base.errors import BadUserInput
from event_service.configuration.endpoint import Endpoint, EndpointType, Settings


class Records(Enum):
    """What tells later whether an endpoint got an event."""

    ATTEMPTS = auto()
    """The log of deliveries has each attempt."""
    SEQUENCES = auto()
    """The event has a sequence in the endpoint's log, from which clients resume."""


class Feature(Enum):
    """What only some types can do."""

    SECRET = auto()
    """Requests are signed with a secret of the endpoint's own."""
    TEST = auto()
    """A test event is sent at once, and the answer told."""
    RETRY = auto()
    """Deliveries wait in the endpoint's backlog for another attempt."""
    REPLAY = auto()
    """Retained events are sent again."""


class Destination(Protocol):
    """One type of endpoint."""

    @property
    def type(self) -> EndpointType:
        """Its value in the contract."""

    @property
    def creation(self) -> str:
        """The mutation that creates one."""

    @property
    def records(self) -> Records:
        """What is known of its deliveries."""

    @property
    def lacks(self) -> Mapping[Feature, str]:
        """What it cannot do, each with a sentence that says what to do instead."""

    def settings_of_new(self, given: Settings) -> Settings:
        """Checks what a new endpoint is created with, and fills in defaults.

        Raises:
            BadUserInput: something is wrong, missing, or not for this type.
        """

    def changed_settings(self, given: Settings) -> Settings:
        """Checks what an update gives; what is ``None`` stays as it is.

        Raises:
            BadUserInput: something is wrong, or not for this type.
        """


class Destinations:
    """The types that this deployment knows.

    Example::

        destinations.require(endpoint, Feature.TEST, "id")  # BadUserInput for a WEB_SOCKET endpoint
    """

    def __init__(self, destinations: Iterable[Destination]) -> None:
        self._by_type = {one.type: one for one in destinations}

    def of(self, endpoint_type: EndpointType) -> Destination:
        """The one of a type.

        Raises:
            KeyError: nobody registered it: a fault of the wiring.
        """
        return self._by_type[endpoint_type]

    def records_of(self, endpoint_type: EndpointType) -> Records:
        """What is known of deliveries to endpoints of a type."""
        return self._by_type[endpoint_type].records

    def can(self, endpoint_type: EndpointType, feature: Feature) -> bool:
        """Whether endpoints of a type can do it."""
        return feature not in self._by_type[endpoint_type].lacks

    def require(self, endpoint: Endpoint, feature: Feature, argument: str) -> None:
        """Refuses an endpoint that cannot do it.

        Args:
            endpoint: which one.
            feature: what is asked of it.
            argument: the name of the argument that named the endpoint, for the error.

        Raises:
            BadUserInput: it cannot; the sentence says what to do instead.
        """
        sentence = self._by_type[endpoint.type].lacks.get(feature)
        if sentence is not None:
            raise BadUserInput(f"{argument}: {sentence}")
