"""What is asked of an account before a deployment, and what is said about the answers."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from local.account import Account, ask
from local.tools import ToolError


class Aws:
    """Clients that answer as an account would; a service in ``denied`` refuses."""

    def __init__(self, *, limit: int = 1_000, role: str = "", rate: float = 10_000.0, denied: tuple[str, ...] = ()) -> None:
        self._answers: dict[str, list[tuple[str, dict[str, Any]]]] = {
            "lambda": [
                ("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit - 50}})
            ],
            "apigateway": [("get_account", {"cloudwatchRoleArn": role} if role else {})],
            "dynamodb": [
                ("list_tables", {"TableNames": ["events", "tokens"], "LastEvaluatedTableName": "tokens"}),
                ("list_tables", {"TableNames": ["changes"]}),
            ],
        }
        self._rate = rate
        self._denied = denied

    def client(self, service: str) -> Any:
        client: Any = botocore.session.Session().create_client(service, region_name="eu-west-1")
        stub = Stubber(client)
        if service in self._denied:
            for operation in ("get_account_settings", "get_account", "list_tables", "get_service_quota"):
                if hasattr(client, operation):
                    stub.add_client_error(operation, "AccessDeniedException", "not authorized")
        elif service == "service-quotas":
            stub.add_response("get_service_quota", {"Quota": {"Value": self._rate}})
        else:
            for operation, answer in self._answers[service]:
                stub.add_response(operation, answer)
        stub.activate()
        return client


def test_an_account_is_asked_for_limits_role_rate_and_tables() -> None:
    account = ask("123456789012", "eu-west-1", Aws(role="arn:aws:iam::123456789012:role/logs").client)

    assert account == Account("123456789012", "eu-west-1", 1_000, 950, True, 10_000.0, 3, 10_000.0)
    assert account.advice({}) == []


def test_account_that_may_not_be_asked_names_the_permission() -> None:
    account = ask("1", "eu-west-1", Aws(denied=("lambda", "service-quotas", "apigateway", "dynamodb")).client)

    assert account.concurrency_limit is None
    assert [sentence.partition("(")[2].partition(")")[0] for sentence in account.unknown] == [
        "lambda:GetAccountSettings",
        "apigateway:GET",
        "servicequotas:GetServiceQuota",
        "dynamodb:ListTables",
        "servicequotas:GetServiceQuota",
    ]
    assert account.advice({"WebSocketAccessLogs": "true"}) == []


def test_access_logs_need_the_accounts_role_before_a_deployment() -> None:
    account = ask("1", "eu-west-1", Aws().client)

    with pytest.raises(ToolError, match="CloudWatch log role"):
        account.advice({"WebSocketAccessLogs": "true"})


def test_a_small_region_and_a_full_account_are_told_with_the_quotas_codes() -> None:
    account = Account("1", "ap-southeast-3", api_rate=2_500.0, tables=2_495, table_limit=2_500.0)

    rate, burst, tables = account.advice({})

    assert "2,500" in rate
    assert "L-8A5B8E43" in rate
    assert "HttpBurstLimit=2000" in burst
    assert "L-F98FE922" in tables
