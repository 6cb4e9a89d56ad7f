"""The pollers of the queues fit into any account's limit and leave the API room."""

from __future__ import annotations

import pytest

from local.concurrency import LEAST, POLLERS, RESERVATIONS, fit, left_for_the_api, room_for_the_api
from local.deploy import template_defaults
from local.tools import ROOT
from tests.template_file import template


def _maxima(parameters: dict[str, str]) -> int:
    return sum(int(parameters[name]) for name in POLLERS)


@pytest.mark.parametrize("limit", [12, 20, 50, 100, 250, 500, 1_000, 3_000])
def test_fit_leaves_the_api_a_fifth_of_every_limit(limit: int) -> None:
    fitted = fit(limit, limit, {})

    assert fitted.refusal is None
    assert _maxima(fitted.parameters) <= limit - room_for_the_api(limit)
    assert fitted.api >= room_for_the_api(limit)
    assert all(int(fitted.parameters[name]) >= LEAST for name in POLLERS)


@pytest.mark.parametrize("limit", [10, 11])
def test_fit_says_that_the_smallest_limits_leave_the_api_too_little(limit: int) -> None:
    """Five pollers take two executions each at least, and the API should have two."""
    fitted = fit(limit, limit, {})

    assert fitted.refusal is None
    assert _maxima(fitted.parameters) == LEAST * len(POLLERS) <= limit
    assert any(f"leave {limit - 10} for the API" in sentence for sentence in fitted.advice)
    assert any(f"it has {limit - 4} while events are routed" in sentence for sentence in fitted.advice)
    assert not any("Lower" in sentence for sentence in fitted.advice), "nothing can be lowered"


@pytest.mark.parametrize(("busy", "left"), [(0, 10), (2, 6), (3, 4), (4, 2), (5, 0)])
def test_room_in_a_new_account_shrinks_by_two_for_each_busy_queue(busy: int, left: int) -> None:
    assert left_for_the_api(10, busy) == left


def test_the_templates_defaults_leave_the_api_nearly_all_of_a_thousand() -> None:
    defaults = template_defaults(ROOT / "template.yaml")

    assert 1_000 - _maxima(defaults) >= room_for_the_api(1_000)


def test_fit_gives_the_full_maxima_where_the_limit_is_a_thousand() -> None:
    assert {name: int(value) for name, value in fit(1_000, 1_000, {}).parameters.items()} == POLLERS
    assert fit(1_000, 1_000, {}).advice == ()


def test_fit_of_a_new_account_asks_for_more_with_the_quotas_code() -> None:
    advice = fit(10, 10, {}).advice

    assert all("L-B99A9384" in sentence for sentence in advice)
    assert "1,000" in advice[0]


def test_fit_keeps_what_a_person_set_and_says_when_that_starves_the_api() -> None:
    fitted = fit(100, 100, {"WebhookMaximumConcurrency": "95"})

    assert fitted.parameters["WebhookMaximumConcurrency"] == "95"
    assert any("leave" in sentence and "for the API" in sentence for sentence in fitted.advice)


def test_fit_refuses_a_reservation_that_aws_would_refuse_late() -> None:
    assert fit(1_000, 1_000, {"GraphqlReservedConcurrency": "900"}).refusal is None

    refusal = fit(1_000, 1_000, {"GraphqlReservedConcurrency": "850", "WebSocketReservedConcurrency": "51"}).refusal

    assert refusal is not None
    assert "901" in refusal
    assert fit(10, 10, {"GraphqlReservedConcurrency": "1"}).refusal is not None


def test_every_poller_and_reservation_of_the_template_is_known_here() -> None:
    resources = template()["Resources"].values()
    events = [event for resource in resources for event in resource.get("Properties", {}).get("Events", {}).values()]
    maxima = [event["Properties"]["ScalingConfig"]["MaximumConcurrency"] for event in events if event["Type"] == "SQS"]

    assert {one["Ref"] for one in maxima if isinstance(one, dict)} == set(POLLERS)
    # Jobs run in the API's own function, with the least that AWS takes.
    assert [one for one in maxima if not isinstance(one, dict)] == [LEAST]
    assert set(RESERVATIONS) <= set(template()["Parameters"])


def test_the_templates_own_defaults_fit_a_new_account() -> None:
    """`sam deploy` asks nobody: its defaults must not be more than the smallest limit there is."""
    defaults = template_defaults(ROOT / "template.yaml")

    assert _maxima(defaults) <= 10
    assert [defaults[name] for name in RESERVATIONS] == ["-1", "-1"]
