"""Calls of API Gateway's management interface, over HTTP."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import pytest
from botocore.credentials import ReadOnlyCredentials

from event_service.sockets import poster as socket_poster
from event_service.sockets.ports import Posted
from event_service.sockets.poster import SocketPoster
from tests.integration.sockets.gateway import CONNECTION, Gateway, poster_of


def outcome(gateway: Gateway, data: bytes = b"{}") -> Posted:
    async def post() -> Posted:
        poster = poster_of(gateway)
        try:
            return await poster.post(CONNECTION, data)
        finally:
            await poster.aclose()

    return asyncio.run(post())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Posted.SENT),
        (410, Posted.GONE),
        (413, Posted.TOO_LARGE),
        (429, Posted.THROTTLED),
        (500, Posted.UNKNOWN),
        (503, Posted.UNKNOWN),
        (400, Posted.REFUSED),
        (403, Posted.REFUSED),
    ],
)
def test_each_answer_means_one_thing(gateway: Gateway, status: int, expected: Posted) -> None:
    gateway.statuses.append(status)

    assert outcome(gateway) is expected
    assert [(method, unquote(path), body) for method, path, body in gateway.received] == [
        ("POST", f"/live/@connections/{CONNECTION}", b"{}")
    ]


def test_an_answer_that_does_not_come_is_not_waited_for(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_poster, "TIMEOUT_SECONDS", 0.2)
    gateway.silent.clear()

    assert outcome(gateway) is Posted.UNKNOWN


def test_a_call_is_signed_when_there_are_credentials(gateway: Gateway) -> None:
    async def post() -> None:
        poster = SocketPoster(gateway.url, "us-east-1", lambda: ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token"))
        await poster.post(CONNECTION, b"{}")
        await poster.aclose()

    asyncio.run(post())

    (headers,) = gateway.headers
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert headers["x-amz-security-token"] == "token"


def test_nobody_there_is_no_exception() -> None:
    assert outcome(Gateway("http://127.0.0.1:9")) is Posted.UNKNOWN


def test_a_connection_is_closed_by_the_path_that_was_signed(gateway: Gateway) -> None:
    gateway.statuses.extend((204, 410, 500))

    async def close() -> list[Posted]:
        poster = poster_of(gateway)
        try:
            return [await poster.close(CONNECTION) for _ in range(3)]
        finally:
            await poster.aclose()

    assert asyncio.run(close()) == [Posted.SENT, Posted.GONE, Posted.UNKNOWN]
    assert gateway.received == [("DELETE", f"/live/@connections/{CONNECTION.replace('=', '%3D')}", b"")] * 3
    assert "user-agent" not in gateway.headers[0]
