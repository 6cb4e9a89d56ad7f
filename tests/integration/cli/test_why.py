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
