"""The fakes for events and queues misbehave as AWS does; otherwise tests against them would show nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from event_service.base.errors import Unavailable
from event_service.base.identifiers import shard_of
from event_service.delivery.messages import WebhookMessage
from event_service.events.event import Event
from event_service.events.ports import SHARDS, Publisher, Track, TrackKey
from event_service.events.routing_message import RoutingMessage
from event_service.sockets.log import Routed
from tests import builders
from tests.fakes.events import (
    ENTRY_BYTES,
    FakeEventIndexes,
    FakeEventStore,
    FakeRoutingQueue,
    FakeSocketLog,
    FakeSqsClient,
    FakeWebhookQueue,
    throttled,
    timed_out,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALWAYS = ("1970", "9999")


def event(event_id: str, created: datetime = AT) -> Event:
    return builders.an_event(id=event_id, type="a", date=created, workspace_id="w", created=created)


def entry(name: str) -> dict[str, str]:
    return {"Id": name, "MessageBody": name}


class TestStore:
    def test_only_the_first_put_of_an_id_counts(self) -> None:
        store = FakeEventStore(lambda: AT)

        assert store.put_if_absent([event("x")], "01").taken == {}
        assert store.put_if_absent([event("x"), event("y")], "02").taken == {"x": Publisher("01")}

    def test_an_expired_item_is_there_and_counts_as_absent(self) -> None:
        store = FakeEventStore(lambda: AT)
        store.put([event("x", AT - timedelta(days=14))], "01")

        assert store.items
        assert store.get("w", ["x"]) == {}
        assert store.put_if_absent([event("x")], "02").taken == {}

    def test_a_batch_that_fails_has_written_a_part(self) -> None:
        store = FakeEventStore(lambda: AT)
        store.failing = {"y"}

        with pytest.raises(Unavailable):
            store.put([event("x"), event("y"), event("z")], "01")
        assert set(store.get("w", ["x", "y", "z"])) == {"x"}

    def test_a_read_that_is_not_consistent_lags(self) -> None:
        store = FakeEventStore(lambda: AT)
        store.put([event("x")], "01")
        store.lagging = {"x"}

        assert (store.get("w", ["x"], consistent=False), set(store.get("w", ["x"]))) == ({}, {"x"})
        assert store.owners([("w", "x")], consistent=False) == {}


class TestIndexes:
    def test_page_may_end_before_its_limit_and_has_a_position(self) -> None:
        store = FakeEventStore(lambda: AT)
        ids = [one for one in map(str, range(1_000, 9_000)) if shard_of(one, SHARDS) == 0][:20]
        store.put([event(one) for one in ids], "01")
        indexes, position, sizes = FakeEventIndexes(store), None, []
        indexes.page_bytes = 10 * (ENTRY_BYTES + 2 * 4)

        while True:
            page = indexes.read(TrackKey("w", Track.DATE), 0, ALWAYS, descending=False, limit=1_000, position=position)
            sizes.append(len(page.entries))
            position = page.position
            if position is None:
                break

        assert sizes == [10, 10, 0]

    def test_index_lags_and_names_what_is_gone(self) -> None:
        store = FakeEventStore(lambda: AT)
        store.put([event("new")], "01")
        indexes = FakeEventIndexes(store)
        indexes.hidden, indexes.stale = {"new"}, [event("gone")]

        found = [
            one.id
            for shard in range(SHARDS)
            for one in indexes.read(TrackKey("w", Track.DATE), shard, ALWAYS, descending=False, limit=10, position=None).entries
        ]

        assert found == ["gone"]


class TestQueues:
    @pytest.mark.parametrize(("acted", "sent"), [(False, 0), (True, 1)])
    def test_a_send_that_fails_may_have_acted(self, acted: bool, sent: int) -> None:
        queue = FakeRoutingQueue(fault=Unavailable("SQS"), acted=acted)

        with pytest.raises(Unavailable):
            queue.send(RoutingMessage("w", "01", "2026-03-01T12:00:00.000000+00:00", ()))
        assert len(queue.sent) == sent

    def test_a_part_of_the_webhook_messages_may_not_be_sent(self) -> None:
        queue = FakeWebhookQueue(refusing={"e2"})
        messages = [WebhookMessage.first("w", endpoint, "x", "", None, "{}") for endpoint in ("e1", "e2", "e3")]

        assert queue.send([(message, 0.0) for message in messages], lambda: 60) == [1]
        assert queue.pairs == [("e1", "x"), ("e3", "x")]

    def test_a_log_takes_a_nonce_once(self) -> None:
        log = FakeSocketLog()

        log.append([Routed("w", "01", {"e": ["x"]})])
        log.append([Routed("w", "01", {"e": ["x"]})])

        assert log.logs == {"e": {"01": ("x",)}}

    def test_a_call_to_sqs_may_fail_in_part(self) -> None:
        client = FakeSqsClient([{1}])

        answer = client.send_message_batch(QueueUrl="", Entries=[entry("0"), entry("1")])

        assert [one["Id"] for one in answer["Failed"]] == ["1"]
        assert client.arrived == [entry("0")]

    def test_a_call_that_times_out_has_acted_and_one_that_is_throttled_has_not(self) -> None:
        client = FakeSqsClient([timed_out(), throttled()])

        for _ in range(2):
            with pytest.raises((ReadTimeoutError, type(throttled()))):
                client.send_message_batch(QueueUrl="", Entries=[entry("0")])

        assert client.arrived == [entry("0")]

    def test_sqs_takes_no_more_than_ten_messages_and_a_megabyte(self) -> None:
        client = FakeSqsClient()

        with pytest.raises(AssertionError, match="TooManyEntries"):
            client.send_message_batch(QueueUrl="", Entries=[entry(str(number)) for number in range(11)])
        with pytest.raises(AssertionError, match="TooLong"):
            client.send_message_batch(QueueUrl="", Entries=[{"Id": "0", "MessageBody": "x" * 1_048_577}])
