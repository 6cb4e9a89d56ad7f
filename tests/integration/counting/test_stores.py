"""Stored counts and types of events: the same tests against the table of the template and the fakes of the other tests."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.identifiers import new_id
from event_service.counting.ports import Counted
from event_service.counting.seen_types import SeenType
from event_service.counting.storage.counts import DynamoCounts
from event_service.counting.storage.seen_types import DynamoSeenTypes
from tests.builders import START, WORKSPACE
from tests.fakes.counting import FakeCounts, FakeSeenTypes

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["dynamodb", "fakes"])
def counts(request: pytest.FixtureRequest) -> DynamoCounts | FakeCounts:
    return FakeCounts() if request.param == "fakes" else DynamoCounts(request.getfixturevalue("database"))


@pytest.fixture(params=["dynamodb", "fakes"])
def types(request: pytest.FixtureRequest) -> DynamoSeenTypes | FakeSeenTypes:
    if request.param == "fakes":
        return FakeSeenTypes()
    database: Database = request.getfixturevalue("database")
    return DynamoSeenTypes(database)


def test_counts_of_a_minute_add_up(counts: DynamoCounts | FakeCounts) -> None:
    counts.add(WORKSPACE, START, {Counted.EVENTS: 2, Counted.FAILED: 1})
    counts.add(WORKSPACE, START, {Counted.EVENTS: 3})
    total: Counter[Counted] = Counter()
    for minute, found in counts.between(WORKSPACE, START, START + MINUTE):
        assert minute == START
        total.update(found)
    assert total == {Counted.EVENTS: 5, Counted.FAILED: 1}


def test_a_span_has_its_first_minute_and_not_its_last(counts: DynamoCounts | FakeCounts) -> None:
    for number in range(3):
        counts.add(WORKSPACE, START + number * MINUTE, {Counted.EVENTS: number + 1})
    counts.add(new_id(), START, {Counted.EVENTS: 9})
    found = dict(counts.between(WORKSPACE, START, START + 2 * MINUTE))
    assert found == {START: {Counted.EVENTS: 1}, START + MINUTE: {Counted.EVENTS: 2}}


def test_a_type_keeps_when_it_was_seen_first(types: DynamoSeenTypes | FakeSeenTypes) -> None:
    types.see(WORKSPACE, "door", START)
    types.see(WORKSPACE, "door", START + MINUTE)
    assert types.seen(WORKSPACE, None, 10) == [SeenType("door", START, START + MINUTE)]
    assert types.seen(new_id(), None, 10) == []


def test_types_come_by_name_in_pages(types: DynamoSeenTypes | FakeSeenTypes) -> None:
    for name in ("b", "a", "d", "c"):
        types.see(WORKSPACE, name, START)
    assert [one.type for one in types.seen(WORKSPACE, None, 3)] == ["a", "b", "c"]
    assert [one.type for one in types.seen(WORKSPACE, "b", 3)] == ["c", "d"]
