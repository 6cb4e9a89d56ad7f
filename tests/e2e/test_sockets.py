"""Sockets that break, as a client sees it: nothing lost, nothing out of order, nothing twice."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import websockets

from benchmarks.resilience.breaking_sockets import break_sockets
from event_service.access.token import hash_token
from local.deployed import IssuedToken, close_sockets_of, tokens_of
from local.stack import LocalStack, StackFile
from tests.e2e.test_main_job import Client
from tests.printed import printed

EVENTS = 4_000  # `make bench SECTION=breaking_sockets` has 10,000
KILLS = 100


@pytest.fixture
def client(stack: StackFile, own_token: IssuedToken) -> Client:
    return Client(stack, own_token.token)


def socket_endpoint(client: Client) -> str:
    endpoint_id: str = client.data('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]
    return endpoint_id


@pytest.mark.timeout(600)
async def test_sockets_killed_a_hundred_times_lose_and_reorder_nothing(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    def publish(number: int) -> list[str]:
        ids: list[str] = client.publish(*({"type": "t", "data": {"n": 1}} for _ in range(number)))["ids"]
        return ids

    account = await break_sockets(partial(client.socket, socket_endpoint(client)), publish, EVENTS, KILLS)

    with capsys.disabled():
        print(  # noqa: T201 - for whoever reads the log
            f"\n{EVENTS:,} events, {account.kills} killed sockets ({account.kills_meanwhile} before all was there), "
            f"{account.repeats:,} frames came again, {account.refused} connects refused for a while, {account.seconds:.0f} s"
        )
    assert account.kills_meanwhile >= KILLS * 7 // 8  # the last eighth may come when the last burst, of 500, has arrived
    assert account.gaps == 0
    assert [sequence for sequence, _ in account.taken] == list(range(1, EVENTS + 1))
    assert sorted(event_id for _, event_id in account.taken) == sorted(account.published)
    assert (account.lost, account.out_of_order, account.twice) == (0, 0, 0)


async def test_the_python_client_in_the_readme_resumes(client: Client, stack: StackFile, own_token: IssuedToken) -> None:
    sockets: list[Any] = []

    def connect(url: str, **options: Any) -> Any:
        connecting: Any = websockets.connect(url, **options)

        class Tracked:
            async def __aenter__(self) -> Any:
                sockets.append(await connecting.__aenter__())
                return sockets[-1]

            async def __aexit__(self, *error: object) -> None:
                await connecting.__aexit__(*error)

        return Tracked()

    names: dict[str, Any] = {}
    exec(printed("python", "async def listen"), names)  # noqa: S102 - the document's own text is what is tested
    # Only its sockets are noted, so that they can be broken from outside.
    assert names["websockets"] is websockets
    names["websockets"] = SimpleNamespace(connect=connect, WebSocketException=websockets.WebSocketException)
    endpoint_id = socket_endpoint(client)
    handled: list[int] = []
    listening = asyncio.create_task(
        names["listen"](stack.webSocketUrl, endpoint_id, own_token.token, lambda frame: handled.append(frame["sequence"]))
    )
    await _until(lambda: bool(sockets))
    for round_ in range(3):
        await asyncio.to_thread(client.publish, {"type": "t", "data": {}}, {"type": "t", "data": {}})
        await _until(lambda: len(handled) == 4 * round_ + 2)  # noqa: B023 - awaited in this round
        sockets[-1].transport.abort()
        await asyncio.to_thread(client.publish, {"type": "t", "data": {}}, {"type": "t", "data": {}})
        await _until(lambda: len(handled) == 4 * round_ + 4)  # noqa: B023 - as above
    listening.cancel()
    await asyncio.wait([listening])  # so that it closes its socket

    assert handled == list(range(1, 13))
    assert len(sockets) == 4


async def test_a_ping_is_answered_and_anything_else_is_told_what_is_understood(client: Client) -> None:
    async with client.socket(socket_endpoint(client)) as socket:
        answers = []
        for message in ('{"action":"ping"}', '{"action":"subscribe"}', "x" * 100_000, "\x00{[", "null"):
            await socket.send(message)
            answers.append(json.loads(await asyncio.wait_for(socket.recv(), 30))["notice"])
        client.publish({"id": "still here", "type": "t", "data": {}})
        frame = json.loads(await asyncio.wait_for(socket.recv(), 30))

    assert answers == ["pong", "not-understood", "not-understood", "not-understood", "not-understood"]
    assert frame["id"] == "still here"


async def test_a_paused_endpoint_says_so_keeps_what_comes_and_sends_it_on_resume(client: Client) -> None:
    endpoint_id = socket_endpoint(client)
    async with client.socket(endpoint_id) as socket:
        client.data("mutation($i: [ID!]!) {pauseEndpoints(ids: $i) {ok}}", i=[endpoint_id])
        paused = json.loads(await asyncio.wait_for(socket.recv(), 30))
        client.publish({"id": "waited", "type": "t", "data": {}})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 3)
        client.data("mutation($i: [ID!]!) {resumeEndpoints(ids: $i) {ok}}", i=[endpoint_id])
        frame = json.loads(await asyncio.wait_for(socket.recv(), 30))

    assert paused == {"notice": "paused"}
    assert (frame["id"], frame["sequence"]) == ("waited", 1)


async def test_revoking_a_token_closes_the_sockets_it_opened_and_keeps_it_out(
    client: Client, local_stack: LocalStack, own_token: IssuedToken
) -> None:
    assert local_stack._deployed is not None
    endpoint_id = socket_endpoint(client)
    keeps = Client(local_stack.ready, local_stack.new_token(own_token.workspace_id).token)
    async with client.socket(endpoint_id) as mine, keeps.socket(endpoint_id) as theirs:
        revoked = hash_token(own_token.token)
        await asyncio.to_thread(tokens_of(local_stack._deployed).revoke, own_token.workspace_id, revoked)
        await asyncio.to_thread(close_sockets_of, local_stack._deployed, revoked)
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(mine.recv(), 60)
        await asyncio.to_thread(keeps.publish, {"id": "after", "type": "t", "data": {}})
        frame = json.loads(await asyncio.wait_for(theirs.recv(), 60))

    assert frame["id"] == "after"


async def test_after_beyond_the_end_gets_a_reset_notice(client: Client) -> None:
    endpoint_id = socket_endpoint(client)
    async with client.socket(endpoint_id, after="7") as socket:
        notice = json.loads(await asyncio.wait_for(socket.recv(), 30))
        client.publish({"id": "first", "type": "t", "data": {}})
        frame = json.loads(await asyncio.wait_for(socket.recv(), 30))

    assert notice == {"notice": "reset", "next": 1}
    assert frame["sequence"] == 1


async def test_frames_of_100_kilobytes_arrive_and_bigger_ones_as_notices(client: Client) -> None:
    async with client.socket(socket_endpoint(client)) as socket:
        client.publish(
            {"id": "whole", "type": "t", "data": {"text": "x" * 100_000}}, {"id": "big", "type": "t", "data": {"text": "x" * 200_000}}
        )
        frames = [json.loads(await asyncio.wait_for(socket.recv(), 30)) for _ in range(2)]

    assert (frames[0]["id"], len(frames[0]["data"]["text"])) == ("whole", 100_000)
    assert frames[1] == {"notice": "too-large", "id": "big", "sequence": 2}


async def test_a_bad_after_is_refused(client: Client) -> None:
    with pytest.raises(websockets.InvalidStatus):
        await client.socket(socket_endpoint(client), after="x")


@pytest.mark.parametrize("curl", [path for path in [shutil.which("curl")] if path])
def test_readme_s_way_behind_1006_shows_the_status(client: Client, stack: StackFile, own_token: IssuedToken, curl: str) -> None:
    def status(token: str) -> str:
        url = stack.webSocketUrl.replace("ws", "http", 1)
        environment = {"PATH": f"{Path(curl).parent}:/usr/bin:/bin", "URL": url, "ENDPOINT": endpoint_id, "TOKEN": token}
        command = ["sh", "-c", printed("sh", "Sec-WebSocket-Key")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout.split("\r\n")[0]

    endpoint_id = socket_endpoint(client)

    assert status(own_token.token).split()[1] == "101"
    assert status("00000000-0000-4000-8000-000000000000").split()[1] == "401"


async def _until(condition: Any, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)
