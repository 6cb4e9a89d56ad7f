"""`event-service token` on the table of the template, which is found through a stack's outputs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from event_service.access.storage.tokens import DynamoTokenStore
from event_service.aws.dynamodb import Database
from event_service.base.errors import Unauthenticated
from event_service.sockets.connection import Connection
from event_service.sockets.messages import WakeUp
from event_service.sockets.ports import LogHead
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.log import DynamoSocketLogStore
from local.deployed import DeployedStack, tokens_of
from tests.integration.conftest import REGION

WORKSPACE = "36ce940c-d8c7-4770-8f76-2d03a3aa8275"


class Tool:
    """The tool beside a stack whose tables and queue moto keeps."""

    def __init__(self, aws: dict[str, str], file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="s.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        outputs = {
            "TokensTableName": aws["TOKENS_TABLE"],
            "ConnectionsTableName": aws["CONNECTIONS_TABLE"],
            "SocketLogTableName": aws["SOCKET_LOG_TABLE"],
            "SocketQueueUrl": self.queue,
            "EventsTableName": aws["EVENTS_TABLE"],
            "EventIndexTableName": aws["EVENT_INDEX_TABLE"],
            "DeliveriesTableName": aws["DELIVERIES_TABLE"],
        }
        self.stack = DeployedStack("event-service", "CREATE_COMPLETE", outputs, {}, {}, {"region_name": REGION})
        self.asked: list[tuple[Any, ...]] = []

        def describe(*arguments: Any) -> DeployedStack | None:
            self.asked.append(arguments)
            return self.stack if arguments[0] in ("event-service", "production") else None

        monkeypatch.setattr("local.deployed.describe", describe)
        file.write_text(
            json.dumps(
                {
                    "stackName": "event-service",
                    "region": REGION,
                    "awsEndpointUrl": "http://127.0.0.1:4566",
                    "workspaceId": WORKSPACE,
                    "token": "t",
                }
            )
        )
        self._common = ["--stack-file", str(file)]

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*self._common, *words], catch_exceptions=False)

    def json(self, *words: str) -> Any:
        result = self.run("--json", *words)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def tool(aws: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    return Tool(aws, tmp_path / "stack.json", monkeypatch)


def test_a_token_works_until_it_is_revoked_and_is_never_shown_again(tool: Tool) -> None:
    issued = tool.json("token", "issue", "--name", "mine")
    assert tokens_of(tool.stack).authenticate(issued["token"]).workspace_id == WORKSPACE

    listed = tool.json("token", "list")
    assert [(one["id"], one["name"], one["kind"], one["revoked"]) for one in listed] == [(issued["id"], "mine", "access", None)]
    assert issued["token"] not in tool.run("token", "list").stdout + json.dumps(listed)

    revoked = tool.json("token", "revoke", issued["id"][:12])
    assert revoked["id"] == issued["id"]
    with pytest.raises(Unauthenticated):
        tokens_of(tool.stack).authenticate(issued["token"])


def test_an_agent_s_token_carries_its_agent_and_may_expire(tool: Tool) -> None:
    issued = tool.json("token", "issue", "--kind", "agent", "--expires", "2099-01-01T00:00:00+01:00")

    token = tokens_of(tool.stack).authenticate(issued["token"])
    assert (token.kind.value, token.agent_id) == ("agent", issued["agentId"])
    assert issued["expires"] == "2098-12-31T23:00:00.000000+00:00"


def test_a_token_may_expire_after_days(tool: Tool) -> None:
    issued = tool.json("token", "issue", "--expires", "90d")

    assert datetime.fromisoformat(issued["expires"]) - datetime.fromisoformat(issued["created"]) < timedelta(days=90, seconds=1)
    assert datetime.fromisoformat(issued["expires"]) - datetime.fromisoformat(issued["created"]) > timedelta(days=89, hours=23)


def test_the_stack_says_how_long_tokens_live(tool: Tool) -> None:
    tool.stack.outputs["TokenDays"] = "30 90"

    issued = tool.json("token", "issue")
    assert round((datetime.fromisoformat(issued["expires"]) - datetime.now(UTC)) / timedelta(days=1)) == 30
    assert tool.run("token", "issue", "--expires", "90d").exit_code == 0
    refused = tool.run("token", "issue", "--expires", "91d")
    assert (refused.exit_code, "at most 90 days" in refused.stderr) == (1, True)


def test_the_list_shows_when_a_token_was_last_used(tool: Tool, database: Database) -> None:
    used, unused = tool.json("token", "issue"), tool.json("token", "issue")
    DynamoTokenStore(database).put_use(used["id"], datetime(2026, 3, 1, 12, tzinfo=UTC))

    listed = {one["id"]: one["used"] for one in tool.json("token", "list")}
    assert listed == {used["id"]: "2026-03-01T12:00:00.000000+00:00", unused["id"]: None}
    assert "2026-03-01T12:00" in tool.run("token", "list").stdout


def test_a_listener_s_token_names_its_sockets(tool: Tool) -> None:
    issued = tool.json("token", "issue", "--kind", "listener", "--endpoint", WORKSPACE)

    token = tokens_of(tool.stack).authenticate(issued["token"])
    assert (token.kind.value, token.endpoint_ids, issued["endpointIds"]) == ("listener", (WORKSPACE,), [WORKSPACE])


def test_token_makes_a_new_workspace_when_asked_for(tool: Tool) -> None:
    asked_for = tool.json("token", "issue", "--new-workspace")
    by_default = tool.json("--stack", "production", "--profile", "ops", "--region", "eu-north-1", "token", "issue")

    assert len({WORKSPACE, asked_for["workspaceId"], by_default["workspaceId"]}) == 3
    assert tool.asked[-1] == ("production", {"region_name": "eu-north-1"}, "ops")


def test_revoking_wakes_the_endpoints_whose_sockets_the_token_opened(tool: Tool, database: Database) -> None:
    issued, other = tool.json("token", "issue"), tool.json("token", "issue")
    store = DynamoConnectionStore(database)
    log = DynamoSocketLogStore(database, lambda: datetime.now(UTC))
    for number, token in enumerate((issued, issued, other)):
        log.put_head(f"00000000-0000-4000-8000-00000000000{number}", LogHead(1, 1, datetime(2099, 1, 1, tzinfo=UTC)), None)
        store.add(
            Connection(
                f"00000000-0000-4000-8000-00000000000{number}", f"c{number}", WORKSPACE, datetime.now(UTC), 0, token_hash=token["id"]
            )
        )

    tool.json("token", "revoke", issued["id"])

    received = boto3.client("sqs", region_name=REGION).receive_message(QueueUrl=tool.queue, MaxNumberOfMessages=10)
    woken = {WakeUp.parse(message["Body"]).endpoint_id for message in received["Messages"]}
    assert woken == {"00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001"}


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["token", "revoke", "abc"], 1, "at least 8 characters"),
        (["token", "revoke", "0123456789"], 1, "No token with id 0123456789"),
        (["token", "issue", "--workspace", "x"], 1, "workspace: 'x' is not a UUID"),
        (["token", "issue", "--expires", "soon"], 2, "--expires: 'soon' is not a date-time"),
        (["token", "issue", "--expires", "0d"], 1, "has passed already"),
        (["token", "issue", "--expires", "99999999d"], 2, "is not a date-time"),
        (["token", "issue", "--expires", "2001-01-01T00:00:00Z"], 1, "has passed already"),
        (["token", "issue", "--workspace", WORKSPACE, "--new-workspace"], 2, "exclude each other"),
        (["--stack", "production", "token", "list"], 2, "--workspace <id>"),
        (["--stack", "nowhere", "token", "issue"], 3, "There is no stack 'nowhere'"),
        (["--url", "http://127.0.0.1:9", "token", "issue"], 2, "give --stack NAME, not --url"),
    ],
)
def test_what_is_wrong_is_said(tool: Tool, words: list[str], status: int, message: str) -> None:
    result = tool.run(*words)

    assert result.exit_code == status
    assert message in result.stderr
