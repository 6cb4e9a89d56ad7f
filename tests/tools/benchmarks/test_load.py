"""What the load benchmark counts: lost are those that were answered and did not arrive, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from benchmarks.speed import load
from benchmarks.speed.load import Outcome, Publisher, Receipts, receiver, stretch
from benchmarks.speed.load_scenarios import Load, tables_and_goals


class Stack:
    """A publisher whose events arrive, or do not."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self.published = 0

    async def publish(self, ids: list[str]) -> None:
        self.published += 1
        match self.published % 4:
            case 0:
                raise RuntimeError("no answer")
            case 1:
                return  # answered, and lost
            case 2:
                for one in ids:
                    self._receipts.note(one)
                    self._receipts.note(one)
            case _:
                for one in ids:
                    self._receipts.note(one)


async def test_what_is_lost_repeated_and_not_answered_is_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SETTLED_SECONDS", 0.05)
    receipts = Receipts()
    publisher: Any = Stack(receipts)

    outcome = await stretch("x", publisher, receipts, rate=4_000, seconds=0.01, batch=3)

    assert (outcome.published, outcome.lost, outcome.repeated, outcome.unanswered) == (120, 30, 30, 30)
    assert (len(outcome.latencies), len(outcome.answers)) == (60, 30)


async def test_the_receiver_notes_successes_and_answers_what_it_is_told() -> None:
    receipts = Receipts()
    event = "00000000-0000-4000-8000-00000000000"
    statuses = [200, 502, 200]
    async with receiver(receipts, lambda number: statuses[number - 1]) as url, aiohttp.ClientSession() as session:
        answered = []
        for number in range(3):
            async with session.post(url, data=f'{{"id":"{event}{number}","type":"t"}}'.encode()) as response:
                answered.append(response.status)

    assert answered == statuses
    assert sorted(receipts.at) == [f"{event}0", f"{event}2"]


async def test_a_receiver_that_hangs_gives_no_answer_and_notes_nothing() -> None:
    receipts = Receipts()
    async with receiver(receipts, lambda _: None) as url, aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.post(url, data=b'{"id":"x"}', timeout=aiohttp.ClientTimeout(0.05))

    assert receipts.at == {}


def test_publisher_errors_are_of_one_kind() -> None:
    async def ask() -> None:
        async with load.session() as session:
            stack: Any = type("Stack", (), {"graphqlUrl": "http://127.0.0.1:1/"})
            await Publisher(stack, "token", session).ask("{__typename}")

    with pytest.raises(RuntimeError, match="does not answer"):
        asyncio.run(ask())


def test_a_goal_of_a_rate_is_missed_when_anything_was_lost_or_not_answered() -> None:
    def goal(lost: int = 0, unanswered: int = 0) -> bool | None:
        outcome = Outcome("80 events per second, webhook", 10, latencies=[20.0] * 10, lost=lost, unanswered=unanswered)
        return tables_and_goals(Load(sustained=[outcome]))[1][0].reached

    assert goal() is True
    assert goal(lost=1) is False
    assert goal(unanswered=1) is False
    assert tables_and_goals(Load())[1][0].reached is False
