"""The commands that explain: what was changed, why an event did or did not arrive, what a filter would match."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.graphql_api import GraphqlDouble
from tests.integration.cli.conftest import Run

DATE = "2026-03-01T12:00:00.000000+00:00"


def change(version: int) -> dict[str, Any]:
    return {
        "version": version, "date": DATE, "actor": "Console", "actorId": "0123456789abcdef", "operation": "pauseEndpoints",
        "sentence": f'Paused the endpoint "Orders {version}".', "before": {"e": {"status": "ENABLED"}}, "after": None,
    }  # fmt: skip


def changes_page(first: int, after: str | None) -> dict[str, Any]:
    begin = int(after or 121)
    items = [change(version) for version in range(begin - 1, max(begin - 1 - first, 0), -1)]
    return {"collectionItems": items, "endCursor": str(items[-1]["version"]), "hasNextPage": items[-1]["version"] > 1}


def test_changes_are_listed_with_who_made_them(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["changes"] = changes_page

    text, machine = run("changes", "--limit", "2"), run("changes", "--limit", "1", "--json")

    heading, first, second = text.stdout.splitlines()
    assert heading.split() == ["VERSION", "DATE", "BY", "CHANGE"]
    assert first.split(maxsplit=3) == ["120", DATE, "Console", 'Paused the endpoint "Orders 120".']
    assert second.startswith("119")
    assert json.loads(machine.stdout) == [change(120)]


def test_all_changes_are_asked_for_page_by_page(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["changes"] = changes_page

    result = run("changes", "--limit", "0", "--json")

    assert [one["version"] for one in json.loads(result.stdout)] == list(range(120, 0, -1))
    assert [(call.arguments["first"], call.arguments["after"]) for call in api.calls] == [(50, None), (50, "71"), (50, "21")]


# -- why -----------------------------------------------------------------------------------------------------------------

ENDPOINT = {"id": "357fe643-2396-4919-bd9e-a30f0ac28818", "name": "Dashboard", "type": "WEB_HOOK", "status": "ENABLED"}
CLAUSE = {
    "path": "data.total", "present": True, "found": 80, "wanted": [{"numeric": [">", 100]}],
    "sentence": "`data.total`: 80 is not > 100.",
}  # fmt: skip
LAST = {"event": None, "examined": 3, "since": DATE, "complete": True, "sentence": "It matched none of the 3 events that are retained."}
EXPLANATION = {
    "outcome": "NOT_MATCHED", "sentence": "Its event filter did not match.", "configurationVersion": 2, "asRouted": True, "sequence": None,
    "endpoint": ENDPOINT, "delivery": None,
    "filters": [{"eventFiltersId": "f", "name": "Large", "matched": False, "failed": [CLAUSE], "lastChange": change(2), "lastMatch": LAST}],
}  # fmt: skip


def test_why_answers_with_a_sentence_the_clause_and_who_changed_it(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["explainDelivery"] = lambda **_: EXPLANATION

    text, machine = run("why", "order-17", ENDPOINT["id"]), run("why", "order-17", ENDPOINT["id"], "--json")

    assert text.stdout.splitlines() == [
        "NOT_MATCHED: Its event filter did not match.",
        "Routed by version 2 of the configuration.",
        "- Large (f)",
        "    `data.total`: 80 is not > 100.",
        f'    last change: version 2, {DATE}, by Console: Paused the endpoint "Orders 2".',
        "    It matched none of the 3 events that are retained.",
    ]
    assert json.loads(machine.stdout)["filters"][0]["failed"] == [CLAUSE]
    assert api.calls[0].arguments == {"eventId": "order-17", "endpointId": ENDPOINT["id"]}


def test_why_without_an_endpoint_tells_of_all_of_them_page_by_page(api: GraphqlDouble, run: Run) -> None:
    explained = {"endpoint": ENDPOINT, "outcome": "DELIVERED", "sentence": "It was delivered."}

    class Event:
        def destinations(self, _info: Any, first: int, after: str | None) -> dict[str, Any]:
            assert first == 50
            return {"collectionItems": [explained], "endCursor": "1", "hasNextPage": after is None}

    api.resolvers["events"] = lambda **_: {"totalCount": 1, "collectionItems": [Event()]}

    text = run("why", "order-17")

    heading, *rows = text.stdout.splitlines()
    assert heading.split() == ["OUTCOME", "ENDPOINT", "ID", "WHY"]
    assert len(rows) == 2
    assert rows[0].split(maxsplit=3) == ["DELIVERED", "Dashboard", ENDPOINT["id"], "It was delivered."]


def test_why_says_that_there_is_no_such_event(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["events"] = lambda **_: {"totalCount": 0, "collectionItems": []}

    result = run("why", "unknown")

    assert result.exit_code == 1
    assert "There is no event with the id 'unknown'" in result.stderr


# -- filters test --------------------------------------------------------------------------------------------------------


def published(event_id: str) -> dict[str, Any]:
    return {
        "id": event_id, "type": "order", "date": DATE, "data": {"total": 80}, "agentId": None, "cameraId": None, "workspaceId": "w",
        "creationDate": DATE, "lastModified": DATE,
    }  # fmt: skip


def matched(after: str | None, **changed: Any) -> dict[str, Any]:
    first = after is None
    return {
        "examined": 100, "matched": 3, "complete": not first, "endCursor": "more" if first else None, "gained": 1, "lost": 2,
        "histogram": [{"start": "2026-03-01T12:00:00.000000+00:00", "examined": 100, "matched": 3}],
        "matches": [published("new" if first else "old")],
        "nearMisses": [{"event": published("near"), "clause": CLAUSE}], **changed,
    }  # fmt: skip


def test_a_filter_is_tried_page_by_page_and_added_up(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["matchEvents"] = lambda input: matched(input["after"])  # noqa: A006 - the contract's name

    words = ["filters", "test", "--pattern", '{"data": {"total": [1]}}', "--type", "order", "--endpoint", ENDPOINT["id"], "--since", DATE]
    text, machine = run(*words), run(*words, "--json")

    assert text.stderr == "3 of 100 so far\n"
    assert text.stdout.splitlines() == [
        "6 of 200 events match.",
        "The endpoint would receive 2 that it does not receive now, and no longer 4.",
        f"2026-03-01 12:00  {'#' * 2}{'.' * 39}  6 of 200",
        f"+ {DATE}  order  new",
        f"+ {DATE}  order  old",
        "Only one clause fails:",
        "- near: `data.total`: 80 is not > 100.",
        "- near: `data.total`: 80 is not > 100.",
    ]
    shown = json.loads(machine.stdout)
    assert (shown["examined"], shown["matched"], len(shown["matches"])) == (200, 6, 2)
    asked = [call.arguments["input"] for call in api.calls[:2]]
    assert [one["after"] for one in asked] == [None, "more"]
    assert asked[0]["eventFiltersInput"]["in"]["eventTypes"] == ["order"]
    assert asked[0]["endpointId"] == ENDPOINT["id"]


def test_a_filter_that_exists_is_tried_on_single_events(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["matchEvents"] = lambda input: matched("last", gained=None, lost=None, nearMisses=[])  # noqa: A006 - as above

    text = run("filters", "test", "f-1", "--event", "a", "--event", "b")

    assert "The endpoint" not in text.stdout
    assert "Only one clause" not in text.stdout
    (call,) = api.calls
    assert (call.arguments["input"]["eventFiltersId"], call.arguments["input"]["eventIds"]) == ("f-1", ["a", "b"])


def test_a_test_needs_a_filter_or_a_condition(api: GraphqlDouble, run: Run) -> None:
    for words in ([], ["f-1", "--type", "order"]):
        result = run("filters", "test", *words)
        assert result.exit_code == 2
        assert "Give the id of a filter, or a condition" in result.stderr
    assert api.calls == []


# -- configuration -------------------------------------------------------------------------------------------------------


def configuration_page(version: int | None, date: str | None, first: int, after: str | None) -> dict[str, Any]:
    kind = "EVENT_FILTER" if after else "ENDPOINT"
    item = {"kind": kind, "id": "e", "name": "Orders", "value": {"name": "Orders"}, "eventFiltersIds": None if after else ["f", "g"]}
    return {
        "version": version or 12, "date": DATE, "complete": True, "sentence": "The configuration at version 12.",
        "collectionItems": [item], "endCursor": "more", "hasNextPage": after is None,
    }  # fmt: skip


def test_the_configuration_of_a_version_is_shown_from_all_pages(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["configuration"] = configuration_page

    text, machine = run("configuration", "--version", "12"), run("configuration", "--date", "2026-03-01T00:00:00Z", "--json")

    sentence, heading, first, second = text.stdout.splitlines()
    assert sentence == "The configuration at version 12."
    assert heading.split(maxsplit=3) == ["KIND", "NAME", "ID", "LINKED TO"]
    assert (first.split(maxsplit=3), second.split()) == (["ENDPOINT", "Orders", "e", "f, g"], ["EVENT_FILTER", "Orders", "e"])
    assert [call.arguments["after"] for call in api.calls] == [None, "more"] * 2
    assert api.calls[2].arguments["date"].startswith("2026-03-01T00:00:00")
    assert [one["kind"] for one in json.loads(machine.stdout)["collectionItems"]] == ["ENDPOINT", "EVENT_FILTER"]


def test_a_version_and_a_date_at_once_are_refused(api: GraphqlDouble, run: Run) -> None:
    result = run("configuration", "--version", "1", "--date", "2d")

    assert (result.exit_code, api.calls) == (2, [])
