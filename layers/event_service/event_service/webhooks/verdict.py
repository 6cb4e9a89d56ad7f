"""What an answer of a receiver means: a pure function from what came back to what happens next.

Rules, in the order in which they win:

* A 2xx status is success, whatever happens to its body afterwards: the receiver has said that it has the event, and
  sending again would be a duplicate of our making. All else is failure; a redirect is never followed.
* 410 Gone gives the delivery up and disables the endpoint.
* The response header ``webhook-delivery`` is a request of the receiver: ``disable`` disables the endpoint,
  ``abort-message`` gives this delivery up. Both may stand together.
* Every other failure is tried again. Also 4xx: receivers answer 401 or 404 during a deployment, and then recover.
* ``Retry-After`` counts on 429 and 503, where RFC 6585 and RFC 9110 define it.
* 429, and 503 with ``Retry-After``, say that the receiver is asked too often. That is no failure of the delivery: no attempt is
  spent, and the endpoint is served at a pace of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from event_service.delivery.attempt import FailureClass
from event_service.delivery.retry_schedule import MAXIMUM_RETRY_AFTER_SECONDS, parse_retry_after

_TELLS_WHEN = frozenset((429, 503))


class Outcome(StrEnum):
    """What becomes of the delivery."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """Another attempt will come, unless the schedule is exhausted."""
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens after an attempt.

    Attributes:
        outcome: What becomes of this delivery.
        retry_after: Seconds that the receiver asked us to wait, at most 24 hours; ``None`` when it did not.
        limited: The receiver says that it is asked too often: no attempt is spent, and the whole endpoint waits.
        disable_reason: Set when the endpoint is to be disabled: a sentence for its owner. A delivery whose outcome is
            ``RETRY`` then waits until the endpoint is resumed.
    """

    outcome: Outcome
    retry_after: float | None = None
    limited: bool = False
    disable_reason: str | None = None


def judge(status: int | None, headers: Iterable[tuple[str, str]], failure: FailureClass | None, now: datetime) -> Verdict:
    """The verdict on one attempt.

    Args:
        status: The final status; ``None`` when none came.
        headers: Names and values as they came; names in any case, repeated ones allowed.
        failure: Why no complete answer came; ``None`` when one did.
        now: When the answer came, aware.

    Raises:
        ValueError: neither a status nor a failure was given: no attempt ends so.
    """
    if status is None:
        if failure is None:
            raise ValueError("an attempt ends with a status or with a failure")
        return Verdict(Outcome.RETRY)
    pairs = [(name.strip().lower(), value) for name, value in headers]
    wishes = {wish.strip().lower() for name, value in pairs if name == "webhook-delivery" for wish in value.split(",")}
    disable_reason = None
    if status == 410:
        disable_reason = "the receiver answered 410 Gone: it does not want events any more"
    elif "disable" in wishes:
        disable_reason = f"the receiver asked for it: it answered {status} with the header webhook-delivery: disable"
    retry_after = _retry_after(pairs, now) if status in _TELLS_WHEN else None
    if 200 <= status <= 299:
        return Verdict(Outcome.DELIVERED, disable_reason=disable_reason)
    if status == 410 or "abort-message" in wishes:
        return Verdict(Outcome.GIVE_UP, limited=status == 429, retry_after=retry_after, disable_reason=disable_reason)
    limited = status == 429 or retry_after is not None
    return Verdict(Outcome.RETRY, retry_after=retry_after, limited=limited, disable_reason=disable_reason)


def _retry_after(pairs: Iterable[tuple[str, str]], now: datetime) -> float | None:
    """The longest of the wishes: proxies add a header of their own, and the longest undercuts none."""
    wishes = [parse_retry_after(value, now) for name, value in pairs if name == "retry-after"]
    known = [wish for wish in wishes if wish is not None]
    return min(max(known), float(MAXIMUM_RETRY_AFTER_SECONDS)) if known else None
