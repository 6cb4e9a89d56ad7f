"""Sockets that are killed at random while events are published on the local stack: what a client loses by that.

    python -m benchmarks breaking_sockets

The client is the documented one: it reconnects with the last sequence it saw, and drops what is not higher. A kill ends the TCP
connection without a word, at any point of a backlog run. Then all that is retained is read again from the start, as by a client that
missed everything.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import websockets

from benchmarks.report.page import Goal, Section, Table
from event_service.base.identifiers import new_id
from local.processes import free_port
from local.stack import LocalStack
from local.tools import LOCAL

EVENTS_PER_PUBLISH = 100
PUBLISHES_PER_BURST = 5
"""Sent one after the other as fast as they are answered; between bursts the kills catch up, so that they are spread over all events."""
LIFE_SECONDS = (0.02, 0.5)
"""Between these a connection lives until it is killed."""
PATIENCE_SECONDS = 150.0
"""Whatever has not come so long after the last frame is lost. It is longer than the minute for which a client that was closed twice in a
row, because it took nothing, is refused at first."""
LATER_STATUSES = (429, 503)
"""Of a refused handshake that may succeed later."""
REFUSED_SECONDS = 1.0
"""After which a refused client connects again."""

Connect = Callable[..., Any]
"""Opens a socket at the endpoint; takes the parameters of the query, all of them text."""


@dataclass
class Account:
    """What the client had at the end.

    Attributes:
        published: ids that were accepted, in order.
        taken: sequence and id of each event that it took by its rule, in order.
        kills: connections that were killed.
        kills_meanwhile: those of them before the last event was there.
        refused: connects that were answered with "come again later".
        repeats: frames that it dropped by its rule.
        gaps: notices of a gap, of which there should be none.
        seconds: from the first publish to the end.
        last_frame: when the last one came, by the monotonic clock.
    """

    published: list[str] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)
    kills: int = 0
    kills_meanwhile: int = 0
    refused: int = 0
    repeats: int = 0
    gaps: int = 0
    seconds: float = 0.0
    last_frame: float = field(default_factory=time.monotonic)

    @property
    def lost(self) -> int:
        """Events that were accepted and never taken."""
        return len(set(self.published) - {event_id for _, event_id in self.taken})

    @property
    def out_of_order(self) -> int:
        """Events whose sequence is not the one before and one."""
        return sum(sequence != place for place, (sequence, _) in enumerate(self.taken, 1))

    @property
    def twice(self) -> int:
        """Events that were taken again."""
        return sum(times - 1 for times in Counter(event_id for _, event_id in self.taken).values())

    def take(self, frame: dict[str, Any]) -> None:
        """The client's rule."""
        self.last_frame = time.monotonic()
        if frame.get("notice") == "gap":
            self.gaps += 1
        elif "sequence" in frame:
            if self.taken and frame["sequence"] <= self.taken[-1][0]:
                self.repeats += 1
            else:
                self.taken.append((frame["sequence"], frame["id"]))


async def break_sockets(connect: Connect, publish: Callable[[int], Sequence[str]], events: int, kills: int, seed: int = 5) -> Account:
    """Publishes and kills until both are done and everything has arrived, or nothing comes any more.

    Args:
        connect: opens a socket.
        publish: publishes so many events and returns their ids; called in a thread.
        events: to be published, a multiple of 100.
        kills: of connections, at least.
        seed: decides when.
    """
    account = Account()
    seeded = random.Random(seed)
    started = time.monotonic()

    async def publish_all() -> None:
        publishes = events // EVENTS_PER_PUBLISH
        for done in range(publishes):
            while done % PUBLISHES_PER_BURST == 0 and account.kills < kills * done // publishes:  # noqa: ASYNC110 - counted elsewhere
                await asyncio.sleep(0.01)
            account.published.extend(await asyncio.to_thread(publish, EVENTS_PER_PUBLISH))

    async def kill(socket: Any) -> None:
        await asyncio.sleep(seeded.uniform(*LIFE_SECONDS))
        socket.transport.abort()
        account.kills += 1
        account.kills_meanwhile += len(account.taken) < events

    def is_over() -> bool:
        arrived = publishing.done() and len(account.taken) >= events and account.kills >= kills
        return arrived or time.monotonic() - account.last_frame > PATIENCE_SECONDS

    async def take_until_killed(socket: Any) -> None:
        killing = asyncio.create_task(kill(socket))
        with suppress(websockets.ConnectionClosed):
            while not is_over():
                for frame in _frames(await socket.recv()):
                    account.take(frame)
        if is_over():
            killing.cancel()
        await asyncio.wait([killing])

    async with connect():
        pass  # the endpoint's log begins with its first connection
    publishing = asyncio.create_task(publish_all())
    while not is_over():
        after = str(account.taken[-1][0] if account.taken else 0)
        await _connected(partial(connect, after=after, batch=str(seeded.randrange(2))), take_until_killed, account)
    if not publishing.done():  # nothing comes any more
        publishing.cancel()
    with suppress(asyncio.CancelledError):
        await publishing
    account.seconds = time.monotonic() - started
    return account


