"""Starting deliveries again by filters: counted first, bounded, and only what the endpoint would get today."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.base.identifiers import delivery_id
from event_service.delivery.attempt import DeliveryStatus
from event_service.routing import bulk_retry
from tests.fakes.reading_services import ReadingServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

HOOK = "00000000-0000-4000-8000-0000000000aa"
OTHER = "00000000-0000-4000-8000-0000000000bb"
GONE = "00000000-0000-4000-8000-0000000000cc"
FILTER = "00000000-0000-4000-8000-0000000000ff"


class Failed:
    """Five failed deliveries to one webhook and three to another, of two types; one that was delivered; one to a deleted endpoint, and
    one whose event has expired."""

    def __init__(self) -> None:
        self.services = ReadingServices(WORKSPACE)
        self.services.add_token(TOKEN, WORKSPACE)
        self.services.add_token(OTHER_TOKEN, OTHER_WORKSPACE)
        for endpoint in (HOOK, OTHER):
            self.services.put_endpoint(WORKSPACE, endpoint)
        for number in range(5):
            event = self.services.event(f"e-{number}", number, type="IDENTIFICATION" if number < 3 else "other")
            self.services.delivery(event, HOOK, DeliveryStatus.FAILED, 500 if number % 2 else 503)
            if number < 3:
                self.services.delivery(event, OTHER, DeliveryStatus.FAILED, 500)
        self.services.delivery(self.services.event("fine", 10), HOOK)
        self.services.delivery(self.services.event("waits", 11), HOOK, DeliveryStatus.PENDING, 500)
        self.services.delivery(self.services.event("gone", 12), GONE, DeliveryStatus.FAILED, 500)
        expired = self.services.event("expired", 13)
        self.services.delivery(expired, HOOK, DeliveryStatus.FAILED, 500)
        self.door = Door(self.services)

    def retry(self, arguments: str, token: str = TOKEN) -> Any:
        query = f"mutation {{ retryDeliveries({arguments}) {{ ok count skipped endCursor }} }}"
        return self.door.ask(query, token=token).data["retryDeliveries"]

    @property
    def sent(self) -> list[tuple[str, str]]:
        return sorted(
            (one.attempt.delivery.event_id, one.attempt.delivery.endpoint_id) for one in self.services.world.backlog.rows.values()
        )


@pytest.fixture
def failed() -> Failed:
    failed = Failed()
    failed.services.store.items.pop((WORKSPACE, "expired"))
    return failed


def done(count: int, skipped: int = 0) -> dict[str, Any]:
    return {"ok": True, "count": count, "skipped": skipped, "endCursor": None}


def test_what_failed_to_an_endpoint_is_counted_and_then_started_again(failed: Failed) -> None:
    by_endpoint = f'filters: {{endpointId: {{exact: "{OTHER}"}}}}'

    assert failed.retry(f"{by_endpoint}, dryRun: true") == done(3)
    assert failed.sent == []
    assert failed.retry(by_endpoint) == done(3)
    assert failed.sent == [(f"e-{number}", OTHER) for number in range(3)]
    assert {one.attempt.number for one in failed.services.world.backlog.rows.values()} == {2}


@pytest.mark.parametrize(
    ("filters", "count", "skipped"),
    [
        ("{}", 8, 2),
        ("{statusCode: {exact: 503}}", 3, 0),
        ("{eventType: {exact: IDENTIFICATION}}", 6, 0),
        ("{eventType: {exact: b}}", 0, 0),
        ("{status: {exact: PENDING}}", 1, 0),
        ("{status: {in: [PENDING, DELIVERED]}}", 2, 0),
        (f'{{endpointId: {{exact: "{HOOK}"}}, statusCode: {{exact: 500}}}}', 2, 1),
        (f'{{endpointId: {{exact: "{HOOK}"}}}}', 5, 1),
        (f'{{endpointId: {{exact: "{GONE}"}}}}', 0, 1),
        ('{eventId: {exact: "e-1"}}', 2, 0),
    ],
)
def test_each_filter_chooses_its_own(filters: str, count: int, skipped: int, failed: Failed) -> None:
    assert failed.retry(f"filters: {filters}, dryRun: true") == done(count, skipped)


def test_an_event_that_no_filter_matches_now_is_left_out_unless_asked_for(failed: Failed) -> None:
    failed.services.put_event_filter(WORKSPACE, FILTER, [HOOK])
    by_endpoint = f'filters: {{endpointId: {{exact: "{HOOK}"}}, statusCode: {{exact: 503}}}}'

    assert failed.retry(f"{by_endpoint}, dryRun: true") == done(2, 1)
    assert failed.retry(f"{by_endpoint}, dryRun: true, unmatchedToo: true") == done(3)
    assert failed.retry(by_endpoint) == done(2, 1)
    assert failed.sent == [("e-0", HOOK), ("e-2", HOOK)]


def test_many_are_started_again_call_by_call(failed: Failed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_retry, "MAXIMUM_DELIVERIES", 2)
    monkeypatch.setattr(bulk_retry, "DELIVERIES_PER_ROUND", 2)
    by_endpoint = f'filters: {{endpointId: {{exact: "{OTHER}"}}}}'

    first = failed.retry(by_endpoint)
    second = failed.retry(f'{by_endpoint}, after: "{first["endCursor"]}"')

    assert (first["count"], second) == (2, done(1))
    assert failed.sent == [(f"e-{number}", OTHER) for number in range(3)]
    refused = failed.door.ask(f'mutation {{ retryDeliveries(filters: {{}}, after: "{first["endCursor"]}") {{ ok }} }}')
    assert refused.code == "BAD_USER_INPUT"


def test_the_time_of_a_request_ends_a_call_after_a_whole_step(failed: Failed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_retry, "MAXIMUM_RETRY_SECONDS", -1.0)
    monkeypatch.setattr(bulk_retry, "DELIVERIES_PER_ROUND", 1)

    answered = failed.retry(f'filters: {{endpointId: {{exact: "{OTHER}"}}}}')

    assert answered["count"] == 1
    assert answered["endCursor"] is not None


def test_another_workspace_retries_nothing_here(failed: Failed) -> None:
    assert failed.retry(f'filters: {{endpointId: {{exact: "{HOOK}"}}}}', token=OTHER_TOKEN) == done(0)
    assert failed.retry("filters: {}, unmatchedToo: true", token=OTHER_TOKEN) == done(0)
    assert failed.sent == []


def test_ids_are_started_again_whatever_the_filters_say(failed: Failed) -> None:
    failed.services.put_event_filter(WORKSPACE, FILTER, [HOOK])

    assert failed.retry(f'ids: ["{delivery_id(HOOK, "e-4")}"]') == {"ok": True, "count": None, "skipped": None, "endCursor": None}
    assert failed.sent == [("e-4", HOOK)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("dryRun: true", "give either ids or filters"),
        ('ids: ["x"], filters: {}', "give either ids or filters"),
        ('ids: ["x"], dryRun: true', "go with filters"),
        ('ids: ["x"], unmatchedToo: true', "go with filters"),
        ('ids: ["x"], after: "x"', "go with filters"),
        ('filters: {endpointId: {exact: "x"}}', "filters.endpointId.exact: 'x' is not a UUID"),
    ],
)
def test_a_retry_is_asked_for_in_one_way(arguments: str, said: str, failed: Failed) -> None:
    response = failed.door.ask(f"mutation {{ retryDeliveries({arguments}) {{ ok }} }}")

    assert response.code == "BAD_USER_INPUT"
    assert said in response.error["message"]


def test_what_may_not_have_been_sent_is_no_success(failed: Failed) -> None:
    failed.services.world.aws.fault = lambda operation: "lost" if operation == "backlog.add" else None

    response = failed.door.ask("mutation { retryDeliveries(filters: {}) { ok } }")

    assert response.code == "INTERNAL"
