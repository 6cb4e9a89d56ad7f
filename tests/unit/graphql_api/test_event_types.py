"""The types of events that a workspace has seen, as the API gives them out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from event_service.base.dates import format_date
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, WORKSPACE, Door

QUERY = """query($first: Int, $after: String) {
  eventTypes(first: $first, after: $after) { collectionItems { type firstSeen lastSeen } endCursor hasNextPage }
}"""


def test_types_come_in_order_and_by_pages_with_first_and_last_sight(door: Door, services: FakeServices) -> None:
    begin = services.clock()
    for number, event_type in enumerate(["b", "c", "a", "b"]):
        services.seen_types.see(WORKSPACE, event_type, begin + timedelta(hours=number))

    first = door.ask(QUERY, {"first": 2}).data["eventTypes"]
    second = door.ask(QUERY, {"first": 2, "after": first["endCursor"]}).data["eventTypes"]

    assert [one["type"] for one in first["collectionItems"] + second["collectionItems"]] == ["a", "b", "c"]
    assert (first["hasNextPage"], second["hasNextPage"]) == (True, False)
    assert first["collectionItems"][1] == {
        "type": "b",
        "firstSeen": format_date(begin),
        "lastSeen": format_date(begin + timedelta(hours=3)),
    }
    assert door.ask(QUERY, token=OTHER_TOKEN).data["eventTypes"]["collectionItems"] == []


@pytest.mark.parametrize("variables", [{"first": 0}, {"first": 1_001}, {"after": "nonsense"}])
def test_a_wrong_page_is_refused(variables: dict[str, object], door: Door) -> None:
    assert door.ask(QUERY, variables).code == "BAD_USER_INPUT"
