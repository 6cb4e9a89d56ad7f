"""From routing to the wire: the log in DynamoDB, the worker's handler, and a server that answers as API Gateway does."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
import pytest

from event_service import wiring
from event_service.aws.dynamodb import Key
from event_service.base.errors import NotFound, RateLimited
from event_service.configuration.changes import DeleteEventFilters, PutEventFilter
from event_service.filters.event_filter import EventFilter
from event_service.settings import Settings
from event_service.sockets import live_run
from event_service.sockets.connection import Connection, ConnectRequest, Lane
from event_service.sockets.limits import ConnectionLimits, SocketLimits
from event_service.sockets.log import Routed
from event_service.sockets.ports import AlreadyAppended, GroupState, LogHead, RowPlace, Segment, SequencesTaken
from event_service.sockets.storage.connections import ConnectionItem
from functions.socket_delivery import handler
from functions.socket_delivery.handler import create_handler
from tests import builders
from tests.fakes.sockets import FakeConnectionCounts
from tests.integration.conftest import REGION
from tests.integration.sockets.conftest import ENDPOINT, RETENTION, TOKEN, WORKSPACE, LambdaContext, Sockets, payload
from tests.integration.sockets.gateway import CONNECTION, Gateway, poster_of
from tests.template_file import resources
from tests.unit.sockets.scene import Scene

# -- the log -----------------------------------------------------------------------------------------------------------


def test_an_append_is_all_or_nothing_and_happens_once(sockets: Sockets) -> None:
    store = sockets.log_store
    now, expires = datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)
    head = LogHead(1, 1, expires)
    assert store.put_head(ENDPOINT, head, None)
    assert not store.put_head(ENDPOINT, head, None)

    assert store.allocate("other", 1) is None
    allocated = [store.allocate(ENDPOINT, number) for number in (2, 1, 2)]
    store.append(ENDPOINT, [Segment(1, ("a", "b"), now, expires)], ["n1"])
    with pytest.raises(AlreadyAppended) as already:
        store.append(ENDPOINT, [Segment(3, ("a",), now, expires)], ["n1", "n2"])
    with pytest.raises(SequencesTaken):
        store.append(ENDPOINT, [Segment(1, ("x",), now, expires)], ["n3"])
    store.append(ENDPOINT, [Segment(3, ("c",), now, expires), Segment(4, ("d", "é" * 256), now, expires)], ["n2", "n3"])

    assert already.value.nonces == {"n1"}
    assert store.marked(ENDPOINT, ["n1", "n2", "n4"]) == {"n1", "n2"}
    assert [one.last for one in allocated if one is not None] == [2, 3, 5]
    assert store.heads([ENDPOINT, "other"])[ENDPOINT].next == 6
    assert store.segments(ENDPOINT, 1, 10) == [
        Segment(1, ("a", "b"), now, expires), Segment(3, ("c",), now, expires), Segment(4, ("d", "é" * 256), now, expires),
    ]  # fmt: skip
    assert [segment.first for segment in store.segments(ENDPOINT, 2, 10)] == [1, 3, 4]
    assert [segment.first for segment in store.segments(ENDPOINT, 5, 10)] == [4]
    assert [segment.first for segment in store.segments(ENDPOINT, 1, 2)] == [1, 3]
    assert store.segments(ENDPOINT, 6, 10) == []


def test_what_is_sealed_is_taken_and_what_is_taken_is_not_sealed(sockets: Sockets) -> None:
    store = sockets.log_store
    now, expires = datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)
    store.append(ENDPOINT, [Segment(2, ("b",), now, expires)], ["n1"])

    assert not store.seal(ENDPOINT, [Segment(1, (), now, expires, 1), Segment(2, (), now, expires, 1)])
    assert store.seal(ENDPOINT, [Segment(1, (), now, expires, 1)])
    with pytest.raises(SequencesTaken):
        store.append(ENDPOINT, [Segment(1, ("a",), now, expires)], ["n2"])
    assert [(one.first, one.last, one.unused) for one in store.segments(ENDPOINT, 1, 10)] == [(1, 1, 1), (2, 2, 0)]


def test_segments_are_read_to_the_end_of_their_block_across_pages(sockets: Sockets) -> None:
    store = sockets.log_store
    now, expires = datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)
    seeded = random.Random(5)
    for number in range(256, 300):
        # The longest ids there are, of characters of four bytes: a segment of so many is some 25 KB, compressed.
        ids = tuple("".join(map(chr, seeded.choices(range(0x20000, 0x2A000), k=256))) for _ in range(50))
        store.append(ENDPOINT, [Segment(number, ids, now, expires)], [str(number)])
    store.append(ENDPOINT, [Segment(512, ("next",), now, expires)], ["512"])
    sockets.calls.clear()

    found = store.segments(ENDPOINT, 256, 256)

    assert [segment.first for segment in found] == list(range(256, 300))
    assert sockets.calls["Query"] == 2


def test_a_head_changes_by_what_each_party_knows(sockets: Sockets) -> None:
    store = sockets.log_store
    day = [datetime(2027, 3, number, tzinfo=UTC) for number in range(1, 6)]
    assert store.arrive(ENDPOINT, day[4]) is None
    assert store.take_turn(ENDPOINT) is None
    store.put_head(ENDPOINT, LogHead(1, 1, day[1]), None)

    arrived = store.arrive(ENDPOINT, day[2])
    taken = store.take_turn(ENDPOINT)
    store.set_nobody_connected(ENDPOINT, 0)
    somebody_connected = store.heads([ENDPOINT])[ENDPOINT].nobody_connected
    store.set_nobody_connected(ENDPOINT, 1)
    store.resize(ENDPOINT, 4, 8, day[3])

    assert arrived is not None
    assert (arrived.arrivals, arrived.kept_until) == (1, day[2])
    assert taken is not None
    assert taken.turn == 1
    assert not somebody_connected
    head = store.heads([ENDPOINT])[ENDPOINT]
    assert (head.nobody_connected, head.groups, head.wide, head.wide_until) == (True, 4, 8, day[3])
    assert (head.groups_now(day[0]), head.groups_now(day[4])) == (8, 4)
    assert not store.put_head(ENDPOINT, LogHead(2, 2, day[2]), LogHead(1, 1, day[1]))
    assert store.put_head(ENDPOINT, LogHead(2, 2, day[2]), LogHead(1, 1, day[2]))
    store.drop(ENDPOINT)
    assert store.heads([ENDPOINT]) == {}


def test_a_log_that_is_not_kept_any_more_gives_out_nothing(sockets: Sockets) -> None:
    store = sockets.log_store
    store.put_head(ENDPOINT, LogHead(1, 1, sockets.clock.now - timedelta(minutes=5)), None)

    assert store.allocate(ENDPOINT, 1) is None
    assert store.arrive(ENDPOINT, sockets.clock.now + timedelta(days=1)) is None


def test_a_group_is_read_with_all_its_connections_in_one_query(sockets: Sockets) -> None:
    now = sockets.clock()
    rows = [Connection(ENDPOINT, f"{number}=", WORKSPACE, now, number, group=number % 4) for number in range(200)]
    for row in rows:
        sockets.store.add(row)
    sockets.store.save_cursor(ENDPOINT, 1, 77)
    for _ in range(3):
        sockets.store.take_turn(ENDPOINT, 1)
    sockets.calls.clear()

    state, found = sockets.store.of_group(ENDPOINT, 1)

    assert sockets.calls == {"Query": 1}
    assert state == GroupState(77, 3)
    assert sorted(found, key=lambda row: row.cursor) == rows[1::4]
    assert sockets.store.turns(ENDPOINT, [1, 2]) == {1: 3}
    assert sockets.store.find([(RowPlace(ENDPOINT, 2), "2="), (RowPlace(ENDPOINT, 1), "2=")]) == [rows[2]]


def test_posts_of_a_second_are_leased_up_to_the_ceiling(sockets: Sockets) -> None:
    granted = [sockets.store.lease_posts(1_767_225_600, 200, 500) for _ in range(4)]

    assert granted == [True, True, False, False]
    assert sockets.store.lease_posts(1_767_225_601, 200, 500)


def test_a_connection_becomes_live_only_where_nobody_changed_its_lane(sockets: Sockets) -> None:
    now = sockets.clock()
    first, second = (Connection(ENDPOINT, one, WORKSPACE, now, 5) for one in ("a=", "b="))
    for one in (first, second):
        sockets.store.add(one)
    moved = replace(second, lane=Lane.OWN, turn=1)
    sockets.store.save([moved])

    sockets.store.join([(one, replace(one, lane=Lane.LIVE)) for one in (first, second)])

    assert sockets.open_connections() == [replace(first, lane=Lane.LIVE), moved]


# -- all together ------------------------------------------------------------------------------------------------------


def publish(sockets: Sockets, nonce: str, *ids: str, repeat: bool = False) -> set[str]:
    now = sockets.clock()
    events = [builders.an_event(id=one, type="t", date=now, data={"text": one}, workspace_id=WORKSPACE, created=now) for one in ids]
    sockets.events.put(events, nonce)
    return sockets.log.append([Routed(WORKSPACE, nonce, {ENDPOINT: list(ids)}, repeat)])


def connect(sockets: Sockets, **more: Any) -> Connection:
    return sockets.connections.connect(ConnectRequest(CONNECTION, sockets.clock(), ENDPOINT, TOKEN, **more))


def deliver(sockets: Sockets, gateway: Gateway, name: str = "wake_up") -> dict[str, Any]:
    poster = poster_of(gateway)
    return create_handler(lambda: sockets.delivery(poster))(payload(f"socket_delivery/{name}.json"), LambdaContext())


@pytest.mark.parametrize("name", ["wake_up", "wake_ups_of_one_endpoint"])
def test_what_was_routed_arrives_with_its_sequence_and_the_cursor_moves(sockets: Sockets, gateway: Gateway, name: str) -> None:
    connect(sockets)
    assert publish(sockets, "a1" * 16, "a", "b") == set()
    assert publish(sockets, "a1" * 16, "a", "b", repeat=True) == set()
    publish(sockets, "a2" * 16, "c")

    assert deliver(sockets, gateway, name) == {"batchItemFailures": []}

    frames = [json.loads(body) for _, _, body in gateway.received]
    assert [(frame["id"], frame["sequence"]) for frame in frames] == [("a", 1), ("b", 2), ("c", 3)]
    assert sockets.store.of_group(ENDPOINT, 0)[0].cursor == 3


@pytest.mark.parametrize(
    "damage", [ConnectionItem.lane.set("nowhere"), ConnectionItem.connected_at.remove(), ConnectionItem.format.set(99)]
)
def test_row_that_cannot_be_read_has_its_socket_closed_and_stops_no_other(
    sockets: Sockets, gateway: Gateway, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(sockets)
    sockets.connections.connect(ConnectRequest("damaged=", sockets.clock(), ENDPOINT, TOKEN))
    sockets.database.update(Key(ConnectionItem, f"{ENDPOINT}#0", "damaged="), [damage])
    publish(sockets, "a1" * 16, "a")
    sockets.turns()

    assert deliver(sockets, gateway) == {"batchItemFailures": []}

    assert [json.loads(body)["sequence"] for _, _, body in gateway.received] == [1]
    assert sockets.turns() == [{"v": 2, "kind": "close", "connectionId": "damaged=", "atOnce": True}]
    assert sockets.store.owner("damaged=") is None
    assert [one.connection_id for one in sockets.open_connections()] == [CONNECTION]
    assert '"Faults":1' in capsys.readouterr().out

    publish(sockets, "a2" * 16, "b")
    deliver(sockets, gateway)
    assert [json.loads(body)["sequence"] for _, _, body in gateway.received] == [1, 2]
    assert sockets.turns() == []


def test_connection_with_a_filter_gets_what_it_matches_until_it_is_deleted(sockets: Sockets, gateway: Gateway) -> None:
    now, filter_id = sockets.clock(), "93d0c8b2-3e17-4b9b-9268-ce51d6900531"
    wanted = EventFilter(filter_id, WORKSPACE, "n", {"pattern": {"data": {"text": ["b"]}}}, now, now, 9)
    sockets.configure(PutEventFilter(wanted))
    assert sockets.store.event_filters(WORKSPACE, [filter_id]) == {filter_id: wanted}
    connect(sockets, filter=filter_id)
    publish(sockets, "a1" * 16, "a", "b", "c")
    deliver(sockets, gateway)
    assert [json.loads(body)["sequence"] for _, _, body in gateway.received] == [2]

    sockets.configure(DeleteEventFilters((filter_id,)))
    publish(sockets, "a2" * 16, "b2")
    deliver(sockets, gateway)

    assert json.loads(gateway.received[1][2])["reason"] == "filter-gone"
    assert gateway.received[2][0] == "DELETE"
    assert sockets.open_connections() == []
    with pytest.raises(NotFound, match="No event filter"):
        connect(sockets, filter=filter_id)


@pytest.mark.parametrize("connections", [1, 60])
def test_an_event_costs_seven_calls_an_endpoint_and_a_post_a_connection(
    sockets: Sockets, gateway: Gateway, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_run, "CALL_SECONDS", 30.0)  # however slow this machine is, nobody is taken for slow
    connect(sockets)
    for number in range(1, connections):
        sockets.store.add(Connection(ENDPOINT, f"{number}=", WORKSPACE, sockets.clock(), 0))
    publish(sockets, "a1" * 16, "a")
    deliver(sockets, gateway)
    publish(sockets, "a2" * 16, "b")
    sockets.calls.clear()
    gateway.received.clear()

    deliver(sockets, gateway)

    # The turn, the group, the endpoint with its tokens, the segment, the event, the cursor of all.
    assert sockets.calls == {"UpdateItem": 2, "Query": 2, "BatchGetItem": 1, "GetItem": 1}
    assert len(gateway.received) == connections


def test_connections_to_api_gateway_outlive_an_invocation(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    poster = poster_of(gateway)
    handler = create_handler(lambda: sockets.delivery(poster))

    for number in range(100):
        publish(sockets, f"{number:032}", f"e{number}")
        handler(payload("socket_delivery/wake_up.json"), LambdaContext())

    assert len(gateway.received) == 100
    assert gateway.connections == 1


def test_a_turn_of_its_own_serves_a_connection_that_resumes(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a", "b")
    for connection in sockets.open_connections():
        sockets.store.forget([(RowPlace(ENDPOINT, 0), connection.connection_id)])
    connect(sockets, after="1", batch="1")

    deliver(sockets, gateway, "own_turn")

    ((event,),) = [json.loads(body) for _, _, body in gateway.received]
    assert (event["id"], event["sequence"], event["replayed"]) == ("b", 2, True)
    assert [(row.lane, row.cursor, row.turn) for row in sockets.open_connections()] == [(Lane.JOINING, 2, 2)]


def test_a_socket_without_a_row_is_closed_and_one_with_a_row_is_not(sockets: Sockets, gateway: Gateway) -> None:
    deliver(sockets, gateway, "close_socket")
    connect(sockets)
    deliver(sockets, gateway, "close_socket")

    assert [method for method, _, _ in gateway.received] == ["DELETE"]


def test_what_was_put_off_is_appended_once(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    for _ in range(2):
        deliver(sockets, gateway, "late_append")

    assert [one.event_ids for one in sockets.log_store.segments(ENDPOINT, 1, 10)] == [("a", "b")]
    assert len(sockets.wake_ups()) == 1


def test_what_is_throttled_is_put_off_by_a_second(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(sockets)

    def throttle(endpoint_id: str, number: int) -> None:
        raise RateLimited("busy")

    monkeypatch.setattr(sockets.log_store, "allocate", throttle)
    monkeypatch.setattr(sockets.log, "_sleep", lambda seconds: None)

    assert publish(sockets, "a1" * 16, "a", "b") == set()
    names = ["ApproximateNumberOfMessagesDelayed"]
    delayed = sockets.sqs.get_queue_attributes(QueueUrl=sockets.backlog_url, AttributeNames=names)["Attributes"]
    assert delayed == {"ApproximateNumberOfMessagesDelayed": "1"}


def test_the_stored_text_is_what_is_delivered(sockets: Sockets) -> None:
    now = sockets.clock()
    data: dict[str, Any] = {"a": [1.5, None, True, {"ü \ufffe": 'q" \\ \n'}], "b": "x" * 5_000}
    plain = [
        builders.an_event(id="ü1", type='a "type" \\', date=now, data=data, agent_id='agent "1"', workspace_id=WORKSPACE, created=now),
        builders.an_event(id="e2", type="t", date=now, camera_id="camera", workspace_id=WORKSPACE, created=now + timedelta(microseconds=5)),
    ]
    sockets.events.put(plain, "a1" * 16)

    texts = sockets.events.texts(WORKSPACE, ["ü1", "e2", "none"])

    assert texts == {event.id: event.as_json().encode() for event in plain}


def test_all_of_a_log_but_its_head_dies_by_itself(sockets: Sockets, aws: dict[str, str]) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a")

    table = resources("AWS::DynamoDB::Table")["SocketLogTable"]["Properties"]
    items = boto3.client("dynamodb", region_name=REGION).scan(TableName=aws["SOCKET_LOG_TABLE"])["Items"]
    now = sockets.clock().timestamp()
    lives = {item["endpointId"]["S"].partition("#")[2]: float(item["expiresAt"]["N"]) - now for item in items if "expiresAt" in item}

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert len(items) == 3
    assert lives.keys() == {"0", "a1" * 16}
    assert abs(lives["0"] - RETENTION.total_seconds()) < 60
    assert lives["a1" * 16] > 14 * 86_400  # as long as a queue may keep the message


def test_socket_routing_costs_a_write_a_transaction_and_a_wake_up(sockets: Sockets) -> None:
    connect(sockets)
    sockets.wake_ups()
    sockets.calls.clear()

    sockets.log.append([Routed(WORKSPACE, f"{number:032}", {ENDPOINT: [f"e{number}"]}) for number in range(10)])

    assert sockets.calls == {"UpdateItem": 1, "TransactWriteItems": 1}
    assert len(sockets.wake_ups()) == 1


def test_the_group_of_a_wake_up_is_all_that_is_served(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a")

    deliver(sockets, gateway, "another_group")

    assert gateway.received == []
    assert sockets.store.turns(ENDPOINT, [3]) == {3: 1}


def test_a_wake_up_that_cannot_be_read_is_dropped_and_locks_nobody(sockets: Sockets, gateway: Gateway) -> None:
    assert deliver(sockets, gateway, "unreadable") == {"batchItemFailures": []}


def test_invocation_without_messages_only_warms_the_function(sockets: Sockets, gateway: Gateway) -> None:
    poster = poster_of(gateway)
    handler = create_handler(lambda: sockets.delivery(poster))

    assert handler({"Records": []}, LambdaContext()) == {"batchItemFailures": []}
    assert gateway.received == []


def test_a_deleted_endpoint_s_sockets_are_closed_and_forgotten(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    sockets.delete()

    deliver(sockets, gateway)

    assert [method for method, _, _ in gateway.received] == ["DELETE"]
    assert sockets.open_connections() == []
    assert sockets.log_store.heads([ENDPOINT]) == {}


def test_socket_that_could_not_be_closed_is_closed_next_time(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    sockets.delete()
    gateway.statuses.extend([429, 204])

    deliver(sockets, gateway)
    deliver(sockets, gateway, "own_turn")

    assert [method for method, _, _ in gateway.received] == ["DELETE"] * 2
    assert sockets.open_connections() == []


def test_a_revoked_token_s_sockets_are_closed(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a")
    sockets.token(TOKEN, revoked=True)

    deliver(sockets, gateway)

    assert [method for method, _, _ in gateway.received] == ["DELETE"]
    assert sockets.open_connections() == []


def test_log_is_kept_for_the_retention_after_a_connection(sockets: Sockets) -> None:
    connect(sockets)
    sockets.clock.now += RETENTION

    publish(sockets, "a1" * 16, "a")
    sockets.clock.now += RETENTION
    publish(sockets, "a2" * 16, "b")

    assert sockets.log_store.heads([ENDPOINT])[ENDPOINT].next == 2


def test_connections_to_api_gateway_outlive_the_invocation(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 invocations of the function as it is wired, each of which posts one event to ten clients."""
    scene = Scene()
    for _ in range(10):
        scene.connect()
    ports = {
        "connection_store": scene.tables,
        "socket_log_store": scene.tables,
        "event_store": scene.events,
        "wake_up_queue": scene.queue,
        "socket_backlog_queue": scene.backlog,
        "socket_log": scene.log,
        "get_settings": Settings({"WEB_SOCKET_MANAGEMENT_URL": gateway.url}),
        "_connection_counts": ConnectionLimits(FakeConnectionCounts(), SocketLimits(), scene.clock),
        "_credentials": None,
    }
    for name, port in ports.items():
        monkeypatch.setattr(wiring, name, partial(_itself, port))
    monkeypatch.setattr(wiring, "clock", scene.clock)
    wiring.socket_delivery.cache_clear()
    try:
        for _ in range(100):
            scene.publish()
            (wake_up,) = scene.queue.receive(f"{ENDPOINT}#0")
            record = {"messageId": "m", "receiptHandle": "r", "body": wake_up.text()}
            assert handler.lambda_handler({"Records": [record]}, LambdaContext()) == {"batchItemFailures": []}
            scene.queue.done(f"{ENDPOINT}#0")
        poster: Any = wiring.socket_delivery()._outside.poster
        handler._loop.run_until_complete(poster.aclose())
    finally:
        wiring.socket_delivery.cache_clear()

    assert len(gateway.received) == 1_000
    assert gateway.connections <= 10


def _itself(value: Any) -> Any:
    return value
