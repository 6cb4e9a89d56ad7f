"""Endpoints: where events are delivered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from event_service.base.marks import NO_MARKS, Marks


class EndpointType(StrEnum):
    """The contract's enum."""

    WEB_SOCKET = "WEB_SOCKET"
    WEB_HOOK = "WEB_HOOK"


class EndpointStatus(StrEnum):
    """PAUSED by a person, DISABLED by the service."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


LAST_FILTER_DELETED: Final = "its last event filter was deleted: link one, or resume it to receive every event"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an owner says about where and how events go; ``None``: not given. Each is a field of :class:`Endpoint` by the same
    name, is checked by the :class:`~event_service.configuration.destinations.Destination` of the endpoint's type, and is text, a
    boolean or a whole number."""

    url: str | None = None
    method: str | None = None

    def given(self) -> dict[str, Any]:
        """Those that were given, by name."""
        return {name: getattr(self, name) for name in SETTINGS if getattr(self, name) is not None}


SETTINGS: Final = tuple(one.name for one in fields(Settings))


def contract_name(name: str) -> str:
    """A field's name as the API and the stores write it: ``status_reason`` is ``statusReason``."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint as its owner sees it. The secret is not part of it, so that no list can leak one.

    A field added here that is no setting needs a line in :mod:`event_service.configuration.codec`, and is then stored, sent and
    read everywhere; a test fails until it has one.

    Attributes:
        url: of a WEB_HOOK, echoed as given; ``None`` for a WEB_SOCKET.
        method: of a WEB_HOOK, in upper case; ``None`` for a WEB_SOCKET.
        status: PAUSED by a person, DISABLED by the service. What an owner is shown is :attr:`shown_status`.
        matches_nothing: its last event filter was deleted; until one is linked, or a person resumes it, no event is
            routed to it. A state of its links: a pause and other reasons to be off stay as they are beside it.
        marks: its owner's key, description and labels.
    """

    id: str
    workspace_id: str
    type: EndpointType
    name: str
    url: str | None
    method: str | None
    status: EndpointStatus
    status_reason: str | None
    created: datetime
    modified: datetime
    matches_nothing: bool = False
    marks: Marks = NO_MARKS

    @property
    def shown_status(self) -> EndpointStatus:
        """DISABLED also while no event is routed to it, whatever else it is."""
        return EndpointStatus.DISABLED if self.matches_nothing else self.status

    @property
    def shown_reason(self) -> str | None:
        """Why it is DISABLED; both reasons if there are two, since one resume ends both."""
        if not self.matches_nothing:
            return self.status_reason
        return LAST_FILTER_DELETED if self.status_reason is None else f"{self.status_reason}; {LAST_FILTER_DELETED}"

    @property
    def meta(self) -> dict[str, Any]:
        """The contract's ``meta``: the settings that it has, such as ``{"url": …, "method": …}``, in the order of
        :class:`Settings`."""
        return {contract_name(name): getattr(self, name) for name in SETTINGS if getattr(self, name) is not None}
