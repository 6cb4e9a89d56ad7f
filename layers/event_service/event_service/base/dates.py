"""Dates: RFC 3339 date-times in, microseconds and ``+00:00`` out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from event_service.base.errors import BadUserInput

# Beyond these years an offset can leave what `datetime` can hold (1 to 9999), and sort keys would lose their width.
FIRST_YEAR = 1970
LAST_YEAR = 9998

# [0-9] and not \d: \d also matches the digits of other scripts.
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,100}))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
_EXAMPLE = "2024-05-22T08:55:23.460103+00:00"


def parse_date(value: str, name: str) -> datetime:
    """Reads an RFC 3339 date-time; fractions beyond microseconds are cut.

    Returns:
        An aware ``datetime`` in UTC.

    Raises:
        BadUserInput: no date-time with an offset, or outside the years 1970 to 9998.
    """
    match = _RFC3339.fullmatch(value)
    if not match:
        shown = value if len(value) <= 60 else value[:57] + "..."
        raise BadUserInput(f"{name}: {shown!r} is not a date-time with an offset such as {_EXAMPLE}.")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int((match[7] or "").ljust(6, "0")[:6])
    offset = timedelta()
    if match[9]:
        hours, minutes = int(match[10]), int(match[11])
        if hours > 23 or minutes > 59:
            raise BadUserInput(f"{name}: the offset {match[9]}{match[10]}:{match[11]} is not one from -23:59 to +23:59.")
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if match[9] == "-" else 1)
    try:
        # RFC 3339 allows second 60 (a leap second); `datetime` does not, so it becomes the second after it.
        leap = second == 60
        parsed = datetime(year, month, day, hour, minute, 59 if leap else second, fraction, timezone(offset))
        parsed = parsed.astimezone(UTC) + timedelta(seconds=1 if leap else 0)
    except (ValueError, OverflowError):
        raise BadUserInput(f"{name}: {value!r} is not a date that exists between {FIRST_YEAR} and {LAST_YEAR}.") from None
    if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
        raise BadUserInput(f"{name}: {value!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}.")
    return parsed


def format_date(value: datetime) -> str:
    """Always 32 characters, so that the texts sort as the dates do: ``2024-05-22T08:55:23.460103+00:00``."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def from_stored(value: str) -> datetime:
    """Reads what :func:`format_date` wrote."""
    return datetime.fromisoformat(value)
