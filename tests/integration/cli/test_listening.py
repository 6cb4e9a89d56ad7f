"""The client that `listen` is: what it shows is each event once, in order, whatever happens to its connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cli.listening import InvalidAddress, Listener, Refused
from event_service.sockets.connection import GREATEST_SEQUENCE
from tests.fakes.socket_service import SocketService, event, socket_service

ENDPOINT_ID = "357fe643-2396-4919-bd9e-a30f0ac28818"


class Follower:
    """A listener, what it showed and what it said."""

    def __init__(self, service: SocketService, **options: Any) -> None:
        self.shown: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.pauses: list[float] = []
        self.fetched: list[str] = []
        self.stored: dict[str, dict[str, Any]] = {}
        settings: dict[str, Any] = {"last": 0, **options}
        self.listener = Listener(
            url=service.url,
            endpoint_id=ENDPOINT_ID,
            token="t",
            on_event=self._show,
            fetch=self._fetch,
            note=self.notes.append,
            sleep=self._sleep,
            **settings,
        )

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            await self.listener.run(lambda: len(self.shown) >= count)

    @property
    def numbers(self) -> list[int]:
        return [one["data"]["number"] for one in self.shown]

    async def _show(self, one: dict[str, Any]) -> None:
        self.shown.append(one)

    async def _fetch(self, event_id: str) -> dict[str, Any] | None:
        self.fetched.append(event_id)
        return self.stored.get(event_id)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in code that knows nothing of the test
            await asyncio.sleep(0.005)


async def test_events_are_shown_in_order_and_the_client_says_who_it_is() -> None:
    async with socket_service() as service:
        service.publish(*(event(number) for number in range(1, 101)))
        follower = Follower(service)

        await follower.until(100)

        assert follower.numbers == list(range(1, 101))
        assert [one["sequence"] for one in follower.shown] == list(range(1, 101))
        assert service.queries == [{"endpoint_id": ENDPOINT_ID, "batch": "1", "after": "0"}]
        assert service.tokens == ["t"]


async def test_a_thousand_cuts_and_repeats_lose_nothing_and_show_nothing_twice() -> None:
    async with socket_service(cut_chance=0.2, repeat_chance=0.5) as service:
        follower = Follower(service)

        async def publish() -> None:
            for number in range(1, 2_001):
                service.publish(event(number))
                if number % 20 == 0:
                    await asyncio.sleep(0.001)

        await asyncio.gather(publish(), follower.until(2_000))

        assert follower.numbers == list(range(1, 2_001))
        assert service.cuts > 50
        assert service.repeats > 50
        assert follower.listener.counts.dropped > 50
        assert follower.listener.counts.missed == 0
        assert follower.listener.counts.connections == service.cuts + 1
        # it resumed behind what it had, never behind what it had not
        assert [int(query["after"]) for query in service.queries] == sorted(int(query["after"]) for query in service.queries)


async def test_listening_begins_now_and_resumes_once_it_has_a_sequence() -> None:
    async with socket_service() as service:
        service.publish(event(1))
        follower = Follower(service, last=None)
        following = asyncio.ensure_future(follower.until(2))
        await _until(lambda: follower.listener.last == 1)
        service.publish(event(2))
        await _until(lambda: follower.shown)
        service.cut_chance = 1.0
        service.publish(event(3))
        await _until(lambda: service.cuts)
        service.cut_chance = 0.0
        await following

        assert follower.numbers == [2, 3]
        assert service.queries[0]["after"] == str(GREATEST_SEQUENCE)
        assert service.queries[-1]["after"] == "2"
        assert follower.listener.counts.missed == 0
        assert not any("gap" in note for note in follower.notes)


async def test_a_connection_that_ends_before_the_first_event_misses_none() -> None:
    async with socket_service() as service:
        service.publish(event(1))
        follower = Follower(service, last=None)
        following = asyncio.ensure_future(follower.until(2))
        await _until(lambda: follower.listener.last == 1)
        service.cut_chance = 1.0
        service.publish(event(2))
        await _until(lambda: service.cuts)
        service.publish(event(3))
        service.cut_chance = 0.0
        await following

        assert follower.numbers == [2, 3]
        assert service.queries[1]["after"] == "1"


async def test_a_gap_is_told_and_what_is_left_is_shown() -> None:
    async with socket_service(floor=41) as service:
        service.publish(*(event(number) for number in range(1, 51)))
        follower = Follower(service, last=10)

        await follower.until(10)

        assert follower.numbers == list(range(41, 51))
        assert follower.listener.counts.missed == 30
        assert any("sequences 11 to 40 is gone" in note for note in follower.notes)


async def test_whoever_is_ahead_of_the_log_goes_on_where_it_really_is() -> None:
    async with socket_service() as service:
        service.publish(event(1), event(2))
        follower = Follower(service, last=900)
        following = asyncio.ensure_future(follower.until(1))
        await _until(lambda: any("no event behind" in note for note in follower.notes))
        service.publish(event(3))
        await following

        assert follower.numbers == [3]
        assert follower.listener.last == 3


async def test_a_hole_is_never_passed_over_in_silence() -> None:
    async with socket_service(hole_chance=0.3) as service:
        service.publish(*(event(number) for number in range(1, 201)))
        service.publish(event(201))
        follower = Follower(service)
        following = asyncio.ensure_future(follower.until(1_000))
        await _until(lambda: len(follower.shown) + follower.listener.counts.missed >= 190)
        following.cancel()

        assert follower.listener.counts.missed > 0
        assert any("this is a fault of the service" in note for note in follower.notes)


async def test_sequences_are_left_out_on_purpose_with_a_filter() -> None:
    async with socket_service() as service:
        service.publish(*(event(number) for number in range(1, 4)))
        follower = Follower(service, filter_id="93d0c8b2-3e17-4b9b-9268-ce51d6900531")
        await follower.until(1)
        await follower.listener.take(event(7, sequence=7))
        await follower.listener.take({"notice": "gap", "from": 8, "to": 1_000, "next": 1_001, "reason": "filtered"})

        assert service.queries[0]["filter"] == "93d0c8b2-3e17-4b9b-9268-ce51d6900531"
        assert follower.numbers == [1, 7]
        assert follower.listener.last == 1_000
        assert follower.listener.counts.missed == 0
        assert not any("left out" in note or "gone" in note for note in follower.notes)


async def test_an_event_too_big_for_a_frame_is_fetched_and_shown_in_its_place() -> None:
    async with socket_service(too_large={2, 4}) as service:
        service.publish(*(event(number) for number in range(1, 6)))
        follower = Follower(service)
        follower.stored["e2"] = event(2, data={"number": 2, "text": "x" * 200_000})

        await follower.until(4)

        assert follower.numbers == [1, 2, 3, 5]
        assert follower.shown[1]["sequence"] == 2
        assert follower.fetched == ["e2", "e4"]
        assert follower.listener.counts.missed == 1
        assert any("event e4 (sequence 4) was too big for a frame and is gone" in note for note in follower.notes)


async def test_listening_asks_for_signs_of_life_and_reconnects_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.listening.PONG_SECONDS", 0.5)
    async with socket_service() as service:
        follower = Follower(service, keep_alive_seconds=0.05)
        following = asyncio.ensure_future(follower.until(1))
        await _until(lambda: service.pings >= 3)
        assert follower.listener.counts.connections == 1

        service.answers_pings = False
        await _until(lambda: follower.listener.counts.connections >= 2)
        service.answers_pings = True
        service.publish(event(1))
        await following

        assert follower.numbers == [1]
        assert any("the service does not answer" in note for note in follower.notes)


async def test_faults_that_pass_are_waited_out_longer_each_time() -> None:
    async with socket_service(refuse=[500, 429, 503, 500, 502, None]) as service:
        service.publish(event(1))
        follower = Follower(service)

        await follower.until(1)

        assert follower.numbers == [1]
        assert len(follower.pauses) == 5
        assert all(0.2 * 0.5 * 2**index <= pause <= 0.5 * 2**index for index, pause in enumerate(follower.pauses))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_that_will_not_pass_ends_it(status: int) -> None:
    async with socket_service(refuse=[status]) as service:
        with pytest.raises(Refused) as refused:
            await Follower(service).until(1)

        assert refused.value.status == status
        assert len(service.queries) == 1


async def test_an_address_that_is_none_ends_it() -> None:
    service = SocketService(url="http://127.0.0.1:1/live")

    with pytest.raises(InvalidAddress):
        await Follower(service).until(1)


async def test_nobody_there_is_waited_for() -> None:
    service = SocketService(url="ws://127.0.0.1:9/live")
    follower = Follower(service)
    following = asyncio.ensure_future(follower.until(1))
    await _until(lambda: len(follower.pauses) >= 3)
    following.cancel()

    assert follower.listener.counts.connections == 0


async def test_an_event_counts_as_seen_only_when_it_was_handled() -> None:
    async with socket_service() as service:
        service.publish(event(1), event(2))
        follower = Follower(service)
        taken = follower.listener.on_event
        follower.listener.on_event = _fail_once(taken)

        with pytest.raises(RuntimeError):
            await follower.until(2)
        assert follower.listener.last == 0
        await follower.until(2)

        assert follower.numbers == [1, 2]


def _fail_once(then: Callable[[dict[str, Any]], Awaitable[None]]) -> Callable[[dict[str, Any]], Awaitable[None]]:
    failures = [RuntimeError("the printer is on fire")]

    async def take(one: dict[str, Any]) -> None:
        if failures:
            raise failures.pop()
        await then(one)

    return take
