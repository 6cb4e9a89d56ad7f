"""The database adapter against answers that AWS gives and moto never does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import VerboseClientError
from pynamodb.models import Model

from event_service.aws.batches import BATCH_TRIES
from event_service.aws.connection import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, connect
from event_service.aws.dynamodb import ConditionFailed, Database, Key, TransactionCanceled, Write
from event_service.base.allowance import Allowance
from event_service.base.errors import RateLimited, TooLarge, Unavailable

Answer = dict[str, Any] | Exception


class Item(Model):
    class Meta:
        table_name = "items"

    key = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)


class Scripted:
    """A connection that gives prepared answers and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(code: str, **more: Any) -> Exception:
    """As PynamoDB raises it: its own error, whose cause holds the whole answer."""
    answer: Any = {"Error": {"Code": code, "Message": ""}, **more}
    cause = ClientError(answer, "X")
    error = VerboseClientError({"Error": {"Code": code, "Message": ""}}, "X", {})
    error.__cause__ = cause
    return error


def database(*answers: Answer) -> tuple[Database, Scripted, list[float]]:
    connection = Scripted(*answers)
    pauses: list[float] = []
    return Database(connection, lambda name: f"deployed-{name}", sleep=pauses.append), connection, pauses  # type: ignore[arg-type]


def keys(count: int) -> list[Key]:
    return [Key(Item, "k", number) for number in range(count)]


def test_100_keys_are_read_in_a_call_and_equal_ones_once() -> None:
    data, connection, _ = database({"Responses": {}}, {"Responses": {}})
    data.batch_get([*keys(150), *keys(150)])
    assert [len(call["RequestItems"]["deployed-items"]["Keys"]) for _, call in connection.calls] == [100, 50]


def test_unprocessed_keys_are_asked_again_with_growing_pauses() -> None:
    left = {"deployed-items": {"Keys": [{"key": {"S": "k"}, "number": {"N": "1"}}], "ConsistentRead": True}}
    found = {"key": {"S": "k"}, "number": {"N": "1"}}
    data, connection, pauses = database(
        {"Responses": {}, "UnprocessedKeys": left},
        {"Responses": {}, "UnprocessedKeys": left},
        {"Responses": {"deployed-items": [found]}},
    )
    assert data.batch_get(keys(1)) == [(Item, found)]
    assert connection.calls[2][1]["RequestItems"] == left
    assert 0 < pauses[0] <= 0.05 < pauses[1] <= 0.1


def test_what_stays_unprocessed_is_throttled_not_forgotten() -> None:
    left: Answer = {"UnprocessedItems": {"deployed-items": [{"PutRequest": {"Item": {}}}]}}
    data, connection, _ = database(*[left] * BATCH_TRIES)
    with pytest.raises(RateLimited):
        data.batch_write([Item("k", 1)])
    assert len(connection.calls) == BATCH_TRIES


def test_a_throttled_page_is_asked_for_again_and_no_page_before_it() -> None:
    busy = refused("ThrottlingException")
    first: Answer = {"Items": [{"key": {"S": "1"}}], "LastEvaluatedKey": {"key": {"S": "1"}}}
    data, connection, pauses = database(first, busy, busy, {"Items": [{"key": {"S": "2"}}]})

    found = list(data.query_all(Item, Item.key == "k", tries=3))

    assert [item["key"]["S"] for item in found] == ["1", "2"]
    assert [call.get("ExclusiveStartKey") for _, call in connection.calls] == [None, *[{"key": {"S": "1"}}] * 3]
    assert all(0.5 <= pause <= 2 for pause in pauses)
    data, connection, _ = database(busy, busy)
    with pytest.raises(RateLimited):
        list(data.query_all(Item, Item.key == "k", tries=2))


def test_25_writes_go_into_a_call() -> None:
    data, connection, _ = database({}, {})
    data.batch_write([Item("k", number) for number in range(20)], [Key(Item, "d", number) for number in range(10)])
    assert [len(call["RequestItems"]["deployed-items"]) for _, call in connection.calls] == [25, 5]


def test_a_refused_condition_carries_what_stands_there() -> None:
    data, connection, _ = database(refused("ConditionalCheckFailedException", Item={"key": {"S": "other"}}))
    with pytest.raises(ConditionFailed) as caught:
        data.put(Item("k", 1), Item.key.does_not_exist())
    assert caught.value.current == {"key": {"S": "other"}}
    assert connection.calls[0][1]["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (refused("ProvisionedThroughputExceededException"), RateLimited),
        (refused("ThrottlingException"), RateLimited),
        (refused("InternalServerError"), Unavailable),
        (refused("AccessDeniedException"), Unavailable),
        (ReadTimeoutError(endpoint_url="http://x"), Unavailable),
        (refused("TransactionConflictException"), TransactionCanceled),
    ],
)
def test_aws_errors_become_the_domains(error: Exception, becomes: type[Exception]) -> None:
    calls: list[Callable[[Database], object]] = [
        lambda data: data.get(Item, "k", 1),
        lambda data: data.put(Item("k", 1)),
        lambda data: data.delete(Key(Item, "k", 1)),
        lambda data: data.query(Item, Item.key == "k"),
        lambda data: data.batch_get(keys(1)),
        lambda data: data.batch_write([Item("k", 1)]),
        lambda data: data.transact([Write.put(Item("k", 1))]),
    ]
    for call in calls:
        with pytest.raises(becomes):
            call(database(error)[0])


