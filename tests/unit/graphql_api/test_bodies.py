"""Bodies at the doors: compressed ones, those that were not UTF-8, and who is looked at before them."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from functions.graphql_api.http import bodies
from functions.graphql_api.http.bodies import MAXIMUM_BODY_BYTES
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import PATH, Door, Response

EVENTS_PATH = "/event-service/events"
QUERY = json.dumps({"query": "{ endpoints { totalCount } }"}).encode()
CLOUD_EVENT = json.dumps({"specversion": "1.0", "id": "1", "source": "/a", "type": "b", "data": {"c": "d" * 2_000}}).encode()
DOORS = [
    pytest.param(PATH, {"content-type": "application/json"}, QUERY, 200, id="GraphQL"),
    pytest.param(EVENTS_PATH, {"content-type": "application/cloudevents+json"}, CLOUD_EVENT, 202, id="CloudEvents"),
]


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = [
    ("gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("x-gzip", gzip.compress),
    ("gzip, identity", gzip.compress),
    ("gzip", lambda data: gzip.compress(data[:20], mtime=0) + gzip.compress(data[20:], mtime=0)),
    ("deflate", zlib.compress),
    ("deflate", bare),
    ("identity", bytes),
    ("", bytes),
]


@pytest.mark.parametrize(("path", "headers", "body", "status"), DOORS)
@pytest.mark.parametrize(("coding", "pack"), PACKED)
def test_a_packed_body_is_read(path: str, headers: dict[str, str], body: bytes, status: int, coding: str, pack: Any, door: Door) -> None:
    assert door.send(pack(body), path=path, headers={**headers, "content-encoding": coding}).status == status


@pytest.mark.parametrize(("path", "headers", "body", "status"), DOORS)
@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "x" * 100])
def test_another_coding_is_a_415_with_its_name(
    path: str, headers: dict[str, str], body: bytes, status: int, coding: str, door: Door
) -> None:
    response = door.send(body, path=path, headers={**headers, "content-encoding": coding})

    assert response.status == 415
    assert coding[:60] in said(response)
    assert response.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(("path", "headers", "body", "status"), DOORS)
@pytest.mark.parametrize(
    ("coding", "packed"), [("gzip", gzip.compress(b"\0" * 200_000_000, mtime=0)), ("deflate", zlib.compress(b" " * 200_000_000))]
)
def test_a_bomb_is_unpacked_no_further_than_the_limit(
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    coding: str,
    packed: bytes,
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[int] = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, bits: int) -> None:
            self._real = real(bits)

        def decompress(self, data: bytes, limit: int) -> bytes:
            lengths.append(len(self._real.decompress(data, limit)))
            return b"x" * lengths[-1]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)

    response = door.send(packed, path=path, headers={**headers, "content-encoding": coding})

    assert response.status == 413
    assert sum(lengths) == MAXIMUM_BODY_BYTES + 1


@pytest.mark.parametrize(("path", "headers", "body", "status"), DOORS)
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(CLOUD_EVENT, mtime=0)[:-9]),
        ("gzip", gzip.compress(QUERY, mtime=0) + b"more"),
        ("deflate", zlib.compress(QUERY) + b"more"),
        ("deflate", b"\xff\xff"),
        ("gzip", gzip.compress(QUERY, mtime=0).decode("utf-8", "replace").encode()),
    ],
)
def test_what_does_not_unpack_is_refused(
    path: str, headers: dict[str, str], body: bytes, status: int, coding: str, packed: bytes, door: Door
) -> None:
    response = door.send(packed, path=path, headers={**headers, "content-encoding": coding})

    assert response.status == 400
    assert said(response).startswith("request body: ")


LATIN_1 = [
    pytest.param(
        PATH,
        {"content-type": "application/json"},
        '{"query": "mutation($d: JSON!) {publishEvents(events: [{type: A, data: $d}]) {ok}}", "variables": {"d": {"a": "caf\u00e9"}}}',
        id="GraphQL",
    ),
    pytest.param(
        EVENTS_PATH,
        {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a", "ce-type": "b"},
        '{"a": "caf\u00e9"}',
        id="binary",
    ),
    pytest.param(
        EVENTS_PATH,
        {"content-type": "application/cloudevents+json"},
        '{"specversion": "1.0", "id": "1", "source": "/a", "type": "b", "data": {"a": "caf\u00e9"}}',
        id="structured",
    ),
]


@pytest.mark.parametrize(("path", "headers", "text"), LATIN_1)
@pytest.mark.parametrize("decoded", [True, False], ids=["decoded by API Gateway", "in base64"])
def test_latin_1_is_refused_with_the_place(
    path: str, headers: dict[str, str], text: str, decoded: bool, door: Door, services: FakeServices
) -> None:
    raw = text.encode("latin-1")
    body: bytes | str = raw.decode("utf-8", "replace") if decoded else raw

    response = door.send(body, path=path, headers={**headers, "content-length": str(len(raw))})

    assert response.status == 400
    assert f"not valid UTF-8 (byte {raw.index(0xE9)})" in said(response)
    assert not services.publishing().events


@pytest.mark.parametrize(("path", "headers", "text"), LATIN_1)
@pytest.mark.parametrize("length", [True, False])
def test_a_replacement_character_that_the_sender_meant_is_kept(
    path: str, headers: dict[str, str], text: str, length: bool, door: Door, services: FakeServices
) -> None:
    meant = text.replace("\u00e9", "\ufffd")
    announced = {"content-length": str(len(meant.encode()))} if length else {}

    assert door.send(meant, path=path, headers={**headers, **announced}).status in (200, 202)
    assert services.publishing().events[0].data["a"] == "caf\ufffd"


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("literal", [True, False])
def test_900_kib_of_cyrillic_are_published_escaped_or_not(escaped: bool, literal: bool, door: Door, services: FakeServices) -> None:
    text = "\u0416" * 127_000
    data = [{"type": "a", "data": {"a": text}} for _ in range(3)]
    if literal:
        inner = json.dumps(text, ensure_ascii=escaped)
        fields = ", ".join(f'{{type: "a", data: {{a: {inner}}}}}' for _ in range(3))
        request: dict[str, Any] = {"query": f"mutation {{publishEvents(events: [{fields}]) {{ok}}}}"}
    else:
        request = {"query": "mutation($e: [EventInput!]!) {publishEvents(events: $e) {ok}}", "variables": {"e": data}}

    response = door.send(json.dumps(request, ensure_ascii=escaped))

    assert response.data == {"publishEvents": {"ok": True}}
    assert [event.data["a"] for event in services.publishing().events] == [text] * 3


@pytest.mark.parametrize("token", [None, "nonsense", "00000000-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("body", ["nonsense", "[" * 3_000_000, " " * 4_000_000])
def test_nothing_of_a_body_is_read_before_it_is_known_who_asks(
    token: str | None, body: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAXIMUM_BODY_BYTES", 0)

    assert door.send(body, token=token).code == "UNAUTHENTICATED"
    assert door.send(body, token=token, path=EVENTS_PATH, headers={"content-type": "application/cloudevents+json"}).status == 401


def test_errors_that_quote_a_literal_are_bounded(door: Door) -> None:
    literal = "x" * 1_400_000
    fields = " ".join(f"u{number}: 1" for number in range(19))

    response = door.ask(f'{{ endpoints(filters: {{{fields} z: "{literal}"}}) {{ totalCount }} }}')

    assert len(response.json["errors"]) >= 19
    assert len(response.body) < 100_000


def test_errors_of_variables_are_bounded(door: Door) -> None:
    events = [{"u" * 100: number} for number in range(30_000)]

    response = door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": events})

    assert 1 <= len(response.json["errors"]) <= 100
    assert len(response.body) < 200_000


SUGGESTING = [
    ("query($f: EndpointFilters) { endpoints(filters: $f) { totalCount } }", {"f": {"typ": {}}}),
    ("query($f: EndpointFilters) { endpoints(filters: $f) { totalCount } }", {"f": {"type": {"exact": "WEB_HOK"}}}),
    ("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": [{"typ": "x"}]}),
    ("{ endpoinds { totalCount } }", {}),
    ("{ endpoints(filters: {typ: {exact: WEB_HOOK}}) { totalCount } }", {}),
]


@pytest.mark.parametrize(("query", "variables"), SUGGESTING)
def test_nothing_is_suggested_without_introspection(query: str, variables: dict[str, Any], services: FakeServices) -> None:
    def messages(introspection: str) -> str:
        return " ".join(
            error["message"] for error in Door(services, GRAPHQL_INTROSPECTION=introspection).ask(query, variables).json["errors"]
        )

    assert "Did you mean" in messages("true")
    assert "Did you mean" not in messages("false")


def said(response: Response) -> str:
    answer = response.json
    return str(answer[0] if isinstance(answer, list) else answer["errors"][0]["message"])
