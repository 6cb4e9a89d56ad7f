"""What the parameters of the template switch on: a month of each, beside the traffic.

``CONFIG=production`` switches on the dashboard, SnapStart of the API and a gradual deployment; alarms are on unless they are switched
off. How many metrics the alarms look at is counted in the template.
"""

from __future__ import annotations

from typing import Any, Final

from benchmarks.cost import prices
from benchmarks.report.page import Table
from tests.template_file import resources

ALWAYS: Final = ("HasAlarms", "HasRateAlarms", "HasConcurrencyAlarm")
"""The conditions of alarms that every stack has; those of the bus and of gradual deployments depend on more."""
REQUESTS: Final = 10_000_000
"""Of the month that the rows with a price for each request stand for."""
LOGGED_BYTES: Final = 500
"""Of one line of an access log."""


def _alarm_metrics(*conditions: str) -> int:
    alarms = (one for one in resources("AWS::CloudWatch::Alarm").values() if one["Condition"] in conditions)
    return sum(sum("MetricStat" in metric for metric in alarm["Properties"].get("Metrics", [])) or 1 for alarm in alarms)


def table() -> Table:
    """One row a parameter."""
    always, gradual = _alarm_metrics(*ALWAYS), _alarm_metrics("HasGradualDeployment")
    rows: list[list[Any]] = [
        [f"`Alarms=true` (the default): {always} metrics", always * prices.ALARM_METRIC],
        ["each metric of ours that is not zero", prices.METRIC],
        ["`Dashboard=true`", prices.DASHBOARD],
        [f"`DeploymentPreference`: {gradual} more metrics of alarms", gradual * prices.ALARM_METRIC],
        ["`KmsKeyArn`: the key", prices.KMS_KEY],
        ["`KmsKeyArn`: each million calls of KMS", prices.KMS_CALL * 1e6],
        [f"`Tracing=Active`: 5 % of {REQUESTS:,} requests", 0.05 * REQUESTS * prices.TRACE],
        [f"access logs of {REQUESTS:,} requests", REQUESTS * LOGGED_BYTES / 1e9 * prices.LOGS_GB],
    ]
    return Table("Dollars of a month for what parameters switch on", ["parameter", "dollars"], rows)
