"""SQS: one client for all queues of a process.

The SDK's own retries are off. A request whose answer was lost may have been sent, and SQS gives the second copy a
receive count of 1 (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html).
Only who sends it again can mark it as a repeat, so the tries are made here. A request that was
refused or never left is sent again as it is.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from event_service.aws.user_agent import USER_AGENT
from event_service.base.errors import RateLimited, Unavailable
from event_service.base.queue_message import QueueMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS: Final = 1
READ_TIMEOUT_SECONDS: Final = 5
SENDERS: Final = 8
"""Batches on their way at once."""
BATCHES_AT_HAND: Final = 64
"""Batches whose texts are made before the first of them is sent, which bounds memory to as many megabytes."""
TRIES: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.05
LEAST_SECONDS: Final = READ_TIMEOUT_SECONDS + CONNECT_TIMEOUT_SECONDS
"""With less time left, a call is not begun: it could not end before the process is stopped."""


MAXIMUM_BATCH_ENTRIES: Final = 10
# SQS takes ten messages and 1 MiB (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
# Marking all ten messages as repeats must not make a batch larger than that.
MAXIMUM_BATCH_BYTES: Final = 1_048_576 - 10 * 32

_THROTTLED: Final = {
    "OverLimit",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_NEVER_LEFT: Final = (ConnectTimeoutError, EndpointConnectionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message for a queue.

    Attributes:
        message: what is sent.
        delay_seconds: 0 to 900, standard queues only.
        deduplication_id: FIFO queues only.
    """

    message: QueueMessage
    delay_seconds: int = 0
    deduplication_id: str | None = None

    def arguments(self, *, repeat: bool) -> dict[str, Any]:
        """As SendMessage and SendMessageBatch take it."""
        arguments: dict[str, Any] = {"MessageBody": self.message.text(repeat=repeat), "MessageGroupId": self.message.group}
        if self.delay_seconds:
            arguments["DelaySeconds"] = self.delay_seconds
        if self.deduplication_id is not None:
            arguments["MessageDeduplicationId"] = self.deduplication_id
        return arguments


