"""When a failed delivery is tried again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Seconds after the attempt before; Standard Webhooks' example schedule. Ten attempts over 75 h 35 min 5 s.
DELAYS_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAXIMUM_ATTEMPTS = len(DELAYS_SECONDS) + 1
MAXIMUM_RETRY_AFTER_SECONDS = 86_400
# Only ever longer: a receiver that asked for a minute gets its minute.
JITTER = 0.2

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?")
# An IMF-fixdate, the RFC 850 or the asctime form begins with the day of the week; the parser below takes far more.
_HTTP_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[A-Za-z]*,? .{10,40}")


def delay_before_next(attempt: int, random: float, retry_after: float | None = None) -> float | None:
    """Seconds between the attempt that failed and the next one; ``None`` when there is none.

    Args:
        attempt: The number of the attempt that failed, 1 for the first.
        random: A number from 0 up to but not including 1, drawn anew for each call.
        retry_after: What the receiver asked for, in seconds; a longer wish than 24 hours counts as 24 hours.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    if attempt >= MAXIMUM_ATTEMPTS:
        return None
    delay: float = DELAYS_SECONDS[attempt - 1]
    if retry_after is not None:
        delay = max(delay, min(retry_after, MAXIMUM_RETRY_AFTER_SECONDS))
    # the jitter also applies to a wish: all messages of an endpoint got the same one, and would come back together
    return delay * (1 + JITTER * random)


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Seconds from ``now`` that a ``Retry-After`` header asks for; ``None`` for nonsense, which is as good as no header.

    Takes whole and fractional seconds and the date forms of RFC 9110; a date in the past asks for 0 seconds.

    Args:
        value: The header's value.
        now: When the answer came, aware.
    """
    text = value.strip()
    # int() and float() would take "1e9", "+5", "1_000" and other scripts' digits; 400 digits would make float() infinite
    if text.isascii() and len(text) <= 40 and _SECONDS.fullmatch(text):
        return float(text)
    if not text.isascii() or not _HTTP_DATE.fullmatch(text):
        return None
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:  # asctime has no zone, "-0000" means an unknown one; RFC 9110 says UTC
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
