"""How an endpoint's receiver is doing, and what follows from it.

Only failing endpoints have a health record; the first success after failures removes it. Two things follow:

* *Back-off*: for a while nothing but one probe at a time is sent, until one succeeds. It begins after 5 time-outs or failed
  connections in a row, which each hold one of our workers for long, and when the receiver asks for it: 429, 502, 504 or
  ``Retry-After``.
* *Disabling*: after 5 days without one success, with warnings before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

FAILURES_THAT_BACK_OFF: Final = 5
FIRST_BACK_OFF_SECONDS: Final = 30.0
"""After time-outs and failed connections. Doubled after each probe that fails, up to the limit below."""
FIRST_SLOW_DOWN_SECONDS: Final = 5.0
"""After 429, 502 or 504 without a wish; doubled likewise."""
MAXIMUM_BACK_OFF_SECONDS: Final = 900.0
"""A receiver that is back is noticed within this time, unless it asked for more with ``Retry-After``."""
WARN_AFTER: Final = (timedelta(days=1), timedelta(days=3))
DISABLE_AFTER: Final = timedelta(days=5)
FORGOTTEN_AFTER: Final = timedelta(days=2)
"""Longer than the longest pause between two attempts (24 h and its jitter). After a longer silence the next failure is a new
one: an endpoint with one bad delivery in January and one in March was not failing in between."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What is known of an endpoint that fails.

    Attributes:
        version: of the record; each change is one higher.
        consecutive_failures: time-outs and failed connections in a row.
        failing_since: the first failure without a success since.
        last_failure: the newest one.
        backs_off_until: nothing is sent before; then one probe. ``None``: no back-off.
        back_offs: how often a back-off was begun or prolonged without a success.
        warned: how many of the warnings before disabling were given.
    """

    endpoint_id: str
    version: int
    consecutive_failures: int
    failing_since: datetime
    last_failure: datetime
    backs_off_until: datetime | None = None
    back_offs: int = 0
    warned: int = 0

    def days_failing(self, now: datetime) -> timedelta:
        """How long there has been no success."""
        return now - self.failing_since

    def warnings_due(self, now: datetime) -> int:
        """How many warnings should have been given."""
        return sum(self.days_failing(now) >= limit for limit in WARN_AFTER)

    def must_be_disabled(self, now: datetime) -> bool:
        """Whether 5 days have passed without one success."""
        return self.days_failing(now) >= DISABLE_AFTER

    def backs_off(self, now: datetime) -> bool:
        """Whether nothing but a probe may be sent. What was known long ago holds nothing back any more."""
        return self.backs_off_until is not None and now - max(self.last_failure, self.backs_off_until) <= FORGOTTEN_AFTER

    def claimed(self, now: datetime, seconds: float) -> EndpointHealth:
        """As it stands while a probe is under way, which may take ``seconds``: nobody else sends."""
        return replace(self, version=self.version + 1, backs_off_until=now + timedelta(seconds=seconds))


@dataclass(slots=True)
class Failures:
    """What a worker saw of one endpoint since its last success, in order.

    Attributes:
        consecutive_failures: time-outs and failed connections at the end of the row.
        unbroken: whether the row goes back to what was known before.
        slow: whether the receiver is overloaded (429, 502, 504).
        retry_after: the longest wish, in seconds.
        probe: whether one of them was the probe that an endpoint gets while we back off.
    """

    consecutive_failures: int = 0
    unbroken: bool = True
    slow: bool = False
    retry_after: float | None = None
    probe: bool = False

    def add(self, *, consecutive_failure: bool, slow: bool, retry_after: float | None) -> None:
        """Counts one more failure."""
        if consecutive_failure:
            self.consecutive_failures += 1
        else:
            self.consecutive_failures, self.unbroken = 0, False
        self.slow = self.slow or slow
        if retry_after is not None:
            self.retry_after = max(retry_after, self.retry_after or 0.0)


def after_failures(known: EndpointHealth | None, endpoint_id: str, seen: Failures, now: datetime) -> EndpointHealth:
    """The new record.

    Args:
        known: the record so far; ``None`` when the endpoint was fine.
        endpoint_id: whose.
        seen: at least one failure, none followed by a success.
        now: the time.
    """
    if known is None or now - max(known.last_failure, known.backs_off_until or known.last_failure) > FORGOTTEN_AFTER:
        known = EndpointHealth(endpoint_id, known.version if known else 0, 0, now, now, warned=0)
    consecutive_failures = seen.consecutive_failures + (known.consecutive_failures if seen.unbroken else 0)
    backs_off = known.backs_off_until is not None
    wait: float | None = None
    # While we back off only the probe prolongs it, whatever kind of failure that was. Requests that were under way when it
    # began say nothing new; ten of them would double the time ten times.
    if seen.probe or not backs_off:
        factor = 2.0 ** min(known.back_offs, 20)
        if seen.slow:
            wait = min(FIRST_SLOW_DOWN_SECONDS * factor, MAXIMUM_BACK_OFF_SECONDS)
        elif backs_off or consecutive_failures >= FAILURES_THAT_BACK_OFF:
            wait = min(FIRST_BACK_OFF_SECONDS * factor, MAXIMUM_BACK_OFF_SECONDS)
    until = known.backs_off_until if wait is None else now + timedelta(seconds=wait)
    if seen.retry_after is not None:
        wish = now + timedelta(seconds=seen.retry_after)
        until = wish if until is None else max(until, wish)
    return EndpointHealth(
        endpoint_id=endpoint_id,
        version=known.version + 1,
        consecutive_failures=consecutive_failures,
        failing_since=known.failing_since,
        last_failure=now,
        backs_off_until=until,
        back_offs=known.back_offs + (wait is not None),
        warned=known.warned,
    )


def after_resume(known: EndpointHealth | None, endpoint_id: str, now: datetime, *, was_disabled: bool) -> EndpointHealth | None:
    """The record after a person resumed the endpoint: as if it had never failed. One that the service had disabled keeps a
    trace, so that its first success is reported as a recovery."""
    if not was_disabled:
        return None
    version = known.version + 1 if known else 1
    return EndpointHealth(endpoint_id, version, 0, now, now, warned=len(WARN_AFTER))
