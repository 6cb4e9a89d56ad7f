"""Dates: what is read, what is refused, and how they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.base.dates import format_date, from_stored, parse_date
from event_service.base.errors import BadUserInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given_date", "written"),
    [
        ("2024-05-22T08:55:23.460103+00:00", "2024-05-22T08:55:23.460103+00:00"),
        ("2024-05-22T08:55:23Z", "2024-05-22T08:55:23.000000+00:00"),
        ("2024-05-22t08:55:23z", "2024-05-22T08:55:23.000000+00:00"),
        ("2024-05-22T08:55:23.4601039999Z", "2024-05-22T08:55:23.460103+00:00"),
        ("2024-05-22T08:55:23.5+03:30", "2024-05-22T05:25:23.500000+00:00"),
        ("2024-05-22T00:30:00-05:00", "2024-05-22T05:30:00.000000+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000+00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000+00:00"),
    ],
)
def test_a_date_is_written_with_microseconds_in_utc(given_date: str, written: str) -> None:
    assert format_date(parse_date(given_date, "date")) == written


@pytest.mark.parametrize(
    "given_date",
    [
        "",
        "now",
        "2024-05-22",
        "2024-05-22T08:55:23",  # no offset: whose time would it be
        "2024-05-22T08:55Z",
        "2024-02-30T00:00:00Z",
        "2024-05-22T24:00:00Z",
        "2024-05-22T08:55:23+24:00",
        "2024-05-22T08:55:23+00:60",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",  # still 1969 in UTC
        "9999-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "２０２４-05-22T08:55:23Z",  # noqa: RUF001 - full-width digits are the point
        "2024-05-22T08:55:23Z\n",
        "1716368123",
    ],
)
def test_what_is_no_date_time_with_an_offset_is_refused(given_date: str) -> None:
    with pytest.raises(BadUserInput, match=r"^date: "):
        parse_date(given_date, "date")


@given(
    st.integers(0, int(datetime(9998, 12, 31, tzinfo=UTC).timestamp() * 10**6)).map(lambda micros: EPOCH + timedelta(microseconds=micros))
)
def test_a_written_date_is_read_back_and_sorts_as_dates_do(moment: datetime) -> None:
    text = format_date(moment)
    assert len(text) == 32
    assert parse_date(text, "date") == from_stored(text) == moment
