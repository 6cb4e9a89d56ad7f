"""What an account allows, asked before anything is created in it.

Each question may be refused (a deployment role need not have the permission): the answer is then unknown, and is said
to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.tools import ToolError

_T = TypeVar("_T")

TABLES: Final = 12
"""About as many DynamoDB tables as one stack has."""
API_RATE_QUOTA: Final = "L-8A5B8E43"
"""API Gateway's "Throttle rate": requests a second of all APIs of the account, posts to sockets among them."""
TABLE_QUOTA: Final = "L-F98FE922"
"""DynamoDB's "Maximum number of tables"."""
_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, slots=True)
class Account:
    """One account in one Region. ``None``: it could not be found out; ``unknown`` says why."""

    number: str
    region: str
    concurrency_limit: int | None = None
    unreserved: int | None = None
    api_log_role: bool | None = None
    """Whether API Gateway may write logs, which ``WebSocketAccessLogs=true`` needs."""
    api_rate: float | None = None
    tables: int | None = None
    table_limit: float | None = None
    unknown: tuple[str, ...] = field(default=())

    def advice(self, parameters: dict[str, str]) -> list[str]:
        """Sentences about what does not fit.

        Raises:
            ToolError: a deployment with these parameters would fail late and be rolled back.
        """
        if parameters.get("WebSocketAccessLogs") == "true" and self.api_log_role is False:
            raise ToolError(
                "WebSocketAccessLogs=true needs a CloudWatch log role in the API Gateway settings of the account, and there is none. "
                "Make one (API Gateway console, Settings, 'CloudWatch log role ARN'), or deploy with WebSocketAccessLogs=false."
            )
        found = []
        if self.api_rate is not None and self.api_rate < 10_000:
            found.append(
                f"API Gateway takes {self.api_rate:,.0f} requests a second of this account in {self.region}, posts to sockets included; "
                f"request more with Service Quotas, {API_RATE_QUOTA}."
            )
        burst = int(parameters.get("HttpBurstLimit", "2000"))
        if self.api_rate is not None and burst > self.api_rate / 2:
            found.append(f"HttpBurstLimit={burst} is above the account's burst, half its rate; the account's applies.")
        if self.tables is not None and self.table_limit is not None and self.tables + TABLES > self.table_limit:
            found.append(
                f"The account has {self.tables} DynamoDB tables of {self.table_limit:,.0f}; request more (Service Quotas, {TABLE_QUOTA})."
            )
        return found


def read_account(profile: str = "") -> Account:
    """Asks AWS.

    Raises:
        ToolError: no credentials or no Region.
    """
    try:
        session = botocore.session.Session(profile=profile or None)
        region = session.get_config_variable("region")
        if not region:
            raise ToolError("No AWS Region: set AWS_REGION, or give a profile that has one (PROFILE=...).")

        def client(name: str) -> Any:
            return session.create_client(name, region_name=region, config=_CONFIG)

        number = client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"AWS does not know who asks: {error}. Log in, or name a profile with PROFILE=...") from error
    return ask(number, region, client)


def ask(number: str, region: str, client: Callable[[str], Any]) -> Account:
    """Asks with clients that ``client`` makes by their service's name."""
    unknown: list[str] = []

    def known(what: str, question: Callable[[], _T]) -> _T | None:
        try:
            return question()
        except (BotoCoreError, ClientError) as error:
            unknown.append(f"{what}: {error}")
            return None

    limits = known("Lambda's limits (lambda:GetAccountSettings)", lambda: client("lambda").get_account_settings()["AccountLimit"])
    role = known("API Gateway's log role (apigateway:GET)", lambda: bool(client("apigateway").get_account().get("cloudwatchRoleArn")))

    def quota(service: str, code: str) -> float:
        return float(client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])

    def count_tables() -> int:
        pages = client("dynamodb").get_paginator("list_tables").paginate()
        return sum(len(page["TableNames"]) for page in pages)

    return Account(
        number,
        region,
        concurrency_limit=limits and limits["ConcurrentExecutions"],
        unreserved=limits and limits["UnreservedConcurrentExecutions"],
        api_log_role=role,
        api_rate=known("API Gateway's rate (servicequotas:GetServiceQuota)", lambda: quota("apigateway", API_RATE_QUOTA)),
        tables=known("how many tables there are (dynamodb:ListTables)", count_tables),
        table_limit=known("DynamoDB's table quota (servicequotas:GetServiceQuota)", lambda: quota("dynamodb", TABLE_QUOTA)),
        unknown=tuple(unknown),
    )
