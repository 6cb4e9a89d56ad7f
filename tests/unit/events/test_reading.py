"""Lists and counts of events over indexes that lag, page and hold what is gone, against a plain reference."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.base.errors import TooLarge
from event_service.events.event import Event
from event_service.events.ports import SHARDS, Track
from event_service.events.reading import DateRange, EventQuery, EventsReading
from tests import builders
from tests.builders import START, SettableClock
from tests.fakes.events import FakeEventIndexes, FakeEventStore

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


class Library:
    """Events to read, over fakes."""

    def __init__(self) -> None:
        self.clock = SettableClock(START)
        self.seconds = 0.0
        self.store = FakeEventStore(self.clock)
        self.indexes = FakeEventIndexes(self.store)
        self.reading = EventsReading(self.store, self.indexes, self.clock, lambda: self.seconds)

    def add(
        self,
        event_id: str,
        event_type: str = "a",
        date: datetime = START,
        created: datetime = START,
        workspace_id: str = WORKSPACE,
        **data: Any,
    ) -> Event:
        event = builders.an_event(id=event_id, type=event_type, date=date, data=data, workspace_id=workspace_id, created=created)
        self.store.put([event], "00")
        return event

    def ids(self, **query: Any) -> list[str]:
        return [event.id for event in self.reading.page(WORKSPACE, EventQuery(**query))]

    def count(self, **query: Any) -> int:
        return self.reading.count(WORKSPACE, EventQuery(**query))


@pytest.fixture
def library() -> Library:
    return Library()


def profile(*ids: str) -> list[dict[str, str]]:
    return [{"profile_id": one} for one in ids]


# -- filters -------------------------------------------------------------------------------------------------------


def test_the_newest_come_first_unless_asked_otherwise(library: Library) -> None:
    for number in (2, 1, 3):
        library.add(str(number), date=START + number * MINUTE)

    assert library.ids() == ["3", "2", "1"]
    assert library.ids(descending=False) == ["1", "2", "3"]


def test_equal_dates_are_ordered_by_id_both_ways(library: Library) -> None:
    ids = ["a", "a b", "a!", "a#", "aa", "B", "b", "é", "𝄞"]
    for event_id in ids:
        library.add(event_id)

    assert library.ids(descending=False) == sorted(ids)
    assert library.ids() == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("given_range", "found"),
    [
        (DateRange(exact=START + MINUTE), "1"),
        (DateRange(exact=START + MINUTE + TICK), ""),
        (DateRange(gt=START + MINUTE), "23"),
        (DateRange(gte=START + MINUTE), "123"),
        (DateRange(lt=START + MINUTE), "0"),
        (DateRange(lte=START + MINUTE), "01"),
        (DateRange(gt=START, lt=START + 3 * MINUTE), "12"),
        (DateRange(gte=START, lte=START + 3 * MINUTE), "0123"),
        (DateRange(gt=START, gte=START + 2 * MINUTE), "23"),
        (DateRange(exact=START, gt=START), ""),
        (DateRange(exact=START, gte=START), "0"),
        (DateRange(gt=START + 2 * MINUTE, lt=START + MINUTE), ""),
        (DateRange(gt=START + MINUTE - TICK, lt=START + MINUTE + TICK), "1"),
    ],
)
def test_dates_are_compared_exactly_and_all_conditions_hold(library: Library, given_range: DateRange, found: str) -> None:
    for number in range(4):
        library.add(str(number), date=START + number * MINUTE)

    assert library.ids(date=given_range, descending=False) == list(found)
    assert library.count(date=given_range) == len(found)


def test_types_are_compared_without_case(library: Library) -> None:
    library.add("1", "IDENTIFICATION")
    library.add("2", "identification")
    library.add("3", "har")

    assert library.ids(type="Identification", descending=False) == ["1", "2"]
    assert library.count(type="Identification") == 2


def test_profile_and_activity(library: Library) -> None:
    library.add("1", identification_data=profile("p", "q"), activity_id="x")
    library.add("2", identification_data=profile("q"), activity_id="y")
    library.add("3", activity_id="x")
    library.add("4", "b", identification_data=profile("q"), activity_id="x")

    assert library.ids(profile_id="q", descending=False) == ["1", "2", "4"]
    assert library.ids(activity_id="x", descending=False) == ["1", "3", "4"]
    assert library.ids(profile_id="q", activity_id="x", descending=False) == ["1", "4"]
    assert library.ids(profile_id="q", activity_id="x", type="B") == ["4"]
    assert library.ids(profile_id="P") == []
    assert library.count(profile_id="q", activity_id="x") == 2


def test_an_id_is_one_strongly_consistent_read_whatever_else_is_asked(library: Library) -> None:
    library.add("1", "a", identification_data=profile("p"))
    library.store.lagging = {"1"}
    operations: list[str] = []
    library.store.before = lambda operation, ids: operations.append(operation)

    assert library.ids(id="1") == ["1"]
    assert operations == ["get"]
    assert library.ids(id="1", type="A", profile_id="p", date=DateRange(exact=START)) == ["1"]
    assert library.ids(id="1", type="b") == []
    assert library.ids(id="1", profile_id="q") == []
    assert library.ids(id="1", date=DateRange(gt=START)) == []
    assert library.ids(id="1", offset=1) == []
    assert library.ids(id="other") == []
    assert (library.count(id="1"), library.count(id="1", type="b")) == (1, 0)
    assert library.indexes.reads == []


def test_other_workspaces_events_do_not_exist(library: Library) -> None:
    library.add("1", workspace_id="other", identification_data=profile("p"))

    assert (library.ids(), library.ids(id="1"), library.ids(profile_id="p"), library.count()) == ([], [], [], 0)


# -- what is gone, and what lags -----------------------------------------------------------------------------------


def test_expired_events_are_invisible_at_once(library: Library) -> None:
    library.add("old", created=START - 14 * 24 * 60 * MINUTE, date=START + MINUTE, activity_id="x")
    library.add("new", activity_id="x")

    for query in ({}, {"activity_id": "x"}, {"type": "a"}):
        assert library.ids(**query) == ["new"]
        assert library.count(**query) == 1
    assert library.ids(id="old") == []


def test_a_page_is_filled_in_spite_of_expired_events_before_it(library: Library) -> None:
    for number in range(200):
        library.add(f"old{number}", created=START - 20 * 24 * 60 * MINUTE, date=START + MINUTE)
    for number in range(5):
        library.add(f"new{number}")

    assert library.ids(limit=3) == ["new4", "new3", "new2"]
    assert library.ids(offset=3, limit=3) == ["new1", "new0"]


def test_an_index_that_names_an_event_that_is_gone_does_no_harm(library: Library) -> None:
    gone = library.add("gone", date=START + MINUTE)
    library.add("there")
    del library.store.items[WORKSPACE, "gone"]
    library.indexes.stale.append(gone)

    assert library.ids() == ["there"]


def test_an_event_that_only_the_strong_read_sees_is_on_the_page(library: Library) -> None:
    for number in range(3):
        library.add(str(number))
    library.store.lagging = {"1"}

    assert library.ids(descending=False) == ["0", "1", "2"]


def test_an_index_row_of_a_publish_that_lost_is_not_believed(library: Library) -> None:
    """Two racing publishes of one id with different profiles: the loser's row may stand, the event is the winner's."""
    loser = library.add("x", identification_data=profile("loser"))
    library.indexes.stale.append(loser)
    library.add("x", identification_data=profile("winner"))

    assert library.ids(profile_id="loser") == []
    assert library.ids(profile_id="winner") == ["x"]


# -- pages ---------------------------------------------------------------------------------------------------------


def test_pages_put_together_are_the_whole_list(library: Library) -> None:
    ids = [f"{number:04d}" for number in range(1_000)]
    for number, event_id in enumerate(ids):
        library.add(event_id, date=START + (number // 3) * MINUTE)

    pages = [library.ids(offset=offset, limit=70, descending=False) for offset in range(0, 1_050, 70)]

    assert [one for page in pages for one in page] == ids
    assert library.count() == 1_000


def test_a_page_costs_what_it_is_worth_not_what_is_stored(library: Library) -> None:
    costs = []
    for stored in (200, 3_000):
        for number in range(stored):
            library.add(f"{number:05d}", date=START + number * MINUTE)
        library.indexes.reads.clear()
        library.indexes.entries_read = 0

        library.ids(limit=10)

        costs.append((len(library.indexes.reads), library.indexes.entries_read))
    assert costs[0] == costs[1]
    assert costs[1] == (SHARDS, 64)


def test_nothing_asked_for_is_nothing_read(library: Library) -> None:
    library.add("1")

    assert library.ids(limit=0) == []
    assert library.indexes.reads == []


def test_all_shards_are_asked_once_side_by_side(library: Library) -> None:
    for number in range(300):
        library.add(f"{number:05d}", date=START + number * MINUTE)

    library.ids(limit=100)

    first = library.indexes.reads[:SHARDS]
    assert sorted(shard for _, shard, _ in first) == list(range(SHARDS))
    assert {key.track for key, _, _ in first} == {Track.DATE}


class Counting:
    """A clock whose every look costs a second."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def test_a_count_that_takes_more_than_10_seconds_asks_for_a_date_range(library: Library) -> None:
    for number in range(2_000):
        library.add(f"{number:05d}")
    slow = EventsReading(library.store, library.indexes, library.clock, Counting())

    with pytest.raises(TooLarge, match=r"range in filters\.date"):
        slow.count(WORKSPACE, EventQuery())
    with pytest.raises(TooLarge, match=r"range in filters\.date"):
        slow.page(WORKSPACE, EventQuery(type="rare"))


