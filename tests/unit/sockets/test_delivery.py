"""Posting: what each answer of API Gateway leads to, and what one client's trouble means for others (nothing)."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets import delivery as socket_delivery
from event_service.sockets.connection import CONNECTIONS_PER_GROUP, hash_prefix, shards_for
from event_service.sockets.frames import MAXIMUM_FRAME_BYTES
from event_service.sockets.ports import Posted
from event_service.sockets.wake_up import WakeUp
from tests.unit.sockets.scene import ENDPOINT, START, TOKEN, WORKSPACE, Scene, a_token, an_event


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
    scene.clock.pass_by(seconds=11)
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


def test_lasting_trouble_is_handed_on_and_loses_nothing() -> None:
    scene = Scene()
    client = scene.connect()
    scene.api.answers[client] = deque([Posted.THROTTLED] * 40)
    scene.publish(3)

    scene.work()

    assert scene.sequences(client) == [1, 2, 3]
    assert max(wake_up.continuation for wake_up in scene.queue.sent) > 0


def test_trouble_that_never_ends_stops_at_the_last_continuation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_delivery, "MAXIMUM_CONTINUATIONS", 3)
    scene = Scene()
    client = scene.connect()
    scene.api.answers[client] = deque([Posted.THROTTLED] * 100_000)
    scene.publish()

    reports = scene.work()

    assert max(wake_up.continuation for wake_up in scene.queue.sent) == 3
    assert [wake_up.continuation for wake_up in reports[-1].again] == [3]


def test_refused_post_holds_up_no_other_and_counts_as_a_fault() -> None:
    scene = Scene()
    refused, well = scene.connect(), scene.connect()
    scene.api.answers[refused] = deque([Posted.REFUSED] * 20)
    scene.publish(3)

    reports = scene.work()

    assert scene.sequences(well) == [1, 2, 3]
    assert scene.sequences(refused) == [1, 2, 3]
    assert sum(report.faults for report in reports) == 1


@pytest.mark.parametrize("trouble", [Posted.THROTTLED, Posted.UNKNOWN, Posted.GONE])
def test_a_client_whose_posts_meet_trouble_delays_no_other(trouble: Posted) -> None:
    scene = Scene()
    troubled, *others = [scene.connect() for _ in range(20)]
    scene.api.answers[troubled] = deque([trouble] * 4)
    order: list[str] = []

    def note(connection_id: str) -> float:
        order.append(connection_id)
        return 0.0

    scene.api.seconds = note
    scene.publish(30)

    scene.work()

    assert all(scene.sequences(client) == list(range(1, 31)) for client in (troubled, *others))
    # The others had everything before the troubled one had its third try.
    while order[-1] == troubled:
        order.pop()
    assert order.count(troubled) <= 2


def test_a_slow_client_does_not_keep_others_from_what_comes_meanwhile() -> None:
    scene = Scene()
    scene.in_real_time = True
    slow, quick = scene.connect(), scene.connect()
    scene.publish(2)
    seen_while_slow: list[int] = []
    released = asyncio.Event()

    async def run() -> None:
        async def post(connection_id: str, data: bytes) -> Posted:
            if connection_id == slow:
                await released.wait()
            scene.api.received[connection_id].append(data)
            return Posted.SENT

        scene.api.post = post  # type: ignore[method-assign]
        serving = asyncio.ensure_future(scene.delivery.serve([WakeUp(WORKSPACE, ENDPOINT)], lambda: 60.0))
        while len(scene.sequences(quick)) < 2:  # noqa: ASYNC110 - what is waited for are the fake's own lists
            await asyncio.sleep(0)
        scene.publish(3)
        late = scene.connect()
        while len(scene.sequences(quick)) < 5 or not serving.done():
            if len(scene.sequences(quick)) == 5 and not released.is_set():
                seen_while_slow.extend(scene.sequences(slow))
                released.set()
            await asyncio.sleep(0.01)
        assert scene.sequences(late) == []

    asyncio.run(run())

    assert seen_while_slow == []
    assert scene.sequences(slow) == [1, 2, 3, 4, 5]
    assert scene.sequences(quick) == [1, 2, 3, 4, 5]


def test_when_time_runs_short_the_cursor_is_stored_and_the_rest_handed_on() -> None:
    scene = Scene()
    client = scene.connect()
    scene.publish(50)
    wake_ups = scene.queue.receive(ENDPOINT)

    report = asyncio.run(scene.delivery.serve(wake_ups, lambda: 10.0 - scene.api.posts))
    scene.queue.done(ENDPOINT, wake_ups)

    assert not report.again
    assert scene.sequences(client) == list(range(1, 11))
    assert scene.row(client).cursor == 10
    assert [wake_up.continuation for wake_up in scene.queue.waiting[ENDPOINT]] == [1]
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

    scene.connections.token_revoked(token.token_hash)
    scene.work()

    assert scene.api.closed == {mine: "service"}
    assert [connection for _, connection in scene.tables.rows] == [theirs]


@pytest.mark.parametrize("trouble", [Posted.THROTTLED, Posted.UNKNOWN, Posted.REFUSED, "lost"])
def test_a_close_that_fails_comes_again_until_the_socket_is_closed(trouble: Posted | str) -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.clock.pass_by(minutes=1)
    scene.api.close_answers[client] = deque([trouble] * 30)
    scene.delete_endpoint()

    reports = scene.work()

    assert scene.api.closed == {client: "service"}
    assert not scene.tables.rows
    assert not any(report.again for report in reports)
    if trouble != "lost":
        assert max(wake_up.continuation for wake_up in scene.queue.sent) > 0


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
    scene.clock.pass_by(minutes=2)

    scene.publish(3)
    scene.work()

    assert scene.frames(client) == []
    assert scene.api.closed == {client: "service"}


def test_a_wake_up_without_connections_costs_one_query() -> None:
    scene = Scene()
    client = scene.connect()
    scene.work()
    scene.connections.disconnect(client)
    scene.publish()
    scene.calls.clear()

    scene.work()

    assert scene.calls == {"of_endpoint": 1}


@pytest.mark.parametrize("clients", [1, 10, 100])
def test_event_costs_five_calls_an_endpoint_and_a_post_a_connection(clients: int) -> None:
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
        "heads": 1, "append": 1, "queue.send": 1,  # by routing
        "of_endpoint": 1, "situation": 1, "segments": 1, "events.get": 1, "save": 1,  # by delivery, whose save is 25 a call
    }  # fmt: skip


def test_ten_thousand_missed_events_are_read_a_hundred_at_a_time() -> None:
    scene = Scene()
    scene.connect()
    for _ in range(100):
        scene.publish(100)
    scene.queue.waiting.clear()
    scene.tables.rows.clear()
    scene.calls.clear()

    client = scene.connect(after=0)
    scene.work()

    assert scene.sequences(client) == list(range(1, 10_001))
    assert scene.calls["events.get"] <= 105
    assert scene.calls["segments"] <= 105


def test_two_resuming_clients_at_the_same_place_read_the_log_once() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(100)
    scene.tables.rows.clear()
    for _ in range(20):
        scene.connect(after=0)
    scene.calls.clear()

    scene.work()

    assert scene.calls["events.get"] == 1


def test_connections_above_a_hundred_are_all_served_in_shards() -> None:
    scene = Scene()
    clients = [scene.connect() for _ in range(1_000)]
    scene.work()
    scene.queue.sent.clear()

    scene.publish(2)
    scene.work()

    shards = [wake_up.shard for wake_up in scene.queue.sent if wake_up.shard is not None]
    assert len(shards) == len(set(shards)) == shards[0].count
    assert 8 <= shards[0].count <= 64
    assert all(scene.sequences(client) == [1, 2] for client in clients)


def test_thousand_connects_wake_one_shard_each() -> None:
    scene = Scene()
    for _ in range(1_000):
        scene.connect()

    scene.work()

    assert len([wake_up for wake_up in scene.queue.sent if wake_up.shard is not None]) <= 1_000


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


@pytest.mark.parametrize("number", [101, 300, 1_000, 5_000])
def test_shards_are_sized_by_how_far_the_first_connections_reach(number: int) -> None:
    prefixes = sorted(hash_prefix(f"connection-{index}") for index in range(number))

    shards = shards_for(prefixes[: CONNECTIONS_PER_GROUP + 1])

    sizes = [sum(shard.bounds[0] <= prefix <= shard.bounds[1] for prefix in prefixes) for shard in shards]
    assert sum(sizes) == number
    assert max(sizes) <= CONNECTIONS_PER_GROUP * 1.3


def test_posts_are_bounded_over_all_connections_of_an_invocation() -> None:
    scene = Scene()
    scene.in_real_time = True
    for _ in range(100):
        scene.connect()
    scene.api.seconds = lambda connection_id: 0.001
    scene.publish(2)

    scene.work()

    assert 32 < scene.api.most_under_way <= 64


@pytest.mark.parametrize("operation", ["of_endpoint", "situation", "segments", "events.get", "save"])
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
    assert scene.row(client).cursor == 3


def test_work_that_cannot_be_handed_on_either_comes_again() -> None:
    scene = Scene()
    scene.connect()

    def fail(called: str) -> None:
        if called in ("situation", "queue.send"):
            raise Unavailable("lost")

    scene.hook = fail
    reports = scene.work()

    assert [wake_up.endpoint_id for wake_up in reports[-1].again] == [ENDPOINT]


def test_an_event_that_is_no_more_is_a_gap_and_not_a_hole() -> None:
    scene = Scene()
    client = scene.connect()
    ids = scene.publish(3)
    del scene.events.events[ids[1]]

    scene.work()

    assert scene.frames(client)[1] == {"notice": "gap", "from": 2, "to": 2, "next": 3}
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
    scene.clock.pass_by(hours=20)
    for _ in range(300):
        scene.publish(2)
    scene.queue.waiting.clear()
    scene.tables.rows.clear()
    scene.clock.pass_by(hours=5)
    scene.calls.clear()

    client = scene.connect(after=2)
    scene.work()

    notice, *frames = scene.frames(client)
    assert notice == {"notice": "gap", "from": 3, "to": 6_000, "next": 6_001}
    assert [frame["sequence"] for frame in frames] == list(range(6_001, 6_601))
    assert scene.calls["segments"] <= 30


def test_gap_of_two_causes_is_one_notice() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)
    scene.clock.pass_by(hours=30)
    scene.connect()
    floor = scene.tables.log_heads[ENDPOINT].floor
    scene.publish(3)
    scene.clock.pass_by(hours=25)

    client = scene.connect(after=2)
    scene.publish()
    scene.work()

    notice, frame = scene.frames(client)
    assert floor == 7
    assert notice == {"notice": "gap", "from": 3, "to": 9, "next": 10}
    assert frame["sequence"] == 10


def test_fault_at_one_endpoint_repeats_only_its_wake_up() -> None:
    scene = Scene()
    other = "62c6548d-3e17-4b9b-9268-ce51d6900530"
    scene.tables.endpoints[other] = replace(scene.tables.endpoints[ENDPOINT], id=other)
    broken, well = scene.connect(), scene.connect(endpoint_id=other)
    scene.publish(2)
    scene.publish(3, endpoint_id=other)
    post = scene.api.post

    async def refuse(connection_id: str, data: bytes) -> Posted:
        if connection_id == broken and scene.api.posts_of.get(broken, 0) == 1:
            raise ValueError("a fault")
        return await post(connection_id, data)

    scene.api.post = refuse  # type: ignore[method-assign]
    report = asyncio.run(scene.delivery.serve([WakeUp(WORKSPACE, ENDPOINT), WakeUp(WORKSPACE, other)], lambda: 60.0))

    assert report.again == [WakeUp(WORKSPACE, ENDPOINT)]
    assert report.faults == 1
    assert scene.sequences(well) == [1, 2, 3]
    assert scene.row(broken).cursor == 1
