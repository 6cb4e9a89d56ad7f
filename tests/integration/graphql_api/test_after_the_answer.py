"""After its answer nothing of a request goes on, however many threads its use cases have started, through all layers down to
the connection: a process that Lambda freezes would work on at the expense of whoever asks next.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.connection import Connection

from event_service.base.dates import format_date
from functions.graphql_api import limits
from tests.integration.graphql_api.conftest import WORKSPACE
from tests.unit.graphql_api.door import Door

ENDPOINT = "00000000-0000-4000-8000-000000000001"
DATE = format_date(datetime(2026, 3, 1, 12, tzinfo=UTC))


class Endless:
    """DynamoDB whose indexes name a few events, and whose tables never come to an end. Calls wait until the gate opens."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = threading.Event()
        self._lock = threading.Lock()

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls += 1
            number = self.calls
        index, table = arguments.get("IndexName"), arguments.get("TableName", "")
        key = {"S": f"{WORKSPACE}#e-{number}"}
        if index == "by_endpoint" and "deliveries" in table.lower():
            return _page({"eventKey": key, "endpointKey": {"S": f"{DATE}#e-{number}"}})
        if index in ("by_date", "by_acceptance") and "deliveries" in WHAT_IS_ASKED:
            sort_key = {"S": f"{DATE}#e-{number}\tAAAAAAAAffffffff1"}
            return _page({"key": key, "dateKey": sort_key, "acceptanceKey": sort_key})
        self.gate.wait(20)
        return _page() | {"LastEvaluatedKey": {"key": {"S": "k"}}}


WHAT_IS_ASKED: list[str] = []


def _page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"Items": list(items), "Count": len(items)}


@pytest.mark.parametrize(
    "field",
    [
        "deliveries { totalCount }",
        "deliveries { collectionItems { id } }",
        f'deliveries(filters: {{endpointId: {{exact: "{ENDPOINT}"}}}}) {{ totalCount }}',
        f'deliveries(filters: {{endpointId: {{exact: "{ENDPOINT}"}}}}) {{ collectionItems {{ id }} }}',
        'deliveries(filters: {eventId: {exact: "e"}}) { totalCount }',
        "events { totalCount }",
        "events { collectionItems { id } }",
        'events(filters: {activityId: {exact: "a"}}) { collectionItems { id } }',
        "endpoints { totalCount }",
        "endpoints { collectionItems { id } }",
        "eventsFilters { collectionItems { id } }",
        "changes { collectionItems { version } }",
        'matchEvents(input: {eventFiltersInput: {in: {eventTypes: ["A"]}}}) { matched }',
    ],
)
def test_nothing_of_a_request_goes_on_after_its_answer(field: str, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.ask(f"{{ {field} }}", token=door.token)  # so that loading modules takes nothing of the second below
    endless = Endless()
    monkeypatch.setattr(limits, "QUERY_SECONDS", 1.0)
    monkeypatch.setattr(Connection, "dispatch", endless.dispatch)
    monkeypatch.setattr(f"{__name__}.WHAT_IS_ASKED", [field.partition("(")[0].partition(" ")[0]])

    response = door.ask("{" + " ".join(f"a{number}: {field}" for number in range(5)) + "}", token=door.token)
    before = endless.calls
    endless.gate.set()
    # Each waits for the threads that it has started.
    for thread in (one for one in threading.enumerate() if one.name.startswith("use-case")):
        thread.join(20)

    assert response.code == "TOO_LARGE"
    assert before > 0
    # What was asked of AWS is answered. Nobody asks again.
    assert endless.calls == before
