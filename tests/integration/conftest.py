"""Integration tests: adapters and handlers against moto in this process, with the tables of ``template.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from event_service.aws.dynamodb import Database, connect
from event_service.settings import Settings
from tests.template_file import create_tables

REGION = "us-east-1"


class TickingClock:
    """A time that moves by a second at each look, so that no two dates are equal by chance."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """AWS in memory with every table of the template; yields the environment variables that name them."""
    with mock_aws():
        yield create_tables(boto3.client("dynamodb", region_name=REGION))


@pytest.fixture
def database(aws: dict[str, str]) -> Database:
    settings = Settings(aws)

    def table_name(logical: str) -> str:
        name: Any = getattr(settings, f"{logical}_table")
        return str(name)

    return Database(connect(REGION, None), table_name, sleep=lambda seconds: None)
