"""What counting for charts costs: a write of one unit a minute for each workspace, by each function that counts.

tests/integration/counting/test_counts.py counts the writes; here they are priced.
"""

from __future__ import annotations

from typing import Any, Final

from benchmarks.cost import deliveries as cost
from benchmarks.cost import prices
from benchmarks.report.page import Goal, Table

FUNCTIONS: Final = {"router": "EventRouterFunction", "webhook delivery": "WebhookDeliveryFunction"}
DELIVERIES: Final = (1, 10, 30, 100, 600)
"""Of one workspace in one warm function and minute."""
USUAL: Final = 100
GOAL: Final = 0.05


def _dollars(deliveries: int) -> dict[str, float]:
    """Of a million deliveries, by function."""
    return {
        name: (prices.DYNAMODB_WRITE_UNIT + cost.AWS_CALL_SECONDS * cost.GB[function] * prices.LAMBDA_GB_SECOND) / deliveries * 1e6
        for name, function in FUNCTIONS.items()
    }


def tables() -> list[Table]:
    """By how many deliveries share a write."""
    rows: list[list[Any]] = [[one, *_dollars(one).values(), sum(_dollars(one).values())] for one in DELIVERIES]
    columns = ["deliveries of a workspace, function and minute", *FUNCTIONS, "sum"]
    return [Table("Dollars a million deliveries for `statistics`, when it is on", columns, rows)]


def goal() -> Goal:
    """At the usual load of a warm function."""
    dollars = sum(_dollars(USUAL).values())
    return Goal(f"counting for charts, {USUAL} deliveries a minute, a million", f"${dollars:.3f}", f"≤ ${GOAL:.2f}", dollars <= GOAL)
