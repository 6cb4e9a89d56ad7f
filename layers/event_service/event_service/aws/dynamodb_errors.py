"""What AWS answers instead of doing a call, in the terms of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from event_service.aws.batches import AttributeMap
from event_service.base.errors import RateLimited, Unavailable

_THROTTLED: Final = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "ThrottledException",
    "TooManyRequestsException",
}


class ConditionFailed(Exception):
    """A conditional write was refused. ``current`` is what stands there, if anything does."""

    def __init__(self, current: AttributeMap | None) -> None:
        super().__init__("the condition of a write was not met")
        self.current = current


class TransactionCanceled(Exception):
    """A transaction was refused; ``reasons`` has the code of each action, ``None`` for one that was fine."""

    def __init__(self, reasons: Sequence[str | None]) -> None:
        super().__init__(f"a transaction was cancelled: {list(reasons)}")
        self.reasons = list(reasons)


def translated(operation: str, error: ClientError) -> Exception:
    """The exception to raise for ``error``, which PynamoDB or botocore raised."""
    code = error.response.get("Error", {}).get("Code", "")
    # PynamoDB wraps the error and keeps the answer, with the old item and the reasons, in its cause.
    cause = error.__cause__
    answer: dict[str, Any] = dict(cause.response) if isinstance(cause, ClientError) else dict(error.response)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(answer.get("Item"))
    if code == "TransactionCanceledException":
        reasons = [reason.get("Code") for reason in answer.get("CancellationReasons", [])]
        reasons = [None if reason in (None, "None") else reason for reason in reasons]
        if set(filter(None, reasons)) and set(filter(None, reasons)) <= _THROTTLED | {"ThrottlingError"}:
            return RateLimited("The database is too busy at the moment; try again in a few seconds.")
        return TransactionCanceled(reasons)
    if code == "TransactionConflictException":
        return TransactionCanceled(["TransactionConflict"])
    if code in _THROTTLED:
        return RateLimited("The database is too busy at the moment; try again in a few seconds.")
    return Unavailable(f"DynamoDB {operation}: {code}")
