"""Commands that speak GraphQL. The double validates each operation against docs/schema.graphql."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate
from typer._click import Command  # Typer brings its own Click
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from cli import documents, marks
from cli.graphql_client import GraphqlClient
from cli.main import app
from event_service.base.marks import MARKS
from event_service.configuration.endpoint import SETTINGS, contract_name
from tests.fakes.graphql_api import SCHEMA, GraphqlDouble, RefusedCall
from tests.integration.cli.conftest import TOKEN, Run

DATE = "2026-03-01T12:00:00.000000+00:00"
ENDPOINT_ID = "357fe643-2396-4919-bd9e-a30f0ac28818"
FILTER_ID = "36ce940c-d8c7-4770-8f76-2d03a3aa8275"

SHOWN_WITHOUT_MARKS: dict[str, Any] = {**dict.fromkeys(marks.NAMES), "labels": {}}


def endpoint(number: int = 0, **changed: Any) -> dict[str, Any]:
    return {
        "id": ENDPOINT_ID if number == 0 else f"00000000-0000-4000-8000-{number:012d}",
        "name": f"Orders {number}",
        "type": "WEB_HOOK",
        "status": "ENABLED",
        "statusReason": None,
        "meta": {"url": "https://example.com/hook", "method": "POST"},
        "creationDate": DATE,
        "lastModified": DATE,
        "eventFilters": [],
        **SHOWN_WITHOUT_MARKS,
        **changed,
    }


def event_filter(**changed: Any) -> dict[str, Any]:
    return {
        "id": FILTER_ID,
        "name": "Large",
        "meta": {"in": {"eventTypes": ["a"]}},
        "creationDate": DATE,
        "lastModified": DATE,
        "endpoints": [],
        **SHOWN_WITHOUT_MARKS,
        **changed,
    }


def event(event_id: str = "order-17") -> dict[str, Any]:
    return {
        "id": event_id, "type": "order.created", "date": DATE, "data": {"total": 120}, "agentId": None, "cameraId": None,
        "workspaceId": FILTER_ID, "creationDate": DATE, "lastModified": DATE,
    }  # fmt: skip


def delivery(number: int, status: str = "FAILED") -> dict[str, Any]:
    attempt = {
        "number": 1, "date": DATE, "durationMs": 12, "statusCode": 500, "error": None, "responseBody": "no", "url": "https://a.example.com",
        "responseHeaders": None,
    }  # fmt: skip
    return {
        "id": f"delivery-{number}", "eventId": "e", "endpointId": ENDPOINT_ID, "status": status, "attempts": [attempt],
        "nextAttemptDate": None, "creationDate": DATE, "lastModified": DATE,
    }  # fmt: skip


def page(items: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """A page as the API gives it. The double's cursor is the number of items before it."""
    pagination = given.get("pagination") or {}
    begin = int(given["after"]) if given.get("after") else pagination.get("offset", 0)
    end = begin + (given.get("first") or pagination["limit"])
    return {"totalCount": len(items), "collectionItems": items[begin:end], "endCursor": str(end), "hasNextPage": end < len(items)}


def _given(value: Any) -> Any:
    """Without the optional fields that the schema fills with null."""
    return {key: _given(one) for key, one in value.items() if one is not None} if isinstance(value, dict) else value


@pytest.mark.parametrize("name", [name for name in vars(documents) if name.isupper() and not name.startswith("_")])
def test_every_operation_fits_the_schema(name: str) -> None:
    assert validate(SCHEMA, parse(getattr(documents, name))) == []


# -- lists --------------------------------------------------------------------------------------------------------------


