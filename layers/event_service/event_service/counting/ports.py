"""What counting needs from outside, and what is counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol


class Counted(StrEnum):
    """What is counted, by its stored name."""

    EVENTS = "events"
    """Events routed, each once."""
    DELIVERIES = "deliveries"
    """Deliveries that routing began, to sockets as well."""
    DELIVERED = "delivered"
    """Deliveries that a webhook took."""
    ATTEMPTS_FAILED = "attemptsFailed"
    """Attempts that will be made again."""
    FAILED = "failed"
    """Deliveries given up."""
    # Answers of webhooks, whatever their status, each once: by the first of these that the attempt did not exceed, in milliseconds.
    WITHIN_5 = "within5"
    WITHIN_10 = "within10"
    WITHIN_20 = "within20"
    WITHIN_30 = "within30"
    WITHIN_50 = "within50"
    WITHIN_70 = "within70"
    WITHIN_100 = "within100"
    WITHIN_150 = "within150"
    WITHIN_200 = "within200"
    WITHIN_300 = "within300"
    WITHIN_500 = "within500"
    WITHIN_700 = "within700"
    WITHIN_1000 = "within1000"
    WITHIN_1500 = "within1500"
    WITHIN_2000 = "within2000"
    WITHIN_3000 = "within3000"
    WITHIN_5000 = "within5000"
    WITHIN_7000 = "within7000"
    WITHIN_10000 = "within10000"
    WITHIN_15000 = "within15000"
    WITHIN_30000 = "within30000"
    """An attempt takes no longer: the template allows no longer time-out."""


Counts = Mapping[Counted, int]

WITHIN_MS: Final[Mapping[int, Counted]] = {int(one.removeprefix("within")): one for one in Counted if one.startswith("within")}
"""Names of counts of answers by their longest duration, the shortest first."""


def answered_within(duration_ms: int) -> Counted:
    """Under which name an answer is counted that came after ``duration_ms``."""
    return next((one for most, one in WITHIN_MS.items() if duration_ms <= most), Counted.WITHIN_30000)


class CountWriter(Protocol):
    """Adds to stored counts."""

    def add(self, workspace_id: str, minute: datetime, counts: Counts) -> None:
        """Adds to those of a minute.

        Raises:
            RateLimited: nothing was added.
            Unavailable: it is not known whether it was.
        """


class CountReader(Protocol):
    """Reads stored counts."""

    def between(self, workspace_id: str, since: datetime, until: datetime) -> Iterable[tuple[datetime, Counts]]:
        """Those of each minute in [since, until), in no order; a minute may come more than once."""
