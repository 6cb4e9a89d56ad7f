"""Browsers get a GraphQL IDE that needs nothing from the internet."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import PATH, Door, Response, payload


def browse(door: Door, path: str = PATH, *, compressed: bool = True, accept: str = "text/html,*/*;q=0.8") -> Response:
    event: dict[str, Any] = payload("ide_page")
    event["requestContext"]["http"]["path"] = event["rawPath"] = path
    event["headers"] = {"accept": accept, **({"accept-encoding": "gzip, br"} if compressed else {})}
    return door.invoke(event)


def test_a_browser_gets_the_page(door: Door) -> None:
    response = door.invoke(payload("ide_page"))

    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-encoding"] == "gzip"
    assert '<input id="token"' in response.text


def test_the_page_comes_as_it_is_without_gzip(door: Door) -> None:
    response = browse(door, compressed=False)

    assert "content-encoding" not in response.headers
    assert response.body.startswith(b"<!doctype html>")


def test_everything_the_page_loads_is_served_here(door: Door) -> None:
    loaded = re.findall(r'(?:src|href)="([^"]+)"', browse(door).text)

    files = [one for one in loaded if not one.startswith("data:")]
    assert len(files) == 6
    for one in files:
        assert one.startswith("graphql/ide/"), "a path relative to the page, which may stand behind a prefix"
        response = browse(door, f"/event-service/{one}", accept="*/*")
        assert response.status == 200
        assert response.text
        assert response.headers["content-type"].startswith(("text/javascript", "text/css"))
        assert len(response.body) * 4 / 3 < 6_000_000


def test_the_page_may_reach_nothing_but_its_own_host(door: Door) -> None:
    policy = browse(door).headers["content-security-policy"]

    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "script-src 'self';" in policy


def test_versioned_files_are_cached_and_ours_are_asked_for_again(door: Door) -> None:
    assert "immutable" in browse(door, f"{PATH}/ide/react-18.3.1.min.js").headers["cache-control"]
    assert browse(door, f"{PATH}/ide/page.js").headers["cache-control"] == "no-cache"


def test_the_schema_is_there_before_a_token_is(door: Door) -> None:
    schema = browse(door, f"{PATH}/ide/schema.json", compressed=False).json

    assert schema["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize("name", ["nothing.js", "page.html", "README.md", "..%2Fhandler.py", "page.js.gz", "LICENSES.txt"])
def test_no_other_file_is_served(name: str, door: Door) -> None:
    response = browse(door, f"{PATH}/ide/{name}")

    assert response.status == 404
    assert response.code == "NOT_FOUND"


def test_the_ide_can_be_turned_off(services: FakeServices) -> None:
    door = Door(services, GRAPHQL_IDE="false")

    assert browse(door).status == 405
    assert browse(door).headers["allow"] == "GET, POST"
    assert browse(door, f"{PATH}/ide/page.js").status == 404


def test_the_ide_has_no_schema_without_introspection(services: FakeServices) -> None:
    door = Door(services, GRAPHQL_INTROSPECTION="false")

    assert browse(door).status == 200
    assert browse(door, f"{PATH}/ide/schema.json").status == 404


def test_the_examples_are_valid(door: Door) -> None:
    script = browse(door, f"{PATH}/ide/page.js").text

    examples = re.findall(r"`((?:#|mutation|query).*?)`", script, re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        response = door.ask(example)
        assert response.status == 200
        codes = [error["extensions"]["code"] for error in response.json.get("errors", [])]
        assert codes == [], (example, response.json)


def test_the_ide_is_loaded_only_when_a_browser_asks() -> None:
    code = "import sys, functions.graphql_api.handler; sys.exit('functions.graphql_api.routes.ide' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
