"""List prices of AWS in US East (N. Virginia), in dollars, without free tiers and without discounts for volume.

Looked up from AWS's price pages as of the date below; change both together. Nothing else in this repository knows a price.
"""

from __future__ import annotations

from typing import Final

AS_OF: Final = "2026-11"
MILLION: Final = 1_000_000

SQS_STANDARD: Final = 0.40 / MILLION
"""A request of up to 64 KB."""
SQS_FAIR: Final = 0.10 / MILLION
"""On top for each request of a standard queue whose messages carry a group."""
SQS_FIFO: Final = 0.50 / MILLION
DYNAMODB_WRITE_UNIT: Final = 0.625 / MILLION
DYNAMODB_READ_UNIT: Final = 0.125 / MILLION
DYNAMODB_GB_MONTH: Final = 0.25
LAMBDA_REQUEST: Final = 0.20 / MILLION
LAMBDA_GB_SECOND: Final = 0.0000133334
"""arm64."""
LOGS_GB: Final = 0.50
HTTP_API_REQUEST: Final = 1.00 / MILLION
WEBSOCKET_MESSAGE: Final = 1.00 / MILLION
"""Of up to 32 KB, in either direction."""
WEBSOCKET_MINUTE: Final = 0.25 / MILLION
"""Of one open connection."""
INTERNET_GB: Final = 0.09
SCHEDULER_INVOCATION: Final = 1.00 / MILLION
ALARM_METRIC: Final = 0.10
"""Of a month, for each metric that an alarm looks at."""
METRIC: Final = 0.30
"""Of a month, for each custom metric that is not zero."""
DASHBOARD: Final = 3.00
KMS_KEY: Final = 1.00
KMS_CALL: Final = 3.00 / MILLION
TRACE: Final = 5.00 / MILLION
"""Recorded by X-Ray."""

OTHERS: Final = {
    "EventBridge custom event + API destination": (
        1.00 + 0.20,
        "an event, and an invocation a delivery; no log of attempts",
    ),
    "SNS publish + HTTP delivery": (0.50 + 0.60, "a publish, and a delivery; attempts in CloudWatch's logs only"),
    "AppSync Events, publish + one subscriber": (1.00 + 1.00, "sockets only; nothing is kept for who is away"),
}
"""Dollars a million events with one delivery each, by their list prices, and what is (not) in them."""
