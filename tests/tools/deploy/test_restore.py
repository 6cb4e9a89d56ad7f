"""A restore brings the configuration back to a moment and revives no token that was revoked since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.deployed import DeployedStack
from local.restore import Copied, Restore, restore_stack
from local.tools import ToolError

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TABLES = ["links", "tokens", "events"]


def _item(key: str, value: str) -> dict[str, Any]:
    return {"pk": {"S": key}, "sk": {"S": key}, "value": {"S": value}}


class Recovery:
    """moto's DynamoDB, except that a restored table holds what the test says it held, and that half of each batch is left
    undone once."""

    def __init__(self, client: Any, held: dict[str, list[dict[str, Any]]]) -> None:
        self._client = client
        self._held = held
        self.left = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_continuous_backups(self, **arguments: str) -> dict[str, Any]:
        status = "ENABLED" if arguments["TableName"] in self._held else "DISABLED"
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status}}}

    def restore_table_to_point_in_time(self, **arguments: Any) -> None:
        _create(self._client, arguments["TargetTableName"])
        for item in self._held[arguments["SourceTableName"]]:
            self._client.put_item(TableName=arguments["TargetTableName"], Item=item)

    def batch_write_item(self, *, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        ((table, requests),) = RequestItems.items()
        if len(requests) > 1:
            self.left += 1
            self._client.batch_write_item(RequestItems={table: requests[:1]})
            return {"UnprocessedItems": {table: requests[1:]}}
        answer: dict[str, Any] = self._client.batch_write_item(RequestItems=RequestItems)
        return answer


def _create(client: Any, name: str) -> None:
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name="us-east-1")
        for table in TABLES:
            _create(client, table)
        yield client


def _stack(**parameters: str) -> DeployedStack:
    return DeployedStack("shop", "UPDATE_COMPLETE", {"TokensTableName": "tokens"}, {}, parameters, {"region_name": "us-east-1"})


def _content(client: Any, table: str) -> dict[str, str]:
    return {item["pk"]["S"]: item["value"]["S"] for item in client.scan(TableName=table)["Items"]}


def test_restore_brings_tables_back_and_revives_no_token(client: Any) -> None:
    for key, value in {"kept": "now", "made since": "now"}.items():
        client.put_item(TableName="links", Item=_item(key, value))
    client.put_item(TableName="tokens", Item=_item("revoked since", "revoked"))
    client.put_item(TableName="tokens", Item=_item("issued since", "valid"))
    client.put_item(TableName="events", Item=_item("an event", "now"))
    held = {
        "links": [_item("kept", "then"), _item("deleted since", "then")],
        "tokens": [_item("revoked since", "valid"), _item("lost since", "valid")],
    }
    recovery = Recovery(client, held)

    done = restore_stack(_stack(Paused="true"), TABLES, Restore(recovery, print, lambda _: None), MOMENT, print)

    assert _content(client, "links") == {"kept": "then", "deleted since": "then"}
    assert _content(client, "tokens") == {"revoked since": "revoked", "issued since": "valid", "lost since": "valid"}
    assert _content(client, "events") == {"an event": "now"}
    assert done == [Copied("links", 2, 1), Copied("tokens", 1, 0)]
    assert sorted(client.list_tables()["TableNames"]) == sorted(TABLES)
    assert recovery.left > 0


def test_restore_refuses_a_stack_that_is_not_paused(client: Any) -> None:
    client.put_item(TableName="links", Item=_item("made since", "now"))

    with pytest.raises(ToolError, match="Paused=true"):
        restore_stack(_stack(Paused="false"), TABLES, Restore(Recovery(client, {"links": []}), print), MOMENT, print)

    assert _content(client, "links") == {"made since": "now"}


def test_restore_says_when_nothing_is_backed_up(client: Any) -> None:
    with pytest.raises(ToolError, match="point-in-time recovery"):
        restore_stack(_stack(Paused="true"), TABLES, Restore(Recovery(client, {}), print), MOMENT, print)
