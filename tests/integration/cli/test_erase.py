"""`event-service events erase` on the tables of the template."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from event_service.aws.dynamodb import Database
from event_service.events.storage.events import DynamoEventStore
from tests import builders
from tests.integration.cli.test_token import WORKSPACE, Tool


@pytest.fixture
def tool(aws: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    return Tool(aws, tmp_path / "stack.json", monkeypatch)


@pytest.fixture
def store(database: Database) -> DynamoEventStore:
    store = DynamoEventStore(database, lambda: datetime.now(UTC), 14)
    at = datetime.now(UTC)
    for event_id in ("order-1", "order-2", "order-3"):
        data = {"identification_data": [{"profile_id": "p" if event_id != "order-3" else "q"}]}
        store.put([builders.an_event(id=event_id, type="A", date=at, data=data, workspace_id=WORKSPACE, created=at)], "00")
    return store


def test_events_are_erased_by_id(tool: Tool, store: DynamoEventStore) -> None:
    done = tool.json("events", "erase", "order-1", "nothing", "--yes")

    assert (done["count"], done["ids"], done["missing"]) == (1, ["order-1"], ["nothing"])
    assert sorted(store.get(WORKSPACE, ["order-1", "order-2", "order-3"])) == ["order-2", "order-3"]


@pytest.mark.parametrize("more", [[], ["--all-events"]])
def test_events_are_erased_by_profile(more: list[str], tool: Tool, store: DynamoEventStore) -> None:
    done = tool.json("--stack", "production", "events", "erase", "--profile-id", "p", "--workspace", WORKSPACE, *more, "--yes")

    assert sorted(done["ids"]) == ["order-1", "order-2"]
    assert list(store.get(WORKSPACE, ["order-1", "order-2", "order-3"])) == ["order-3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["order-1"], "add --yes"),
        (["--yes"], "Give ids of events, or --profile-id"),
        (["order-1", "--profile-id", "p", "--yes"], "Give ids of events, or --profile-id"),
        (["order-1", "--all-events", "--yes"], "--all-events goes with --profile-id"),
        (["--stack", "production", "order-1", "--yes"], "--workspace <id>"),
        (["--url", "http://127.0.0.1:9", "order-1", "--yes"], "give --stack NAME, not --url"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_erased(words: list[str], message: str, tool: Tool, store: DynamoEventStore) -> None:
    result = tool.run("events", "erase", *words)

    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert len(store.get(WORKSPACE, ["order-1", "order-2", "order-3"])) == 3
