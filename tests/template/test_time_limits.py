"""Time-outs that only together make sense: each inner one ends before the outer one does."""

from __future__ import annotations

import pytest

from event_service.delivery.lane import LEASE_SECONDS, MAXIMUM_QUEUE_DELAY_SECONDS
from event_service.webhooks.attempt import CUT_SECONDS, RECORD_SECONDS, SLOW_SECONDS
from event_service.webhooks.own_lane import SLACK_SECONDS, TURN_SECONDS
from event_service.webhooks.tester import MAXIMUM_SECONDS
from functions.webhook_delivery.handler import OWN_LANE_SECONDS, SECONDS_UNTIL_RETRY
from tests.template_file import template

RESOURCES = template()["Resources"]
LONGEST_REQUEST = template()["Parameters"]["WebhookTimeoutSeconds"]["MaxValue"]
API_GATEWAY_SECONDS = 29


def timeout(function: str) -> int:
    default = template()["Globals"]["Function"].get("Timeout")
    return int(RESOURCES[function]["Properties"].get("Timeout", default))


def test_a_request_of_the_shared_lane_with_its_record_fits_an_invocation() -> None:
    assert SLOW_SECONDS < CUT_SECONDS
    # One that does not begin at once waits for ten others at most, each cut as soon.
    assert timeout("WebhookDeliveryFunction") > 2 * CUT_SECONDS + RECORD_SECONDS


def test_the_longest_request_of_an_own_lane_fits_behind_a_turn() -> None:
    left = timeout("WebhookDeliveryFunction") - LONGEST_REQUEST - RECORD_SECONDS - SLACK_SECONDS
    assert left >= 10
    assert timeout("WebhookDeliveryFunction") > TURN_SECONDS


def test_a_lease_outlives_the_process_that_holds_it() -> None:
    assert timeout("WebhookDeliveryFunction") < LEASE_SECONDS < OWN_LANE_SECONDS


@pytest.mark.parametrize("queue", ["WebhookQueue", "OwnLaneQueue"])
def test_a_message_is_hidden_for_longer_than_its_process_lives(queue: str) -> None:
    hidden = RESOURCES[queue]["Properties"]["VisibilityTimeout"]
    # AWS's advice: six times the time-out of the function.
    assert hidden >= 6 * timeout("WebhookDeliveryFunction")
    assert max(SECONDS_UNTIL_RETRY.values()) < hidden
    assert hidden > OWN_LANE_SECONDS
    assert hidden + MAXIMUM_QUEUE_DELAY_SECONDS < RESOURCES[queue]["Properties"]["MessageRetentionPeriod"] / 10


def test_a_test_of_an_endpoint_ends_within_the_request_that_asks_for_it() -> None:
    assert MAXIMUM_SECONDS < timeout("GraphqlApiFunction") <= API_GATEWAY_SECONDS
