"""The function that serves the console's files: what may be kept, what is compressed, and that nothing else can be had."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from functions.console.handler import Console, create_handler

SCRIPT = b"export const answer = 42;"
SETTINGS = {"webSocketUrl": "wss://abc.execute-api.example.com/live", "stack": "event-service"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"index.html": b"<!doctype html><title>console</title>", "assets/index-a1b2.js": SCRIPT, "assets/look-c3d4.css": b"p{}"}
    for name, content in files.items():
        path = tmp_path / "files" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content))
    (tmp_path / "secret.txt.gz").write_bytes(gzip.compress(b"outside"))
    (tmp_path / "files" / "built-from.json").write_text("{}", encoding="utf-8")
    return tmp_path / "files"


@pytest.fixture
def console(folder: Path) -> Console:
    return Console(folder, json.dumps(SETTINGS))


def _body(response: dict[str, Any]) -> bytes:
    return base64.b64decode(response["body"]) if response.get("isBase64Encoded") else response["body"].encode()


def test_the_page_is_asked_for_again_and_names_its_version(console: Console) -> None:
    response = console.answer("GET", "/console", {})

    assert response["statusCode"] == 200
    assert response["headers"]["content-type"] == "text/html; charset=utf-8"
    assert response["headers"]["cache-control"] == "no-cache"
    assert _body(response).startswith(b"<!doctype html>")
    assert response["headers"]["etag"].startswith('"')


def test_a_file_whose_name_holds_its_hash_is_kept_for_ever(console: Console) -> None:
    response = console.answer("GET", "/console/assets/index-a1b2.js", {})

    assert response["headers"]["cache-control"] == "public, max-age=31536000, immutable"
    assert response["headers"]["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.8", "GZIP", "*"])
def test_a_file_is_sent_as_it_was_compressed(console: Console, folder: Path, accepted: str) -> None:
    response = console.answer("GET", "/console/assets/index-a1b2.js", {"accept-encoding": accepted})

    assert response["headers"]["content-encoding"] == "gzip"
    assert response["headers"]["vary"] == "accept-encoding"
    assert _body(response) == (folder / "assets/index-a1b2.js.gz").read_bytes()


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, br"])
def test_who_does_not_take_gzip_gets_the_plain_file(console: Console, accepted: str) -> None:
    response = console.answer("GET", "/console/assets/index-a1b2.js", {"accept-encoding": accepted})

    assert "content-encoding" not in response["headers"]
    assert _body(response) == SCRIPT


def test_a_version_that_the_browser_has_is_not_sent_again(console: Console) -> None:
    etag = console.answer("GET", "/console", {})["headers"]["etag"]

    for known in (etag, f'"other", {etag}', f"W/{etag}"):
        response = console.answer("GET", "/console", {"if-none-match": known})
        assert response["statusCode"] == 304
        assert "body" not in response
        assert response["headers"]["etag"] == etag
    assert console.answer("GET", "/console", {"if-none-match": '"other"'})["statusCode"] == 200


def test_different_files_have_different_versions(console: Console) -> None:
    versions = {console.answer("GET", f"/console{name}", {})["headers"]["etag"] for name in ("", "/assets/index-a1b2.js", "/settings.json")}

    assert len(versions) == 3


def test_head_says_what_get_would_and_sends_nothing(console: Console) -> None:
    response = console.answer("HEAD", "/console/assets/index-a1b2.js", {})

    assert response["statusCode"] == 200
    assert response["headers"]["content-length"] == str(len(SCRIPT))
    assert "body" not in response


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_with_those_that_are_possible(console: Console, method: str) -> None:
    response = console.answer(method, "/console", {})

    assert response["statusCode"] == 405
    assert response["headers"]["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/console/", "../console"),
        ("/console/index.html", "../console"),
        ("/console/endpoints", "../console"),
        ("/console/endpoints/7/attempts", "../../../console"),
    ],
)
def test_every_other_path_leads_to_the_page(console: Console, path: str, location: str) -> None:
    response = console.answer("GET", path, {})

    assert response["statusCode"] == 302
    assert response["headers"]["location"] == location
    assert response["headers"]["cache-control"] == "no-store"


def test_a_file_of_an_older_version_is_not_the_page(console: Console) -> None:
    response = console.answer("GET", "/console/assets/index-old1.js", {})

    assert response["statusCode"] == 404
    assert "load the page again" in response["body"]


@pytest.mark.parametrize(
    "path",
    [
        "/console/../secret.txt",
        "/console/assets/../../secret.txt",
        "/console/%2e%2e/secret.txt",
        "/console//etc/passwd",
        "/console/handler.py",
        "/console/built-from.json",
        "/console/assets/index-a1b2.js.gz",
        "/console/assets",
    ],
)
def test_nothing_but_the_built_files_can_be_had(console: Console, path: str) -> None:
    response = console.answer("GET", path, {})

    assert response["statusCode"] in (302, 404)
    assert b"outside" not in _body(response)


def test_the_security_policy_lets_nothing_in_from_elsewhere(console: Console) -> None:
    for path in ("/console", "/console/assets/index-a1b2.js", "/console/missing", "/console/assets/missing.js"):
        headers = console.answer("GET", path, {})["headers"]
        policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))

        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["img-src"] == "'self'"
        assert policy["connect-src"] == "'self' wss://abc.execute-api.example.com"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert not any("unsafe" in value or "*" in value or "data:" in value for value in policy.values())
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_page_is_told_about_its_stack(console: Console) -> None:
    response = console.answer("GET", "/console/settings.json", {})

    assert json.loads(_body(response)) == SETTINGS
    assert response["headers"]["cache-control"] == "no-cache"


def test_the_address_of_a_local_stack_becomes_one_for_sockets(folder: Path) -> None:
    local = Console(folder, json.dumps({"webSocketUrl": "http://127.0.0.1:4566/_aws/execute-api/7/live"}))

    assert (
        json.loads(_body(local.answer("GET", "/console/settings.json", {})))["webSocketUrl"]
        == "ws://127.0.0.1:4566/_aws/execute-api/7/live"
    )
    assert "connect-src 'self' ws://127.0.0.1:4566;" in local.answer("GET", "/console", {})["headers"]["content-security-policy"]


def test_the_handler_reads_the_events_of_the_http_api(console: Console) -> None:
    handle = create_handler(lambda: console)
    event = {"rawPath": "/live/console", "headers": {"accept-encoding": "gzip"}, "requestContext": {"http": {"method": "GET"}}}

    assert handle(event, None)["headers"]["content-encoding"] == "gzip"
    assert handle({**event, "headers": None}, None)["statusCode"] == 200
