"""An endpoint's own lane: who serves it, when it is served next, and at which pace.

A *look* is a message that asks for a lane to be served: copies are harmless. Whoever claims the lane is its owner until the
lease ends, and nobody else sends what is in it. There are no counters that workers share: the owner knows how many requests
are open and what the receiver takes.

Nothing in a lane is forgotten, because of an order that everybody keeps:

* Whoever adds to a backlog reads the lane afterwards. If its owner is still looking, the owner will find it; otherwise a look
  is sent.
* An owner that finds nothing more says that it is about to end, and only then looks for the last time.
* A lane that is to be served later gets its look before its owner lets go of it.
* An owner that dies leaves its look in the queue, which hands it out again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Final

from event_service.delivery import codec

MAXIMUM_QUEUE_DELAY_SECONDS: Final = 900
"""For so long SQS holds a message back
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html); what is
due later waits in the endpoint's backlog."""
LEASE_SECONDS: Final = 90
"""Longer than an invocation of the own lane lasts."""
MAXIMUM_CONTINUATIONS: Final = 100
"""A look that was sent on this often goes through the wake-ups, whose scheduler starts anew: no message circles for ever."""
FIRST_WINDOW: Final = 8.0
"""Requests open at once, of a lane that knows nothing of its receiver."""


class Trouble(StrEnum):
    """Why an endpoint is served in its own lane."""

    SLOW = "slow"
    LIMITED = "limited"
    """It answered 429, or 503 with ``Retry-After``."""
    FAILING = "failing"


@dataclass(slots=True)
class PaceState:
    """What the next owner goes on with; times are of the wall clock. Fields are described where they are used, in
    :mod:`event_service.webhooks.pace`."""

    window: float = FIRST_WINDOW
    threshold: float = 1e9
    quickest: float = 0.0
    rate: float | None = None
    starting: bool = False
    ceiling: float = 0.0
    limited_at: float = 0.0
    wish: float = 0.0
    active: float = 0.0
    """Seconds of sending since the last 429."""
    rests: int = 0
    well_since: float = 0.0
    credit: float = 1.0
    """Requests that may be opened at once; as of ``credit_at``. The next owner goes on where this one was."""
    credit_at: float = 0.0

    def text(self) -> str:
        """The form that is stored with the lane."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> PaceState:
        """Reads what :meth:`text` made; fields that a newer release added are ignored, missing ones have their default."""
        written = json.loads(text)
        return cls(**{one.name: written[one.name] for one in fields(cls) if one.name in written})


@dataclass(frozen=True, slots=True)
class Lane:
    """What is stored of an endpoint's own lane.

    Attributes:
        token: of the owner that holds or held the lease.
        lease_until: nobody else serves the lane before; ``None`` when nobody does.
        next_at: it is not served before, because the receiver is to be left alone; a look for then is under way.
        look_at: a look for a row that is due later is under way for then. What comes meanwhile does not wait for it.
        not_before: what the receiver asked for with ``Retry-After``.
        again: somebody asked for a look while the owner was at work.
        ending: the owner found nothing more and looks for the last time.
        trouble: why live events go through it; ``None`` when only the backlog does.
        slow_at: when a request was last seen open for long.
        open_rows: rows whose requests owners before have left open, each with the time, in seconds since 1970, before which nobody
            else sends it.
        pace: what the owner has found out about the receiver; see :class:`PaceState`.
    """

    workspace_id: str
    endpoint_id: str
    token: str = ""
    lease_until: datetime | None = None
    next_at: datetime | None = None
    look_at: datetime | None = None
    not_before: datetime | None = None
    again: bool = False
    ending: bool = False
    trouble: Trouble | None = None
    slow_at: datetime | None = None
    open_rows: tuple[tuple[str, int], ...] = ()
    pace: str = ""

    def is_leased(self, now: datetime) -> bool:
        """Whether an owner serves it."""
        return self.lease_until is not None and self.lease_until > now

    def still_open(self, now: datetime) -> dict[str, int]:
        """Those of ``open_rows`` that nobody else may send yet."""
        return {mark: until for mark, until in self.open_rows if until > now.timestamp()}

    @property
    def requests_per_second(self) -> float | None:
        """What its owner has found the receiver to take; ``None`` while it has found no limit."""
        return PaceState.read(self.pace).rate if self.pace else None

    def needs_look(self, now: datetime) -> bool:
        """Whether somebody who has added to the backlog must ask for a look."""
        if self.is_leased(now):
            return self.ending
        return self.next_at is None or self.next_at <= now


@dataclass(frozen=True, slots=True)
class Look:
    """A message that asks for an endpoint's lane to be served.

    Attributes:
        continuations: how often it was sent on through the queue.
    """

    workspace_id: str
    endpoint_id: str
    continuations: int = 0

    @property
    def group(self) -> str:
        """Each workspace has its place in the fair order of the queue. An endpoint has one look at a time, as a rule; by endpoint, one
        workspace's ten thousand would come before another's next one."""
        return self.workspace_id

    def text(self, *, repeat: bool = False) -> str:
        """The text that is sent. Copies are harmless, so a repeat needs no mark."""
        del repeat
        return codec.look_text(self.workspace_id, self.endpoint_id, self.continuations)

    @staticmethod
    def is_look(text: str) -> bool:
        """Whether a message is a look, and not an event for the shared lane."""
        head = text.partition("\n")[0]
        return '"endpointId"' in head and '"eventId"' not in head

    @classmethod
    def parse(cls, text: str) -> Look:
        """Reads a message of the own lanes' queue.

        Raises:
            ValueError: no such message, or one that a newer release wrote.
        """
        head, _ = codec.read_message(text)
        try:
            return cls(head["workspaceId"], head["endpointId"], head["continuations"])
        except KeyError as error:
            raise ValueError(f"no look: {error} is missing") from error
