"""The account that `make bench` and the end-to-end test give of broken sockets tells a sound service from a faulty one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
import websockets

from benchmarks.resilience import breaking_sockets
from benchmarks.resilience.breaking_sockets import Account, break_sockets, section_of
from tests.fakes.socket_service import SocketService, event, socket_service


def connect(service: SocketService, **query: str) -> Any:
    more = "&".join(f"{name}={value}" for name, value in query.items())
    return websockets.connect(f"{service.url}?{more}")


async def account_of(**faults: Any) -> Account:
    loop = asyncio.get_running_loop()
    async with socket_service(**faults) as service:

        def publish(number: int) -> list[str]:
            ids = []
            for _ in range(number):
                ids.append(f"e{len(service.log) + 1}")
                loop.call_soon_threadsafe(service.publish, event(len(service.log) + 1))
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)
            return ids

        return await break_sockets(partial(connect, service), publish, events=1_000, kills=20)


async def test_a_sound_service_loses_reorders_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaking_sockets, "LIFE_SECONDS", (0.001, 0.05))

    account = await account_of()

    assert (account.lost, account.out_of_order, account.twice, account.repeats, account.gaps) == (0, 0, 0, 0, 0)
    assert len(account.taken) == len(account.published) == 1_000
    assert account.kills_meanwhile >= 10  # the second of two bursts waits for half of the kills
    assert section_of(account, 1_000, {}).goals[0].reached


async def test_frames_that_come_again_are_counted_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaking_sockets, "LIFE_SECONDS", (0.001, 0.05))

    account = await account_of(repeat_chance=0.5)

    assert (account.lost, account.out_of_order, account.twice) == (0, 0, 0)
    assert account.repeats > 0


async def test_a_client_that_is_refused_for_a_while_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaking_sockets, "LIFE_SECONDS", (0.001, 0.05))
    monkeypatch.setattr(breaking_sockets, "REFUSED_SECONDS", 0.01)

    account = await account_of(refuse=[None, 429, None, 503, None])

    assert account.refused == 2
    assert (account.lost, account.out_of_order, account.twice) == (0, 0, 0)


async def test_a_client_that_is_refused_for_good_ends_the_account() -> None:
    with pytest.raises(websockets.InvalidStatus):
        await account_of(refuse=[None, 401])


async def test_a_service_that_leaves_frames_out_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaking_sockets, "LIFE_SECONDS", (0.001, 0.05))
    monkeypatch.setattr(breaking_sockets, "PATIENCE_SECONDS", 1.0)

    account = await account_of(hole_chance=0.1)

    assert account.lost > 0
    assert account.out_of_order > 0
    assert not section_of(account, 1_000, {}).goals[0].reached


def test_an_event_with_two_sequences_was_taken_twice_and_a_gap_is_counted() -> None:
    account = Account(published=["a"])
    for frame in (
        {"sequence": 1, "id": "a"},
        {"sequence": 2, "id": "a"},
        {"notice": "gap", "from": 3, "to": 4, "next": 5},
        {"notice": "paused"},
    ):
        account.take(frame)

    assert (account.lost, account.twice, account.gaps) == (0, 1, 1)
    assert not section_of(account, 1, {}).goals[0].reached
