"""Alarms are true: each rings for what its text says, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from event_service.delivery.lane import MAXIMUM_QUEUE_DELAY_SECONDS
from event_service.delivery.retry_schedule import DELAYS_SECONDS
from local.tools import ROOT
from tests.template_file import resources, template

ALARMS = resources("AWS::CloudWatch::Alarm")
OWN_NAMESPACE = {"Fn::Sub": "EventService/${ServiceName}"}
FUNCTIONS = resources("AWS::Serverless::Function")

every_alarm = pytest.mark.parametrize("name", sorted(ALARMS))


def metrics_of(alarm: dict[str, Any]) -> Iterator[tuple[Any, str, list[dict[str, Any]]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at."""
    properties = alarm["Properties"]
    if "MetricName" in properties:
        yield properties["Namespace"], properties["MetricName"], properties.get("Dimensions", [])
    for one in properties.get("Metrics", []):
        if "MetricStat" in one:
            metric = one["MetricStat"]["Metric"]
            yield metric["Namespace"], metric["MetricName"], metric.get("Dimensions", [])


@every_alarm
def test_an_alarm_tells_somebody_and_says_in_its_name_how_urgent_it_is(name: str) -> None:
    properties = ALARMS[name]["Properties"]

    assert properties["AlarmDescription"]
    if ALARMS[name]["Condition"] == "HasGradualDeployment":
        assert "AlarmActions" not in properties  # CodeDeploy watches it, and goes back
        return
    assert ALARMS[name]["Condition"] in ("HasAlarms", "HasRateAlarms", "HasEventBusRateAlarms", "HasConcurrencyAlarm")
    assert properties["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    short = name.removesuffix("Alarm")
    assert properties["AlarmName"] in ({"Fn::Sub": f"${{ServiceName}}-{severity}-{short}"} for severity in ("critical", "warning"))


@every_alarm
def test_an_alarm_sends_no_mail_when_it_is_created(name: str) -> None:
    """A new alarm goes from "no data" to OK, which an action for OK would tell."""
    assert "OKActions" not in ALARMS[name]["Properties"]


@every_alarm
def test_no_data_is_no_fault_but_of_the_scheduler_that_must_run(name: str) -> None:
    expected = "breaching" if name == "RetrySchedulerSilentAlarm" else "notBreaching"

    assert ALARMS[name]["Properties"]["TreatMissingData"] == expected


def test_every_queue_that_keeps_failures_and_every_function_has_an_alarm() -> None:
    watched = {
        (metric, str(one["Value"])) for alarm in ALARMS.values() for _, metric, dimensions in metrics_of(alarm) for one in dimensions
    }

    for queue in (name for name in resources("AWS::SQS::Queue") if name.endswith("Dlq")):
        assert ("ApproximateNumberOfMessagesVisible", str({"Ref": queue})) in watched
    for name, function in FUNCTIONS.items():
        reference = str({"Ref": name})
        assert ("Errors", reference) in watched
        # Whoever is refused an execution is told by somebody: callers of an API, or a queue's poller.
        assert ("Throttles", reference) in watched or name == "EventBusFunction"
        if "EventInvokeConfig" in function["Properties"]:
            assert {("AsyncEventsDropped", reference), ("DestinationDeliveryFailures", reference)} <= watched
    throttled = {table for metric, table in watched if metric in ("ReadThrottleEvents", "WriteThrottleEvents")}
    hot = {"EventsTable", "DeliveriesTable", "DueTable", "SocketLogTable", "ConnectionsTable", "EndpointsByIdTable", "EventFiltersTable"}
    assert {str({"Ref": table}) for table in hot} <= throttled
    for metric in ("IntegrationError", "ExecutionError"):
        assert (metric, str({"Ref": "WebSocketApi"})) in watched


def test_what_alarms_cost_is_said_where_people_decide() -> None:
    """CloudWatch bills each metric that an alarm looks at. Those of the bus and of gradual deployments are left out: both are off."""
    always = ("HasAlarms", "HasRateAlarms", "HasConcurrencyAlarm")
    metrics = sum(len(list(metrics_of(alarm))) for alarm in ALARMS.values() if alarm["Condition"] in always)
    dollars = f"{metrics * 0.10:.0f}"

    assert f"about {dollars} USD" in template()["Parameters"]["Alarms"]["Description"]
    assert template()["Description"].endswith(f"its alarms about {dollars}.")
    assert f"${dollars} more for alarms" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"alarms (about ${dollars}:" in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_webhook_queues_age_is_above_what_is_normal() -> None:
    """A message with the longest delay, that came back once and is in a batch that takes its time, is no fault."""
    queue = template()["Resources"]["WebhookQueue"]["Properties"]
    delays = [one for one in DELAYS_SECONDS if one * 1.2 <= MAXIMUM_QUEUE_DELAY_SECONDS]
    normal = MAXIMUM_QUEUE_DELAY_SECONDS + queue["VisibilityTimeout"] + FUNCTIONS["WebhookDeliveryFunction"]["Properties"]["Timeout"]

    assert delays
    assert normal < ALARMS["WebhookQueueAgeAlarm"]["Properties"]["Threshold"] < 2 * normal


def test_faults_of_functions_and_apis_are_told_by_their_rate() -> None:
    """An absolute number is too quiet for ten tenants and too loud for ten thousand."""
    for name, alarm in ALARMS.items():
        if name.endswith("ErrorsAlarm") or name in ("HttpApi5xxAlarm", "DeliveriesFailedAlarm"):
            expression = alarm["Properties"]["Metrics"][0]["Expression"]
            assert "100 *" in expression, name
            assert expression.startswith("IF("), name  # a single failure in a quiet night is no rate
