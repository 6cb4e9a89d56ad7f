"""Posting: what each answer of API Gateway leads to, and what one client's trouble means for others (nothing)."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets.connection import GREATEST_SEQUENCE, Connection, Lane
from event_service.sockets.delivery import ReceivedWakeUp
from event_service.sockets.frames import MAXIMUM_FRAME_BYTES
from event_service.sockets.log import Routed
from event_service.sockets.messages import CloseSocket, LateAppend, WakeUp, parse_backlog_message
from event_service.sockets.ports import Counted, GroupState, LogHead, Posted, Segment, SequencesTaken
from event_service.sockets.waking import wake_endpoints_of_token, wake_group
from tests.builders import START
from tests.printed import printed
from tests.simulation.virtual_time import run
from tests.unit.sockets.scene import ENDPOINT, RETENTION, TOKEN, WORKSPACE, Scene, a_token, an_event
from tests.wiring import SocketUseCases


def test_every_client_of_an_endpoint_gets_every_event_in_order() -> None:
    scene = Scene()
    clients = [scene.connect() for _ in range(5)]
    for _ in range(7):
        scene.publish(3)

    scene.work()

    for client in clients:
        assert scene.sequences(client) == list(range(1, 22))
        assert [frame["id"] for frame in scene.frames(client)] == [f"event-{number:06d}" for number in range(1, 22)]


def test_a_frame_is_the_event_as_delivered_and_its_sequence() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish()

    scene.work()

    assert scene.frames(client) == [{**an_event(1).as_delivered(), "sequence": 1}]
    assert list(scene.frames(client)[0]) == [*an_event(1).as_delivered(), "sequence"]


def test_an_event_that_a_replay_appends_comes_again_with_a_new_sequence() -> None:
    scene = Scene()
    client = scene.connect()
    ids = scene.publish(2)
    scene.log.append([Routed(WORKSPACE, "replay-1", {ENDPOINT: ids}, repeat=True, replayed=True)])
    scene.publish()

    # Both places of an event are in one read.
    scene.work()

    frames = scene.frames(client)
    assert [(one["id"], one["sequence"], one.get("replayed", False)) for one in frames] == [
        (ids[0], 1, False),
        (ids[1], 2, False),
        (ids[0], 3, True),
        (ids[1], 4, True),
        ("event-000003", 5, False),
    ]


def test_live_events_and_those_of_a_replay_share_no_segment() -> None:
    scene = Scene()
    scene.connect()
    messages = [Routed(WORKSPACE, str(number), {ENDPOINT: [f"e-{number}"]}, replayed=number in (1, 2)) for number in range(4)]

    scene.log.append(messages)

    segments = [one for _, one in sorted(scene.tables.log[ENDPOINT].items())]
    assert [(one.event_ids, one.replayed) for one in segments] == [(("e-0",), False), (("e-1", "e-2"), True), (("e-3",), False)]


def test_what_a_replay_could_not_append_at_once_is_marked_later_too() -> None:
    scene = Scene()
    client = scene.connect()
    (event_id,) = scene.publish()
    failing = {"allocate"}

    def fail(operation: str) -> None:
        if operation in failing:
            raise RateLimited("busy")

    scene.hook = fail
    assert scene.log.append([Routed(WORKSPACE, "replay-1", {ENDPOINT: [event_id]}, repeat=True, replayed=True)]) == set()
    failing.clear()

    scene.work()

    assert [one.get("replayed", False) for one in scene.frames(client)] == [False, True]


def test_batches_hold_a_hundred_events() -> None:
    scene = Scene()
    client = scene.connect(batch="1")
    for _ in range(3):
        scene.publish(90)

    scene.work()

    sizes = [len(batch) for batch in scene.frames(client)]
    assert max(sizes) <= 100
    assert len(sizes) == 3
    assert [event["sequence"] for batch in scene.frames(client) for event in batch] == list(range(1, 271))


def test_batches_hold_a_hundred_kilobytes() -> None:
    scene = Scene()
    client = scene.connect(batch="1")
    scene.publish(20, size=30_000)

    scene.work()

    assert all(len(data) <= 102_400 for data in scene.api.received[client])
    assert [len(batch) for batch in scene.frames(client)] == [3] * 6 + [2]


def test_batches_are_filled_across_the_reads_of_the_log() -> None:
    scene = Scene()
    client = scene.connect(batch="1")
    for _ in range(20):
        scene.publish(50, size=1_000)

    scene.work()

    filled = 102_400 // (len(scene.api.received[client][0]) // len(scene.frames(client)[0]))
    sizes = [len(batch) for batch in scene.frames(client)]
    assert 70 < filled < 90
    assert all(abs(size - filled) <= 1 for size in sizes[:-1])
    assert [event["sequence"] for batch in scene.frames(client) for event in batch] == list(range(1, 1_001))


@pytest.mark.parametrize("batch", ["0", "1"])
def test_frames_up_to_128_kilobytes_arrive_whole(batch: str) -> None:
    scene = Scene()
    client = scene.connect(batch=batch)
    scene.publish(1, size=40_000)
    scene.publish(1, size=125_000)
    scene.publish(1, size=200_000)
    scene.publish(1)

    scene.work()

    flat = [event for frame in scene.frames(client) for event in (frame if isinstance(frame, list) else [frame])]
    assert flat[2] == {"notice": "too-large", "id": "event-000003", "sequence": 3}
    assert [event["sequence"] for event in flat] == [1, 2, 3, 4]
    assert len(flat[1]["data"]["text"]) == 125_000


def test_a_frame_of_exactly_128_kilobytes_is_sent() -> None:
    scene = Scene()
    client = scene.connect()
    fixed = len(an_event(1, size=1).as_json()) + len(',"sequence":1') - 1
    scene.publish(1, size=MAXIMUM_FRAME_BYTES - fixed)
    scene.publish(1, size=MAXIMUM_FRAME_BYTES - fixed + 1)

    scene.work()

    assert len(scene.api.received[client][0]) == MAXIMUM_FRAME_BYTES
    assert scene.frames(client)[1]["notice"] == "too-large"


def test_a_frame_that_api_gateway_finds_too_large_becomes_a_notice() -> None:
    scene = Scene()
    client = scene.connect()
    scene.api.answers[client] = deque([Posted.TOO_LARGE])
    scene.publish(2)

    scene.work()

    notice, frame = scene.frames(client)
    assert notice == {"notice": "too-large", "id": "event-000001", "sequence": 1}
    assert frame["sequence"] == 2


def test_gone_in_the_first_seconds_means_not_open_yet() -> None:
    scene = Scene()
    client = scene.connect(opens=timedelta(seconds=4))
    scene.publish(3)

    reports = scene.work()

    assert scene.sequences(client) == [1, 2, 3]
    assert sum(report.gone for report in reports) == 0


def test_gone_later_means_gone_and_is_forgotten_after_one_post() -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.clock.advance(seconds=36)
    scene.api.hang_up(client)
    scene.publish(5)

    reports = scene.work()

    assert not scene.tables.rows
    assert scene.api.posts == 1
    assert sum(report.gone for report in reports) == 1
    assert not any(report.again for report in reports)


def test_connection_that_never_opens_is_forgotten() -> None:
    scene = Scene()
    client = scene.connect(opens=timedelta(days=1))
    scene.publish()

    scene.work()

    assert not scene.tables.rows
    assert scene.api.received[client] == []


@pytest.mark.parametrize("trouble", [Posted.THROTTLED, Posted.UNKNOWN])
def test_frame_is_sent_again_after_trouble_and_none_overtakes_it(trouble: Posted) -> None:
    scene = Scene()
    client = scene.connect()
    scene.api.answers[client] = deque([trouble] * 4)
    scene.publish(3)

    scene.work()

    assert scene.sequences(client) == [1, 2, 3]


def test_a_frame_whose_answer_was_lost_comes_again_with_the_same_sequence() -> None:
    scene = Scene()
    client = scene.connect()
    scene.api.answers[client] = deque(["lost"])
    scene.publish(2)

    scene.work()

    assert scene.sequences(client) == [1, 1, 2]


def test_trouble_that_lasts_leads_to_a_lane_of_its_own_and_loses_nothing() -> None:
    scene = Scene()
    client = scene.connect()
    scene.clock.advance(minutes=1)
    scene.api.answers[client] = deque([Posted.THROTTLED] * 5)
    scene.publish(3)

    scene.work()
    lane = scene.row(client).lane
    scene.publish()
    scene.work()

    assert lane is Lane.JOINING
    assert scene.sequences(client) == [1, 2, 3, 4]
    assert [delay for _, delay in scene.backlog.sent] == [1, 1, 2, 4, 8]
    assert scene.row(client).lane is Lane.LIVE


def test_a_client_that_takes_nothing_for_30_seconds_is_closed_and_resumes() -> None:
    scene = Scene()
    client = scene.connect()
    scene.clock.advance(minutes=1)
    scene.api.answers[client] = deque([Posted.THROTTLED] * 100)
    begun = scene.clock()
    scene.publish(3)

    reports = scene.work()

    assert scene.api.closed == {client: "service"}
    assert 30 <= (scene.clock() - begun).total_seconds() < 40
    assert sum(report.closed_slow for report in reports) == 1
    assert scene.api.posts_of[client] < 15
    assert not scene.tables.rows
    again = scene.connect(after=0)
    scene.work()
    assert scene.sequences(again) == [1, 2, 3]


def test_client_that_takes_single_events_is_told_once_that_it_falls_behind() -> None:
    scene = Scene()
    scene.connect()
    for _ in range(15):
        scene.publish(100)
    scene.tables.rows.clear()
    scene.queue.waiting.clear()
    one_by_one, batched = scene.connect(after=0), scene.connect(after=0, batch="1")
    near = scene.connect(after=500)
    scene.api.seconds = lambda connection_id: 0.1

    scene.work()

    notices = {
        client: [one for one in scene.frames(client) if isinstance(one, dict) and "notice" in one] for client in (one_by_one, batched, near)
    }
    assert [(one["notice"], one["events"]) for one in notices[one_by_one]] == [("behind", 1_450)]
    assert notices[batched] == notices[near] == []
    assert scene.row(one_by_one).told_behind
    assert [frame["sequence"] for frame in scene.frames(one_by_one) if "sequence" in frame] == list(range(1, 1_501))


def test_slow_client_that_is_closed_is_told_why_if_it_can_take_that(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene = Scene()
    client = scene.connect()
    scene.clock.advance(minutes=1)
    scene.publish()

    post = scene.api.post

    async def full(connection_id: str, data: bytes) -> Posted:
        return await post(connection_id, data) if b"closing" in data else Posted.THROTTLED

    scene.api.post = full  # type: ignore[method-assign]
    scene.work()

    assert [(frame["notice"], frame["reason"]) for frame in scene.frames(client)] == [("closing", "slow-client")]
    assert f"connection {client} took nothing for 30 seconds and is closed" in caplog.messages
    assert scene.api.closed == {client: "service"}


def test_socket_whose_close_never_works_is_tried_ever_more_rarely() -> None:
    scene = Scene()
    client = scene.connect()
    scene.clock.advance(minutes=1)
    scene.api.answers[client] = deque([Posted.THROTTLED] * 10_000)
    scene.api.close_answers[client] = deque([Posted.REFUSED] * 10_000)
    scene.publish()

    scene.work()
    scene.work()

    assert len(scene.backlog.sent) < 160
    assert not scene.backlog.waiting
    assert not scene.tables.rows


def test_refused_post_holds_up_no_other_and_counts_as_a_fault() -> None:
    scene = Scene()
    refused, well = scene.connect(), scene.connect()
    scene.api.answers[refused] = deque([Posted.REFUSED] * 4)
    scene.publish(3)

    reports = scene.work()

    assert scene.sequences(well) == [1, 2, 3]
    assert scene.sequences(refused) == [1, 2, 3]
    assert sum(report.faults for report in reports) == 4


@pytest.mark.parametrize("trouble", [Posted.THROTTLED, Posted.UNKNOWN, Posted.GONE, "hangs"])
def test_a_client_whose_posts_meet_trouble_delays_no_other(trouble: Posted | str) -> None:
    scene = Scene()
    troubled, *others = [scene.connect() for _ in range(20)]
    if isinstance(trouble, Posted):
        scene.api.answers[troubled] = deque([trouble] * 6)
    scene.api.seconds = lambda connection_id: 3.0 if connection_id == troubled and trouble == "hangs" else 0.015
    scene.publish(30)
    begun = scene.clock()
    scene.work_group(scene.queue.groups()[0])

    assert all(scene.sequences(client) == list(range(1, 31)) for client in others)
    assert (scene.clock() - begun).total_seconds() < 30 * 0.015 + 0.25
    assert scene.row(troubled).lane is Lane.OWN
    scene.api.seconds = lambda connection_id: 0.015
    scene.work()
    assert sorted(set(scene.sequences(troubled))) == list(range(1, 31))


def test_slow_client_in_its_own_lane_is_sent_what_comes_meanwhile() -> None:
    scene = Scene()
    slow, quick = scene.connect(), scene.connect()
    scene.clock.advance(minutes=1)
    scene.api.seconds = lambda connection_id: 0.7 if connection_id == slow else 0.015
    scene.publish(2)
    scene.work()

    for _ in range(3):
        scene.publish()
        begun = scene.clock()
        scene.work_group(scene.queue.groups()[0])
        assert (scene.clock() - begun).total_seconds() < 0.05
        scene.work()

    assert scene.row(slow).lane is Lane.OWN
    assert scene.row(slow).due is None
    assert sorted(set(scene.sequences(slow))) == [1, 2, 3, 4, 5]
    assert scene.sequences(quick) == [1, 2, 3, 4, 5]


def test_cursor_is_stored_and_the_rest_goes_on_when_time_runs_short() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish(50)

    report = scene.work_group(f"{ENDPOINT}#0", lambda: 10.0 - scene.api.posts)

    assert not report.again
    assert scene.sequences(client) == list(range(1, 11))
    assert scene.cursor(client) == 10
    scene.work_backlog(lambda: 30.0 - scene.api.posts)
    assert scene.cursor(client) == 30
    scene.work()
    assert scene.sequences(client) == list(range(1, 51))


def test_pause_is_told_once_and_resume_sends_the_backlog() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish(2)
    scene.work()
    scene.set_status(EndpointStatus.PAUSED)
    scene.work()
    scene.publish(3)
    scene.work()
    late = scene.connect(after=1)
    scene.work()
    while_paused = scene.frames(client)[2:], scene.frames(late)

    scene.set_status(EndpointStatus.ENABLED)
    scene.work()

    assert while_paused == ([{"notice": "paused"}], [{"notice": "paused"}])
    assert [frame["sequence"] for frame in scene.frames(client)[3:]] == [3, 4, 5]
    assert [frame["sequence"] for frame in scene.frames(late)[1:]] == [2, 3, 4, 5]


def test_pausing_again_tells_again() -> None:
    scene = Scene()
    client = scene.connect()
    for status in (EndpointStatus.PAUSED, EndpointStatus.ENABLED, EndpointStatus.PAUSED):
        scene.set_status(status)
        scene.work()

    assert scene.frames(client) == [{"notice": "paused"}] * 2


def test_deletion_closes_sockets_and_forgets_them_and_the_head() -> None:
    scene = Scene()
    clients = [scene.connect() for _ in range(3)]
    scene.publish()
    scene.delete_endpoint()

    scene.work()

    assert {scene.api.closed[client] for client in clients} == {"service"}
    assert not scene.tables.rows
    assert not scene.tables.log_heads


def test_head_of_a_deleted_endpoint_is_forgotten() -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.connections.disconnect(client)
    scene.publish()
    scene.delete_endpoint()

    scene.work()

    assert not scene.tables.log_heads


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_wake_ups_of_one_batch_are_one_that_knows_of_a_deletion(order: tuple[bool, bool]) -> None:
    scene = Scene()
    scene.connections.disconnect(scene.connect())
    del scene.tables.endpoints[ENDPOINT]
    scene.calls.clear()

    batch = [ReceivedWakeUp(WakeUp(WORKSPACE, ENDPOINT, deleted=deleted), "receipt") for deleted in order]
    run(scene.clock, scene.delivery.serve(batch, lambda: 60.0))

    assert not scene.tables.log_heads
    assert scene.calls["take_turn"] == 1


def test_deletion_while_a_connection_returns_to_its_group_closes_it() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(2)
    scene.work()
    client = scene.connect(after=0)

    def delete(operation: str) -> None:
        if operation == "save":
            scene.tables.endpoints.pop(ENDPOINT, None)

    scene.hook = delete
    scene.work_backlog()
    scene.hook = lambda operation: None
    wake_up = scene.queue.sent[-1]
    # Both close by themselves: its log is forgotten although nobody is left.
    scene.tables.rows.clear()
    scene.work()

    assert scene.sequences(client) == [1, 2]
    assert wake_up.deleted
    assert not scene.tables.log_heads


@pytest.mark.parametrize(("group", "turn"), [(0, 7), (1, 4), (2, 0)])
def test_a_wake_up_of_a_group_names_its_own_turn(group: int, turn: int) -> None:
    """Another number may be one that the queue has seen, and then nobody is woken."""
    scene = Scene()
    for number, taken in ((0, 5), (1, 4)):
        scene.tables.groups[ENDPOINT, number] = GroupState(turn=taken)

    wake_group(scene.tables, scene.queue, WakeUp(WORKSPACE, ENDPOINT, group), LogHead(1, 1, scene.clock(), turn=7))

    assert scene.queue.sent == [WakeUp(WORKSPACE, ENDPOINT, group, turn)]


def test_connections_that_return_at_about_the_same_time_share_the_calls() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(2)
    scene.work()
    quick, slower = scene.connect(after=0), scene.connect(after=0)
    scene.api.seconds = lambda connection_id: 0.01 if connection_id == slower else 0.005
    scene.calls.clear()
    scene.queue.sent.clear()

    scene.work_backlog()

    assert scene.queue.sent == []
    assert scene.sequences(quick) == scene.sequences(slower) == [1, 2]
    assert (scene.calls["save"], scene.calls["situation"]) == (1, 2)


def test_pauses_of_an_append_that_is_throttled_double(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.connect()
    pauses: list[float] = []
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    use_cases = SocketUseCases(
        connections=scene.tables,
        log_store=scene.tables,
        wake_ups=scene.queue,
        backlog=scene.backlog,
        clock=scene.clock,
        sleep=pauses.append,
    )

    def fail(operation: str) -> None:
        if operation == "allocate":
            raise RateLimited("busy")

    scene.hook = fail

    assert use_cases.log.append([Routed(WORKSPACE, "nonce", {ENDPOINT: ["event"]})]) == set()
    assert pauses == [pytest.approx(0.03 * 2**tries) for tries in range(1, 6)]
    assert [message for message, _ in scene.backlog.sent] == [LateAppend(WORKSPACE, ENDPOINT, "nonce", ("event",))]


def test_a_head_that_could_not_be_forgotten_is_at_the_next_try() -> None:
    scene = Scene()
    scene.connections.disconnect(scene.connect())
    scene.work()
    failed: list[str] = []

    def fail_once(called: str) -> None:
        if called == "drop" and not failed:
            failed.append(called)
            raise Unavailable("lost")

    scene.hook = fail_once
    scene.delete_endpoint()
    scene.work()

    assert failed
    assert not scene.tables.log_heads


def test_connect_that_races_with_deletion_is_closed_by_its_wake_up() -> None:
    scene = Scene()
    scene.connect()
    scene.work()

    def delete_meanwhile(operation: str) -> None:
        if operation == "add" and ENDPOINT in scene.tables.endpoints:
            scene.delete_endpoint()
            scene.work()

    scene.hook = delete_meanwhile
    client = scene.connect()
    scene.work()

    assert scene.api.closed[client] == "service"
    assert not scene.tables.rows


def test_revoking_a_token_closes_the_sockets_it_opened_and_no_others() -> None:
    scene = Scene()
    other = a_token("9f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55")
    scene.tables.tokens[other.token_hash] = other
    mine, theirs = scene.connect(), scene.connect(token="9f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55")
    scene.work()
    token = a_token(TOKEN)
    scene.tables.tokens[token.token_hash] = replace(token, revoked=START)

    wake_endpoints_of_token(scene.tables, scene.tables, scene.queue, token.token_hash)
    scene.work()

    assert scene.api.closed == {mine: "service"}
    assert [connection for _, connection in scene.tables.rows] == [theirs]


@pytest.mark.parametrize("trouble", [Posted.THROTTLED, Posted.UNKNOWN, Posted.REFUSED, "lost"])
def test_a_close_that_fails_comes_again_until_the_socket_is_closed(trouble: Posted | str) -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.clock.advance(minutes=1)
    scene.api.close_answers[client] = deque([trouble] * 12)
    scene.delete_endpoint()

    reports = scene.work()

    assert scene.api.closed == {client: "service"}
    assert not scene.tables.rows
    assert not any(report.again for report in reports)


def test_a_socket_that_is_not_open_yet_is_closed_when_it_opens() -> None:
    scene = Scene()
    client = scene.connect(opens=timedelta(seconds=4))
    scene.delete_endpoint()

    scene.work()

    assert scene.api.closed == {client: "service"}
    assert not scene.tables.rows


def test_failing_close_holds_up_no_other_client() -> None:
    scene = Scene()
    other = a_token("9f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55")
    scene.tables.tokens[other.token_hash] = other
    mine, theirs = scene.connect(), scene.connect(token="9f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55")
    scene.work()
    scene.api.close_answers[mine] = deque([Posted.THROTTLED] * 30)
    token = a_token(TOKEN)
    scene.tables.tokens[token.token_hash] = replace(token, revoked=START)
    scene.publish(3)

    scene.work()

    assert scene.sequences(theirs) == [1, 2, 3]
    assert scene.frames(mine) == []
    assert scene.api.closed == {mine: "service"}


def test_frame_under_retry_is_given_up_when_its_socket_closes() -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.api.answers[client] = deque([Posted.THROTTLED] * 10)
    scene.publish()
    token = a_token(TOKEN)

    def revoke_at_the_third_try(operation: str) -> None:
        if scene.api.posts_of.get(client, 0) >= 3:
            scene.tables.tokens[token.token_hash] = replace(token, revoked=START)

    scene.hook = revoke_at_the_third_try
    scene.work()

    assert 3 <= scene.api.posts_of[client] < 10
    assert scene.frames(client) == []
    assert scene.api.closed == {client: "service"}


def test_revoked_token_s_socket_is_sent_nothing() -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    token = a_token(TOKEN)
    scene.tables.tokens[token.token_hash] = replace(token, expires=START + timedelta(minutes=1))
    scene.clock.advance(minutes=2)

    scene.publish(3)
    scene.work()

    assert scene.frames(client) == []
    assert scene.api.closed == {client: "service"}


def test_append_wakes_nobody_once_a_run_found_nobody_connected() -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.connections.disconnect(client)
    scene.publish()
    scene.calls.clear()
    scene.work()
    assert scene.calls == {"take_turn": 1, "of_group": 1, "set_nobody_connected": 1}

    scene.calls.clear()
    for _ in range(100):
        scene.publish()
    assert scene.calls == {"allocate": 100, "append": 100}

    again = scene.connect(after=0)
    scene.work()
    assert scene.sequences(again) == list(range(1, 102))
    scene.publish()
    scene.work()
    assert scene.sequences(again)[-1] == 102


def test_connect_while_a_run_notes_that_nobody_is_there_is_served() -> None:
    scene = Scene()
    scene.connections.disconnect(scene.connect())
    scene.publish()
    late: list[str] = []

    def connect_meanwhile(operation: str) -> None:
        if operation == "set_nobody_connected" and not late:
            late.append(scene.connect())

    scene.hook = connect_meanwhile
    scene.work()
    scene.publish()
    scene.work()

    assert scene.sequences(late[0]) == [2]


def test_nobody_is_woken_when_the_last_connection_must_have_ended() -> None:
    scene = Scene()
    scene.connect()
    scene.work()
    scene.clock.advance(hours=2, minutes=11)
    scene.publish()

    assert not scene.queue.groups()


@pytest.mark.parametrize("clients", [1, 10, 100])
def test_an_event_costs_nine_calls_an_endpoint_and_a_post_a_connection(clients: int) -> None:
    scene = Scene()
    for _ in range(clients):
        scene.connect()
    scene.publish()
    scene.work()
    scene.calls.clear()
    scene.api.posts = 0

    scene.publish()
    scene.work()

    assert scene.api.posts == clients
    assert scene.calls == {
        "allocate": 1, "append": 1, "queue.send": 1,  # by routing
        "take_turn": 1, "of_group": 1, "situation": 1, "segments": 1, "events.texts": 1, "save_cursor": 1,  # by delivery
    }  # fmt: skip


def test_ten_thousand_missed_events_are_read_about_a_hundred_at_a_time() -> None:
    scene = Scene()
    scene.connect()
    for _ in range(100):
        scene.publish(100)
    scene.queue.waiting.clear()
    scene.tables.rows.clear()
    scene.calls.clear()

    client = scene.connect(after=0, batch="1")
    scene.work()

    assert [event["sequence"] for batch in scene.frames(client) for event in batch] == list(range(1, 10_001))
    assert scene.calls["events.texts"] <= 160
    assert scene.calls["segments"] <= 170
    assert scene.api.posts <= 105


def test_resuming_clients_at_the_same_place_read_the_log_once_for_ten() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(16)
    scene.tables.rows.clear()
    for _ in range(20):
        scene.connect(after=0)
    scene.calls.clear()

    scene.work()

    assert scene.calls["events.texts"] == 2


def test_connections_above_a_hundred_are_all_served_in_groups() -> None:
    scene = Scene()
    clients = [scene.connect() for _ in range(300)]
    scene.publish()
    scene.work()
    scene.clock.advance(seconds=1)
    clients += [scene.connect() for _ in range(1_000)]
    scene.queue.sent.clear()

    scene.publish(2)
    scene.work()

    sizes = Counter(row.group for row in scene.tables.rows.values())
    assert scene.tables.log_heads[ENDPOINT].groups == 16
    assert max(size for group, size in sizes.items() if group) <= 300
    assert len(scene.queue.sent) == 4
    assert all(scene.sequences(client)[-2:] == [2, 3] for client in clients)


def test_groups_become_fewer_again_once_their_connections_have_ended() -> None:
    scene = Scene()
    for _ in range(900):
        scene.connect()
    scene.publish()
    scene.work()
    assert scene.tables.log_heads[ENDPOINT].groups == 16
    scene.tables.rows.clear()

    for _ in range(30):
        scene.clock.advance(minutes=20)
        scene.tables.rows.clear()
        for _ in range(5):
            scene.connect()
        scene.publish()
        scene.work()

    scene.queue.sent.clear()
    scene.publish()
    scene.work()
    assert len(scene.queue.sent) == 1


def test_a_connection_stays_in_its_group_for_all_its_life() -> None:
    scene = Scene()
    first = [scene.connect() for _ in range(150)]
    scene.publish()
    scene.work()
    scene.connect()
    scene.publish()
    scene.work()

    assert {scene.row(client).group for client in first} == {0}


def test_thousand_connects_to_an_endpoint_without_events_wake_nobody() -> None:
    scene = Scene()
    for _ in range(1_000):
        scene.connect()

    assert not scene.queue.sent
    assert not scene.backlog.sent


def test_thousand_endpoints_of_one_connection_are_served_in_batches() -> None:
    scene = Scene()
    endpoints = [f"{number:08x}-3e17-4b9b-9268-ce51d6900530" for number in range(1_000)]
    for endpoint in endpoints:
        scene.tables.endpoints[endpoint] = replace(scene.tables.endpoints[ENDPOINT], id=endpoint)
    clients = [scene.connect(endpoint_id=endpoint) for endpoint in endpoints]
    for endpoint in endpoints:
        scene.publish(endpoint_id=endpoint)

    scene.work()

    assert all(scene.sequences(client) == [1] for client in clients)


def test_posts_are_bounded_over_all_connections_of_a_group() -> None:
    scene = Scene()
    for _ in range(100):
        scene.connect()
    scene.api.seconds = lambda connection_id: 0.001
    scene.publish(2)

    scene.work()

    assert scene.api.most_under_way == 32


@pytest.mark.parametrize("operation", ["take_turn", "of_group", "situation", "segments", "events.texts", "join", "save_cursor"])
@pytest.mark.parametrize("error", [RateLimited("busy"), Unavailable("lost")])
def test_failed_read_or_write_is_made_good_without_a_time_out(operation: str, error: Exception) -> None:
    scene = Scene()
    failed: list[str] = []

    def fail_once(called: str) -> None:
        if called == operation and not failed:
            failed.append(called)
            raise error

    client = scene.connect()
    scene.publish(3)
    scene.hook = fail_once
    reports = scene.work()

    assert failed
    assert not any(report.again for report in reports)
    assert sorted(set(scene.sequences(client))) == [1, 2, 3]
    assert scene.cursor(client) == 3


@pytest.mark.parametrize("operation", ["find", "situation", "segments", "events.texts", "save", "backlog.send", "third situation"])
@pytest.mark.parametrize("error", [RateLimited("busy"), Unavailable("lost")])
def test_whatever_fails_in_a_turn_of_its_own_costs_a_client_no_event(operation: str, error: Exception) -> None:
    scene = Scene()
    scene.connect()
    scene.publish(600)
    scene.work()
    client = scene.connect(after=0)
    scene.clock.advance(minutes=1)
    failed: list[str] = []

    begun = scene.calls["situation"]

    def fail_once(called: str) -> None:
        name = "third situation" if called == "situation" and scene.calls["situation"] == begun + 3 else called
        if name == operation and not failed:
            failed.append(called)
            raise error

    scene.hook = fail_once
    scene.api.seconds = lambda connection_id: 0.015
    scene.work()

    assert failed
    assert sorted(set(scene.sequences(client))) == list(range(1, 601))
    assert scene.row(client).lane is Lane.JOINING


def test_work_that_keeps_failing_comes_again() -> None:
    scene = Scene()
    scene.connect()
    scene.publish()

    def fail(called: str) -> None:
        if called == "situation":
            raise Unavailable("lost")

    scene.hook = fail
    reports = scene.work()

    assert [report.again for report in reports] == [[0]]
    assert scene.calls["situation"] == 1 + 4


def test_an_event_that_is_no_more_is_a_gap_and_not_a_hole() -> None:
    scene = Scene()
    client = scene.connect()
    ids = scene.publish(3)
    del scene.events.events[ids[1]]

    scene.work()

    assert scene.frames(client)[1] == {"notice": "gap", "from": 2, "to": 2, "next": 3, "reason": "expired"}
    assert [frame["sequence"] for frame in scene.frames(client)[::2]] == [1, 3]


def test_events_in_a_row_that_are_no_more_are_one_gap() -> None:
    scene = Scene()
    client = scene.connect()
    ids = scene.publish(6)
    for place in (0, 2, 3, 5):
        del scene.events.events[ids[place]]

    scene.work()

    assert [frame.get("sequence", (frame.get("from"), frame.get("to"))) for frame in scene.frames(client)] == [(1, 1), 2, (3, 4), 5, (6, 6)]


@pytest.mark.parametrize("removed", [0, 700, 3_000])
def test_expired_part_of_the_log_is_one_notice_and_few_reads(removed: int) -> None:
    scene = Scene()
    scene.connect()
    for _ in range(3_000):
        scene.publish(2)
    # DynamoDB removes what expired in its own time and in no order.
    gone = random.Random(3).sample(sorted(scene.tables.log[ENDPOINT]), removed)
    for last in gone:
        del scene.tables.log[ENDPOINT][last]
    scene.clock.advance(hours=20)
    for _ in range(300):
        scene.publish(2)
    scene.queue.waiting.clear()
    scene.tables.rows.clear()
    scene.clock.advance(hours=5)
    scene.calls.clear()

    client = scene.connect(after=2)
    scene.work()

    notice, *frames = scene.frames(client)
    assert notice == {"notice": "gap", "from": 3, "to": 6_000, "next": 6_001, "reason": "expired"}
    assert [frame["sequence"] for frame in frames] == list(range(6_001, 6_601))
    assert scene.calls["segments"] <= 30


def test_gap_of_two_causes_is_one_notice() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)
    scene.clock.advance(hours=30)
    scene.connect()
    floor = scene.tables.log_heads[ENDPOINT].floor
    scene.publish(3)
    scene.clock.advance(hours=25)

    client = scene.connect(after=2)
    scene.publish()
    scene.work()

    notice, frame = scene.frames(client)
    assert floor == 7
    assert notice == {"notice": "gap", "from": 3, "to": 9, "next": 10, "reason": "expired"}
    assert frame["sequence"] == 10


def test_fault_of_our_own_at_one_client_holds_up_no_other() -> None:
    scene = Scene()
    broken, well = scene.connect(), scene.connect()
    scene.clock.advance(minutes=1)
    scene.publish(2)
    post = scene.api.post

    async def fail(connection_id: str, data: bytes) -> Posted:
        if connection_id == broken and scene.api.posts_of.get(broken, 0) == 1:
            raise ValueError("a fault")
        return await post(connection_id, data)

    scene.api.post = fail  # type: ignore[method-assign]
    reports = [scene.work_group(f"{ENDPOINT}#0")]
    scene.publish(3)
    reports.append(scene.work_group(f"{ENDPOINT}#0"))

    assert scene.sequences(well) == [1, 2, 3, 4, 5]
    assert [report.faults for report in reports] == [1, 0]
    assert not any(report.again for report in reports)
    scene.api.post = post  # type: ignore[method-assign]
    scene.work()
    assert scene.sequences(broken) == [1, 2, 3, 4, 5]


def test_fault_at_one_endpoint_repeats_only_its_wake_up() -> None:
    scene = Scene()
    other = "62c6548d-3e17-4b9b-9268-ce51d6900530"
    scene.tables.endpoints[other] = replace(scene.tables.endpoints[ENDPOINT], id=other)
    scene.connect()
    well = scene.connect(endpoint_id=other)
    scene.publish(3, endpoint_id=other)
    of_group = scene.tables.of_group

    def fail(endpoint_id: str, group: int) -> tuple[GroupState, list[Connection]]:
        if endpoint_id == ENDPOINT:
            raise ValueError("a fault")
        return of_group(endpoint_id, group)

    scene.tables.of_group = fail  # type: ignore[method-assign]
    batch = [ReceivedWakeUp(WakeUp(WORKSPACE, one), one) for one in (ENDPOINT, other)]
    report = run(scene.clock, scene.delivery.serve(batch, lambda: 60.0))

    assert report.again == [0]
    assert report.faults == 1
    assert scene.sequences(well) == [1, 2, 3]


def test_finished_group_is_released_before_a_slow_one_of_its_batch() -> None:
    scene = Scene()
    other = "62c6548d-3e17-4b9b-9268-ce51d6900530"
    scene.tables.endpoints[other] = replace(scene.tables.endpoints[ENDPOINT], id=other)
    slow, quick = [scene.connect() for _ in range(100)], scene.connect(endpoint_id=other)
    scene.publish()
    scene.publish(endpoint_id=other)
    scene.api.seconds = lambda connection_id: 0.015 if connection_id == quick else 0.45
    released_at: list[float] = []

    def note(operation: str) -> None:
        if operation == "queue.release":
            released_at.append(scene.clock.seconds)

    scene.hook = note
    begun = scene.clock.seconds
    batch = [ReceivedWakeUp(WakeUp(WORKSPACE, one), f"{one}@0") for one in (ENDPOINT, other)]
    run(scene.clock, scene.delivery.serve(batch, lambda: 60.0))

    assert scene.queue.released == [f"{other}@0"]
    assert released_at[0] - begun < 0.1
    assert scene.clock.seconds - begun > 1
    assert sum(scene.sequences(client) == [1] for client in slow) >= 64


def test_a_wake_up_that_waits_takes_in_all_that_is_published_meanwhile() -> None:
    scene = Scene()
    scene.connect()
    for _ in range(1_000):
        scene.publish()
    assert scene.queue.depth == 1

    scene.queue.receive(f"{ENDPOINT}#0")
    scene.tables.take_turn(ENDPOINT)
    for _ in range(1_000):
        scene.publish()

    assert scene.queue.depth == 2


def test_a_hole_in_the_log_is_read_again_until_it_is_filled() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish(2)
    reads = [2, 2, 1]
    scene.tables.lag = lambda: reads.pop(0) if reads else 0

    scene.work()

    assert not reads
    assert scene.sequences(client) == [1, 2]


def test_what_stands_before_a_hole_is_sent_before_the_hole_is_filled() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish()
    scene.publish()
    times: dict[int, float] = {}
    scene.tables.lag = lambda: 1 if scene.clock.seconds < 0.5 else 0

    def note(connection_id: str) -> float:
        times[len(scene.api.received[client])] = scene.clock.seconds
        return 0.0

    scene.api.seconds = note
    scene.work()

    assert times[0] < 0.01
    assert 0.5 <= times[1] < 0.8
    assert scene.sequences(client) == [1, 2]


def test_sequences_that_a_router_left_are_sealed_after_two_seconds() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish()
    taken = scene.tables.allocate(ENDPOINT, 3)
    scene.publish(2)
    begun = scene.clock.seconds

    scene.work()

    assert taken is not None
    assert scene.frames(client)[1] == {"notice": "gap", "from": 2, "to": 4, "next": 5, "reason": "unused"}
    assert [frame["sequence"] for frame in scene.frames(client) if "sequence" in frame] == [1, 5, 6]
    assert 1.9 < scene.clock.seconds - begun < 3
    with pytest.raises(SequencesTaken):
        scene.tables.append(ENDPOINT, [Segment(2, ("a", "b", "c"), scene.clock(), scene.clock())], ["late"])


def test_events_whose_router_comes_while_they_are_sealed_are_sent() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish()
    scene.tables.allocate(ENDPOINT, 1)
    scene.events.add(an_event(100))
    scene.publish()

    def append(operation: str) -> None:
        if operation == "seal":
            scene.hook = lambda operation: None
            now = scene.clock()
            scene.tables.append(ENDPOINT, [Segment(2, (an_event(100).id,), now, now + RETENTION)], ["late"])

    scene.hook = append
    scene.work()

    assert scene.sequences(client) == [1, 2, 3]


def test_client_in_its_own_lane_that_opens_in_a_moment_is_waited_for() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(2)
    scene.work()
    client = scene.connect(after=0, opens=timedelta(seconds=0.25))

    scene.work_backlog()

    assert scene.sequences(client) == [1, 2]


def test_sequences_of_a_message_that_was_appended_before_are_unused() -> None:
    """It came again without saying so."""
    scene = Scene()
    client = scene.connect()
    scene.publish(nonce="same")
    scene.publish(2, nonce="same")
    scene.publish()

    scene.work()

    now = scene.tables.log_heads[ENDPOINT].appended_at
    assert now is not None
    assert scene.tables.log[ENDPOINT][2] == Segment(2, (), now, now + RETENTION, unused=2)
    assert [frame.get("notice", frame.get("sequence")) for frame in scene.frames(client)] == [1, "gap", 4]


def test_a_router_that_is_too_late_for_its_sequences_appends_with_new_ones() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish()
    append = scene.tables.append
    stalled: list[str] = []

    def stall(endpoint_id: str, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        if not stalled:
            stalled.append("stalled")
            scene.publish(nonce="another")
            scene.work()
        append(endpoint_id, segments, nonces)

    scene.tables.append = stall  # type: ignore[method-assign]
    (late,) = scene.publish(nonce="late")
    scene.work()

    events = [frame for frame in scene.frames(client) if "id" in frame]
    assert late in [event["id"] for event in events]
    assert len({event["id"] for event in events}) == len(events) == 3
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)


def test_rows_of_who_leaves_or_joins_are_stored_before_the_shared_cursor() -> None:
    scene = Scene()
    live, troubled = scene.connect(), scene.connect()
    scene.publish()
    scene.work()
    scene.connect()
    order: list[str] = []
    scene.hook = order.append
    scene.clock.advance(minutes=1)
    scene.api.answers[troubled] = deque([Posted.THROTTLED])
    scene.publish()

    scene.work_group(f"{ENDPOINT}#0")

    assert [one for one in order if one in ("save", "join", "save_cursor", "backlog.send")] == [
        "save",
        "join",
        "save_cursor",
        "backlog.send",
    ]
    assert scene.cursor(live) == 2
    assert scene.cursor(troubled) == 1


def test_a_cursor_does_not_move_with_a_post_that_failed() -> None:
    scene = Scene()
    client = scene.connect()
    scene.clock.advance(minutes=1)
    scene.api.answers[client] = deque([Posted.THROTTLED])
    scene.publish()

    scene.work_group(f"{ENDPOINT}#0")

    assert scene.cursor(client) == 0


def test_ten_groups_of_a_hundred_hanging_connections_end_in_time() -> None:
    scene = Scene()
    endpoints = [f"{number:08x}-3e17-4b9b-9268-ce51d6900530" for number in range(10)]
    for endpoint in endpoints:
        scene.tables.endpoints[endpoint] = replace(scene.tables.endpoints[ENDPOINT], id=endpoint)
        for _ in range(100):
            scene.connect(endpoint_id=endpoint)
        scene.publish(endpoint_id=endpoint)
    scene.api.seconds = lambda connection_id: 3.0
    begun = scene.clock.seconds
    batch = [ReceivedWakeUp(WakeUp(WORKSPACE, endpoint), endpoint) for endpoint in endpoints]

    report = run(scene.clock, scene.delivery.serve(batch, lambda: 25 - (scene.clock.seconds - begun)))

    assert report.again == []
    assert scene.clock.seconds - begun < 5
    assert len(scene.backlog.waiting) == 1_000


def test_connection_that_opens_after_29_seconds_is_served() -> None:
    scene = Scene()
    client = scene.connect(after=GREATEST_SEQUENCE, opens=timedelta(seconds=29))
    scene.publish(3)

    scene.work()

    assert [frame.get("sequence", frame.get("next")) for frame in scene.frames(client)] == [1, 1, 2, 3]


def test_reset_that_comes_again_makes_no_client_handle_an_event_twice() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(10)
    scene.work()
    client = scene.connect(after=GREATEST_SEQUENCE)
    scene.publish(5)
    turns = scene.backlog.receive()

    class Killed(BaseException):
        pass

    def die(operation: str) -> None:
        if operation == "save":
            raise Killed

    scene.hook = die
    with pytest.raises(Killed):
        run(scene.clock, scene.delivery.serve_backlog(turns, lambda: 60.0))
    scene.hook = lambda operation: None
    scene.backlog.failed(turns)
    scene.work()

    frames = scene.frames(client)
    assert [frame.get("notice") for frame in frames].count("reset") == 2
    handled: list[int] = []
    names: dict[str, Any] = {}
    exec(printed("python", "async def listen"), names)  # noqa: S102 - the document's own text is what is tested
    follower = names["Follower"](lambda event: handled.append(event["sequence"]))
    for frame in frames:
        follower.take(json.dumps(frame))
    assert handled == [11, 12, 13, 14, 15]


def test_a_connection_that_its_owner_closes_closes_although_it_has_a_row() -> None:
    scene = Scene()
    client, other = scene.connect(), scene.connect()
    scene.backlog.send([CloseSocket(client, at_once=True), CloseSocket(other)])

    scene.work()

    assert scene.api.closed == {client: "service"}
    assert parse_backlog_message(CloseSocket("c", at_once=True).text()) == CloseSocket("c", at_once=True)
    assert parse_backlog_message(CloseSocket("c").text()) == CloseSocket("c")


def test_connection_whose_row_cannot_be_read_counts_no_longer() -> None:
    scene = Scene()
    client = scene.connect()
    row = scene.row(client)
    released: list[Counted] = []
    scene.serve_with(release=released.extend)
    scene.tables.groups[ENDPOINT, 0] = GroupState(unreadable=(client,))
    scene.publish()

    report = scene.work_group(f"{ENDPOINT}#0")

    assert (report.again, report.faults) == ([], 1)
    assert released == [Counted(ENDPOINT, WORKSPACE, row.token_hash, row.connected_at)]
    assert scene.tables.owner(client) is None
