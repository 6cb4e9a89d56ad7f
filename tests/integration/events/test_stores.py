"""The store and the indexes of events and the routing queue: the same tests against the tables of the template, SQS and the fakes
of the other tests, so that what a fake does is what AWS does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id, shard_of
from event_service.events.event import Event
from event_service.events.ports import SHARDS, EventIndexes, EventStore, Publisher, PutOutcome, StoredEvent, Track, TrackKey
from event_service.events.routing_message import RoutingMessage
from event_service.events.storage.events import DynamoEventStore
from event_service.events.storage.listing import DynamoEventIndexes
from event_service.events.storage.queue import SqsRoutingQueue
from tests.builders import START, WORKSPACE, SettableClock, an_event
from tests.fakes.events import RETENTION_DAYS, FakeEventIndexes, FakeEventStore, FakeRoutingQueue
from tests.integration.conftest import REGION

ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"
EVER = ("2000", "3000")


@dataclass
class Stores:
    """Both over one database, or in memory."""

    clock: SettableClock
    events: EventStore
    indexes: EventIndexes


@pytest.fixture(params=["dynamodb", "fakes"])
def stores(request: pytest.FixtureRequest) -> Stores:
    clock = SettableClock()
    if request.param == "fakes":
        fake = FakeEventStore(clock)
        return Stores(clock, fake, FakeEventIndexes(fake))
    database: Database = request.getfixturevalue("database")
    return Stores(clock, DynamoEventStore(database, clock, RETENTION_DAYS, monotonic=lambda: 0.0), DynamoEventIndexes(database))


def entries(
    stores: Stores,
    track: Track = Track.DATE,
    value: str = "",
    *,
    workspace_id: str = WORKSPACE,
    dates: tuple[str, str] = EVER,
    descending: bool = False,
) -> list[str]:
    """The ids in all shards, two a page, in the order of the index within each shard."""
    found: list[str] = []
    for shard in range(SHARDS):
        position: object | None = None
        while True:
            key = TrackKey(workspace_id, track, value)
            page = stores.indexes.read(key, shard, dates, descending=descending, limit=2, position=position)
            assert len(page.entries) <= 2
            found += [entry.id for entry in page.entries]
            position = page.position
            if position is None:
                break
    return found


# -- the store -------------------------------------------------------------------------------------------------------


def test_events_come_back_as_they_were_put(stores: Stores) -> None:
    event = an_event(data={"deep": [1, 2.5, None, "é"]}, agent_id="a", camera_id="c", date=START - timedelta(days=1))
    stores.events.put([event, an_event(id="other")], ONE)
    found = stores.events.get(WORKSPACE, ["event-1", "unknown"])
    assert {key: replace(one, data_bytes=0) for key, one in found.items()} == {"event-1": StoredEvent(event, ONE)}
    assert found["event-1"].data_bytes > 0
    assert stores.events.get(new_id(), ["event-1"]) == {}


def test_an_event_read_without_data_has_none(stores: Stores) -> None:
    stores.events.put([an_event(data={"a": 1})], ONE)
    assert stores.events.get(WORKSPACE, ["event-1"], with_data=False) == {"event-1": StoredEvent(an_event(), ONE)}


def test_an_id_stays_with_its_first_publish(stores: Stores) -> None:
    assert stores.events.put_if_absent([an_event()], ONE) == PutOutcome({}, ())
    again = stores.events.put_if_absent([an_event(data={"a": 1}), an_event(id="new")], TWO)
    assert again == PutOutcome({"event-1": Publisher(ONE)}, ())
    owners = stores.events.owners([(WORKSPACE, "event-1"), (WORKSPACE, "new"), (WORKSPACE, "unknown"), (new_id(), "new")])
    assert owners == {(WORKSPACE, "event-1"): Publisher(ONE), (WORKSPACE, "new"): Publisher(TWO)}
    assert stores.events.get(WORKSPACE, ["event-1"])["event-1"].event.data == {}


def test_an_expired_event_is_absent_and_its_id_is_free(stores: Stores) -> None:
    stores.events.put_if_absent([an_event()], ONE)
    stores.clock.advance(days=RETENTION_DAYS)
    assert stores.events.get(WORKSPACE, ["event-1"]) == {}
    assert stores.events.owners([(WORKSPACE, "event-1")]) == {}
    assert stores.events.put_if_absent([an_event(created=stores.clock.now)], TWO) == PutOutcome({}, ())
    assert stores.events.owners([(WORKSPACE, "event-1")]) == {(WORKSPACE, "event-1"): Publisher(TWO)}


def test_an_event_says_that_its_rows_are_missing(stores: Stores) -> None:
    event = an_event(data={"activity_id": "walk"})
    stores.events.put_if_absent([event], ONE, rows_later=True)
    assert stores.events.owners([(WORKSPACE, "event-1")]) == {(WORKSPACE, "event-1"): Publisher(ONE, rows_missing=True)}
    stores.events.write_rows([event])
    assert entries(stores, Track.ACTIVITY, "walk") == ["event-1"]


# -- the indexes -----------------------------------------------------------------------------------------------------


def one_shard(number: int) -> list[str]:
    """Ids of events in one shard."""
    ids = (f"e{one}" for one in range(10_000))
    return [one for one in ids if shard_of(one, SHARDS) == 3][:number]


@pytest.mark.parametrize("descending", [False, True])
def test_entries_of_a_shard_come_by_date_then_id_in_pages(stores: Stores, descending: bool) -> None:
    ids = sorted(one_shard(5))
    moments = [START, START, START + timedelta(seconds=1), START + timedelta(seconds=2), START + timedelta(seconds=3)]
    stores.events.put([an_event(id=one, date=date) for one, date in zip(ids, moments, strict=True)], ONE)
    assert entries(stores, descending=descending) == (ids[::-1] if descending else ids)
    between = (format_date(moments[2]), format_date(moments[4]))
    assert sorted(entries(stores, dates=between)) == ids[2:4]
    assert entries(stores, workspace_id=new_id()) == []


def test_an_entry_says_what_a_list_must_know(stores: Stores) -> None:
    late = an_event(date=START - timedelta(hours=1), type="Door")
    stores.events.put([late], ONE)
    (entry,) = stores.indexes.read(
        TrackKey(WORKSPACE, Track.DATE), shard_of("event-1", SHARDS), EVER, descending=False, limit=5, position=None
    ).entries
    assert (entry.id, entry.date, entry.punctual) == ("event-1", format_date(late.date), False)
    assert entry.expires == int((START + timedelta(days=RETENTION_DAYS)).timestamp())


def test_only_events_of_another_date_are_indexed_by_acceptance(stores: Stores) -> None:
    stores.events.put([an_event(id="now"), an_event(id="late", date=START - timedelta(hours=1))], ONE)
    assert entries(stores, Track.ACCEPTANCE) == ["late"]
    assert sorted(entries(stores)) == ["late", "now"]


def test_events_are_found_by_profile_and_activity(stores: Stores) -> None:
    data: dict[str, Any] = {"activity_id": "walk", "identification_data": [{"profile_id": "p1"}, {"profile_id": "p2"}, {}]}
    stores.events.put([an_event(id="has", data=data), an_event(id="has not", data={"activity_id": 5})], ONE)
    assert entries(stores, Track.PROFILE, "p2") == ["has"]
    assert entries(stores, Track.ACTIVITY, "walk") == ["has"]
    assert entries(stores, Track.ACTIVITY, "5") == []


@pytest.mark.parametrize("event_id", ["\U0001f680" * 256, "a\u00e9 #1"])
def test_any_id_is_listed_whole(stores: Stores, event_id: str) -> None:
    event: Event = an_event(id=event_id, data={"activity_id": "walk"})
    stores.events.put([event], ONE)
    assert entries(stores) == [event_id]
    assert entries(stores, Track.ACTIVITY, "walk") == [event_id]


# -- the routing queue -----------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqs", "fakes"])
def queue(request: pytest.FixtureRequest) -> tuple[Any, Callable[[], list[RoutingMessage]]]:
    """The queue, and what it holds."""
    if request.param == "fakes":
        fake = FakeRoutingQueue()
        return fake, lambda: fake.sent
    request.getfixturevalue("aws")
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="Routing")["QueueUrl"]

    def received() -> list[RoutingMessage]:
        return [RoutingMessage.parse(one["Body"]) for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]

    return SqsRoutingQueue(Queues(lambda: sqs), url), received


def test_routing_messages_come_as_they_were_sent(queue: tuple[Any, Callable[[], list[RoutingMessage]]]) -> None:
    accepted = format_date(START)
    messages = [
        RoutingMessage(WORKSPACE, ONE, accepted, (an_event(data={"a": "\u20ac"}), an_event(id="b"))),
        RoutingMessage(WORKSPACE, TWO, accepted, (an_event(id="c"),), after="endpoint", continuation=2, repeat=True),
    ]
    for message in messages:
        queue[0].send(message)
    assert sorted(queue[1](), key=lambda one: one.nonce) == messages
