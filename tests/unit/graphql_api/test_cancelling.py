"""Cancelling deliveries, and resuming without what waited, through the API. That nothing is sent any more is tested with the worker in
tests/unit/webhooks/test_cancelled.py."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.base.dates import format_date
from event_service.base.identifiers import delivery_id
from event_service.delivery import cancelling
from event_service.delivery.attempt import DeliveryKey, DeliveryStatus, PendingAttempt
from event_service.delivery.ports import BacklogRow
from tests.fakes.reading_services import ReadingServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

HOOK = "00000000-0000-4000-8000-0000000000aa"
OTHER = "00000000-0000-4000-8000-0000000000bb"


class Waiting:
    """Five deliveries that wait for one paused webhook and two for another; one that was delivered."""

    def __init__(self) -> None:
        self.services = ReadingServices(WORKSPACE)
        self.services.add_token(TOKEN, WORKSPACE)
        self.services.add_token(OTHER_TOKEN, OTHER_WORKSPACE)
        self.door = Door(self.services)
        for endpoint in (HOOK, OTHER):
            self.services.put_endpoint(WORKSPACE, endpoint)
        self.door.ask(f'mutation {{ pauseEndpoints(ids: ["{HOOK}", "{OTHER}"]) {{ ok }} }}')
        for number in range(5):
            event = self.services.event(f"e-{number}", number)
            for endpoint in (HOOK, OTHER) if number < 2 else (HOOK,):
                self.services.delivery(event, endpoint, DeliveryStatus.PENDING, 503)
                key = DeliveryKey(WORKSPACE, endpoint, event.id, format_date(event.created))
                self.services.world.backlog.add([BacklogRow(PendingAttempt(key, 2, listed=True), key.accepted_at)])
        self.services.delivery(self.services.event("fine", 10), HOOK)

    def change(self, call: str, token: str = TOKEN) -> Any:
        (answered,) = self.door.ask(f"mutation {{ {call} {{ ok count endCursor }} }}", token=token).data.values()
        return answered

    def statuses(self, endpoint: str = HOOK) -> list[str]:
        query = f'{{ deliveries(filters: {{endpointId: {{exact: "{endpoint}"}}}}) {{ collectionItems {{ status }} }} }}'
        return [item["status"] for item in self.door.ask(query).data["deliveries"]["collectionItems"]]


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


def done(count: int | None) -> dict[str, Any]:
    return {"ok": True, "count": count, "endCursor": None}


def test_deliveries_are_cancelled_by_id(waiting: Waiting) -> None:
    ids = ", ".join(f'"{delivery_id(HOOK, event)}"' for event in ("e-0", "e-3", "fine"))

    assert waiting.change(f"cancelDeliveries(ids: [{ids}])") == done(2)
    assert sorted(waiting.statuses()) == ["DELIVERED", "DISCARDED", "DISCARDED", "PENDING", "PENDING", "PENDING"]
    assert waiting.change(f"cancelDeliveries(ids: [{ids}])") == done(0)


def test_deliveries_are_counted_and_then_cancelled_by_filters(waiting: Waiting) -> None:
    by_endpoint = f'filters: {{endpointId: {{exact: "{HOOK}"}}}}'

    assert waiting.change(f"cancelDeliveries({by_endpoint}, dryRun: true)") == done(5)
    assert waiting.statuses().count("PENDING") == 5
    assert waiting.change(f"cancelDeliveries({by_endpoint})") == done(5)
    assert waiting.statuses() == ["DELIVERED", *["DISCARDED"] * 5]
    assert waiting.statuses(OTHER) == ["PENDING"] * 2


def test_many_are_cancelled_call_by_call(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "MAXIMUM_DELIVERIES", 2)
    monkeypatch.setattr(cancelling, "DELIVERIES_PER_ROUND", 2)
    counts, after = [], ""
    while True:
        step = waiting.change(f'cancelDeliveries(filters: {{endpointId: {{exact: "{HOOK}"}}}} {after})')
        counts.append(step["count"])
        if step["endCursor"] is None:
            break
        after = f'after: "{step["endCursor"]}"'

    assert sum(counts) == 5
    assert max(counts) == 2
    assert waiting.statuses().count("DISCARDED") == 5


def test_a_cancelled_delivery_can_be_started_again(waiting: Waiting) -> None:
    one = delivery_id(HOOK, "e-0")
    waiting.change(f'cancelDeliveries(ids: ["{one}"])')

    waiting.change(f'retryDeliveries(ids: ["{one}"])')

    (row,) = [row for row in waiting.services.world.sent if row.attempt.delivery.event_id == "e-0" and row.attempt.number == 3]
    assert row.attempt.delivery.endpoint_id == HOOK


def test_another_workspace_cancels_nothing_here(waiting: Waiting) -> None:
    assert waiting.change("cancelDeliveries(filters: {})", token=OTHER_TOKEN) == done(0)
    foreign = waiting.door.ask(f'mutation {{ resumeEndpoints(ids: ["{HOOK}"], discardWaiting: true) {{ ok }} }}', token=OTHER_TOKEN)

    assert foreign.code == "NOT_FOUND"
    assert waiting.services.world.backlog.waiting(HOOK) == 5
    assert waiting.statuses().count("PENDING") == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("dryRun: true", "give either ids or filters"),
        ('ids: ["x"], filters: {}', "give either ids or filters"),
        ('ids: ["x"], dryRun: true', "go with filters"),
        ("filters: {status: {exact: FAILED}}", "filters.status: only PENDING deliveries"),
        ("ids: []", "give 1 to 100"),
    ],
)
def test_a_cancellation_is_asked_for_in_one_way(arguments: str, said: str, waiting: Waiting) -> None:
    response = waiting.door.ask(f"mutation {{ cancelDeliveries({arguments}) {{ ok }} }}")

    assert response.code == "BAD_USER_INPUT"
    assert said in response.error["message"]


def test_an_endpoint_is_resumed_without_what_waited(waiting: Waiting) -> None:
    assert waiting.change(f'resumeEndpoints(ids: ["{HOOK}"], discardWaiting: true)') == done(5)

    assert waiting.services.world.backlog.waiting(HOOK) == 0
    assert waiting.services.world.backlog.waiting(OTHER) == 2
    assert waiting.door.ask(f'{{ endpoint(id: "{HOOK}") {{ status }} }}').data["endpoint"]["status"] == "ENABLED"


def test_what_waits_stays_unless_it_is_to_be_discarded(waiting: Waiting) -> None:
    for call in (f'resumeEndpoints(ids: ["{HOOK}"])', f'resumeEndpoints(ids: ["{OTHER}"], discardWaiting: null)'):
        assert waiting.change(call) == done(None)
    assert (waiting.services.world.backlog.waiting(HOOK), waiting.services.world.backlog.waiting(OTHER)) == (5, 2)


def test_an_endpoint_whose_backlog_is_too_large_for_one_call_stays_off(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "ROWS_PER_ROUND", 2)
    monkeypatch.setattr(cancelling, "MAXIMUM_SECONDS", -1.0)

    response = waiting.door.ask(f'mutation {{ resumeEndpoints(ids: ["{HOOK}"], discardWaiting: true) {{ ok }} }}')

    assert response.code == "TOO_LARGE"
    assert waiting.door.ask(f'{{ endpoint(id: "{HOOK}") {{ status }} }}').data["endpoint"]["status"] == "PAUSED"
