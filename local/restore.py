"""`make restore`: brings the configuration of a paused stack back to a moment of the last 35 days.

DynamoDB restores a table only into a new one, which the stack does not know. So each table that has point-in-time
recovery is restored beside itself, its items are copied back, what was written since is removed, and the copy is
deleted. Tokens are different: one that was revoked since must stay revoked, so rows that are there are left alone and
only missing ones are put back. Events, deliveries and retries have no backup.

The stack must be paused (parameter ``Paused=true``): nothing may write meanwhile. The deployment that ends the pause
starts new processes, so none keeps routing by what it remembers.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from event_service.base.dates import parse_date
from event_service.base.errors import BadUserInput
from local.deployed import DeployedStack, describe
from local.tools import ToolError

_CONFIG: Final = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
_WRITES_PER_CALL: Final = 25
_KEYS_PER_CALL: Final = 100
_TRIES: Final = 12
_WAIT_SECONDS: Final = 3_600.0
_LOOK_SECONDS: Final = 10.0

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copied:
    """What was done to one table."""

    table: str
    written: int
    removed: int


class Restore:
    """Restores tables through one DynamoDB client."""

    def __init__(self, client: Any, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._say = say
        self._sleep = sleep

    def is_backed_up(self, table: str) -> bool:
        """Whether the table has point-in-time recovery."""
        found = self._client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        return str(found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")) == "ENABLED"

    def beside(self, table: str, moment: datetime) -> str:
        """Restores a table into a new one; returns its name once it can be read."""
        copy = f"{table[:220]}-restored-{moment:%Y%m%d%H%M%S}"
        try:
            self._client.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=copy, RestoreDateTime=moment)
        except self._client.exceptions.TableAlreadyExistsException:
            self._say(f"  {copy} is there from an earlier try")
        end = time.monotonic() + _WAIT_SECONDS
        while self._client.describe_table(TableName=copy)["Table"]["TableStatus"] != "ACTIVE":
            if time.monotonic() > end:
                raise ToolError(f"{copy} was not ready after an hour; run this again later, it goes on from there.")
            self._sleep(_LOOK_SECONDS)
        return copy

    def copy_back(self, copy: str, table: str) -> Copied:
        """Makes ``table`` hold exactly what ``copy`` holds. Doing it again changes nothing."""
        written = 0
        for page in self._pages(copy):
            self._write(table, [{"PutRequest": {"Item": item}} for item in page])
            written += len(page)
        removed = 0
        for keys in self._keys(table):
            there = self._present(copy, keys)
            gone = [key for key in keys if _frozen(key) not in there]
            self._write(table, [{"DeleteRequest": {"Key": key}} for key in gone])
            removed += len(gone)
        return Copied(table, written, removed)

    def put_missing_back(self, copy: str, table: str) -> Copied:
        """Puts back the items of ``copy`` that ``table`` lacks, and leaves all others as they are."""
        names = self._key_names(table)
        written = 0
        for page in self._pages(copy):
            keyed = {_frozen(key): item for item in page for key in ({name: item[name] for name in names},)}
            there = self._present(table, [{name: item[name] for name in names} for item in page])
            missing = [item for key, item in keyed.items() if key not in there]
            self._write(table, [{"PutRequest": {"Item": item}} for item in missing])
            written += len(missing)
        return Copied(table, written, 0)

    def drop(self, copy: str) -> None:
        """Deletes a restored copy."""
        self._client.delete_table(TableName=copy)

    def _key_names(self, table: str) -> list[str]:
        return [key["AttributeName"] for key in self._client.describe_table(TableName=table)["Table"]["KeySchema"]]

    def _pages(self, table: str, **arguments: Any) -> Iterator[list[Item]]:
        for page in self._client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **arguments):
            yield page["Items"]

    def _keys(self, table: str) -> Iterator[list[Item]]:
        names = self._key_names(table)
        placeholders = {f"#k{number}": name for number, name in enumerate(names)}
        yield from self._pages(table, ProjectionExpression=", ".join(placeholders), ExpressionAttributeNames=placeholders)

    def _present(self, table: str, keys: Sequence[Item]) -> set[tuple[Any, ...]]:
        names = self._key_names(table)
        placeholders = {f"#k{number}": name for number, name in enumerate(names)}
        found: set[tuple[Any, ...]] = set()
        for start in range(0, len(keys), _KEYS_PER_CALL):
            wanted = list(keys[start : start + _KEYS_PER_CALL])
            for attempt in range(_TRIES):
                answer = self._client.batch_get_item(
                    RequestItems={
                        table: {
                            "Keys": wanted,
                            "ConsistentRead": True,
                            "ProjectionExpression": ", ".join(placeholders),
                            "ExpressionAttributeNames": placeholders,
                        }
                    }
                )
                found.update(_frozen(item) for item in answer["Responses"].get(table, []))
                wanted = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
                if not wanted:
                    break
                self._pause(attempt)
            else:
                raise ToolError(f"DynamoDB throttles reads of {table}; run this again, it goes on from there.")
        return found

    def _write(self, table: str, requests: Sequence[Item]) -> None:
        for start in range(0, len(requests), _WRITES_PER_CALL):
            wanted = list(requests[start : start + _WRITES_PER_CALL])
            for attempt in range(_TRIES):
                wanted = self._client.batch_write_item(RequestItems={table: wanted}).get("UnprocessedItems", {}).get(table, [])
                if not wanted:
                    break
                self._pause(attempt)
            else:
                raise ToolError(f"DynamoDB throttles writes to {table}; run this again, it goes on from there.")

    def _pause(self, attempt: int) -> None:
        self._sleep(random.uniform(0, min(20.0, 0.1 * 2**attempt)))  # noqa: S311 - jitter, no secret


def _frozen(key: Item) -> tuple[Any, ...]:
    return tuple(sorted((name, *value.items()) for name, value in key.items()))


def restore_stack(
    stack: DeployedStack, tables: Sequence[str], restore: Restore, moment: datetime, say: Callable[[str], None]
) -> list[Copied]:
    """Restores every table of a stack that has point-in-time recovery.

    Raises:
        ToolError: the stack is not paused, or none of its tables has point-in-time recovery.
    """
    if stack.parameters.get("Paused") != "true":
        raise ToolError(
            f"The stack {stack.name!r} is not paused, so what is written now would mix with what is restored. "
            f"First: make deploy STACK={stack.name} PARAMETERS='Paused=true'."
        )
    backed_up = [table for table in tables if restore.is_backed_up(table)]
    if not backed_up:
        raise ToolError(f"No table of {stack.name!r} has point-in-time recovery: nothing can be restored.")
    done = []
    # All copies first: DynamoDB makes them side by side, and nothing of the stack changes until each is there.
    copies = {table: restore.beside(table, moment) for table in backed_up}
    for table, copy in copies.items():
        is_tokens = table == stack.outputs.get("TokensTableName")
        copied = restore.put_missing_back(copy, table) if is_tokens else restore.copy_back(copy, table)
        say(f"  {table}: {copied.written} items written, {copied.removed} removed")
        done.append(copied)
    for copy in copies.values():
        restore.drop(copy)
    return done


def _restore(name: str, moment: datetime, profile: str) -> None:
    stack = describe(name, {}, profile or None)
    if stack is None:
        raise ToolError(f"There is no stack {name!r} in this account and Region.")
    session = botocore.session.Session(profile=profile or None)
    cloudformation: Any = session.create_client("cloudformation", config=_CONFIG)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    found = [one for page in pages for one in page["StackResourceSummaries"]]
    tables = [one["PhysicalResourceId"] for one in found if one["ResourceType"] == "AWS::DynamoDB::Table"]
    restore_stack(stack, tables, Restore(session.create_client("dynamodb", config=_CONFIG), print), moment, print)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make restore")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--time", required=True, help="RFC 3339, such as 2026-03-01T12:00:00Z")
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    if not options.stack or not options.time:
        print("Name the stack and the moment: make restore STACK=event-service TIME=2026-03-01T12:00:00Z", file=sys.stderr)
        return 2
    try:
        _restore(options.stack, parse_date(options.time, "TIME"), options.profile)
    except (ToolError, BadUserInput) as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS: {error}", file=sys.stderr)
        return 1
    print(f"Restored. End the pause: make deploy STACK={options.stack} PARAMETERS='Paused=false'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
