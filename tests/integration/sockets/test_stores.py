"""The stores and queues of sockets: the same tests against the tables of the template, SQS and the fakes of the other tests, so
that what a fake does is what AWS does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from event_service.access.storage.tokens import DynamoTokenStore
from event_service.access.token import Token
from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.base.identifiers import new_id
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint, PutEventFilter
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.filters.event_filter import EventFilter
from event_service.sockets.connection import ROW_LIFE, Connection, Lane
from event_service.sockets.log import SEQUENCES_PER_BLOCK
from event_service.sockets.messages import BacklogMessage, CloseSocket, LateAppend, OwnTurn, WakeUp, parse_backlog_message
from event_service.sockets.ports import (
    AlreadyAppended,
    BacklogQueue,
    Counted,
    GroupState,
    LogHead,
    RowPlace,
    Scope,
    ScopeKind,
    Segment,
    SequencesTaken,
    SlowCloses,
    SocketLogStore,
    WakeUpQueue,
)
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.counts import DynamoConnectionCounts
from event_service.sockets.storage.log import DynamoSocketLogStore
from event_service.sockets.storage.queue import SqsBacklogQueue, SqsWakeUpQueue
from tests.builders import ENDPOINT, START, WORKSPACE, SettableClock, a_socket, a_token, a_webhook
from tests.fakes.sockets import FakeBacklogQueue, FakeConnectionCounts, FakeSocketTables, FakeWakeUpQueue
from tests.integration.conftest import REGION

KEPT = START + timedelta(hours=24)


@dataclass
class Stores:
    """All stores over one database, or in memory."""

    clock: SettableClock
    connections: DynamoConnectionStore | FakeSocketTables
    log: SocketLogStore
    counts: DynamoConnectionCounts | FakeConnectionCounts
    put_endpoint: Callable[[Endpoint], None]
    put_token: Callable[[Token], None]
    put_filter: Callable[[EventFilter], None]


@pytest.fixture(params=["dynamodb", "fakes"])
def stores(request: pytest.FixtureRequest) -> Stores:
    clock = SettableClock()
    if request.param == "fakes":
        tables = FakeSocketTables(clock=clock)
        return Stores(
            clock,
            tables,
            tables,
            FakeConnectionCounts(clock=clock),
            lambda endpoint: tables.endpoints.update({endpoint.id: endpoint}),
            lambda token: tables.tokens.update({token.token_hash: token}),
            lambda one: tables.filters.update({one.id: one}),
        )
    database: Database = request.getfixturevalue("database")
    rows = DynamoConfigurationRows(database, clock, monotonic=lambda: 0.0)
    versions = iter(range(1, 100))
    return Stores(
        clock,
        DynamoConnectionStore(database),
        DynamoSocketLogStore(database, clock),
        DynamoConnectionCounts(database, clock),
        lambda endpoint: rows.apply(ChangeSet(endpoint.workspace_id, next(versions), (PutEndpoint(endpoint),), Counts())),
        DynamoTokenStore(database).put,
        lambda one: rows.apply(ChangeSet(one.workspace_id, next(versions), (PutEventFilter(one),), Counts())),
    )


def connection(connection_id: str = "c1=", **changes: Any) -> Connection:
    return replace(Connection(ENDPOINT, connection_id, WORKSPACE, START, cursor=3), **changes)


def owner(group: int = 0) -> RowPlace:
    return RowPlace(ENDPOINT, group)


def a_head(**changes: Any) -> LogHead:
    return replace(LogHead(next=1, floor=1, kept_until=KEPT), **changes)


def segment(first: int, *event_ids: str, **changes: Any) -> Segment:
    return replace(Segment(first, event_ids, START, START + timedelta(days=1)), **changes)


# -- connections -----------------------------------------------------------------------------------------------------


def test_a_handshake_finds_the_token_the_workspace_and_the_head(stores: Stores) -> None:
    token = a_token("secret")
    stores.put_endpoint(a_socket())
    stores.put_token(token)
    assert stores.log.put_head(ENDPOINT, a_head(), None)
    found = stores.connections.handshake(ENDPOINT, token.token_hash)
    assert (found.token, found.workspace_id, found.head) == (token, WORKSPACE, a_head())


@pytest.mark.parametrize("endpoint", [None, a_webhook()], ids=["none", "webhook"])
def test_a_handshake_knows_sockets_only(stores: Stores, endpoint: Endpoint | None) -> None:
    if endpoint is not None:
        stores.put_endpoint(endpoint)
    found = stores.connections.handshake(ENDPOINT, None)
    assert (found.token, found.workspace_id, found.head) == (None, None, None)


def test_connections_are_found_by_id_and_by_group(stores: Stores) -> None:
    first, second = connection("a="), connection("b=", group=1)
    for one in (first, second):
        stores.connections.add(one)
    assert stores.connections.owner("b=") == owner(1)
    assert stores.connections.owner("c=") is None
    assert stores.connections.of_group(ENDPOINT, 0) == (GroupState(), [first])
    assert stores.connections.of_group(ENDPOINT, 1) == (GroupState(), [second])
    assert stores.connections.find([(owner(), "a="), (owner(), "b="), (owner(1), "b=")]) == [first, second]


def test_the_owner_says_what_a_connection_counts_for(stores: Stores) -> None:
    stores.connections.add(connection(token_hash="hash"))
    found = stores.connections.owner("c1=")
    assert found is not None
    assert found.counted == Counted(ENDPOINT, WORKSPACE, "hash", START)


def test_a_list_begins_behind_a_connection_and_has_a_limit(stores: Stores) -> None:
    all_of_them = [connection(f"{letter}=") for letter in "abcd"]
    for one in all_of_them:
        stores.connections.add(one)
    stores.connections.save_cursor(ENDPOINT, 0, 9)
    assert stores.connections.in_order(ENDPOINT, 0, "", 3) == all_of_them[:3]
    assert stores.connections.in_order(ENDPOINT, 0, "b=", 3) == all_of_them[2:]
    assert stores.connections.in_order(ENDPOINT, 1, "", 3) == []


def test_a_saved_connection_takes_the_place_of_the_stored_one(stores: Stores) -> None:
    stores.connections.add(connection())
    moved = connection(cursor=8, lane=Lane.OWN, turn=2, due=START)
    stores.connections.save([moved])
    assert stores.connections.of_group(ENDPOINT, 0)[1] == [moved]


def test_a_late_worker_does_not_bring_a_connection_back_into_its_group(stores: Stores) -> None:
    read, live = connection(), connection(lane=Lane.LIVE)
    taken_out = connection(lane=Lane.OWN, turn=1)
    stores.connections.add(read)
    stores.connections.save([taken_out])
    stores.connections.join([(read, live)])
    assert stores.connections.of_group(ENDPOINT, 0)[1] == [taken_out]
    stores.connections.join([(taken_out, live)])
    assert stores.connections.of_group(ENDPOINT, 0)[1] == [live]


def test_a_forgotten_connection_does_not_come_back_by_joining(stores: Stores) -> None:
    stores.connections.add(connection())
    stores.connections.forget([(owner(), "c1="), (owner(), "unknown=")])
    stores.connections.join([(connection(), connection(lane=Lane.LIVE))])
    assert stores.connections.owner("c1=") is None
    assert stores.connections.of_group(ENDPOINT, 0)[1] == []


def test_a_group_has_a_cursor_and_a_turn_of_its_own(stores: Stores) -> None:
    stores.connections.save_cursor(ENDPOINT, 1, 7)
    stores.connections.take_turn(ENDPOINT, 1)
    stores.connections.take_turn(ENDPOINT, 1)
    stores.connections.take_turn(ENDPOINT, 2)
    assert stores.connections.turns(ENDPOINT, [1, 2, 3]) == {1: 2, 2: 1}
    assert stores.connections.cursors(ENDPOINT, [1, 3]) == {1: 7}
    assert stores.connections.of_group(ENDPOINT, 1) == (GroupState(cursor=7, turn=2), [])


def test_a_situation_has_only_what_is_the_workspaces_own(stores: Stores) -> None:
    token = a_token("secret")
    stores.put_endpoint(a_socket())
    stores.put_token(token)
    stores.log.put_head(ENDPOINT, a_head(), None)
    own = stores.connections.situation(WORKSPACE, ENDPOINT, [token.token_hash, "unknown"])
    assert (own.endpoint, own.head, own.tokens) == (a_socket(), a_head(), {token.token_hash: token})
    assert stores.connections.situation(new_id(), ENDPOINT, []).endpoint is None


def test_event_filters_are_the_workspaces_own(stores: Stores) -> None:
    own = EventFilter(new_id(), WORKSPACE, "name", {"in": {"eventTypes": ["ALARM"]}}, START, START, 1)
    foreign = replace(own, id=new_id(), workspace_id=new_id())
    stores.put_filter(own)
    assert stores.connections.event_filters(WORKSPACE, [own.id, foreign.id, new_id()]) == {own.id: own}
    assert stores.connections.event_filters(foreign.workspace_id, [own.id]) == {}


def test_a_token_knows_the_endpoints_it_opened(stores: Stores) -> None:
    for one in (connection("a=", token_hash="h"), connection("b=", token_hash="h"), connection("c=", token_hash="other")):
        stores.connections.add(one)
    assert stores.connections.endpoints_of_token("h") == [(WORKSPACE, ENDPOINT)]
    assert stores.connections.endpoints_of_token("none") == []


def test_posts_of_a_second_are_leased_up_to_the_ceiling(stores: Stores) -> None:
    assert stores.connections.lease_posts(100, 60, 100)
    assert not stores.connections.lease_posts(100, 41, 100)
    assert stores.connections.lease_posts(100, 40, 100)
    assert not stores.connections.lease_posts(100, 1, 100)
    assert stores.connections.lease_posts(101, 100, 100)


# -- counts of connections -------------------------------------------------------------------------------------------


def test_open_connections_are_counted_by_scope(stores: Stores) -> None:
    scope, other = Scope(ScopeKind.ENDPOINT, ENDPOINT), Scope(ScopeKind.WORKSPACE, ENDPOINT)
    assert stores.counts.count(scope, {START: 3}) == 3
    assert stores.counts.count(scope, {START: -1, START + timedelta(minutes=11): 2}) == 4
    assert stores.counts.count(other, {}) == 0


def test_connections_that_must_have_ended_are_left_out(stores: Stores) -> None:
    scope = Scope(ScopeKind.TOKEN, "hash")
    stores.counts.count(scope, {START: 3})
    stores.clock.advance(seconds=ROW_LIFE.total_seconds() + 600)
    assert stores.counts.count(scope, {stores.clock.now: 1}) == 1


def test_a_closing_without_its_opening_takes_nothing_from_others(stores: Stores) -> None:
    scope = Scope(ScopeKind.ENDPOINT, ENDPOINT)
    assert stores.counts.count(scope, {START: -2, START + timedelta(hours=1): 1}) == 1


def test_connects_of_a_second_are_counted_up_to_the_ceiling(stores: Stores) -> None:
    assert [stores.counts.lease_connect(WORKSPACE, 100, 2) for _ in range(3)] == [True, True, False]
    assert stores.counts.lease_connect(WORKSPACE, 101, 2)
    assert stores.counts.lease_connect(new_id(), 100, 2)


def test_closes_of_a_client_are_kept_for_a_time(stores: Stores) -> None:
    closes, kept_until = SlowCloses(2, START + timedelta(minutes=16)), START + timedelta(days=1)
    assert stores.counts.slow_closes("client") is None
    stores.counts.note_slow_close("client", SlowCloses(1, START), kept_until)
    stores.counts.note_slow_close("client", closes, kept_until)
    assert stores.counts.slow_closes("client") == closes
    assert stores.counts.slow_closes("another") is None
    stores.clock.advance(days=1)
    assert stores.counts.slow_closes("client") is None


# -- the log ---------------------------------------------------------------------------------------------------------


def test_a_head_is_put_where_none_is_or_in_place_of_the_one_read(stores: Stores) -> None:
    later = a_head(kept_until=KEPT + timedelta(hours=1))
    assert stores.log.put_head(ENDPOINT, a_head(), None)
    assert not stores.log.put_head(ENDPOINT, later, None)
    assert not stores.log.put_head(ENDPOINT, later, a_head(next=2))
    assert not stores.log.put_head("other", later, a_head())
    assert stores.log.put_head(ENDPOINT, later, a_head())
    assert stores.log.heads([ENDPOINT, "other"]) == {ENDPOINT: later}


def test_sequences_are_given_out_once(stores: Stores) -> None:
    assert stores.log.allocate(ENDPOINT, 1) is None
    stores.log.put_head(ENDPOINT, a_head(), None)
    assert [stores.log.allocate(ENDPOINT, number) for number in (3, 2)] == [
        a_head(next=4, appended_at=START),
        a_head(next=6, appended_at=START),
    ]


def test_no_sequence_is_given_out_once_a_log_is_not_kept(stores: Stores) -> None:
    stores.log.put_head(ENDPOINT, a_head(), None)
    stores.clock.advance(hours=24)
    assert stores.log.allocate(ENDPOINT, 1) is not None, "a margin for clocks that differ"
    stores.clock.advance(seconds=60)
    assert stores.log.allocate(ENDPOINT, 1) is None
    assert stores.log.arrive(ENDPOINT, KEPT + timedelta(hours=24)) is None


def test_an_arrival_keeps_the_log_and_wakes_it(stores: Stores) -> None:
    stores.log.put_head(ENDPOINT, a_head(), None)
    stores.log.set_nobody_connected(ENDPOINT, 0)
    assert stores.log.heads([ENDPOINT]) == {ENDPOINT: a_head(nobody_connected=True)}
    later = KEPT + timedelta(hours=1)
    assert stores.log.arrive(ENDPOINT, later) == a_head(arrivals=1, kept_until=later)
    stores.log.set_nobody_connected(ENDPOINT, 0)
    assert stores.log.heads([ENDPOINT]) == {ENDPOINT: a_head(arrivals=1, kept_until=later)}


def test_turns_of_the_first_group_stand_in_the_head(stores: Stores) -> None:
    assert stores.log.take_turn(ENDPOINT) is None
    stores.log.put_head(ENDPOINT, a_head(), None)
    assert stores.log.take_turn(ENDPOINT) == a_head(turn=1)


def test_a_log_is_resized_only_where_there_is_one(stores: Stores) -> None:
    until = START + timedelta(hours=2)
    stores.log.resize(ENDPOINT, 4, 8, until)
    assert stores.log.heads([ENDPOINT]) == {}
    stores.log.put_head(ENDPOINT, a_head(), None)
    stores.log.resize(ENDPOINT, 4, 8, until)
    assert stores.log.heads([ENDPOINT]) == {ENDPOINT: a_head(groups=4, wide=8, wide_until=until)}


def test_a_slow_client_is_noted_only_where_there_is_a_log(stores: Stores) -> None:
    until = START + timedelta(hours=12)
    stores.log.note_slow(ENDPOINT, until)
    assert stores.log.heads([ENDPOINT]) == {}
    stores.log.put_head(ENDPOINT, a_head(), None)
    stores.log.note_slow(ENDPOINT, until)
    assert stores.log.heads([ENDPOINT]) == {ENDPOINT: a_head(slow_until=until)}


def test_segments_are_appended_once_whatever_comes_again(stores: Stores) -> None:
    stores.log.append(ENDPOINT, [segment(1, "a", "b")], ["n1", "n2"])
    with pytest.raises(AlreadyAppended) as refused:
        stores.log.append(ENDPOINT, [segment(3, "a")], ["n2", "n3"])
    assert refused.value.nonces == {"n2"}
    with pytest.raises(SequencesTaken):
        stores.log.append(ENDPOINT, [segment(3, "c"), segment(1, "d")], ["n4"])
    assert stores.log.segments(ENDPOINT, 1, 10) == [segment(1, "a", "b")]
    assert stores.log.marked(ENDPOINT, ["n1", "n2", "n3", "n4"]) == {"n1", "n2"}
    assert stores.log.marked("other", ["n1"]) == set()


def test_unused_sequences_are_sealed_all_or_none(stores: Stores) -> None:
    stores.log.append(ENDPOINT, [segment(3, "c")], ["n"])
    assert not stores.log.seal(ENDPOINT, [segment(1, unused=2), segment(3, unused=1)])
    assert stores.log.segments(ENDPOINT, 1, 10) == [segment(3, "c")]
    assert stores.log.seal(ENDPOINT, [segment(1, unused=2)])
    assert stores.log.segments(ENDPOINT, 1, 10) == [segment(1, unused=2), segment(3, "c")]


def test_segments_are_read_from_within_and_up_to_the_end_of_the_block(stores: Stores) -> None:
    last = SEQUENCES_PER_BLOCK
    written = [segment(1, "a", "b", configuration_version=4), segment(3, "c"), segment(4, "d", "e"), segment(last, "next block")]
    for number, one in enumerate(written):
        stores.log.append(ENDPOINT, [one], [f"n{number}"])
    assert stores.log.segments(ENDPOINT, 2, 10) == written[:3]
    assert stores.log.segments(ENDPOINT, 3, 1) == written[1:2]
    assert stores.log.segments(ENDPOINT, 6, 10) == []
    assert stores.log.segments(ENDPOINT, last, 10) == written[3:]
    assert stores.log.segments("other", 1, 10) == []


def test_a_dropped_log_has_no_head(stores: Stores) -> None:
    stores.log.put_head(ENDPOINT, a_head(), None)
    stores.log.drop(ENDPOINT)
    stores.log.drop("other")
    assert stores.log.heads([ENDPOINT]) == {}


# -- queues ----------------------------------------------------------------------------------------------------------


@dataclass
class Queued:
    """Both queues, and how their messages are received and deleted; a receipt is what ``release`` takes."""

    wake_ups: WakeUpQueue
    backlog: BacklogQueue
    receive: Callable[[], list[tuple[str, str]]]
    """Of the wake-ups that a receiver may have now: receipt and text."""
    receive_backlog: Callable[[], list[BacklogMessage]]


@pytest.fixture(params=["sqs", "fakes"])
def queued(request: pytest.FixtureRequest) -> Queued:
    if request.param == "fakes":
        wake_ups, backlog = FakeWakeUpQueue(clock=SettableClock()), FakeBacklogQueue(clock=SettableClock())

        def received() -> list[tuple[str, str]]:
            return [
                (f"{group}@{one}", wake_up.text()) for group in wake_ups.groups() for one, wake_up in enumerate(wake_ups.receive(group))
            ]

        return Queued(wake_ups, backlog, received, backlog.receive)
    request.getfixturevalue("aws")
    sqs = boto3.client("sqs", region_name=REGION)
    fifo = sqs.create_queue(QueueName="Wake.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    standard = sqs.create_queue(QueueName="Backlog")["QueueUrl"]

    def receive(url: str) -> list[Any]:
        found: list[Any] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found.extend(messages)
        return found

    return Queued(
        SqsWakeUpQueue(Queues(lambda: sqs), fifo),
        SqsBacklogQueue(Queues(lambda: sqs), standard),
        lambda: [(one["ReceiptHandle"], one["Body"]) for one in receive(fifo)],
        lambda: [parse_backlog_message(one["Body"]) for one in receive(standard)],
    )


def wake_up(group: int = 0, turn: int = 1) -> WakeUp:
    return WakeUp(WORKSPACE, ENDPOINT, group, turn)


def turn_of(text: str) -> int:
    return int(json.loads(text)["turn"])


def test_wake_ups_of_one_turn_are_one(queued: Queued) -> None:
    queued.wake_ups.send([wake_up(), wake_up(group=1), wake_up()])
    queued.wake_ups.send([wake_up()])
    assert len(queued.receive()) == 2


def test_a_group_in_flight_is_given_to_nobody_else(queued: Queued) -> None:
    queued.wake_ups.send([wake_up()])
    first = queued.receive()
    queued.wake_ups.send([wake_up(turn=2), wake_up(group=1, turn=5)])
    assert [turn_of(text) for _, text in queued.receive()] == [5]
    queued.wake_ups.release([receipt for receipt, _ in first])
    assert [turn_of(text) for _, text in queued.receive()] == [2]


def test_backlog_messages_come_as_they_were_sent(queued: Queued) -> None:
    messages: list[BacklogMessage] = [OwnTurn(WORKSPACE, ENDPOINT, 0, f"c{number}=", number) for number in range(11)]
    messages += [CloseSocket("c="), LateAppend(WORKSPACE, ENDPOINT, "nonce", ("e1", "e2"), 3)]
    queued.backlog.send(messages)
    received = queued.receive_backlog()
    while more := queued.receive_backlog():
        received += more
    assert sorted(map(repr, received)) == sorted(map(repr, messages))


def test_a_delayed_message_does_not_come_at_once(queued: Queued) -> None:
    queued.backlog.send([CloseSocket("c=")], delay_seconds=30)
    assert queued.receive_backlog() == []