def test_a_page_of_more_than_5_mb_names_the_limit_that_would_fit(library: Library) -> None:
    for number in range(30):
        library.add(f"{number:02d}", text="x" * 200_000)

    with pytest.raises(TooLarge, match="limit 24 or less"):
        library.ids(limit=30)
    assert len(library.ids(limit=24)) == 24
    assert len(library.ids(limit=30, with_data=False)) == 30


# -- by acceptance -------------------------------------------------------------------------------------------------


def test_events_are_found_in_order_of_acceptance_whatever_their_dates(library: Library) -> None:
    for number in range(40):
        accepted = START + number * MINUTE
        library.add(f"{number:02d}", created=accepted, date=accepted if number % 3 else START - number * MINUTE)
    library.add("old", created=START - 15 * 24 * 60 * MINUTE, date=START + MINUTE)
    library.clock.now = START + 60 * MINUTE

    found = list(library.reading.accepted(WORKSPACE, START + 5 * MINUTE, START + 35 * MINUTE))

    assert found == [(START + number * MINUTE, f"{number:02d}") for number in range(5, 35)]


# -- all of it -----------------------------------------------------------------------------------------------------

_events = st.lists(
    st.tuples(
        st.sampled_from(["a", "A", "b"]),
        st.integers(0, 5),
        st.booleans(),
        st.lists(st.sampled_from(["p", "q"]), max_size=2),
        st.sampled_from([None, "x", "y"]),
    ),
    max_size=60,
)
_minutes = st.none() | st.integers(-1, 6).map(lambda number: START + number * MINUTE)
_queries = st.builds(
    EventQuery,
    type=st.sampled_from([None, "a", "B"]),
    date=st.builds(DateRange, exact=st.none() | _minutes, gt=_minutes, gte=_minutes, lt=_minutes, lte=_minutes),
    profile_id=st.sampled_from([None, None, "p", "q"]),
    activity_id=st.sampled_from([None, None, "x", "y"]),
    descending=st.booleans(),
    offset=st.integers(0, 20),
    limit=st.integers(1, 30),
)


