"""How receivers are doing, as their owner asks for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from event_service.base.dates import format_date
from event_service.delivery.attempt import DeliveryKey, DeliveryStatus, PendingAttempt
from event_service.delivery.lane import Lane, Trouble
from event_service.delivery.ports import BacklogRow
from event_service.delivery.receiver_health import DISABLE_AFTER, EndpointHealth
from event_service.webhooks.pace import Pace
from functions.graphql_api.schema.health import ReceiverTrouble
from tests.builders import START
from tests.fakes.reading_services import ReadingServices
from tests.support.filled import filled
from tests.unit.graphql_api.door import OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

HOOK = "00000000-0000-4000-8000-0000000000aa"
OTHER = "00000000-0000-4000-8000-0000000000bb"
STORED = "failingSince lastFailureDate disableDate"
HOUR = "attempts successRate lastSuccessDate p50Ms p95Ms complete"
NOTHING = {"failingSince": None, "lastFailureDate": None, "disableDate": None}


class Receivers:
    """Two webhooks, one of which fails."""

    def __init__(self) -> None:
        self.services = ReadingServices(WORKSPACE)
        self.services.add_token(TOKEN, WORKSPACE)
        for endpoint in (HOOK, OTHER):
            self.services.put_endpoint(WORKSPACE, endpoint)
        self.services.known_health.stored[WORKSPACE, HOOK] = self.failing()
        self.door = Door(self.services)

    @staticmethod
    def failing(since: datetime = START) -> EndpointHealth:
        known: EndpointHealth = filled(EndpointHealth, endpoint_id=HOOK, failing_since=since, last_failure=since + timedelta(hours=1))
        return known

    def health(self, selection: str, endpoint: str = HOOK) -> Any:
        return self.door.ask(f'{{ endpoint(id: "{endpoint}") {{ health {{ {selection} }} }} }}').data["endpoint"]["health"]


@pytest.fixture
def receivers() -> Receivers:
    return Receivers()


def test_an_endpoint_that_fails_says_since_when_and_until_when(receivers: Receivers) -> None:
    assert receivers.health(STORED) == {
        "failingSince": format_date(START),
        "lastFailureDate": format_date(START + timedelta(hours=1)),
        "disableDate": format_date(START + DISABLE_AFTER),
    }
    assert receivers.health(STORED, OTHER) == NOTHING


def test_what_is_stored_of_many_endpoints_is_one_read(receivers: Receivers) -> None:
    items = receivers.door.ask(f"{{ endpoints {{ collectionItems {{ health {{ {STORED} }} }} }} }}").data["endpoints"]["collectionItems"]

    assert [item["health"]["failingSince"] is None for item in items] == [False, True]
    assert receivers.services.known_health.reads == [2]


def test_a_list_without_health_reads_none(receivers: Receivers) -> None:
    receivers.door.ask("{ endpoints { collectionItems { id status } } }")

    assert receivers.services.known_health.reads == []


def test_the_health_of_another_workspaces_endpoint_is_not_shown(receivers: Receivers) -> None:
    receivers.services.known_health.stored[OTHER_WORKSPACE, OTHER] = receivers.failing()

    assert receivers.health(STORED, OTHER) == NOTHING


def test_an_endpoint_in_its_own_lane_says_why_and_until_when(receivers: Receivers) -> None:
    until = START + timedelta(minutes=3)
    for endpoint, workspace in ((HOOK, WORKSPACE), (OTHER, OTHER_WORKSPACE)):
        receivers.services.lanes.items[endpoint] = Lane(workspace, endpoint, trouble=Trouble.LIMITED, not_before=until)

    assert receivers.health("ownLane trouble notBefore") == {"ownLane": True, "trouble": "LIMITED", "notBefore": format_date(until)}
    # The lane of another workspace is nobody's here.
    assert receivers.health("ownLane trouble notBefore", OTHER) == {"ownLane": False, "trouble": None, "notBefore": None}


def test_an_endpoint_in_its_own_lane_says_what_its_receiver_takes(receivers: Receivers) -> None:
    lanes = receivers.services.lanes.items
    for endpoint, workspace in ((HOOK, WORKSPACE), (OTHER, OTHER_WORKSPACE)):
        lanes[endpoint] = Lane(workspace, endpoint, trouble=Trouble.LIMITED, pace=pace_of(9.8765))
    assert receivers.health("limitedTo") == {"limitedTo": 9.88}
    assert receivers.health("limitedTo", OTHER) == {"limitedTo": None}
    lanes[HOOK] = Lane(WORKSPACE, HOOK, trouble=Trouble.SLOW, pace=pace_of(None))
    assert receivers.health("limitedTo") == {"limitedTo": None}


def pace_of(rate: float | None) -> str:
    """What an owner leaves of a receiver that takes so many requests a second."""
    pace = Pace(100, 0.0)
    pace.state.rate = rate
    return pace.written()


def test_what_waits_for_an_endpoint_is_counted_where_it_is_asked_for(receivers: Receivers) -> None:
    backlog = receivers.services.world.backlog
    for number in range(3):
        key = DeliveryKey(WORKSPACE, HOOK, f"e-{number}", format_date(START))
        backlog.add([BacklogRow(PendingAttempt(key), format_date(START))])
    counted = receivers.services.world.aws.calls

    assert receivers.health("ownLane") == {"ownLane": True}
    assert counted["backlog.count"] == 0
    assert receivers.health("waiting") == {"waiting": 3}
    assert counted["backlog.count"] == 1


def test_every_trouble_has_a_name_in_the_api() -> None:
    assert [one.value.upper() for one in Trouble] == [one.value for one in ReceiverTrouble]


def test_the_last_hour_is_added_up_from_the_log(receivers: Receivers) -> None:
    services = receivers.services
    services.delivery(services.event("long ago", 0), HOOK, DeliveryStatus.FAILED, 500, 9_999)
    for number in range(20):
        status, code = (DeliveryStatus.FAILED, None) if number == 19 else (DeliveryStatus.DELIVERED, 200)
        services.delivery(services.event(f"e-{number:02d}", 100 + number), HOOK, status, code, 10 * (number + 1))
    services.delivery(services.event("theirs", 119), OTHER, DeliveryStatus.FAILED, 500, 5_000)

    assert receivers.health(f"lastHour {{ {HOUR} }}") == {
        "lastHour": {
            "attempts": 20,
            "successRate": 0.95,
            "lastSuccessDate": format_date(START + timedelta(minutes=118)),
            "p50Ms": 100,
            "p95Ms": 190,
            "complete": True,
        }
    }


def test_there_is_no_rate_without_deliveries(receivers: Receivers) -> None:
    assert receivers.health(f"lastHour {{ {HOUR} }}", OTHER)["lastHour"] == {
        "attempts": 0,
        "successRate": None,
        "lastSuccessDate": None,
        "p50Ms": None,
        "p95Ms": None,
        "complete": True,
    }


def test_the_newest_100_deliveries_of_a_busy_hour_are_read(receivers: Receivers) -> None:
    services = receivers.services
    for number in range(150):
        services.delivery(services.event(f"e-{number:03d}", 60 + number / 10), HOOK)
    services.log.reads = 0

    found = receivers.health("lastHour { attempts complete }")["lastHour"]

    assert found == {"attempts": 100, "complete": False}
    assert services.log.reads == 100


@pytest.mark.parametrize("asked", ["lastHour { attempts }", "waiting"])
def test_what_is_read_of_each_is_refused_for_more_than_10_endpoints(receivers: Receivers, asked: str) -> None:
    for number in range(1, 10):
        receivers.services.put_endpoint(WORKSPACE, f"00000000-0000-4000-8000-{number:012d}")
    query = "{ endpoints(first: %d) { collectionItems { health { %s } } } }"

    assert "errors" not in receivers.door.ask(query % (10, asked)).json
    refused = receivers.door.ask(query % (11, asked)).json["errors"]

    assert {error["extensions"]["code"] for error in refused} == {"TOO_LARGE"}
    assert "endpoints(first: 10)" in refused[0]["message"]
