"""How an endpoint's receiver is doing over days, and which lane its events take.

Only endpoints in trouble have a record: those whose deliveries failed and failed again, and those that are served in a lane of
their own. A first failure alone is no trouble, its retry decides. After 5 days without one success the endpoint is disabled,
with warnings before.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

WARN_AFTER: Final = (timedelta(minutes=10), timedelta(days=2, hours=12), timedelta(days=4))
"""The first sustained failure, and 50 % and 80 % of the way to being disabled."""
DISABLE_AFTER: Final = timedelta(days=5)
FORGOTTEN_AFTER: Final = timedelta(days=2)
"""Longer than the longest pause between two attempts (24 h and its jitter). After a longer silence the next failure is a new
one: an endpoint with one bad delivery in January and one in March was not failing in between."""
NOTED_EVERY: Final = timedelta(hours=1)
"""A failure that changes nothing is written down this often, so that the silence above can be told."""

_DRAW = random.SystemRandom()


def draw_version() -> int:
    """A number that no other record has: a version that counted would begin anew with a new record, and an old worker could
    then take the new one for the one that it knows."""
    return _DRAW.getrandbits(52)


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What is known of an endpoint in trouble.

    Attributes:
        version: of the record, drawn anew with each change.
        own_lane: its events go through its own lane.
        failing_since: the first failure without a success since; ``None`` while deliveries succeed.
        last_failure: a recent one.
        warned: how many of the warnings before disabling were given.
    """

    endpoint_id: str
    version: int
    own_lane: bool = False
    failing_since: datetime | None = None
    last_failure: datetime | None = None
    warned: int = 0

    def warnings_due(self, now: datetime) -> int:
        """How many warnings should have been given."""
        return 0 if self.failing_since is None else sum(now - self.failing_since >= limit for limit in WARN_AFTER)

    def must_be_disabled(self, now: datetime) -> bool:
        """Whether 5 days have passed without one success."""
        return self.failing_since is not None and now - self.failing_since >= DISABLE_AFTER


def after_failure(known: EndpointHealth | None, endpoint_id: str, now: datetime) -> EndpointHealth | None:
    """The new record after a delivery failed again; ``None`` when the one that stands says it already.

    Args:
        known: the record so far; ``None`` when the endpoint was fine.
        endpoint_id: whose.
        now: the time.
    """
    if known is None:
        return EndpointHealth(endpoint_id, draw_version(), failing_since=now, last_failure=now)
    if known.failing_since is None or known.last_failure is None or now - known.last_failure > FORGOTTEN_AFTER:
        return replace(known, version=draw_version(), failing_since=now, last_failure=now, warned=0)
    due = known.warnings_due(now)
    if due == known.warned and now - known.last_failure < NOTED_EVERY and not known.must_be_disabled(now):
        return None
    return replace(known, version=draw_version(), last_failure=now, warned=max(due, known.warned))


def after_success(known: EndpointHealth) -> EndpointHealth | None:
    """The record after a success; ``None`` when nothing is left to say."""
    if not known.own_lane:
        return None
    return EndpointHealth(known.endpoint_id, draw_version(), own_lane=True)


def in_lane(known: EndpointHealth | None, endpoint_id: str, *, own_lane: bool) -> EndpointHealth | None:
    """The record once the endpoint has changed its lane; ``None`` when nothing is left to say."""
    if known is None:
        return EndpointHealth(endpoint_id, draw_version(), own_lane=True) if own_lane else None
    if not own_lane and known.failing_since is None:
        return None
    return replace(known, version=draw_version(), own_lane=own_lane)


def after_resume(endpoint_id: str, now: datetime, *, was_disabled: bool) -> EndpointHealth | None:
    """The record after a person resumed the endpoint: as if it had never failed. One that the service had disabled keeps a
    trace, so that its first success is reported as a recovery."""
    if not was_disabled:
        return None
    return EndpointHealth(endpoint_id, draw_version(), failing_since=now, last_failure=now, warned=len(WARN_AFTER))