@given(_events, _queries)
def test_any_combination_gives_what_a_plain_look_at_all_events_gives(
    given_events: list[tuple[str, int, bool, list[str], str | None]], query: EventQuery
) -> None:
    library = Library()
    for number, (event_type, minute, expired, profiles, activity) in enumerate(given_events):
        library.add(
            f"{number:02d}",
            event_type,
            START + minute * MINUTE,
            START - (15 if expired else 0) * 24 * 60 * MINUTE,
            identification_data=profile(*profiles),
            activity_id=activity,
        )
    found = sorted(
        (START + minute * MINUTE, f"{number:02d}")
        for number, (event_type, minute, expired, profiles, activity) in enumerate(given_events)
        if not expired
        and (query.type is None or event_type.lower() == query.type.lower())
        and (query.profile_id is None or query.profile_id in profiles)
        and (query.activity_id is None or query.activity_id == activity)
        and (query.date.exact is None or START + minute * MINUTE == query.date.exact)
        and (query.date.gt is None or START + minute * MINUTE > query.date.gt)
        and (query.date.gte is None or START + minute * MINUTE >= query.date.gte)
        and (query.date.lt is None or START + minute * MINUTE < query.date.lt)
        and (query.date.lte is None or START + minute * MINUTE <= query.date.lte)
    )
    ordered = [event_id for _, event_id in (reversed(found) if query.descending else found)]

    page = [event.id for event in library.reading.page(WORKSPACE, query)]

    assert page == ordered[query.offset : query.offset + query.limit]
    assert library.reading.count(WORKSPACE, query) == len(ordered)


# -- by id -----------------------------------------------------------------------------------------------------------


def test_events_are_read_by_their_ids(library: Library) -> None:
    library.add("a", data_field=1)
    library.add("b")
    library.add("theirs", workspace_id="53989c34-9729-4081-ab02-9e064de2884c")

    found = library.reading.by_ids(WORKSPACE, ["a", "b", "theirs", "unknown"])

    assert {event_id: event.data for event_id, event in found.items()} == {"a": {"data_field": 1}, "b": {}}
    assert library.reading.by_ids(WORKSPACE, ["a"], with_data=False)["a"].data == {}


def test_an_expired_event_is_not_read_by_its_id(library: Library) -> None:
    library.add("a")
    library.clock.advance(days=15)

    assert library.reading.by_ids(WORKSPACE, ["a"]) == {}
