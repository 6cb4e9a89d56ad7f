"""The event store and its indexes on the tables of the template."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import boto3
import pytest

from event_service.events.event import Event
from event_service.events.new_event import NewEvent
from event_service.events.ports import Publisher
from event_service.events.reading import DateRange, EventQuery
from tests.builders import an_event
from tests.world import REGION, RETENTION_DAYS, WORKSPACE, Memory, World, token

NONCE, OTHER = "0a" * 16, "0b" * 16


def event(world: World, event_id: str = "x", **changes: Any) -> Event:
    return an_event(**{"id": event_id, "type": "a", "date": world.clock(), "workspace_id": WORKSPACE, "created": world.clock(), **changes})


def rows(table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("dynamodb", region_name=REGION).scan(TableName=table)["Items"]
    return found


@pytest.mark.parametrize("data", [{}, {"text": "é" * 500}, {"n": [1, 2.5, None, True], "\uffff": "𝄞"}, {"big": "ab" * 120_000}])
def test_an_event_reads_back_as_it_was(world: World, data: dict[str, Any]) -> None:
    one = event(world, "id # with / marks", data=data, agent_id="agent", camera_id="", date=world.clock() - timedelta(days=400))

    world.store.put([one], NONCE)

    stored = world.store.get(WORKSPACE, [one.id])[one.id]
    assert (stored.event, stored.nonce) == (one, NONCE)


def test_many_events_are_read_at_once_and_unknown_ids_are_left_out(world: World) -> None:
    world.store.put([event(world, str(number)) for number in range(130)], NONCE)

    found = world.store.get(WORKSPACE, [str(number) for number in range(140)])

    assert set(found) == {str(number) for number in range(130)}


def test_a_taken_id_stays_with_its_first_publish(world: World) -> None:
    first = world.store.put_if_absent([event(world, "x", data={"n": 1})], NONCE)
    second = world.store.put_if_absent([event(world, "x", data={"n": 2}), event(world, "y")], OTHER)
    own = world.store.put_if_absent([event(world, "x", data={"n": 1})], NONCE)

    assert (first.taken, first.failed) == ({}, ())
    assert (second.taken, second.failed) == ({"x": Publisher(NONCE)}, ())
    assert own.taken == {"x": Publisher(NONCE)}
    assert world.store.get(WORKSPACE, ["x"])["x"].event.data == {"n": 1}
    owners = world.store.owners([(WORKSPACE, "x"), (WORKSPACE, "y"), (WORKSPACE, "z")])
    assert owners == {(WORKSPACE, "x"): Publisher(NONCE), (WORKSPACE, "y"): Publisher(OTHER)}


def test_an_item_past_its_expiry_counts_as_absent(world: World) -> None:
    world.store.put_if_absent([event(world, "x")], NONCE)
    world.clock.advance(days=13, hours=23)
    assert set(world.store.get(WORKSPACE, ["x"])) == {"x"}

    world.clock.advance(hours=1)

    assert world.store.get(WORKSPACE, ["x"]) == {}
    assert world.store.get(WORKSPACE, ["x", "y"]) == {}
    assert world.store.owners([(WORKSPACE, "x")]) == {}
    assert world.store.put_if_absent([event(world, "x")], OTHER).taken == {}
    assert world.store.get(WORKSPACE, ["x"])["x"].nonce == OTHER


def test_items_expire_by_the_attribute_that_the_template_names(world: World) -> None:
    world.store.put([event(world, "x", data={"activity_id": "a"})], NONCE)

    expected = int((world.clock() + timedelta(days=14)).timestamp())
    for table in ("EventsTable", "EventIndexTable"):
        described = boto3.client("dynamodb", region_name=REGION).describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        assert [int(row[described["AttributeName"]]["N"]) for row in rows(table)] == [expected]


def test_the_loser_of_a_race_takes_its_index_rows_back(world: World) -> None:
    world.store.put_if_absent([event(world, "x", data={"activity_id": "winner"})], NONCE)
    world.clock.advance(seconds=5)

    world.store.put_if_absent([event(world, "x", data={"activity_id": "loser"})], OTHER)

    assert [row["subject"]["S"].split("#")[2] for row in rows("EventIndexTable")] == ["winner"]
    assert world.reading.count(WORKSPACE, EventQuery(activity_id="loser")) == 0


def test_router_that_loses_to_its_publisher_leaves_index_rows(world: World) -> None:
    one = event(world, "x", data={"activity_id": "a"})
    world.store.put_if_absent([one], NONCE)

    world.store.put_if_absent([one], NONCE)

    assert world.reading.count(WORKSPACE, EventQuery(activity_id="a")) == 1


def test_only_events_whose_date_differs_are_in_the_index_by_acceptance(world: World) -> None:
    world.store.put([event(world, "same"), event(world, "other", date=world.clock() - timedelta(days=1))], NONCE)

    assert [row["key"]["S"].split("#")[1] for row in rows("EventsTable") if "acceptanceKey" in row] == ["other"]


def test_lists_and_counts_work_on_the_real_indexes(world: World) -> None:
    start = world.clock()
    profiles = [{"profile_id": "p"}, {"profile_id": "q"}]
    given = [
        NewEvent(
            type="IDENTIFICATION" if number % 2 else "har",
            data={"identification_data": profiles[: number % 3], "activity_id": f"a{number % 4}"},
            id=f"{number:03d}",
            date=start + timedelta(seconds=number),
        )
        for number in range(100)
    ]
    world.publishing.publish(token(), given)

    def ids(**query: Any) -> list[str]:
        return [one.id for one in world.reading.page(WORKSPACE, EventQuery(**query))]

    numbers = [f"{number:03d}" for number in range(100)]
    assert ids() == numbers[::-1]
    assert ids(offset=95, limit=10) == numbers[4::-1]
    assert ids(descending=False, offset=10, limit=20) == numbers[10:30]
    assert ids(id="007") == ["007"]
    assert ids(type="identification", descending=False) == numbers[1::2]
    assert ids(date=DateRange(gte=start + timedelta(seconds=98))) == ["099", "098"]
    assert ids(profile_id="q", descending=False) == numbers[2::3]
    assert ids(activity_id="a1", profile_id="p", type="Identification", descending=False) == [
        one for number, one in enumerate(numbers) if number % 4 == 1 and number % 3
    ]
    assert world.reading.count(WORKSPACE, EventQuery()) == 100
    assert world.reading.count(WORKSPACE, EventQuery(profile_id="p")) == 66
    assert [event_id for _, event_id in world.reading.accepted(WORKSPACE, start, start + timedelta(seconds=1))] == numbers


def test_partition_key_takes_at_most_a_sixteenth_of_the_events(world: World) -> None:
    """All of one type, one profile and one activity, with dates of their own: every index there is gets an entry of each."""
    # How evenly ids spread is tested with 50,000 of them; here it is that every index spreads by them.
    number, common = 1_600, {"identification_data": [{"profile_id": "p"}], "activity_id": "a"}
    for first in range(0, number, 100):
        chosen = [event(world, f"id-{first + one}", data=common, date=world.clock() - timedelta(days=1)) for one in range(100)]
        world.store.put(chosen, NONCE)

    events, index = Memory.rows("EventsTable"), Memory.rows("EventIndexTable")
    keys = {
        "table": Counter(row["key"]["S"] for row in events),
        "by_date": Counter(row["dateShard"]["S"] for row in events),
        "by_acceptance": Counter(row["acceptanceShard"]["S"] for row in events),
        "profile": Counter(row["subject"]["S"] for row in index if "#profile#" in row["subject"]["S"]),
        "activity": Counter(row["subject"]["S"] for row in index if "#activity#" in row["subject"]["S"]),
    }
    assert {name: sum(found.values()) for name, found in keys.items()} == dict.fromkeys(keys, number)
    assert {name: len(found) for name, found in keys.items()} == dict.fromkeys(keys, 16) | {"table": number}
    assert max(found.most_common(1)[0][1] for found in keys.values()) <= 1.3 * number / 16


def test_expired_events_are_gone_from_every_list_at_once(world: World) -> None:
    data = {"identification_data": [{"profile_id": "p"}], "activity_id": "a"}
    ahead = world.clock() + timedelta(days=30)
    world.publishing.publish(token(), [NewEvent(type="a", data=data, id="old", date=ahead)])
    world.clock.advance(days=RETENTION_DAYS - 1)
    world.publishing.publish(token(), [NewEvent(type="a", data=data, id="young", date=ahead)])
    queries = [EventQuery(**given) for given in ({}, {"type": "a"}, {"profile_id": "p"}, {"activity_id": "a"}, {"id": "old"})]  # type: ignore[arg-type]

    def listed() -> list[list[str]]:
        return [[one.id for one in world.reading.page(WORKSPACE, query)] for query in queries]

    assert listed() == [["young", "old"]] * 4 + [["old"]]
    world.clock.advance(days=1)

    assert {row["key"]["S"].split("#")[1] for row in rows("EventsTable")} == {"old", "young"}, "DynamoDB removes them days later"
    assert listed() == [["young"]] * 4 + [[]]
    assert [world.reading.count(WORKSPACE, query) for query in queries] == [1, 1, 1, 1, 0]


def test_equal_dates_page_through_without_gap_or_repeat(world: World) -> None:
    world.publishing.publish(token(), [NewEvent(type="a", data={}, id=f"{number:02d}") for number in range(60)])

    pages = [world.reading.page(WORKSPACE, EventQuery(offset=offset, limit=7)) for offset in range(0, 63, 7)]

    assert [one.id for page in pages for one in page] == [f"{number:02d}" for number in range(59, -1, -1)]


@pytest.mark.parametrize("descending", [False, True])
def test_each_page_begins_behind_the_one_before_on_the_real_indexes(descending: bool, world: World) -> None:
    data = {"activity_id": "x"}
    world.publishing.publish(token(), [NewEvent(type="a", data=data, id=f"{number:02d}") for number in range(30)])
    world.publishing.publish(token(), [NewEvent(type="a", data=data, id=one) for one in ("𝄞" * 256, "𝄞" * 255 + "a", "0", "00a")])
    for filters in ({}, {"activity_id": "x"}, {"type": "A"}):
        found: list[str] = []
        after, more = None, True
        while more:
            page = world.reading.read_page(WORKSPACE, EventQuery(**filters, descending=descending, limit=7, after=after))  # type: ignore[arg-type]
            found.extend(one.id for one in page.items)
            after, more = page.end, page.more

        assert found == [one.id for one in world.reading.page(WORKSPACE, EventQuery(**filters, descending=descending))]  # type: ignore[arg-type]
        assert len(found) == len(set(found)) == 34


def test_the_longest_ids_are_listed_whole(world: World) -> None:
    longest = ["𝄞" * 256, "𝄞" * 255 + "a"]
    world.publishing.publish(token(), [NewEvent(type="a", data={"activity_id": "x"}, id=one) for one in longest])

    assert {one.id for one in world.reading.page(WORKSPACE, EventQuery())} == set(longest)
    assert {one.id for one in world.reading.page(WORKSPACE, EventQuery(activity_id="x"))} == set(longest)


def test_data_is_stored_compressed_only_where_that_is_shorter(world: World) -> None:
    # Random characters of three bytes that share no pattern: deflate makes them longer.
    chance = random.Random(7)
    noise = "".join(chr(chance.randrange(0x0800, 0xD000)) for _ in range(80_000))
    noisy = event(world, "noise", data={"x": noise}, date=world.clock() - timedelta(days=1))
    world.store.put([noisy, event(world, "long", data={"x": "y" * 5_000})], NONCE)

    bodies = {row["key"]["S"].split("#")[1]: bytes(row["body"]["B"]) for row in rows("EventsTable")}
    assert len(bodies["noise"]) <= len(noisy.as_json().encode())
    assert len(bodies["long"]) < 200
    assert world.store.get(WORKSPACE, ["noise"])["noise"].event == noisy
