"""Sort keys of the time-ordered indexes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.base.identifiers import shard_of
from event_service.events.event import Event
from event_service.events.ports import SHARDS
from event_service.events.sort_key import (
    activity_id,
    cut_id,
    expiry,
    indexed_profile_ids,
    profile_ids,
    read_sort_key,
    sort_key,
    type_digest,
)
from tests import builders

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
printable = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=256)
dates = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


def event(event_id: str = "id", event_type: str = "type", date: datetime = AT, created: datetime = AT) -> Event:
    return builders.an_event(id=event_id, type=event_type, date=date, workspace_id="w", created=created)


@given(printable, dates)
def test_a_sort_key_reads_back(event_id: str, date: datetime) -> None:
    key = sort_key(event(event_id, date=date), date, 1_800_000_000)

    entry = read_sort_key(key, event_id if cut_id(event_id) else None)

    assert (entry.id, entry.expires, entry.punctual) == (event_id, 1_800_000_000, date == AT)
    assert datetime.fromisoformat(entry.date) == date
    assert entry.type_digest == type_digest("TYPE")


@given(st.text(st.characters(), min_size=1, max_size=256))
def test_a_sort_key_fits_into_dynamodb(event_id: str) -> None:
    event_id = event_id.encode(errors="ignore").decode() or "x"

    assert len(sort_key(event(event_id), AT, 2**32 - 1).encode()) <= 1_024


@given(st.tuples(dates, printable), st.tuples(dates, printable))
def test_keys_sort_by_date_and_then_by_id(one: tuple[datetime, str], other: tuple[datetime, str]) -> None:
    keys = [sort_key(event(event_id, date=date), date, 0).encode() for date, event_id in (one, other)]
    if not any(cut_id(event_id) for _, event_id in (one, other)):
        assert (keys[0] < keys[1]) == (one < other)


@pytest.mark.parametrize(("shorter", "longer"), [("a", "a!"), ("a", "a#"), ("a", "a b"), ("A", "a")])
def test_an_id_sorts_before_those_that_begin_with_it(shorter: str, longer: str) -> None:
    assert sort_key(event(shorter), AT, 0) < sort_key(event(longer), AT, 0)


def test_the_longest_ids_are_cut_and_told_apart_from_outside() -> None:
    longest = "𝄞" * 256

    assert cut_id(longest)
    assert not cut_id("x" * 256)
    assert read_sort_key(sort_key(event(longest), AT, 0), longest).id == longest


def test_types_are_digested_without_case() -> None:
    assert type_digest("IDENTIFICATION") == type_digest("identification")
    assert type_digest("STRASSE") == type_digest("straße")
    assert len({type_digest(str(number)) for number in range(10_000)}) == 10_000


def test_expiry_counts_from_acceptance() -> None:
    assert expiry(AT, 14) == int((AT + timedelta(days=14)).timestamp())


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({}, []),
        ({"identification_data": None}, []),
        ({"identification_data": {"profile_id": "a"}}, []),
        ({"identification_data": [{"profile_id": "a"}, {"profile_id": "b"}, {"profile_id": "a"}]}, ["a", "b"]),
        ({"identification_data": [{"profile_id": 5}, {"profile_id": None}, {}, 7, {"profile_id": "x" * 257}]}, []),
    ],
)
def test_profiles_are_found_wherever_the_data_has_them(data: dict[str, object], found: list[str]) -> None:
    assert profile_ids(data) == found


@pytest.mark.parametrize(("value", "found"), [("a", "a"), (5, None), (None, None), ("x" * 257, None)])
def test_an_activity_is_an_id(value: object, found: str | None) -> None:
    assert activity_id({"activity_id": value}) == found


def test_no_partition_key_takes_more_than_a_sixteenth_of_the_writes() -> None:
    """10 s at 5,000 events a second: chance leaves no shard more than a few percent above its share."""
    writes = Counter(shard_of(f"9b2f{number:08d}-event", SHARDS) for number in range(50_000))

    assert set(writes) == set(range(16))
    assert max(writes.values()) / 50_000 < 1 / 16 * 1.05
    assert max(writes.values()) / 10 < 1_000, "DynamoDB writes 1,000 items a second under one key"


def test_ids_that_are_cut_have_keys_of_their_own_that_dynamodb_takes() -> None:
    base = "\N{GRINNING FACE}" * 225
    ids = [base + tail for tail in ("", "a", "aa", "b", "\N{GRINNING FACE}" * 31)]
    keys = [sort_key(event(one), AT, 1) for one in ids]

    assert len(set(keys)) == len(ids)
    assert max(len(key.encode()) for key in keys) <= 1_024
    assert [read_sort_key(key, one).id for key, one in zip(keys, ids, strict=True)] == ids
    # Entries are compared as DynamoDB compares keys.
    entries = {read_sort_key(key, one): key for key, one in zip(keys, ids, strict=True)}
    assert [entries[one] for one in sorted(entries)] == sorted(keys)


def test_the_first_hundred_profiles_are_indexed() -> None:
    data = {"identification_data": [{"profile_id": f"p{number}"} for number in range(150)]}

    assert indexed_profile_ids(data) == [f"p{number}" for number in range(100)]
