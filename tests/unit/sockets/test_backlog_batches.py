"""Messages of one batch of the backlog queue are about connections of many workspaces: none of them waits for another or fails with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.connection import Connection
from event_service.sockets.messages import BacklogMessage, CloseSocket, LateAppend
from event_service.sockets.outside import ServingReport
from event_service.sockets.ports import Posted, RowPlace
from tests.simulation.virtual_time import run
from tests.unit.sockets.scene import ENDPOINT, WORKSPACE, Scene

OTHER = "62c6548d-3e17-4b9b-9268-ce51d6900530"


@pytest.fixture
def scene() -> Scene:
    """Two endpoints, each with a client that resumes: their turns stand in the queue."""
    scene = Scene()
    scene.tables.endpoints[OTHER] = replace(scene.tables.endpoints[ENDPOINT], id=OTHER)
    for endpoint_id in (ENDPOINT, OTHER):
        scene.connect(endpoint_id=endpoint_id)
        scene.publish(2, endpoint_id=endpoint_id)
    scene.work()
    scene.backlog.receive()
    return scene


def resumed(scene: Scene) -> list[str]:
    return [scene.connect(endpoint_id=endpoint_id, after=0) for endpoint_id in (ENDPOINT, OTHER)]


def served(scene: Scene, batch: Sequence[BacklogMessage]) -> ServingReport:
    return run(scene.clock, scene.delivery.serve_backlog(batch, lambda: 60.0))


def received(scene: Scene, clients: Sequence[str]) -> list[list[int]]:
    return [scene.sequences(client) for client in clients]


@pytest.mark.parametrize("error", [RateLimited("busy"), Unavailable("lost"), ValueError("a fault")])
def test_socket_whose_row_cannot_be_looked_up_holds_up_no_turn(scene: Scene, error: Exception) -> None:
    clients = resumed(scene)

    def fail(operation: str) -> None:
        if operation == "owner":
            raise error

    scene.hook = fail
    report = served(scene, [CloseSocket("unknown"), *scene.backlog.receive()])

    assert report.again == [0]
    assert report.faults == isinstance(error, ValueError)
    assert received(scene, clients) == [[1, 2], [1, 2]]


def test_sockets_that_take_long_to_close_delay_no_turn(scene: Scene) -> None:
    clients = resumed(scene)
    first_at: dict[str, float] = {}

    async def close(connection_id: str) -> Posted:
        del connection_id
        await asyncio.sleep(3)
        return Posted.UNKNOWN

    post = scene.api.post

    async def noted(connection_id: str, data: bytes) -> Posted:
        first_at.setdefault(connection_id, (scene.clock() - begun).total_seconds())
        return await post(connection_id, data)

    scene.api.close, scene.api.post = close, noted  # type: ignore[method-assign]
    begun = scene.clock()
    closing = [CloseSocket(f"c-{number}", at_once=True) for number in range(8)]
    report = served(scene, [*closing, *scene.backlog.receive()])

    assert report.again == list(range(8))
    assert received(scene, clients) == [[1, 2], [1, 2]]
    assert max(first_at.values()) < 1
    assert (scene.clock() - begun).total_seconds() < 8


def test_events_that_cannot_be_appended_by_a_fault_hold_up_no_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = resumed(scene)

    def fail(messages: Sequence[LateAppend]) -> bool:
        raise ValueError("a fault")

    monkeypatch.setattr(scene.log, "append_late", fail)
    report = served(scene, [LateAppend(WORKSPACE, ENDPOINT, "nonce", ("e",), None), *scene.backlog.receive()])

    assert (report.again, report.faults) == ([0], 1)
    assert received(scene, clients) == [[1, 2], [1, 2]]


def test_fault_at_one_endpoint_repeats_only_its_own_turns(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = resumed(scene)
    situation = scene.tables.situation

    def fail(workspace_id: str, endpoint_id: str, hashes: Sequence[str]) -> Any:
        if endpoint_id == ENDPOINT:
            raise ValueError("a fault")
        return situation(workspace_id, endpoint_id, hashes)

    monkeypatch.setattr(scene.tables, "situation", fail)
    report = served(scene, scene.backlog.receive())

    assert (report.again, report.faults) == ([0], 1)
    assert received(scene, clients) == [[], [1, 2]]


def test_row_that_cannot_be_read_repeats_only_its_own_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = resumed(scene)
    find = scene.tables.find

    def fail(keys: Sequence[tuple[RowPlace, str]]) -> list[Connection]:
        if any(connection_id == clients[0] for _, connection_id in keys):
            raise ValueError("a newer release wrote it")
        return find(keys)

    monkeypatch.setattr(scene.tables, "find", fail)
    report = served(scene, scene.backlog.receive())

    assert (report.again, report.faults) == ([0], 1)
    assert received(scene, clients) == [[], [1, 2]]
