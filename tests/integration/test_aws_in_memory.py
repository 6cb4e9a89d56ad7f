"""The AWS in memory that tests share parts of: it answers as moto does, and nothing of one test is seen by the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.aws_in_memory import REGION, aws_in_memory, empty_tables
from tests.template_file import create_tables

TABLE, INDEX = "things", "by_date"
SCHEMA: dict[str, Any] = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in ("owner", "id", "date", "group")],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": INDEX,
            "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}, {"AttributeName": "date", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
VALUES: dict[str, Any] = {
    "text": {"S": "é"},
    "empty": {"S": ""},
    "number": {"N": "-1.50"},
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a"]},
    "numbers": {"NS": ["1"]},
    "blobs": {"BS": [b"\x00"]},
    "list": {"L": [{"N": "1"}, {"L": []}, {"M": {"a": {"B": b"\x01"}}}]},
    "map": {"M": {"S": {"S": "a key named as a type"}, "deep": {"M": {"no": {"BOOL": False}}}, "none": {"M": {}}}},
}
NEVER_EQUAL = {"ResponseMetadata", "CreationDateTime", "TableId", "LatestStreamArn", "LastUpdateToPayPerRequestDateTime"}


@contextmanager
def plain() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", region_name=REGION)


@contextmanager
def shared() -> Iterator[Any]:
    with aws_in_memory():
        yield boto3.client("dynamodb", region_name=REGION)


def said(call: Callable[..., Any], **arguments: Any) -> Any:
    """What is answered, without what differs from call to call."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        answer = error.response
    return without_identity(answer)


def without_identity(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: without_identity(one) for name, one in answer.items() if name not in NEVER_EQUAL}
    return [without_identity(one) for one in answer] if isinstance(answer, list) else answer


def an_item(owner: str, number: int, **values: Any) -> dict[str, Any]:
    group = {"group": {"S": f"g{number % 3}"}} if number % 4 else {}
    return {"owner": {"S": owner}, "id": {"S": f"{number:03}"}, "date": {"S": f"{number % 7}"}, **group, **values}


def everything(dynamodb: Any) -> list[Any]:
    every = [item for page in dynamodb.get_paginator("scan").paginate(TableName=TABLE) for item in page["Items"]]
    return sorted(every, key=lambda one: (one["owner"]["S"], one["id"]["S"]))


def an_action(kind: str, owner: str, number: int, **more: Any) -> dict[str, Any]:
    where = (
        {"Item": an_item(owner, number, put={"N": "1"})} if kind == "Put" else {"Key": {"owner": {"S": owner}, "id": {"S": f"{number:03}"}}}
    )
    return {kind: {"TableName": TABLE, **where, **more}}


