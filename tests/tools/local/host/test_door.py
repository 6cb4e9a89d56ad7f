"""Pages of other sites, and names that somebody lets point at this machine, reach nothing but the service's own APIs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.host.door import Door

PORT = 4566
OWN = f"127.0.0.1:{PORT}"
GRAPHQL = "/_aws/execute-api/1a2b/event-service/graphql"
CORS = {"allowOrigins": ["https://app.example.com"], "allowMethods": ["POST"], "allowHeaders": ["token"], "maxAge": 60}


class Emulator:
    """Answers everything, to everyone, as MiniStack does."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: dict[str, Any], _receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        headers = [(b"access-control-allow-origin", b"*"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
def door(emulator: Emulator, tmp_path: Path) -> Door:
    return Door(emulator, PORT, also=tmp_path / "also.json", cors_of=lambda api: CORS if api == "c0c0" else {})


async def _ask(door: Door, path: str, *, kind: str = "http", method: str = "POST", **headers: str) -> list[dict[str, Any]]:
    given = {"host": OWN} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": kind,
        "path": path,
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"} if kind == "http" else {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await door(scope, receive, send)
    return sent


def _headers(sent: list[dict[str, Any]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "attacker.example"},
        {"host": f"attacker.example:{PORT}"},
        {"host": "127.0.0.1:1"},
        {"host": "127.0.0.1"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:5811"},
        {"origin": "null"},
        {"origin": f"https://{OWN}"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/2015-03-31/functions", "/_ministack/reset", "/_aws/execute-api/1a2b/live/@connections/c"])
async def test_a_foreign_page_reaches_nothing_of_the_emulator(door: Door, emulator: Emulator, path: str, headers: dict[str, str]) -> None:
    start, body = await _ask(door, path, **headers)

    assert start["status"] == 403
    assert body["body"].startswith(b"The local AWS ")
    assert emulator.asked == []


@pytest.mark.parametrize("host", [OWN, f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
async def test_programs_on_this_machine_reach_it_by_its_names(door: Door, host: str) -> None:
    start, _ = await _ask(door, "/", host=host)

    assert start["status"] == 200


async def test_door_is_open_to_its_own_pages_and_typed_addresses(door: Door) -> None:
    assert (await _ask(door, "/", origin=f"http://{OWN}", sec_fetch_site="same-origin"))[0]["status"] == 200
    assert (await _ask(door, "/", method="GET", sec_fetch_site="none"))[0]["status"] == 200


async def test_a_foreign_name_does_not_reach_the_services_apis_either(door: Door, emulator: Emulator) -> None:
    (start, _) = await _ask(door, GRAPHQL, host=f"attacker.example:{PORT}")

    assert start["status"] == 403
    assert emulator.asked == []


async def test_any_page_may_call_the_apis_as_their_cors_allows(door: Door) -> None:
    without = await _ask(door, GRAPHQL, origin="https://app.example.com", sec_fetch_site="cross-site")
    allowed = await _ask(door, "/_aws/execute-api/c0c0/x", origin="https://app.example.com", sec_fetch_site="cross-site")

    assert [one[0]["status"] for one in (without, allowed)] == [200, 200]
    assert "access-control-allow-origin" not in _headers(without)
    assert "access-control-allow-origin" in _headers(allowed)


@pytest.mark.parametrize(
    ("api", "origin", "allowed"),
    [
        ("c0c0", "https://app.example.com", "https://app.example.com"),
        ("c0c0", "https://evil.example", None),
        ("1a2b", "https://app.example.com", None),
    ],
)
async def test_a_preflight_is_answered_from_the_apis_configuration(
    door: Door, emulator: Emulator, api: str, origin: str, allowed: str | None
) -> None:
    sent = await _ask(
        door, f"/_aws/execute-api/{api}/event-service/graphql", method="OPTIONS", origin=origin, access_control_request_method="POST"
    )

    assert sent[0]["status"] == 204
    assert _headers(sent).get("access-control-allow-origin") == allowed
    assert ("access-control-allow-headers" in _headers(sent)) == (allowed is not None)
    assert emulator.asked == []


async def test_the_emulators_own_permission_for_everybody_is_dropped(door: Door) -> None:
    assert not any(name.startswith("access-control") for name in _headers(await _ask(door, "/", origin=f"http://{OWN}")))
    assert _headers(await _ask(door, "/"))["content-type"] == "text/plain"


async def test_sockets_connect_from_any_page_but_not_by_a_foreign_name(door: Door, emulator: Emulator) -> None:
    accepted = await _ask(door, "/_aws/execute-api/1a2b/live", kind="websocket", origin="https://app.example.com")
    refused = await _ask(door, "/_aws/execute-api/1a2b/live", kind="websocket", host="attacker.example")
    elsewhere = await _ask(door, "/", kind="websocket", origin="https://evil.example")

    assert accepted == [{"type": "websocket.accept"}]
    assert [one[0]["type"] for one in (refused, elsewhere)] == ["websocket.http.response.start"] * 2
    assert [one[0]["status"] for one in (refused, elsewhere)] == [403, 403]
    assert emulator.asked == ["/_aws/execute-api/1a2b/live"]


async def test_a_name_that_make_invoke_adds_is_let_in_while_it_runs(door: Door, tmp_path: Path) -> None:
    also = tmp_path / "also.json"
    host = "172.17.0.1:45321"
    assert (await _ask(door, "/", host=host))[0]["status"] == 403

    also.write_text(json.dumps([host]))
    assert (await _ask(door, "/", host=host))[0]["status"] == 200

    also.unlink()
    assert (await _ask(door, "/", host=host))[0]["status"] == 403