def test_a_list_is_a_table_for_people_and_one_document_for_programs(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["endpoints"] = lambda **given: page([endpoint(0), endpoint(1, status="DISABLED")], given)

    text, machine = run("endpoints", "list"), run("endpoints", "list", "--json")

    assert text.exit_code == machine.exit_code == 0
    heading, first, second = text.stdout.splitlines()
    assert heading.split() == ["ID", "TYPE", "STATUS", "NAME", "FILTERS", "TARGET"]
    assert first.split()[:3] == [ENDPOINT_ID, "WEB_HOOK", "ENABLED"]
    assert "DISABLED" in second
    assert [row["name"] for row in json.loads(machine.stdout)] == ["Orders 0", "Orders 1"]
    assert api.headers[0]["token"] == TOKEN
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", api.headers[0]["traceparent"])


def test_all_of_a_list_is_asked_for_page_by_page(api: GraphqlDouble, run: Run) -> None:
    everything = [endpoint(number) for number in range(1, 2_501)]
    api.resolvers["endpoints"] = lambda **given: page(everything, given)

    result = run("endpoints", "list", "--limit", "0", "--json")

    assert len(json.loads(result.stdout)) == 2_500
    asked = [(call.arguments["pagination"], call.arguments["first"], call.arguments["after"]) for call in api.calls]
    assert asked == [({"offset": 0, "limit": 1000}, None, None), (None, 1000, "1000"), (None, 1000, "2000")]


def test_a_limit_and_an_offset_are_kept_over_pages(api: GraphqlDouble, run: Run) -> None:
    everything = [endpoint(number) for number in range(1, 2_501)]
    api.resolvers["endpoints"] = lambda **given: page(everything, given)

    result = run("endpoints", "list", "--offset", "10", "--limit", "1500", "--json")

    assert [row["name"] for row in json.loads(result.stdout)] == [f"Orders {number}" for number in range(11, 1_511)]
    assert [call.arguments["first"] for call in api.calls] == [None, 500]


def test_a_service_that_does_not_get_further_ends_the_list(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["endpoints"] = lambda **given: page([endpoint()], given) | {"hasNextPage": True, "endCursor": "1"}

    result = run("endpoints", "list", "--limit", "0")

    assert result.exit_code == 1
    assert "does not get any further" in result.stderr
    assert len(api.calls) == 2


def test_an_empty_list_says_so_and_is_an_empty_document_for_programs(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["eventsFilters"] = lambda **given: page([], given)

    assert run("filters", "list").stderr == "nothing found\n"
    assert run("--json", "filters", "list").stdout == "[]\n"


def test_lists_pass_their_conditions_on(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["endpoints"] = lambda **given: page([], given)
    api.resolvers["events"] = lambda **given: page([], given)
    api.resolvers["deliveries"] = lambda **given: page([], given)

    run("endpoints", "list", "--type", "WEB_SOCKET", "--id", ENDPOINT_ID)
    run(
        "events",
        "list",
        "--type",
        "a",
        "--since",
        "2026-03-01T00:00:00Z",
        "--until",
        "2026-03-02T00:00:00+02:00",
        "--oldest-first",
        "--activity-id",
        "x",
    )
    run("deliveries", "list", "--event", "e", "--endpoint", ENDPOINT_ID, "--status", "PENDING", "--limit", "5")

    endpoints, events, deliveries = (call.arguments for call in api.calls)
    assert _given(endpoints["filters"]) == {"id": {"exact": ENDPOINT_ID}, "type": {"exact": "WEB_SOCKET"}}
    assert _given(events["filters"]) == {
        "type": {"exact": "a"},
        "date": {"gte": "2026-03-01T00:00:00.000000+00:00", "lt": "2026-03-01T22:00:00.000000+00:00"},
        "activityId": {"exact": "x"},
    }
    assert events["order"] == {"date": "ASC"}
    assert _given(deliveries["filters"]) == {
        "eventId": {"exact": "e"},
        "endpointId": {"exact": ENDPOINT_ID},
        "status": {"exact": "PENDING"},
    }
    assert deliveries["pagination"]["limit"] == 5


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        (
            [
                "endpoints",
                "list",
                "--name",
                "ord",
                "--status",
                "PAUSED",
                "--key",
                "k",
                "--label",
                "a=b",
                "--label",
                "c=d",
                "--filter",
                FILTER_ID,
            ],
            {
                "name": {"contains": "ord"},
                "status": {"exact": "PAUSED"},
                "key": {"exact": "k"},
                "labels": {"a": "b", "c": "d"},
                "eventFiltersId": {"exact": FILTER_ID},
            },
        ),
        (
            ["filters", "list", "--name", "x", "--key", "k", "--label", "a=b", "--endpoint", ENDPOINT_ID, "--unlinked"],
            {
                "name": {"contains": "x"},
                "key": {"exact": "k"},
                "labels": {"a": "b"},
                "endpointId": {"exact": ENDPOINT_ID},
                "linked": False,
            },
        ),
        (["events", "list", "--type", "a", "--type", "b"], {"type": {"in": ["a", "b"]}}),
        (
            ["events", "list", "--type-prefix", "order.", "--agent-id", "a", "--camera-id", "c"],
            {"type": {"startsWith": "order."}, "agentId": {"exact": "a"}, "cameraId": {"exact": "c"}},
        ),
        (["events", "list", "--pattern", '{"type": ["a"]}'], {"pattern": {"type": ["a"]}}),
        (
            ["deliveries", "list", "--status", "FAILED", "--status", "PENDING", "--status-code", "503"],
            {"status": {"in": ["FAILED", "PENDING"]}, "statusCode": {"exact": 503}},
        ),
    ],
)
def test_every_condition_of_a_list_is_passed_on(words: list[str], filters: dict[str, Any], api: GraphqlDouble, run: Run) -> None:
    for name in ("endpoints", "eventsFilters", "events", "deliveries"):
        api.resolvers[name] = lambda **given: page([], given)

    assert run(*words).exit_code == 0

    assert _given(api.calls[0].arguments["filters"]) == filters


def test_a_date_that_is_none_is_explained_before_anything_is_asked(api: GraphqlDouble, run: Run) -> None:
    result = run("events", "list", "--since", "yesterday")

    assert result.exit_code == 2
    assert "--since: 'yesterday' is not a date-time" in result.stderr
    assert "90s, 15m, 2h, 7d" in result.stderr
    assert api.calls == []


# -- endpoints and filters ------------------------------------------------------------------------------------------------


def test_endpoints_are_created_with_their_filters(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["createWebhookEndpoint"] = lambda **_: endpoint()
    api.resolvers["createWebSocketEndpoint"] = lambda **_: endpoint(type="WEB_SOCKET", meta={})

    webhook = run("endpoints", "create-webhook", "Orders", "https://example.com/hook", "--method", "PUT", "--filter", FILTER_ID)
    socket = run("endpoints", "create-socket", "Dashboard", "--json")

    assert ENDPOINT_ID in webhook.stdout
    assert json.loads(socket.stdout)["type"] == "WEB_SOCKET"
    assert _given(api.calls[0].arguments) == {
        "name": "Orders",
        "url": "https://example.com/hook",
        "method": "PUT",
        "eventFiltersIds": [FILTER_ID],
    }
    assert _given(api.calls[1].arguments) == {"name": "Dashboard"}


def test_endpoints_and_filters_are_created_and_changed_with_marks(api: GraphqlDouble, run: Run) -> None:
    for name in ("createWebhookEndpoint", "createWebSocketEndpoint", "updateEndpoint"):
        api.resolvers[name] = lambda **_: endpoint()
    for name in ("createEventFilters", "updateEventFilters"):
        api.resolvers[name] = lambda **_: event_filter()
    given = ["--key", "orders", "--description", "For the shop.", "--label", "team=shop", "--label", "query=a=b"]

    for words in (
        ["endpoints", "create-webhook", "Orders", "https://example.com/hook"],
        ["endpoints", "create-socket", "Dashboard"],
        ["endpoints", "update", ENDPOINT_ID],
        ["filters", "create", "--type", "a"],
        ["filters", "update", FILTER_ID],
    ):
        assert run(*words, *given).exit_code == 0, words

    for call in api.calls:
        assert {key: call.arguments[key] for key in ("key", "description", "labels")} == {
            "key": "orders",
            "description": "For the shop.",
            "labels": {"team": "shop", "query": "a=b"},
        }


def test_command_line_gives_every_mark_and_setting() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    found = dict(commands(root))
    settings = [contract_name(one) for one in SETTINGS]

    assert set(marks.NAMES) == set(MARKS)
    for words, document in (
        (("endpoints", "create-webhook"), documents.CREATE_WEBHOOK),
        (("endpoints", "update"), documents.UPDATE_ENDPOINT),
    ):
        assert {*SETTINGS, *MARKS} <= {one.name for one in found[words].params}, words
        assert [one for one in settings if f"{one}: $" not in document] == [], words


def test_empty_marks_take_away_and_others_stay(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["updateEndpoint"] = lambda **_: endpoint()

    run("endpoints", "update", ENDPOINT_ID, "--key", "", "--label", "")

    assert _given(api.calls[0].arguments) == {"id": ENDPOINT_ID, "key": "", "labels": {}}


@pytest.mark.parametrize("label", ["team", "=shop"])
def test_a_label_is_a_name_and_a_value(label: str, run: Run) -> None:
    result = run("endpoints", "update", ENDPOINT_ID, "--label", label)

    assert result.exit_code == 2
    assert "is not NAME=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("words", "mutation"),
    [
        (["endpoints", "delete"], "deleteEndpoints"),
        (["endpoints", "pause"], "pauseEndpoints"),
        (["endpoints", "resume"], "resumeEndpoints"),
    ],
)
def test_many_ids_go_by_the_hundred(api: GraphqlDouble, run: Run, words: list[str], mutation: str) -> None:
    api.resolvers[mutation] = lambda **_: {"ok": True}

    result = run(*words, *(f"id-{number}" for number in range(250)))

    assert result.exit_code == 0
    assert [len(call.arguments["ids"]) for call in api.calls] == [100, 100, 50]


def test_secrets_are_shown_and_rotated(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["endpointSecret"] = lambda **_: "whsec_old"
    api.resolvers["rotateEndpointSecret"] = lambda **_: "whsec_new"

    assert run("endpoints", "secret", ENDPOINT_ID).stdout == "whsec_old\n"
    assert json.loads(run("endpoints", "rotate-secret", ENDPOINT_ID, "--grace", "60", "--json").stdout)["secret"] == "whsec_new"
    assert api.calls[1].arguments == {"id": ENDPOINT_ID, "gracePeriodSeconds": 60, "idempotencyKey": None}


def test_the_health_of_an_endpoint_is_shown(api: GraphqlDouble, run: Run) -> None:
    hour = {"attempts": 20, "successRate": 0.95, "lastSuccessDate": DATE, "p50Ms": 10, "p95Ms": 200, "complete": True}
    lane = {"ownLane": True, "trouble": "SLOW", "limitedTo": None, "waiting": 12, "notBefore": None}
    health = {**lane, "failingSince": DATE, "lastFailureDate": DATE, "disableDate": DATE, "lastHour": hour}
    api.resolvers["endpoints"] = lambda **_: page([endpoint(health=health)], {"first": 1})

    assert json.loads(run("endpoints", "health", ENDPOINT_ID, "--json").stdout)["health"] == health

    api.resolvers["endpoints"] = lambda **_: page([], {"first": 1})
    result = run("endpoints", "health", ENDPOINT_ID)
    assert result.exit_code == 1
    assert "There is no endpoint" in result.stderr


def test_a_test_event_that_is_not_taken_is_a_failure(api: GraphqlDouble, run: Run) -> None:
    attempt = {
        "number": 1, "date": DATE, "durationMs": 7, "statusCode": 204, "error": None, "responseBody": "", "url": "https://a.example.com",
        "responseHeaders": None,
    }  # fmt: skip
    api.resolvers["testEndpoint"] = lambda **_: attempt
    assert run("endpoints", "test", ENDPOINT_ID).stdout == "Taken: HTTP 204 after 7 ms.\n"

    api.resolvers["testEndpoint"] = lambda **_: {**attempt, "statusCode": None, "error": "refused: nothing listens there"}
    result = run("endpoints", "test", ENDPOINT_ID)

    assert result.exit_code == 1
    assert "Not taken after 7 ms: refused: nothing listens there" in result.stderr


def test_a_filter_s_condition_is_put_together_from_options_and_files(api: GraphqlDouble, run: Run, tmp_path: Path) -> None:
    api.resolvers["createEventFilters"] = lambda **_: event_filter()
    api.resolvers["updateEventFilters"] = lambda **_: event_filter()
    pattern = tmp_path / "pattern.json"
    pattern.write_text('{"data": {"total": [{"numeric": [">", 100]}]}}')

    run(
        "filters",
        "create",
        "--name",
        "Large",
        "--type",
        "a",
        "--type",
        "b",
        "--camera",
        "c",
        "--pattern",
        f"@{pattern}",
        "--endpoint",
        ENDPOINT_ID,
    )
    run("filters", "update", FILTER_ID, "--pattern", '{"type": ["a"]}')

    created, updated = (call.arguments for call in api.calls)
    assert {key: value for key, value in created["eventFiltersInput"]["in"].items() if value} == {
        "eventTypes": ["a", "b"],
        "cameraIds": ["c"],
    }
    assert created["eventFiltersInput"]["pattern"] == {"data": {"total": [{"numeric": [">", 100]}]}}
    assert created["endpointIds"] == [ENDPOINT_ID]
    assert updated["eventFiltersInput"]["pattern"] == {"type": ["a"]}
    assert updated["eventFiltersInput"].get("in") is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["filters", "create"], "A filter needs a condition"),
        (["filters", "update", FILTER_ID], "Nothing to change"),
        (["endpoints", "update", ENDPOINT_ID], "Nothing to change"),
        (["filters", "create", "--pattern", "{"], "--pattern: this is no JSON"),
        (["filters", "create", "--pattern", "@/nowhere"], "/nowhere cannot be read"),
        (["publish"], "Give a file"),
        (["publish", "--type", "a", "--data", "[1]"], "it must be a JSON object"),
        (["publish", "/nowhere.json"], "/nowhere.json cannot be read"),
        (["publish", "-", "--id", "1"], "go with --type"),
        (["deliveries", "retry"], "Give the ids of deliveries"),
        (["listen", ENDPOINT_ID, "--secret", "whsec_x"], "--secret goes with --forward"),
        (["listen", ENDPOINT_ID, "--forward", "localhost:3000"], "is not a URL such as"),
        (["listen", ENDPOINT_ID, "--forward", "http://localhost:3000", "--secret", "x"], "begins with whsec_"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error_that_explains(api: GraphqlDouble, run: Run, words: list[str], message: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert message in result.stderr
    assert api.calls == []


def test_links_are_made_and_ended(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["linkEndpointsToEventFilters"] = lambda **_: {"ok": True}
    api.resolvers["unlinkEndpointsToEventFilters"] = lambda **_: {"ok": True}
    api.resolvers["deleteEventFilters"] = lambda **_: {"ok": True}

    run("filters", "link", FILTER_ID, ENDPOINT_ID, "other")
    run("filters", "unlink", FILTER_ID, ENDPOINT_ID)
    run("filters", "delete", FILTER_ID)

    assert api.names() == ["linkEndpointsToEventFilters", "unlinkEndpointsToEventFilters", "deleteEventFilters"]
    assert api.calls[0].arguments == {"endpointIds": [ENDPOINT_ID, "other"], "eventFiltersId": FILTER_ID}


# -- events and deliveries ------------------------------------------------------------------------------------------------


def test_one_event_is_published_from_options(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["publishEvents"] = lambda events: {"ok": True, "ids": ["order-17"], "duplicateIds": ["order-17"]}

    result = run("publish", "--type", "order.created", "--data", '{"total": 120}', "--id", "order-17", "--json")

    given = {key: value for key, value in api.calls[0].arguments["events"][0].items() if value is not None}
    assert given == {"type": "order.created", "data": {"total": 120}, "id": "order-17"}
    answer = json.loads(result.stdout)
    assert (answer["ids"], answer["duplicateIds"]) == (["order-17"], ["order-17"])
    assert answer["traceId"] == api.headers[0]["traceparent"].split("-")[1]


@pytest.mark.parametrize("form", ["list", "lines"])
def test_a_file_is_published_in_calls_of_a_hundred_with_progress(api: GraphqlDouble, run: Run, form: str) -> None:
    api.resolvers["publishEvents"] = lambda events: {"ok": True, "ids": [one["id"] for one in events], "duplicateIds": []}
    events = [{"id": f"e{number}", "type": "a", "data": {}} for number in range(250)]
    text = json.dumps(events) if form == "list" else "\n".join(json.dumps(one) for one in events)

    result = run("publish", "-", "--json", standard_input=text)

    assert [len(call.arguments["events"]) for call in api.calls] == [100, 100, 50]
    assert json.loads(result.stdout)["ids"] == [f"e{number}" for number in range(250)]
    assert result.stderr.splitlines() == ["100 of 250 published", "200 of 250 published", "250 of 250 published"]


def test_big_events_share_no_call_that_the_service_would_refuse(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["publishEvents"] = lambda events: {"ok": True, "ids": [one["type"] for one in events], "duplicateIds": []}
    events = [{"type": str(number), "data": {"text": "x" * 250_000}} for number in range(5)]

    run("publish", "-", standard_input=json.dumps(events))

    assert [len(call.arguments["events"]) for call in api.calls] == [2, 2, 1]


def test_a_publish_that_fails_half_way_says_how_far_it_came(api: GraphqlDouble, run: Run) -> None:
    def publish_once(events: list[dict[str, Any]]) -> dict[str, Any]:
        if len(api.calls) > 1:
            raise RefusedCall("RATE_LIMITED", "Too many requests at once.")
        return {"ok": True, "ids": [one["id"] for one in events], "duplicateIds": []}

    api.resolvers["publishEvents"] = publish_once
    text = "\n".join(json.dumps({"id": f"e{number}", "type": "a", "data": {}}) for number in range(150))

    result = run("publish", "-", "--json", standard_input=text)

    assert result.exit_code == 5
    error = json.loads(result.stderr.splitlines()[-1])["error"]
    assert error["message"] == "100 of 150 were published, then: Too many requests at once."
    assert len(error["ids"]) == 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no JSON"),
        ("[]", "holds no event"),
        ("[1]", "event 1: an event is a JSON object"),
        ('{"type": "a", "data": {}}\n{"type": "b"', "line 2 is no JSON"),
        ('{"type": "a", "payload": {}}', "an event has no payload"),
    ],
)
def test_a_broken_file_publishes_nothing(api: GraphqlDouble, run: Run, text: str, message: str) -> None:
    result = run("publish", "-", standard_input=text)

    assert result.exit_code == 2
    assert message in result.stderr or (text == "" and "holds no event" in result.stderr)
    assert api.calls == []


def test_an_event_is_read_or_reported_missing(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["events"] = lambda **given: page([event()] if given["filters"]["id"]["exact"] == "order-17" else [], given)

    assert json.loads(run("events", "get", "order-17").stdout)["data"] == {"total": 120}
    missing = run("events", "get", "order-18")
    assert missing.exit_code == 1
    assert "There is no event with the id 'order-18'" in missing.stderr


def test_all_that_failed_to_an_endpoint_is_started_again(api: GraphqlDouble, run: Run) -> None:
    steps = [{"ok": True, "count": 200, "skipped": 1, "endCursor": "c"}, {"ok": True, "count": 30, "skipped": 0, "endCursor": None}]
    api.resolvers["retryDeliveries"] = lambda **given: steps[1 if given["after"] else 0]

    result = run("deliveries", "retry", "--endpoint", ENDPOINT_ID, "--status-code", "503", "--json")

    assert json.loads(result.stdout) == {"ok": True, "count": 230, "skipped": 1}
    assert [call.arguments["after"] for call in api.calls] == [None, "c"]
    assert _given(api.calls[0].arguments["filters"]) == {"endpointId": {"exact": ENDPOINT_ID}, "statusCode": {"exact": 503}}
    assert (api.calls[0].arguments["dryRun"], api.calls[0].arguments["unmatchedToo"]) == (False, False)


def test_a_retry_is_counted_first(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["retryDeliveries"] = lambda **_: {"ok": True, "count": 3, "skipped": 2, "endCursor": None}

    result = run("deliveries", "retry", "--event", "e", "--dry-run", "--unmatched-too")

    assert result.stdout == "3 would be started again. 2 were left out: gone, or matched by no filter now.\n"
    assert (api.calls[0].arguments["dryRun"], api.calls[0].arguments["unmatchedToo"]) == (True, True)


def test_a_retry_that_breaks_off_says_how_far_it_came(api: GraphqlDouble, run: Run) -> None:
    def break_off(**given: Any) -> dict[str, Any]:
        if given["after"]:
            raise RefusedCall("RATE_LIMITED", "Too busy.")
        return {"ok": True, "count": 200, "skipped": 0, "endCursor": "c"}

    api.resolvers["retryDeliveries"] = break_off

    result = run("deliveries", "retry", "--endpoint", ENDPOINT_ID)

    assert result.exit_code == 5
    assert "200 were started again, then: Too busy." in result.stderr


def test_deliveries_are_cancelled_by_id_and_by_condition(api: GraphqlDouble, run: Run) -> None:
    steps = {None: {"ok": True, "count": 2, "endCursor": "c"}, "c": {"ok": True, "count": 1, "endCursor": None}}
    api.resolvers["cancelDeliveries"] = lambda **given: {"ok": True, "count": 1} if given["ids"] else steps[given["after"]]

    assert run("deliveries", "cancel", "d-1").stdout == "1 were cancelled.\n"
    assert json.loads(run("deliveries", "cancel", "--endpoint", ENDPOINT_ID, "--json").stdout) == {"ok": True, "count": 3}
    assert run("deliveries", "cancel", "--event", "e", "--dry-run").stdout == "3 would be cancelled.\n"
    assert api.calls[-1].arguments["dryRun"] is True
    for words in ([], ["d-1", "--event", "e"], ["d-1", "--dry-run"]):
        assert run("deliveries", "cancel", *words).exit_code == 2


def test_an_endpoint_is_resumed_without_what_waited(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["resumeEndpoints"] = lambda **_: {"ok": True}

    run("endpoints", "resume", ENDPOINT_ID, "--discard-waiting")
    run("endpoints", "resume", ENDPOINT_ID)

    assert [call.arguments["discardWaiting"] for call in api.calls] == [True, False]


def test_ids_of_deliveries_are_started_again(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["retryDeliveries"] = lambda **_: {"ok": True}

    assert run("deliveries", "retry", *(f"d-{number}" for number in range(150))).stdout == "Started 150 again.\n"
    assert [len(call.arguments["ids"]) for call in api.calls] == [100, 50]
    assert run("deliveries", "retry", "d-1", "--dry-run").exit_code == 2


def test_a_replay_goes_on_until_all_is_done(api: GraphqlDouble, run: Run) -> None:
    steps = iter([(10_000, "2026-03-02T00:00:00Z"), (10_000, "2026-03-03T00:00:00Z"), (7, None)])

    def replay(**_: Any) -> dict[str, Any]:
        count, following = next(steps)
        return {"ok": True, "count": count, "continueSince": following}

    api.resolvers["replayEvents"] = replay

    result = run("replay", ENDPOINT_ID, "--since", "2026-03-01T00:00:00Z", "--everything", "--json")

    assert json.loads(result.stdout) == {"ok": True, "count": 20_007}
    assert [call.arguments["since"] for call in api.calls] == [
        "2026-03-01T00:00:00.000000+00:00",
        "2026-03-02T00:00:00Z",
        "2026-03-03T00:00:00Z",
    ]
    assert {call.arguments["missingOnly"] for call in api.calls} == {False}
    assert result.stderr.splitlines()[0] == "10000 so far, up to 2026-03-02T00:00:00Z"


def test_a_replay_can_be_counted_first(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["replayEvents"] = lambda **_: {"ok": True, "count": 12, "continueSince": None}

    result = run("replay", ENDPOINT_ID, "--since", "1d", "--dry-run")

    assert result.stdout == "12 events would be sent again; nothing was sent.\n"
    assert api.calls[0].arguments["dryRun"] is True


def test_a_replay_that_stands_still_does_not_go_on_for_ever(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["replayEvents"] = lambda since, **_: {"ok": True, "count": 0, "continueSince": since}

    result = run("replay", ENDPOINT_ID, "--since", "2026-03-01T00:00:00Z")

    assert result.exit_code == 5
    assert len(api.calls) == 1


# -- what goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"), [("NOT_FOUND", 1), ("BAD_USER_INPUT", 1), ("INTERNAL", 1), ("UNAUTHENTICATED", 4), ("FORBIDDEN", 4)]
)
def test_an_error_of_the_api_is_shown_with_its_code(api: GraphqlDouble, run: Run, code: str, status: int) -> None:
    def refuse(**_: Any) -> None:
        raise RefusedCall(code, "A sentence for people.", requestId="r-1")

    api.resolvers["deleteEndpoints"] = refuse

    text, machine = run("endpoints", "delete", "x"), run("endpoints", "delete", "x", "--json")

    assert text.exit_code == machine.exit_code == status
    assert text.stderr == f"error ({code}): A sentence for people.\n  requestId: r-1\n"
    assert json.loads(machine.stderr) == {"error": {"code": code, "message": "A sentence for people.", "requestId": "r-1"}}
    assert machine.stdout == ""


def test_what_is_no_graphql_api_is_named(api: GraphqlDouble, run: Run) -> None:
    api.raw.append((502, b"<html>Bad Gateway</html>"))

    result = run("endpoints", "list")

    assert result.exit_code == 3
    assert "does not answer as a GraphQL API does (HTTP 502): <html>Bad Gateway</html>" in result.stderr


def test_a_redirect_never_takes_the_token_along(api: GraphqlDouble, run: Run) -> None:
    api.raw.append((302, api.url.encode()))

    result = run("endpoints", "list")

    assert result.exit_code == 3
    assert len(api.headers) == 1


def test_a_throttled_request_is_sent_again(api: GraphqlDouble) -> None:
    pauses: list[float] = []
    api.raw.extend([(429, b'{"message":"Too Many Requests"}')] * 2)
    api.resolvers["deleteEndpoints"] = lambda **_: {"ok": True}

    GraphqlClient(api.url, TOKEN, pauses.append).execute(documents.DELETE_ENDPOINTS, ids=["x"])

    assert pauses == [0.5, 1.0]
    assert api.names() == ["deleteEndpoints"]


def test_nobody_at_the_address_is_told_in_a_sentence(run: Run) -> None:
    result = run("--url", "http://127.0.0.1:9/event-service/graphql", "endpoints", "list")

    assert result.exit_code == 3
    assert "The GraphQL API at http://127.0.0.1:9/event-service/graphql does not answer" in result.stderr


def test_the_tool_says_how_to_get_a_stack_when_there_is_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--stack-file", str(tmp_path / "stack.json"), "endpoints", "list"], catch_exceptions=False)

    assert result.exit_code == 3
    assert "make run" in result.stderr


def test_local_stack_is_found_by_its_file(api: GraphqlDouble, tmp_path: Path) -> None:
    api.resolvers["endpoints"] = lambda **given: page([], given)
    file = tmp_path / "stack.json"
    file.write_text(json.dumps({"graphqlUrl": api.url, "webSocketUrl": "ws://127.0.0.1:1", "token": "of the file", "workspaceId": "w"}))

    CliRunner().invoke(app, ["endpoints", "list", "--stack-file", str(file)], catch_exceptions=False)
    CliRunner().invoke(
        app, ["endpoints", "list", "--stack-file", str(file)], catch_exceptions=False, env={"EVENT_SERVICE_TOKEN": "of the environment"}
    )

    assert [headers["token"] for headers in api.headers] == ["of the file", "of the environment"]


def test_a_url_without_a_token_asks_for_one(api: GraphqlDouble) -> None:
    result = CliRunner().invoke(app, ["endpoints", "list", "--url", api.url], catch_exceptions=False)

    assert result.exit_code == 4
    assert "EVENT_SERVICE_TOKEN" in result.stderr
    assert api.headers == []


@pytest.mark.parametrize("words", [["--help"], ["endpoints", "-h"], ["listen", "--help"], ["token", "issue", "--help"]])
def test_everything_has_a_help_text(words: list[str]) -> None:
    result = CliRunner().invoke(app, words, catch_exceptions=False)

    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert "--help" in result.stdout


def commands(of: TyperGroup, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    for name, one in of.commands.items():
        yield (*words, name), one
        if isinstance(one, TyperGroup):
            yield from commands(one, (*words, name))


def test_every_command_says_what_it_does() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)

    found = dict(commands(root))

    assert ("endpoints", "list") in found
    assert [" ".join(words) for words, one in found.items() if not one.help] == []


def test_every_command_is_run_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    leaves = [words for words, one in commands(root) if not isinstance(one, TyperGroup)]

    assert len(leaves) > 30
    assert [words for words in leaves if ", ".join(f'"{word}"' for word in words) not in tests] == []


def open_connection(number: int) -> dict[str, Any]:
    known = {"sequence": 90 + number, "behind": 10, "batched": True, "ownLane": False, "failingSince": None}
    return {"id": f"{ENDPOINT_ID}.0.c{number}=", "connectionDate": DATE, "lastPostDate": None, "tokenName": "dashboard", **known}


def test_connections_are_listed_page_by_page_and_closed(api: GraphqlDouble, run: Run) -> None:
    pages = {None: ([open_connection(1), open_connection(2)], "2", True), "2": ([open_connection(3)], "3", False)}

    def shown(given: dict[str, Any]) -> dict[str, Any]:
        items, end, more = pages[given["after"]]
        return {"collectionItems": items, "endCursor": end, "hasNextPage": more}

    api.resolvers["endpoints"] = lambda **_: page([endpoint(connections=lambda info, **given: shown(given))], {"first": 1})
    api.resolvers["closeConnections"] = lambda **given: {"ok": True, "count": len(given["ids"])}

    listed = run("connections", "list", ENDPOINT_ID, "--limit", "0", "--json")
    first = run("connections", "list", ENDPOINT_ID, "--limit", "1", "--json")
    closed = run("connections", "close", *(one["id"] for one in json.loads(listed.stdout)))

    assert [one["sequence"] for one in json.loads(listed.stdout)] == [91, 92, 93]
    assert [one["sequence"] for one in json.loads(first.stdout)] == [91]
    assert closed.stdout == "3 will be closed.\n"
    assert api.calls[-1].arguments["ids"] == [f"{ENDPOINT_ID}.0.c{number}=" for number in (1, 2, 3)]


def test_connections_of_an_unknown_endpoint_are_an_error(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["endpoints"] = lambda **_: page([], {"first": 1})

    result = run("connections", "list", ENDPOINT_ID)

    assert result.exit_code == 1, result.stderr
    assert "There is no endpoint" in result.stderr
