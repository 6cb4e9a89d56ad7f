"""When a failed delivery is tried again."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.delivery.retry_schedule import DELAYS_SECONDS, MAXIMUM_ATTEMPTS, delay_before_next, parse_retry_after

NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)


def test_the_schedule_is_the_documented_one() -> None:
    delays = [delay_before_next(attempt, 0.0) for attempt in range(1, MAXIMUM_ATTEMPTS)]

    assert delays == [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600]
    assert sum(DELAYS_SECONDS) == 75 * 3600 + 35 * 60 + 5


def test_no_attempt_follows_the_tenth() -> None:
    assert MAXIMUM_ATTEMPTS == 10
    assert delay_before_next(10, 0.5) is None
    assert delay_before_next(11, 0.5, retry_after=60) is None


@pytest.mark.parametrize("attempt", range(1, MAXIMUM_ATTEMPTS))
def test_jitter_is_spread_over_a_fifth_and_only_ever_longer(attempt: int) -> None:
    source = random.Random(attempt)
    step = DELAYS_SECONDS[attempt - 1]

    shares = [(delay_before_next(attempt, source.random()) or 0) / step for _ in range(10_000)]

    assert min(shares) >= 1
    assert max(shares) <= 1.2
    tenths = [sum(1 for share in shares if 1 + tenth * 0.02 <= share < 1 + (tenth + 1) * 0.02) for tenth in range(10)]
    assert all(900 <= count <= 1_100 for count in tenths), tenths


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True), st.floats(0, 10**9))
def test_retry_after_is_never_undercut_up_to_a_day(attempt: int, share: float, wish: float) -> None:
    delay = delay_before_next(attempt, share, retry_after=wish)

    assert delay is not None
    assert delay >= min(wish, 86_400)
    assert delay >= DELAYS_SECONDS[attempt - 1]
    assert delay <= 86_400 * 1.2


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        delay_before_next(0, 0.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("120.6", 120.6),
        ("120.", 120),
        ("0120", 120),
        ("99999999999", 99_999_999_999),
        ("Tue, 24 Nov 2026 08:02:00 GMT", 120),
        ("Tuesday, 24-Nov-26 08:02:00 GMT", 120),
        ("Tue Nov 24 08:02:00 2026", 120),
        ("Tue, 24 Nov 2026 08:02:00 -0000", 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - NOW).total_seconds()),
    ],
)
def test_seconds_and_dates_are_understood(value: str, seconds: float) -> None:
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "-5", "+5", "1e9", "0x10", "1_000", "1,5", ".5", "inf", "nan", "NaN", "soon", "120 seconds", "120; 60"),
        *("\u0661\u0662\u0660", "9" * 400, "Tue, 99 Nov 2026 08:02:00 GMT", "Tue, 24 Nov 2026 25:02:00 GMT", "2026-11-24T08:02:00Z"),
        *("Tue, 24 Nov", "Tue, " + "1" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT"),
    ],
)
def test_nonsense_is_as_good_as_no_header(value: str) -> None:
    assert parse_retry_after(value, NOW) is None


@given(st.text(max_size=60))
def test_no_value_of_the_header_costs_a_delivery(value: str) -> None:
    seconds = parse_retry_after(value, NOW)

    assert seconds is None or seconds >= 0


@given(st.text(alphabet="MonTueWdhFriSatJNv0123456789:,+- GMT", max_size=50).map(lambda tail: "Tue, " + tail))
def test_nothing_that_looks_like_a_date_costs_a_delivery(value: str) -> None:
    seconds = parse_retry_after(value, NOW)

    assert seconds is None or seconds >= 0


@given(st.integers(1, 86_400))
def test_a_date_means_the_time_until_then(seconds: int) -> None:
    value = (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert parse_retry_after(value, NOW) == seconds
