"""The fakes of WebSocket delivery misbehave as AWS does: otherwise the tests over them would prove nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest

from event_service.sockets.connection import Connection, Lane
from event_service.sockets.frames import MAXIMUM_FRAME_BYTES
from event_service.sockets.messages import CloseSocket, WakeUp
from event_service.sockets.ports import AlreadyAppended, LogHead, Posted, RowPlace, Scope, ScopeKind, Segment, SequencesTaken
from tests.builders import START
from tests.fakes.sockets import FakeBacklogQueue, FakeConnectionCounts, FakePoster, FakeSocketTables, FakeWakeUpQueue
from tests.simulation.virtual_time import VirtualClock
from tests.unit.sockets.scene import ENDPOINT, WORKSPACE

HEAD = LogHead(1, 1, START)


def segment(first: int, *ids: str) -> Segment:
    return Segment(first, ids, START, START)


async def test_a_connection_is_gone_before_it_is_open_and_after_it_is_closed() -> None:
    clock = VirtualClock()
    api = FakePoster(clock)
    api.open("c", clock() + timedelta(seconds=1))

    early = await api.post("c", b"1")
    clock.advance(seconds=1)
    open_ = await api.post("c", b"2")
    api.hang_up("c")
    late = await api.post("c", b"3")

    assert (early, open_, late, await api.post("never", b"")) == (Posted.GONE, Posted.SENT, Posted.GONE, Posted.GONE)
    assert api.received["c"] == [b"2"]


async def test_a_message_above_128_kilobytes_is_refused() -> None:
    api = FakePoster(VirtualClock())
    api.open("c")

    assert await api.post("c", b"x" * MAXIMUM_FRAME_BYTES) is Posted.SENT
    assert await api.post("c", b"x" * (MAXIMUM_FRAME_BYTES + 1)) is Posted.TOO_LARGE


async def test_a_lost_answer_is_a_message_that_arrived() -> None:
    api = FakePoster(VirtualClock())
    api.open("c")
    api.answers["c"] = deque(["lost", Posted.THROTTLED, Posted.UNKNOWN])

    assert [await api.post("c", b"%d" % number) for number in range(4)] == [Posted.UNKNOWN, Posted.THROTTLED, Posted.UNKNOWN, Posted.SENT]
    assert api.received["c"] == [b"0", b"3"]


async def test_a_closed_connection_takes_no_more() -> None:
    api = FakePoster(VirtualClock())
    api.open("c")

    assert await api.close("c") is Posted.SENT
    assert await api.close("c") is Posted.GONE
    assert await api.post("c", b"") is Posted.GONE


async def test_a_close_can_fail_and_one_whose_answer_is_lost_has_closed() -> None:
    clock = VirtualClock()
    api = FakePoster(clock)
    api.open("c", clock() + timedelta(seconds=1))
    api.close_answers["c"] = deque([Posted.THROTTLED])

    assert [await api.close("c"), await api.close("c")] == [Posted.THROTTLED, Posted.GONE]
    clock.advance(seconds=1)
    assert await api.post("c", b"") is Posted.SENT
    api.close_answers["c"] = deque(["lost"])
    assert [await api.close("c"), await api.close("c")] == [Posted.UNKNOWN, Posted.GONE]


def test_sequences_are_given_out_once_and_no_segment_is_replaced() -> None:
    tables = FakeSocketTables(clock=VirtualClock())
    tables.put_head(ENDPOINT, HEAD, None)
    allocated = [tables.allocate(ENDPOINT, 2), tables.allocate(ENDPOINT, 1)]
    tables.append(ENDPOINT, [segment(1, "a", "b")], ["n1"])

    with pytest.raises(SequencesTaken):
        tables.append(ENDPOINT, [segment(1, "b")], ["n2"])

    assert [head.next for head in allocated if head is not None] == [3, 4]
    assert tables.segments(ENDPOINT, 2, 10) == [segment(1, "a", "b")]
    assert (ENDPOINT, "n2") not in tables.appended


def test_a_read_that_lags_does_not_see_the_newest_segments() -> None:
    tables = FakeSocketTables()
    tables.append(ENDPOINT, [segment(1, "a")], ["n1"])
    tables.append(ENDPOINT, [segment(2, "b")], ["n2"])
    tables.lag = lambda: 1

    assert tables.segments(ENDPOINT, 1, 10) == [segment(1, "a")]
    assert tables.segments(ENDPOINT, 2, 10) == []


def test_a_marked_message_is_not_appended_again_nor_anything_with_it() -> None:
    tables = FakeSocketTables()
    tables.append(ENDPOINT, [segment(1, "a")], ["n1"])

    with pytest.raises(AlreadyAppended) as raised:
        tables.append(ENDPOINT, [segment(2, "b", "a")], ["n2", "n1"])

    assert raised.value.nonces == {"n1"}
    assert tables.segments(ENDPOINT, 2, 10) == []


@pytest.mark.parametrize("nonces", [["n"] * 2, [str(number) for number in range(100)]])
def test_a_transaction_that_aws_would_refuse_is_refused(nonces: list[str]) -> None:
    with pytest.raises(AssertionError, match="transaction"):
        FakeSocketTables().append(ENDPOINT, [segment(1, "a")], nonces)


def test_one_of_two_first_heads_wins() -> None:
    tables = FakeSocketTables()

    assert tables.put_head(ENDPOINT, HEAD, None)
    assert not tables.put_head(ENDPOINT, LogHead(5, 5, START), None)


def test_a_saved_cursor_brings_a_forgotten_row_back() -> None:
    tables = FakeSocketTables()
    connection = Connection(ENDPOINT, "c", WORKSPACE, START, 0)
    tables.add(connection)
    tables.forget([(RowPlace(ENDPOINT, 0), "c")])
    tables.save([connection])

    assert tables.owner("c") == RowPlace(ENDPOINT, 0)


def test_a_row_whose_lane_was_changed_is_not_joined() -> None:
    tables = FakeSocketTables()
    connection = Connection(ENDPOINT, "c", WORKSPACE, START, 0)
    moved = replace(connection, lane=Lane.OWN, turn=1)
    tables.add(moved)
    tables.join([(connection, replace(connection, lane=Lane.LIVE))])

    assert tables.rows[ENDPOINT, "c"] == moved


def test_fifo_group_has_one_receiver_at_a_time() -> None:
    queue = FakeWakeUpQueue()
    first, second, other = WakeUp(WORKSPACE, ENDPOINT), WakeUp(WORKSPACE, ENDPOINT, turn=1), WakeUp(WORKSPACE, "other")
    queue.send([first, second, other])

    group = first.fifo_group
    taken = queue.receive(group, limit=1)

    assert taken == [first]
    assert queue.groups() == ["other#0"]
    with pytest.raises(AssertionError, match="in flight"):
        queue.receive(group)
    queue.failed(group)
    assert queue.receive(group, limit=1) == [first]
    queue.done(group)
    assert queue.receive(group) == [second]


def test_known_deduplication_id_is_dropped_for_five_minutes() -> None:
    clock = VirtualClock()
    queue = FakeWakeUpQueue(clock=clock)
    wake_up = WakeUp(WORKSPACE, ENDPOINT)
    queue.send([wake_up, wake_up])
    queue.receive(wake_up.fifo_group)
    queue.done(wake_up.fifo_group)
    queue.send([wake_up])
    before = queue.depth
    clock.advance(minutes=5)
    queue.send([wake_up])

    assert (before, queue.depth, queue.dropped) == (0, 1, 2)


def test_a_delayed_message_is_received_when_its_time_has_come() -> None:
    clock = VirtualClock()
    queue = FakeBacklogQueue(clock=clock)
    queue.send([CloseSocket("c")], 5)

    early = queue.receive()
    clock.advance(seconds=5)

    assert (early, queue.receive(), queue.receive()) == ([], [CloseSocket("c")], [])
    with pytest.raises(AssertionError, match="900"):
        queue.send([CloseSocket("c")], 901)


def test_counts_add_up_end_by_age_and_have_a_ceiling_a_second() -> None:
    clock = VirtualClock()
    counts = FakeConnectionCounts(clock=clock)
    scope = Scope(ScopeKind.ENDPOINT, "e")

    assert [counts.count(scope, {clock(): number}) for number in (2, 1, -1)] == [2, 3, 2]
    assert [counts.lease_connect("w", 1, 2) for _ in range(3)] == [True, True, False]
    clock.advance(hours=3)
    assert counts.count(scope, {}) == 0