def test_a_cancelled_transaction_says_why_for_each_action() -> None:
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed"}]
    data, _, _ = database(refused("TransactionCanceledException", CancellationReasons=reasons))
    with pytest.raises(TransactionCanceled) as caught:
        data.transact([Write.put(Item("k", 1)), Write.put(Item("k", 2))])
    assert caught.value.reasons == [None, "ConditionalCheckFailed"]


def test_a_transaction_that_was_only_throttled_is_throttled() -> None:
    reasons = [{"Code": "ThrottlingError"}, {"Code": "None"}]
    data, _, _ = database(refused("TransactionCanceledException", CancellationReasons=reasons))
    with pytest.raises(RateLimited):
        data.transact([Write.put(Item("k", 1))])


def test_a_query_goes_on_where_the_page_ended() -> None:
    data, connection, _ = database(
        {"Items": [{"key": {"S": "k"}}], "Count": 1, "LastEvaluatedKey": {"key": {"S": "k"}}},
        {"Items": [], "Count": 0},
    )
    assert len(list(data.query_all(Item, Item.key == "k", attributes=["key", "number"]))) == 1
    assert connection.calls[1][1]["ExclusiveStartKey"] == {"key": {"S": "k"}}
    assert connection.calls[0][1]["ProjectionExpression"].count("#") == 2


def test_the_client_gives_up_soon() -> None:
    config: Any = connect("us-east-1", "http://127.0.0.1:1").client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
    assert config.retries["total_max_attempts"] == 3


def test_equal_keys_are_written_once_and_the_last_counts() -> None:
    data, connection, _ = database({}, {})

    data.batch_write([Item("k", 1), Item("k", 2), Item("k", 1)], [Key(Item, "k", 2)])
    data.batch_put(Item, [{"key": {"S": "k"}, "number": {"N": "1"}, "n": {"N": str(number)}} for number in range(2)])

    assert connection.calls[0][1]["RequestItems"]["deployed-items"] == [
        {"PutRequest": {"Item": {"key": {"S": "k"}, "number": {"N": "1"}}}},
        {"DeleteRequest": {"Key": {"key": {"S": "k"}, "number": {"N": "2"}}}},
    ]
    assert connection.calls[1][1]["RequestItems"]["deployed-items"] == [
        {"PutRequest": {"Item": {"key": {"S": "k"}, "number": {"N": "1"}, "n": {"N": "1"}}}}
    ]


def test_several_batches_are_written_at_once() -> None:
    """Each call waits for the other: one after the other they would never end."""
    together = threading.Barrier(2, timeout=10)

    class Waiting(Scripted):
        def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            together.wait()
            return super().dispatch(operation, arguments)

    connection = Waiting({}, {})
    Database(connection, str).batch_write([Item("k", number) for number in range(26)])  # type: ignore[arg-type]

    assert len(connection.calls) == 2


def test_no_call_is_made_for_a_request_that_was_answered() -> None:
    data, connection, _ = database({}, {})
    allowance = Allowance(10, 1_000, 1_000)

    with allowance.applied():
        data.get(Item, "k", 1)
        allowance.end()
        with pytest.raises(TooLarge, match="more than 10 s"):
            data.get(Item, "k", 1)

    assert len(connection.calls) == 1


def test_threads_of_a_request_end_with_it_too() -> None:
    data, connection, _ = database(*[{}] * 3)
    allowance = Allowance(10, 1_000, 1_000)
    allowance.end()

    with allowance.applied(), pytest.raises(TooLarge):
        data.batch_write([Item("k", number) for number in range(60)])

    assert connection.calls == []


def test_bytes_that_aws_answers_with_are_taken_off_what_a_request_may_read() -> None:
    answer: Answer = {"Items": [], "ResponseMetadata": {"HTTPHeaders": {"content-length": "600"}}}
    data, _, _ = database(*[answer] * 3)

    with Allowance(10, 1_000, 1_000).applied():
        data.query(Item, Item.key == "k")
        data.query(Item, Item.key == "k", counted=False)
        with pytest.raises(TooLarge, match="more than 1,000 bytes"):
            data.query(Item, Item.key == "k")
