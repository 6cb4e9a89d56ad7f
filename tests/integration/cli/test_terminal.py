"""What others wrote cannot command the terminal that shows it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.terminal_text import safe
from local.log_view import readable
from tests.fakes.graphql_api import GraphqlDouble, RefusedCall
from tests.integration.cli.conftest import Run

ATTACK = "\u009b31mRED\u009d0;PWNED\u009c\x1b[2J\x07\x7f\u202egnp\u2066\u200b\u2028\ufeff\U000e0041"
DATE = "2026-03-01T12:00:00.000000+00:00"
EVENT = {
    "id": f"i{ATTACK}", "type": f"t{ATTACK}", "date": DATE, "data": {f"k{ATTACK}": f"v{ATTACK}\nnew line"}, "agentId": ATTACK,
    "cameraId": ATTACK, "workspaceId": "c641ff9c-67df-4c03-8fa6-ee2eabffdc16", "creationDate": DATE, "lastModified": DATE,
}  # fmt: skip


def dangerous(text: str) -> set[str]:
    return {character for character in text if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@pytest.mark.parametrize(
    "words", [["events", "list"], ["events", "get", "x"], ["--json", "events", "list"], ["--json", "events", "get", "x"]]
)
def test_events_are_shown_escaped(api: GraphqlDouble, run: Run, words: list[str]) -> None:
    api.resolvers["events"] = lambda **_: {"collectionItems": [EVENT], "hasNextPage": False}

    result = run(*words)

    assert result.exit_code == 0
    assert not dangerous(result.stdout)
    assert "\\u009b31mRED" in result.stdout
    if "get" in words:
        assert json.loads(result.stdout) == EVENT


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_errors_and_what_receivers_answered_are_shown_escaped(api: GraphqlDouble, run: Run, as_json: list[str]) -> None:
    attempt = {
        "number": 1, "date": DATE, "durationMs": 5, "statusCode": 500, "error": ATTACK, "responseBody": ATTACK, "url": ATTACK,
        "responseHeaders": [["server", ATTACK]],
    }  # fmt: skip
    api.resolvers["testEndpoint"] = lambda **_: attempt

    def refuse(**_: Any) -> Any:
        raise RefusedCall("NOT_FOUND", ATTACK, ids=[ATTACK])

    api.resolvers["events"] = refuse
    for words in (
        ["endpoints", "test", "e"],
        ["events", "list"],
        ["events", "get", ATTACK],
        ["events", "list", "--limit", ATTACK],
        [ATTACK],
    ):
        result = run(*as_json, *words)

        assert result.exit_code in (1, 2)
        assert not dangerous(result.stdout + result.stderr), words
        assert result.stderr


def test_a_published_id_is_shown_escaped(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["publishEvents"] = lambda **_: {"ok": True, "ids": [ATTACK], "duplicateIds": [ATTACK]}

    assert not dangerous(run("publish", "--type", "a").stdout)


def test_a_cell_of_a_table_stays_on_its_line(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["events"] = lambda **_: {"collectionItems": [EVENT | {"type": "a\nb\tc"}], "hasNextPage": False}

    result = run("events", "list")

    assert len(result.stdout.splitlines()) == 2
    assert "a\\u000ab\\u0009c" in result.stdout


@pytest.mark.parametrize(
    "line",
    [ATTACK, json.dumps({"message": ATTACK, "level": ATTACK, ATTACK: ATTACK}), json.dumps({"message": {"a": ATTACK}, "exception": ATTACK})],
)
def test_the_view_of_the_log_shows_it_escaped(line: str) -> None:
    shown = readable({"time": 0.0, "function": "f", "line": line}, {})

    assert shown is not None
    assert not dangerous(shown)


@given(st.text())
def test_escaped_json_is_the_same_json(text: str) -> None:
    shown = safe(json.dumps({text: text}, ensure_ascii=False))

    assert json.loads(shown) == {text: text}
    assert not dangerous(shown)


@given(st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_letters_of_every_script_stay_as_they_are(text: str) -> None:
    assert safe(text).replace("\\u00a0", "\u00a0") == text or "\\u" in safe(text)
