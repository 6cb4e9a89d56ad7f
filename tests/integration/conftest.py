"""Integration tests: adapters and handlers against moto in this process, with the tables of ``template.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from event_service import wiring
from event_service.aws.dynamodb import Database, connect
from event_service.settings import Settings
from tests.builders import SettableClock
from tests.support.aws_in_memory import aws_in_memory, empty_tables

REGION = "us-east-1"


@pytest.fixture
def clock() -> SettableClock:
    """Moves by a second at each look, so that no two dates are equal by chance."""
    return SettableClock(step_seconds=1)


@pytest.fixture(autouse=True)
def _everything_by_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS in memory sees only what the SDK sends: other calls would leave this process."""
    monkeypatch.setattr(wiring, "plain_batches", lambda: None)


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """AWS in memory with every table of the template; yields the environment variables that name them."""
    with aws_in_memory():
        yield empty_tables()


@pytest.fixture
def database(aws: dict[str, str]) -> Database:
    settings = Settings(aws)

    def table_name(logical: str) -> str:
        name: Any = getattr(settings, f"{logical}_table")
        return str(name)

    return Database(connect(REGION, None), table_name, sleep=lambda seconds: None)
