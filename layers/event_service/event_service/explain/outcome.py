"""The outcome of an event at an endpoint, in one word. A module of its own, since the API's schema is made of it at each cold start."""

from __future__ import annotations

from enum import StrEnum


class DeliveryOutcome(StrEnum):
    """LOGGED: it stands in the log of a WEB_SOCKET endpoint, whether a client is connected or not."""

    DELIVERED = "DELIVERED"
    WAITING = "WAITING"
    FAILED = "FAILED"
    DISCARDED = "DISCARDED"
    NOT_MATCHED = "NOT_MATCHED"
    NOT_ROUTED_YET = "NOT_ROUTED_YET"
    LOGGED = "LOGGED"