async def _connected(connect: Connect, take: Callable[[Any], Awaitable[None]], account: Account) -> None:
    try:
        async with connect() as socket:
            await take(socket)
    except websockets.InvalidStatus as refusal:
        if refusal.response.status_code not in LATER_STATUSES:
            raise
        account.refused += 1
        await asyncio.sleep(REFUSED_SECONDS)


async def resume(connect: Connect, events: int, *, batched: bool) -> float:
    """Seconds from the connect until all events since the first are there."""
    started = time.monotonic()
    account = Account()
    async with connect(after="0", batch="1" if batched else "0") as socket:
        while len(account.taken) < events:
            for frame in _frames(await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS)):
                account.take(frame)
    if account.out_of_order:
        raise AssertionError(f"{account.out_of_order} events are out of order")
    return time.monotonic() - started


def _frames(text: str | bytes) -> list[dict[str, Any]]:
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


def run(quick: bool = False) -> Section:
    """Measures; ``quick`` publishes 1,000 events and kills 10 sockets in place of 10,000 and 100."""
    events, kills = (1_000, 10) if quick else (10_000, 100)
    directory = LOCAL / "bench-sockets-stack"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        with LocalStack(directory, free_port(), say=lambda text: print(f"  {text}", flush=True)) as stack:
            stack.start()
            token = stack.new_token().token

            def ask(query: str, **variables: Any) -> Any:
                body = json.dumps({"query": query, "variables": variables}).encode()
                headers = {"Token": token, "content-type": "application/json"}
                request = urllib.request.Request(stack.ready.graphqlUrl, body, headers)  # noqa: S310 - our own local stack
                with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - as above
                    return json.load(answer)["data"]

            def publish(number: int) -> list[str]:
                ids = [new_id() for _ in range(number)]
                sent = [{"id": event_id, "type": "measured", "data": {"n": place}} for place, event_id in enumerate(ids)]
                ask("mutation($e: [EventInput!]!) {publishEvents(events: $e) {ok}}", e=sent)
                return ids

            endpoint = ask('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]

            def connect(**query: str) -> Any:
                more = "".join(f"&{name}={value}" for name, value in query.items())
                return websockets.connect(f"{stack.ready.webSocketUrl}?endpoint_id={endpoint}&token={token}{more}")

            print(f"  {kills} sockets are killed while {events:,} events are published", flush=True)
            account = asyncio.run(break_sockets(connect, publish, events, kills))
            print(f"  {events:,} missed events are read from the start", flush=True)
            seconds = {batched: asyncio.run(resume(connect, events, batched=batched)) for batched in (False, True)}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return section_of(account, events, seconds)


def section_of(account: Account, events: int, seconds: dict[bool, float]) -> Section:
    """What is written down. ``seconds``: of :func:`resume`, without and with batches."""
    told = (account.lost, account.out_of_order, account.twice)
    return Section(
        title="Sockets that break",
        notes=[
            f"The whole template on MiniStack. Bursts of {EVENTS_PER_PUBLISH * PUBLISHES_PER_BURST} events; connections are killed between {LIFE_SECONDS[0]} s and "
            f"{LIFE_SECONDS[1]} s after they open. Lost, out of order and twice are what is left after the client's own rule: drop what is not higher than your "
            "last. A frame that came again was dropped by it.",
        ],
        tables=[
            Table(
                "One client, killed at random",
                ["events", "kills", "of them before all was there", "lost", "out of order", "twice", "frames that came again", "gap notices", "s"],
                [
                    [
                        len(account.published), account.kills, account.kills_meanwhile, *told, account.repeats, account.gaps, account.seconds,
                    ]
                ],
            ),
            Table(
                f"Resuming after {events:,} missed events, on the local stack",
                ["", "s", "events a second"],
                [["batch=1" if batched else "one by one", one, round(events / one)] for batched, one in seconds.items()],
            ),
        ],
        goals=[
            Goal(
                f"lost, out of order and twice, {account.kills} killed sockets, {len(account.published):,} events",
                ", ".join(map(str, told)),
                "0, 0, 0",
                not any(told) and not account.gaps,
            )
        ],
    )  # fmt: skip
