"""How many executions each queue's poller may use, so that the account's limit leaves room for the API.

All functions of an account and Region share one limit: 1,000 executions at once, and 10 in a new account
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). A poller takes whatever its
``MaximumConcurrency`` allows as soon as its queue is full; a request that finds no execution left is answered 503.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

POLLERS: Final = {
    "RouterMaximumConcurrency": 50,
    "WebhookMaximumConcurrency": 100,
    "OwnLaneMaximumConcurrency": 100,
    "SocketMaximumConcurrency": 50,
    "SocketBacklogMaximumConcurrency": 50,
}
"""Parameter: executions it gets where the account's limit is high enough. Beyond about 300 webhook executions one event
with thousands of endpoints reaches the write limit of its log's partition."""
RESERVATIONS: Final = ("GraphqlReservedConcurrency", "WebSocketReservedConcurrency")
LEAST: Final = 2
"""AWS takes no smaller ``MaximumConcurrency``."""
UNRESERVED: Final = 100
"""Executions that AWS keeps unreserved in every account; it refuses a reservation that leaves fewer."""
QUOTA: Final = "L-B99A9384"
"""Service Quotas' code of "Concurrent executions" of AWS Lambda."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What the pollers get.

    Attributes:
        parameters: the values to deploy with.
        api: executions that are left for the API, the scheduler and the account's other functions.
        advice: sentences for the person who deploys.
        refusal: why this cannot be deployed; ``None`` when it can.
    """

    parameters: dict[str, str]
    api: int
    advice: tuple[str, ...] = ()
    refusal: str | None = None


def room_for_the_api(limit: int) -> int:
    """Executions that no poller should take: a fifth of the limit, at least two. Below a limit of twelve that cannot be: AWS lets
    each of five pollers take two at least. Then the advice says so."""
    return max(2, limit // 5)


def left_for_the_api(available: int, busy_queues: int) -> int:
    """Executions that are left while so many queues have work at once and each poller has the least that AWS takes."""
    return max(0, available - LEAST * busy_queues)


def _least_room(available: int) -> str:
    """What an account can count on whose limit is too small for all pollers."""
    return (
        f"AWS takes no maximum below {LEAST} and reserves nothing in so small an account, so only a higher limit ({QUOTA}) gives the API "
        f"executions of its own. Until then it has {left_for_the_api(available, 2)} while events are routed and webhooks sent, "
        f"{left_for_the_api(available, 4)} while sockets and receivers in trouble are served as well, and "
        f"{left_for_the_api(available, len(POLLERS))} in the seconds in which all {len(POLLERS)} queues have work: callers then get 503 "
        "and repeat, and nothing that was accepted is lost."
    )


def fit(limit: int, unreserved: int, parameters: Mapping[str, str], keep: Collection[str] = (*POLLERS, *RESERVATIONS)) -> Fit:
    """Fits the pollers into an account's limit.

    Args:
        limit: executions at once of the account in this Region.
        unreserved: those of them that no function of the account has reserved.
        parameters: those that are set; a poller among them keeps its value.
        keep: which of them are kept; others are fitted anew.
    """
    reserved = sum(max(0, int(parameters.get(name, "-1"))) for name in RESERVATIONS)
    most_reserved = max(0, unreserved - UNRESERVED)
    if reserved > most_reserved:
        return Fit(
            dict(parameters),
            0,
            refusal=(
                f"{' + '.join(RESERVATIONS)} reserve {reserved} executions; AWS lets this account reserve {most_reserved} more, since "
                f"{UNRESERVED} of {limit} must stay unreserved. Reserve fewer, or request more (Service Quotas, {QUOTA})."
            ),
        )
    available = unreserved - reserved
    room = room_for_the_api(limit) if not reserved else 0
    given = {name: int(parameters[name]) for name in POLLERS if name in parameters and name in keep}
    free = [name for name in POLLERS if name not in given]
    share = max(0, available - room - sum(given.values()))
    wanted = sum(POLLERS[name] for name in free)
    chosen = {name: max(LEAST, min(POLLERS[name], share * POLLERS[name] // wanted)) for name in free}
    # Rounding up to the least AWS takes may use more than there is: take it from the largest.
    while sum(chosen.values()) > share and any(value > LEAST for value in chosen.values()):
        largest = max(chosen, key=lambda name: chosen[name])
        chosen[largest] -= 1
    taken = sum(chosen.values()) + sum(given.values())
    left = available - taken
    advice = []
    if limit < 1_000:
        advice.append(
            f"This account runs {limit} executions at once in this Region. Request 1,000 (Service Quotas, {QUOTA}) some days before "
            "traffic comes."
        )
    if left < room:
        cure = f"Lower {', '.join(given)}, or request a higher limit ({QUOTA})." if given else _least_room(available)
        advice.append(
            f"The pollers may take {taken} of {available} executions and leave {left} for the API and the account's other functions; "
            f"{room} should be left. {cure}"
        )
    return Fit({**parameters, **{name: str(value) for name, value in chosen.items()}}, left, tuple(advice))