SET = {
    "UpdateExpression": "SET #n = if_not_exists(#n, :zero) + :one",
    "ExpressionAttributeNames": {"#n": "n"},
    "ExpressionAttributeValues": {":one": {"N": "1"}, ":zero": {"N": "0"}},
}
EXISTS = {"ConditionExpression": "attribute_exists(id)"}
NEW = {"ConditionExpression": "attribute_not_exists(id)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def writes(number: int) -> list[dict[str, Any]]:
    """Of each kind, on items that are there and that are not."""
    return [
        an_action("Put", "a", number),
        an_action("Put", "new", number),
        an_action("Update", "b", number, **SET),
        an_action("Update", "made", number, **SET),
        an_action("Delete", "c", number),
        an_action("Delete", "none", number),
    ]


TRANSACTIONS = {
    "all that is written": [*writes(1), an_action("ConditionCheck", "a", 6, **EXISTS)],
    "the last condition is not met": [*writes(2), an_action("ConditionCheck", "none", 6, **EXISTS)],
    "the first condition is not met": [an_action("Put", "a", 9, **NEW), *writes(3)],
    "one item twice": [*writes(4), an_action("Delete", "a", 4)],
    "an update that is no expression": [*writes(5), an_action("Update", "a", 7, UpdateExpression="SET SET")],
    "no such table": [*writes(6), {"Delete": {"TableName": "none", "Key": {"id": {"S": "1"}}}}],
    "half a key": [*writes(7), {"Delete": {"TableName": TABLE, "Key": {"id": {"S": "1"}}}}],
}


UPDATES = (
    "SET #n = :one",
    "SET #n = :one, #m.a = :text, list[1] = :one",
    "SET #n = :one, other = if_not_exists(#n, :one), list = list_append(list, :list)",
    "SET #n = #n + :one, other = other - :one REMOVE list[0], list[1]",
    "ADD #n :one, texts :texts DELETE numbers :numbers REMOVE #m.deep",
    "SET " + ", ".join(f"a{number} = :one" for number in range(60)),
    "SET #n = :one SET other = :one",
    "ADD #n :one ADD other :one SET texts = :one SET yes = :one",
    "SET #n = :one ADD other :one REMOVE a1 REMOVE a2",
    "SET #n = :one, #n = :text",
    "SET #m.a = :one, #m.a.b = :one",
    "SET other = :one, other = :text REMOVE a3",
    "SET id = :one",
    "SET #date = :one",
    "SET #date = :none",
    "SET other = :missing",
    "SET #missing = :one",
    "SET none.deep = :one",
    "SET other = #m + :one",
    "SET other = missing",
    "SET group = :one",
    "SET #n :one",
    "REMOVE none",
)
"""Some of them are refused, each for another reason, or for two."""
NAMES = {"#n": "number", "#m": "map", "#date": "date"}
CONSTANTS: dict[str, Any] = {
    ":one": {"N": "1"},
    ":text": {"S": "t"},
    ":none": {"S": ""},
    ":list": {"L": [{"S": "x"}]},
    ":texts": {"SS": ["b"]},
    ":numbers": {"NS": ["1"]},
}


def updates(dynamodb: Any) -> Iterator[Any]:
    for expression in UPDATES:
        for key in ({"owner": {"S": "kinds"}, "id": {"S": "001"}}, {"owner": {"S": "kinds"}, "id": {"S": f"made {len(expression)}"}}):
            names = {name: value for name, value in NAMES.items() if name in expression}
            values = {name: value for name, value in CONSTANTS.items() if re.search(rf"{name}\b", expression)}
            options = {
                **({"ExpressionAttributeNames": names} if names else {}),
                **({"ExpressionAttributeValues": values} if values else {}),
            }
            yield said(dynamodb.update_item, TableName=TABLE, Key=key, UpdateExpression=expression, ReturnValues="ALL_NEW", **options)


def conversation(dynamodb: Any) -> list[Any]:
    """Calls of every kind that replacements have to do with, and what was answered."""
    answers = [said(dynamodb.create_table, **SCHEMA)]
    answers.append(said(dynamodb.put_item, TableName=TABLE, Item=an_item("kinds", 1) | VALUES))
    answers.append(said(dynamodb.get_item, TableName=TABLE, Key={"owner": {"S": "kinds"}, "id": {"S": "001"}}))
    answers.extend(updates(dynamodb))
    for size in (404_900, 405_000, 405_100):
        answers.append(
            said(
                dynamodb.put_item, TableName=TABLE, Item=an_item("large", 1, text={"S": "x" * (size // 2)}, more={"B": b"x" * (size // 2)})
            )
        )
        answers.append(
            said(dynamodb.delete_item, TableName=TABLE, Key={"owner": {"S": "large"}, "id": {"S": "001"}}, ReturnValues="ALL_OLD")
        )
    for owner in ("b", "a", "c"):
        puts = [{"PutRequest": {"Item": an_item(owner, number * 7 % 20)}} for number in range(20)]
        answers.append(said(dynamodb.batch_write_item, RequestItems={TABLE: puts}))
    for item in (
        an_item("a", 300, text={"S": "x" * 300_000}),
        an_item("a", 301, text={"S": "x" * 390_000}),
        an_item("a", 302, t={"S": "x" * 390_000}),
    ):
        answers += [said(dynamodb.put_item, TableName=TABLE, Item=item)]
    answers.extend(pages(dynamodb, "owner", "a", "id", "005"))
    answers.extend(pages(dynamodb, "owner", "none", "id", "005"))
    answers.extend(pages(dynamodb, "group", "g1", "date", "3", IndexName=INDEX))
    answers.append(
        said(
            dynamodb.query,
            TableName=TABLE,
            IndexName="none",
            KeyConditionExpression="owner = :o",
            ExpressionAttributeValues={":o": {"S": "a"}},
        )
    )
    for actions in TRANSACTIONS.values():
        before = everything(dynamodb)
        answers.extend((said(dynamodb.transact_write_items, TransactItems=actions), before, everything(dynamodb)))
    keys = [{name: item[name] for name in ("owner", "id")} for item in (an_item("a", number) for number in range(30))]
    answers.append(said(dynamodb.batch_get_item, RequestItems={TABLE: {"Keys": keys}}))
    return answers


def pages(dynamodb: Any, hash_name: str, hash_key: str, range_name: str, range_key: str, **options: Any) -> Iterator[Any]:
    for condition in ("", " AND #r > :r", " AND begins_with(#r, :r)"):
        for forward in (True, False):
            for limit in (2, 1000):
                arguments = {
                    "KeyConditionExpression": "#h = :h" + condition,
                    "ExpressionAttributeNames": {"#h": hash_name, **({"#r": range_name} if condition else {})},
                    "ExpressionAttributeValues": {":h": {"S": hash_key}, **({":r": {"S": range_key}} if condition else {})},
                    "ScanIndexForward": forward,
                    "Limit": limit,
                }
                start: dict[str, Any] = {}
                while True:
                    page = said(dynamodb.query, TableName=TABLE, **arguments, **options, **start)
                    yield page
                    if "LastEvaluatedKey" not in page:
                        break
                    start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


@pytest.fixture(scope="module")
def conversations() -> tuple[list[Any], list[Any]]:
    """With moto as it is, and as the other tests have it."""
    with plain() as dynamodb:
        expected = conversation(dynamodb)
    with shared() as dynamodb:
        return expected, conversation(dynamodb)


def test_it_answers_as_moto_does(conversations: tuple[list[Any], list[Any]]) -> None:
    expected, answered = conversations

    assert len(answered) == len(expected) > 100
    for mine, of_moto in zip(answered, expected, strict=True):
        assert mine == of_moto


def test_the_conversation_comes_to_every_kind_of_answer(conversations: tuple[list[Any], list[Any]]) -> None:
    """So that the comparison compares something: errors of each kind, values of each type, and pages."""
    expected, _ = conversations
    errors = {answer["Error"]["Code"] for answer in expected if isinstance(answer, dict) and "Error" in answer}
    found = [answer for answer in expected if isinstance(answer, dict)]

    assert errors >= {"TransactionCanceledException", "ValidationException"}
    assert any(answer.get("Item", {}).keys() >= VALUES.keys() for answer in found)
    refused = {answer["Error"]["Message"].partition(":")[0] for answer in found if "Error" in answer}
    assert len(refused) > 10, "updates are refused for different reasons"
    canceled = [number for number, answer in enumerate(expected) if isinstance(answer, dict) and "CancellationReasons" in answer]
    assert len(canceled) >= 2
    assert all(expected[number + 1] == expected[number + 2] for number in canceled)
    assert any("LastEvaluatedKey" in answer for answer in found)
    assert {len(answer["Items"]) for answer in found if "Items" in answer} >= {0, 2}


def test_its_tables_are_those_that_the_template_makes() -> None:
    def described(dynamodb: Any) -> dict[str, Any]:
        names = dynamodb.list_tables()["TableNames"]
        return {
            name: [said(dynamodb.describe_table, TableName=name), said(dynamodb.describe_time_to_live, TableName=name)] for name in names
        }

    with plain() as dynamodb:
        variables, expected = create_tables(dynamodb), described(dynamodb)
    with shared() as dynamodb:
        assert empty_tables() == variables
        assert described(dynamodb) == expected


def test_nothing_of_one_test_is_there_in_the_next() -> None:
    """Whatever it wrote, changed or deleted, and whatever failed in it."""
    with shared() as dynamodb:
        empty_tables()
        first, *others = dynamodb.list_tables()["TableNames"]
        before = without_identity(dynamodb.describe_table(TableName=first))
        dynamodb.create_table(**SCHEMA)
        dynamodb.put_item(TableName=TABLE, Item=an_item("a", 1))
        dynamodb.delete_table(TableName=others[0])
        for name in [first, *others[1:]]:
            table = dynamodb.describe_table(TableName=name)["Table"]
            types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
            values = {"S": "1", "N": "1", "B": b"1"}
            key = {one["AttributeName"]: {types[one["AttributeName"]]: values[types[one["AttributeName"]]]} for one in table["KeySchema"]}
            dynamodb.put_item(TableName=name, Item=key)
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "other"})
        boto3.client("sqs", region_name=REGION).create_queue(QueueName="queue")
    with shared() as dynamodb:
        assert dynamodb.list_tables()["TableNames"] == []
        empty_tables()
        assert set(dynamodb.list_tables()["TableNames"]) == {first, *others}
        assert [dynamodb.scan(TableName=name)["Items"] for name in [first, *others]] == [[]] * (1 + len(others))
        assert without_identity(dynamodb.describe_table(TableName=first)) == before
        to_live = [dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"] for name in [first, *others]]
        assert all(one.get("AttributeName") != "other" for one in to_live)
        assert "QueueUrls" not in boto3.client("sqs", region_name=REGION).list_queues()


def test_moto_is_as_it_was_afterwards() -> None:
    from tests.support import aws_in_memory as module

    before = [getattr(where, name, None) for where, name, _ in module._REPLACEMENTS]
    with pytest.raises(ValueError, match="within"), aws_in_memory():
        raise ValueError("within")

    assert [getattr(where, name, None) for where, name, _ in module._REPLACEMENTS] == before
