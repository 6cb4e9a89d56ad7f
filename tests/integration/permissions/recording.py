"""Notes, as IAM names it, what a function asks of AWS.

The SDK's own event says each operation before it is sent, whichever client makes it. What does not go through the SDK is
noted by the stand-in that answers it: see :mod:`tests.integration.permissions.account`.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from botocore import handlers

from tests.integration.permissions.roles import Permission

TRANSACTION_ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
SINGLE_ITEM = {"GetItem", "PutItem", "UpdateItem", "DeleteItem"}


def permissions_of(service: str, operation: str, parameters: dict[str, Any]) -> Iterator[Permission]:
    """What IAM asks for before it lets a call through.

    Raises:
        AssertionError: for an operation that nobody has looked up yet.
    """
    match service, operation:
        case "dynamodb", "BatchGetItem" | "BatchWriteItem":
            for table in parameters["RequestItems"]:
                yield Permission(f"dynamodb:{operation}", table)
        case "dynamodb", "Query":
            # an index is a resource of its own, and a query of it needs no permission on the table
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            yield Permission("dynamodb:Query", parameters["TableName"] + index)
        case "dynamodb", "TransactWriteItems":
            # there is no action of this name: IAM asks for that of each part
            for action in parameters["TransactItems"]:
                ((kind, body),) = action.items()
                yield Permission(f"dynamodb:{TRANSACTION_ACTIONS[kind]}", body["TableName"])
        case "dynamodb", single if single in SINGLE_ITEM:
            yield Permission(f"dynamodb:{single}", parameters["TableName"])
        case "sqs", "SendMessage" | "SendMessageBatch":
            yield Permission("sqs:SendMessage", parameters["QueueUrl"].rpartition("/")[2].removesuffix(".fifo"))
        case "sqs", "ChangeMessageVisibilityBatch":
            # a batch needs the permission of a single call
            yield Permission("sqs:ChangeMessageVisibility", parameters["QueueUrl"].rpartition("/")[2].removesuffix(".fifo"))
        case "lambda", "Invoke":
            yield Permission("lambda:InvokeFunction", parameters["FunctionName"].partition(":function:")[2])
        case _:
            raise AssertionError(f"which permission {service}:{operation} needs is not written down in this test")


class Recorder:
    """What each function has performed. Notes only while one of them runs."""

    def __init__(self) -> None:
        self.performed: dict[str, set[Permission]] = defaultdict(set)
        self.running: str | None = None
        self.interruptions: dict[str, Callable[[], None]] = {}
        """What happens elsewhere just before the running function's next call of an operation."""

    def note(self, permission: Permission) -> None:
        """One permission that the running function has needed."""
        if self.running is not None:
            self.performed[self.running].add(permission)

    def _interrupt(self, what: Callable[[], None]) -> None:
        function, self.running = self.running, None
        what()
        self.running = function

    @contextmanager
    def listening(self, invoke: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
        """Every SDK client that is made from now on tells us of its calls.

        Args:
            invoke: answers a call of ``lambda:Invoke``, which nothing in this process does otherwise.
        """

        def told(params: dict[str, Any], model: Any, **_: Any) -> None:
            if self.running is not None:
                for permission in permissions_of(model.service_model.service_name, model.name, params):
                    self.note(permission)
                if model.name in self.interruptions:
                    self._interrupt(self.interruptions.pop(model.name))

        def answer(model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
            payload = json.dumps(invoke(json.loads(params["body"])))
            return SimpleNamespace(status_code=200), {"StatusCode": 200, "Payload": io.BytesIO(payload.encode())}

        mine: list[Any] = [("provide-client-params", told), ("before-call.lambda.Invoke", answer)]
        handlers.BUILTIN_HANDLERS.extend(mine)
        try:
            yield
        finally:
            for one in mine:
                handlers.BUILTIN_HANDLERS.remove(one)
