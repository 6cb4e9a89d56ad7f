"""A publish is bounded whatever its events hold, and what is late delays neither the answer nor the routing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from event_service.base.identifiers import shard_of
from event_service.events.new_event import NewEvent
from event_service.events.ports import SHARDS
from event_service.events.reading import EventQuery
from event_service.events.sort_key import MAXIMUM_INDEXED_PROFILES
from event_service.events.storage import events as module
from tests.fakes.partitions import throttled
from tests.world import WORKSPACE, Memory, World, token


class Trouble:
    """Between the database and AWS: calls that ``refuses`` names fail."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: ClientError | None = None
        self.operation = ""
        self.table = ""
        self.failures = 0
        self._dispatch = world.database._connection.dispatch
        monkeypatch.setattr(world.database._connection, "dispatch", self.dispatch)

    def refuses(self, operation: str, table: str, times: int = 1_000_000) -> None:
        self.operation, self.table, self.failures = operation, table, times

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        tables = arguments.get("RequestItems") or {arguments.get("TableName")}
        if self.failures and operation == self.operation and self.table in tables:
            self.failures -= 1
            raise throttled(operation)
        answer: dict[str, Any] = self._dispatch(operation, arguments)
        return answer


@pytest.fixture
def trouble(world: World, monkeypatch: pytest.MonkeyPatch) -> Trouble:
    return Trouble(world, monkeypatch)


def profiles(number: int) -> dict[str, Any]:
    return {"identification_data": [{"profile_id": f"p{one}"} for one in range(number)]}


def listed(world: World, **query: Any) -> list[str]:
    return sorted(one.id for one in world.reading.page(WORKSPACE, EventQuery(**query)))


def subjects() -> int:
    return len(Memory.rows("EventIndexTable"))


def test_the_first_hundred_profiles_of_an_event_find_it(world: World) -> None:
    world.publishing.publish(token(), [NewEvent(type="a", data=profiles(MAXIMUM_INDEXED_PROFILES + 1), id="x")])

    assert listed(world, profile_id="p0") == listed(world, profile_id="p99") == ["x"]
    assert listed(world, profile_id="p100") == []
    assert listed(world, profile_id="p100", id="x") == []
    assert subjects() == MAXIMUM_INDEXED_PROFILES


@pytest.mark.parametrize("ids", [("one", "two"), (None, None)], ids=["the publisher's ids", "our ids"])
def test_rows_beyond_what_a_publisher_writes_are_written_by_the_router(
    ids: tuple[str | None, str | None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAXIMUM_ROWS_WITH_EVENTS", 3)
    hook = world.webhook()

    result = world.publishing.publish(token(), [NewEvent(type="a", data=profiles(2), id=one) for one in ids])

    assert len(world.store.get(WORKSPACE, result.ids)) == 2
    assert subjects() == 3
    world.route_all()
    assert {message.pair for message in world.handed_over()} == {(hook, one) for one in result.ids}
    assert subjects() == 4
    assert listed(world, profile_id="p1") == sorted(result.ids)


def test_a_throttled_index_delays_neither_the_answer_nor_the_routing(world: World, trouble: Trouble) -> None:
    hook = world.webhook()
    trouble.refuses("BatchWriteItem", "EventIndexTable")

    result = world.publishing.publish(token(), [NewEvent(type="a", data=profiles(2), id="x")])

    assert (result.ids, result.duplicate_ids) == (["x"], [])
    assert listed(world, id="x") == ["x"]
    world.route_once()
    assert [message.pair for message in world.handed_over()] == [(hook, "x")]
    # A message of its own writes the rows as soon as they can be written; nothing is handed over twice for it.
    world.route_once()
    trouble.failures = 0
    world.route_all()
    assert world.handed_over() == []
    assert listed(world, profile_id="p1") == ["x"]


def test_an_index_that_is_slow_is_given_a_second(world: World, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1_000))
    monkeypatch.setattr(world.store, "_monotonic", lambda: next(seconds))

    world.publishing.publish(token(), [NewEvent(type="a", data=profiles(100), id="x")])

    assert subjects() < 100
    assert world.store.owners([(WORKSPACE, "x")])[WORKSPACE, "x"].rows_missing
    world.route_all()
    assert subjects() == 100


def test_ids_that_are_equal_where_a_key_ends_are_two_events(world: World) -> None:
    """900 bytes of an id fit into the key of an index. AWS refuses a batch in which two keys are equal."""
    hook = world.webhook()
    base = "\N{GRINNING FACE}" * 225
    first = f"{base}aaa"
    second = next(f"{base}{number:03d}" for number in range(1_000) if shard_of(f"{base}{number:03d}", SHARDS) == shard_of(first, SHARDS))
    events = [NewEvent(type="a", data={"activity_id": "x", **profiles(1)}, id=one) for one in (first, second)]

    result = world.publishing.publish(token(), events)
    world.route_all()

    assert result.duplicate_ids == []
    assert {message.pair for message in world.handed_over()} == {(hook, first), (hook, second)}
    for query in ({}, {"activity_id": "x"}, {"profile_id": "p0"}, {"activity_id": "x", "profile_id": "p0"}):
        assert listed(world, **query) == sorted((first, second)), query
        assert world.reading.count(WORKSPACE, EventQuery(**query)) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("failures", [1, 3])
def test_the_loser_of_a_race_is_told_although_its_put_failed(failures: int, world: World, trouble: Trouble) -> None:
    put = world.store.put_if_absent
    raced: list[bool] = []

    def race(*arguments: Any, **options: Any) -> Any:
        if not raced:
            raced.append(True)
            world.publishing.publish(token(), [NewEvent(type="winner", data={}, id="x")])
            trouble.refuses("PutItem", "EventsTable", failures)
        return put(*arguments, **options)

    world.store.put_if_absent = race  # type: ignore[method-assign]

    loser = world.publishing.publish(token(), [NewEvent(type="loser", data={}, id="x")])

    assert loser.duplicate_ids == ["x"]
    assert world.store.get(WORKSPACE, ["x"])["x"].event.type == "winner"


def test_a_put_that_failed_is_tried_again_when_nobody_has_the_id(world: World, trouble: Trouble) -> None:
    """Otherwise a publisher that comes later would have it, and both would be told that it is theirs."""
    trouble.refuses("PutItem", "EventsTable", 1)

    first = world.publishing.publish(token(), [NewEvent(type="a", data={}, id="x")])
    second = world.publishing.publish(token(), [NewEvent(type="b", data={}, id="x")])

    assert (first.duplicate_ids, second.duplicate_ids) == ([], ["x"])


def test_a_database_that_hangs_holds_an_answer_for_seconds_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events are accepted; those that are not stored by then are stored by the router."""
    clock = [0.0]
    calls: list[str] = []
    dispatch = world.database._connection.dispatch

    def slow(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        calls.append(operation)
        if operation == "PutItem":
            clock[0] += 3.0
            raise throttled(operation)
        answer: dict[str, Any] = dispatch(operation, arguments)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(world.database._connection, "dispatch", slow)
        patch.setattr(world.store, "_monotonic", lambda: clock[0])
        result = world.publishing.publish(token(), [NewEvent(type="a", data={}, id=f"{number}") for number in range(100)])

    assert len(result.ids) == 100
    assert calls.count("PutItem") <= 2 * (module.WRITERS + 2)
    world.webhook()
    world.route_all()
    assert len(world.store.get(WORKSPACE, result.ids)) == 100