def connect(region: str, endpoint_url: str | None) -> SQSClient:
    """A client with short time-outs and no retries of its own."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=SENDERS,
        tcp_keepalive=True,
        user_agent=USER_AGENT,
    )
    session = botocore.session.get_session()
    return cast("SQSClient", session.create_client("sqs", region_name=region, endpoint_url=endpoint_url, config=config))


class Queues:
    """Sends to queues by their URLs."""

    def __init__(self, make_client: Callable[[], SQSClient], sleep: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            make_client: called on the first use.
            sleep: waits between tries, in seconds.
        """
        self._make_client = make_client
        self._sleep = sleep

    @cached_property
    def _client(self) -> SQSClient:
        return self._make_client()

    def send(self, queue_url: str, entry: Entry) -> None:
        """Sends one message.

        Raises:
            RateLimited: SQS took none of the tries.
            Unavailable: it may have been sent.
        """
        repeat = False
        throttled = False
        cause: Exception | None = None
        for attempt in range(TRIES):
            if attempt:
                self._pause(attempt)
            try:
                self._client.send_message(QueueUrl=queue_url, **entry.arguments(repeat=repeat))
            except _NEVER_LEFT as error:
                cause = error
            except BotoCoreError as error:
                cause, repeat = error, True
            except ClientError as error:
                cause = error
                throttled = _is_throttled(error)
                if not throttled and not _is_server_fault(error):
                    break
                repeat = repeat or not throttled
            else:
                return
        if throttled and not repeat:
            raise RateLimited("The queue is too busy at the moment; nothing was accepted. Try again in a few seconds.") from cause
        raise Unavailable(f"SQS SendMessage: {_name(cause)}") from cause

    def delete(self, queue_url: str, receipts: Sequence[str]) -> None:
        """Deletes received messages, ten a call. One that is gone already is fine.

        Raises:
            RateLimited: SQS throttles.
            Unavailable: a call failed; some may be left, and come again.
        """
        for first in range(0, len(receipts), MAXIMUM_BATCH_ENTRIES):
            some = receipts[first : first + MAXIMUM_BATCH_ENTRIES]
            entries: list[Any] = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(some)]
            try:
                self._client.delete_message_batch(QueueUrl=queue_url, Entries=entries)
            except BotoCoreError as error:
                raise Unavailable(f"SQS DeleteMessageBatch: {type(error).__name__}") from error
            except ClientError as error:
                if _is_throttled(error):
                    raise RateLimited("The queue is too busy at the moment.") from error
                raise Unavailable(f"SQS DeleteMessageBatch: {_code(error)}") from error

    def send_all(self, queue_url: str, entries: Sequence[Entry], time_left: Callable[[], float]) -> list[int]:
        """Sends many messages, ten or a megabyte a call, several calls at once; tries again what failed.

        Args:
            queue_url: the queue.
            entries: any number.
            time_left: seconds; no call is begun with fewer than 6.

        Returns:
            The positions of those that may not have been sent.
        """
        batches = self._batches(entries)
        first = list(itertools.islice(batches, 2))
        if len(first) < 2:
            return [position for batch in first for position in self._send_batch(queue_url, batch, time_left)]
        unsent: list[int] = []
        rest = itertools.chain(first, batches)
        with ThreadPoolExecutor(max_workers=SENDERS) as threads:
            while some := list(itertools.islice(rest, BATCHES_AT_HAND)):
                for positions in threads.map(lambda batch: self._send_batch(queue_url, batch, time_left), some):
                    unsent.extend(positions)
        return sorted(unsent)

    def delete_all(self, queue_url: str, receipts: Sequence[str]) -> None:
        """Removes received messages. Does not raise: one that was not removed is received again."""
        for some in _tens(receipts):
            entries: list[Any] = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(some)]
            self._try(partial(self._client.delete_message_batch, QueueUrl=queue_url, Entries=entries))

    def show_again(self, queue_url: str, receipts: Sequence[str], seconds: int) -> None:
        """Has received messages come again after ``seconds`` (0 to 43,200). Does not raise: they come again anyway, when
        the queue's visibility time-out is over."""
        for some in _tens(receipts):
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": seconds} for number, receipt in enumerate(some)
            ]
            self._try(partial(self._client.change_message_visibility_batch, QueueUrl=queue_url, Entries=entries))

    @staticmethod
    def _try(call: Callable[[], Mapping[str, Any]]) -> None:
        try:
            failed = call().get("Failed", [])
        except (BotoCoreError, ClientError) as error:
            _LOG.warning("SQS did not act on received messages: %s", _name(error))
            return
        if failed:
            _LOG.warning("SQS did not act on %d received messages: %s", len(failed), failed[0].get("Code"))

    @staticmethod
    def _batches(entries: Sequence[Entry]) -> Iterator[_Batch]:
        batch: _Batch = {}
        size = 0
        for position, entry in enumerate(entries):
            arguments = entry.arguments(repeat=False)
            entry_size = len(arguments["MessageBody"].encode())
            if batch and (len(batch) == MAXIMUM_BATCH_ENTRIES or size + entry_size > MAXIMUM_BATCH_BYTES):
                yield batch
                batch, size = {}, 0
            batch[position] = (entry, arguments)
            size += entry_size
        if batch:
            yield batch

    def _send_batch(self, queue_url: str, batch: _Batch, time_left: Callable[[], float]) -> list[int]:
        left = batch
        for attempt in range(TRIES):
            if attempt:
                self._pause(attempt)
            if time_left() < LEAST_SECONDS:
                break
            entries: list[Any] = [{"Id": str(position), **arguments} for position, (_, arguments) in left.items()]
            try:
                answer = self._client.send_message_batch(QueueUrl=queue_url, Entries=entries)
            except _NEVER_LEFT:
                continue
            except BotoCoreError:
                left = _as_repeats(left)
                continue
            except ClientError as error:
                if _is_throttled(error):
                    continue
                if not _is_server_fault(error):
                    break
                left = _as_repeats(left)
                continue
            failed = answer.get("Failed", [])
            left = {int(one["Id"]): left[int(one["Id"])] for one in failed}
            if all(one.get("SenderFault", False) for one in failed):
                # All were sent, or what is left is refused for what it is.
                break
        return list(left)

    def _pause(self, attempt: int) -> None:
        longest = FIRST_PAUSE_SECONDS * 2.0**attempt
        # Full jitter: senders that were throttled together must not come back together.
        self._sleep(random.uniform(longest / 2, longest))  # noqa: S311 - spreads load, guards nothing


def _tens(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(receipts), MAXIMUM_BATCH_ENTRIES):
        yield receipts[first : first + MAXIMUM_BATCH_ENTRIES]


_Batch = dict[int, tuple[Entry, dict[str, Any]]]


def _as_repeats(batch: _Batch) -> _Batch:
    return {position: (entry, entry.arguments(repeat=True)) for position, (entry, _) in batch.items()}


def _code(error: ClientError) -> str:
    # The query protocol's compatibility prefixes some codes: "AWS.SimpleQueueService.NonExistentQueue".
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def _is_throttled(error: ClientError) -> bool:
    return _code(error) in _THROTTLED


def _is_server_fault(error: ClientError) -> bool:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)) >= 500


def _name(error: Exception | None) -> str:
    return _code(error) if isinstance(error, ClientError) else type(error).__name__
