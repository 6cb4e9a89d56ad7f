"""The fakes of WebSocket delivery misbehave as AWS does: otherwise the tests over them would prove nothing."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest

from event_service.sockets.connection import Connection
from event_service.sockets.frames import MAXIMUM_FRAME_BYTES
from event_service.sockets.ports import AlreadyAppended, AppendConflict, LogHead, Posted, Segment
from event_service.sockets.wake_up import WakeUp
from tests.fakes.sockets import FakePoster, FakeSocketTables, FakeWakeUpQueue
from tests.unit.sockets.scene import ENDPOINT, START, WORKSPACE, VirtualClock

HEAD = LogHead(1, 1, START)


def segment(first: int, *ids: str) -> Segment:
    return Segment(first, ids, START)


async def test_a_connection_is_gone_before_it_is_open_and_after_it_is_closed() -> None:
    clock = VirtualClock()
    api = FakePoster(clock)
    api.open("c", clock() + timedelta(seconds=1))

    early = await api.post("c", b"1")
    clock.pass_by(seconds=1)
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
    clock.pass_by(seconds=1)
    assert await api.post("c", b"") is Posted.SENT
    api.close_answers["c"] = deque(["lost"])
    assert [await api.close("c"), await api.close("c")] == [Posted.UNKNOWN, Posted.GONE]


def test_of_two_appends_at_one_place_one_wins_and_the_other_writes_nothing() -> None:
    tables = FakeSocketTables()
    tables.put_head(ENDPOINT, HEAD, None)
    tables.append(ENDPOINT, HEAD, [segment(1, "a")], ["n1"])

    with pytest.raises(AppendConflict):
        tables.append(ENDPOINT, HEAD, [segment(1, "b")], ["n2"])

    assert tables.segments(ENDPOINT, 0, 10, 10) == [segment(1, "a")]
    assert (ENDPOINT, "n2") not in tables.markers


def test_a_marked_message_is_not_appended_again_nor_anything_with_it() -> None:
    tables = FakeSocketTables()
    tables.put_head(ENDPOINT, HEAD, None)
    tables.append(ENDPOINT, HEAD, [segment(1, "a")], ["n1"])

    with pytest.raises(AlreadyAppended) as raised:
        tables.append(ENDPOINT, LogHead(2, 1, START), [segment(2, "b", "a")], ["n2", "n1"])

    assert raised.value.nonces == {"n1"}
    assert tables.log_heads[ENDPOINT].next == 2


@pytest.mark.parametrize("nonces", [["n"] * 2, [str(number) for number in range(99)]])
def test_a_transaction_that_aws_would_refuse_is_refused(nonces: list[str]) -> None:
    tables = FakeSocketTables()
    tables.put_head(ENDPOINT, HEAD, None)

    with pytest.raises(AssertionError, match="transaction"):
        tables.append(ENDPOINT, HEAD, [segment(1, "a")], nonces)


def test_of_two_first_heads_one_wins() -> None:
    tables = FakeSocketTables()

    assert tables.put_head(ENDPOINT, HEAD, None)
    assert not tables.put_head(ENDPOINT, LogHead(5, 5, START), None)


def test_a_saved_cursor_brings_a_forgotten_row_back() -> None:
    tables = FakeSocketTables()
    connection = Connection(ENDPOINT, "c", WORKSPACE, START, 0)
    tables.add(connection)
    tables.forget([(ENDPOINT, "c")])
    tables.save([connection])

    assert tables.endpoint_of("c") == ENDPOINT


def test_a_group_is_handed_to_one_receiver_at_a_time_and_again_after_a_failure() -> None:
    queue = FakeWakeUpQueue()
    first, second, other = WakeUp(WORKSPACE, ENDPOINT), WakeUp(WORKSPACE, ENDPOINT, continuation=1), WakeUp(WORKSPACE, "other")
    queue.send([first, second, other])

    taken = queue.receive(ENDPOINT, limit=1)

    assert taken == [first]
    assert queue.groups() == ["other"]
    with pytest.raises(AssertionError, match="in flight"):
        queue.receive(ENDPOINT)
    queue.failed(ENDPOINT)
    assert queue.receive(ENDPOINT) == [first, second]
    queue.done(ENDPOINT, [first])
    assert queue.receive(ENDPOINT) == [second]
