"""Lets tests of storage use dynalite in place of moto's DynamoDB: `make dynalite` loads this into pytest.

All else stays in memory. dynalite keeps its tables from one test to the next, so they are deleted after each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest

from tests.dynalite.cannot import CANNOT

URL = os.environ["DYNALITE_URL"]


def pytest_configure(config: pytest.Config) -> None:
    """botocore reads the address from here, whoever makes the client."""
    del config
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = URL


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what dynalite cannot do."""
    left = {item for item in items if any(item.nodeid.startswith(one) for one in CANNOT)}
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=list(left))


@pytest.fixture(autouse=True)
def _no_tables_of_another_test() -> Iterator[None]:
    yield
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=URL)
    for name in client.list_tables()["TableNames"]:
        client.delete_table(TableName=name)
