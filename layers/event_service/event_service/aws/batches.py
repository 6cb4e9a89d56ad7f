"""Batches of reads and writes: how they are cut, and how what AWS left unprocessed is asked for again.

BatchGetItem takes 100 keys and BatchWriteItem 25 items, and neither takes two equal keys
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html). Both may answer with a part.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from event_service.base.errors import RateLimited

MAXIMUM_KEYS_PER_GET: Final = 100
MAXIMUM_WRITES_PER_BATCH: Final = 25
BATCH_TRIES: Final = 6
"""Of what a batch left unprocessed, with 50 ms to 1.6 s between, before the call counts as throttled."""

TOO_BUSY: Final = "The database is too busy at the moment; try again in a few seconds."

_T = TypeVar("_T")

AttributeMap = dict[str, dict[str, Any]]
Call = Callable[[str, dict[str, Any]], dict[str, Any]]


def key_names(write: Mapping[str, Any], names: Iterable[str]) -> tuple[str, ...]:
    """The key of one request of a BatchWriteItem, in a form that can be compared.

    Args:
        write: ``{"PutRequest": {"Item": …}}`` or ``{"DeleteRequest": {"Key": …}}``.
        names: the key attributes of the table.
    """
    put = write.get("PutRequest")
    item = write["DeleteRequest"]["Key"] if put is None else put["Item"]
    return tuple(str(item[name]) for name in names)


def write_requests(writes: Mapping[tuple[str, ...], tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Cuts writes, of one or several tables, into the ``RequestItems`` of as few BatchWriteItem calls as possible.

    Args:
        writes: by table and key, so that no key comes twice; each with its table.
    """
    flat = list(writes.values())
    requests: list[dict[str, Any]] = []
    for first in range(0, len(flat), MAXIMUM_WRITES_PER_BATCH):
        grouped: dict[str, Any] = {}
        for table, request in flat[first : first + MAXIMUM_WRITES_PER_BATCH]:
            grouped.setdefault(table, []).append(request)
        requests.append(grouped)
    return requests


def run_batch(
    call: Call,
    operation: str,
    request: dict[str, Any],
    sleep: Callable[[float], None],
    *,
    tries: int = BATCH_TRIES,
    may_leave: bool = False,
) -> Iterator[dict[str, Any]]:
    """Makes one batch call, and repeats it with what was left unprocessed.

    Args:
        call: makes one call.
        operation: BatchGetItem or BatchWriteItem.
        request: its ``RequestItems``.
        sleep: waits, in seconds.
        tries: calls at most.
        may_leave: whether a part may stay unprocessed, which the last answer then names.

    Yields:
        Each answer.

    Raises:
        RateLimited: a part is still unprocessed.
    """
    left_over = "UnprocessedKeys" if operation == "BatchGetItem" else "UnprocessedItems"
    pause = 0.05
    for attempt in range(tries):
        answer = call(operation, {"RequestItems": request})
        yield answer
        request = answer.get(left_over) or {}
        if not request:
            return
        if attempt + 1 < tries:
            # Full jitter: workers that were throttled together must not come back together.
            sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads load, guards nothing
            pause *= 2
    if not may_leave:
        raise RateLimited(TOO_BUSY)


def until_not_throttled(call: Callable[[], _T], sleep: Callable[[float], None], tries: int) -> _T:
    """Makes a call up to ``tries`` times while it is throttled, half a second to two seconds apart: a partition that has given all
    it can gives again in the next second.

    Raises:
        RateLimited: it was throttled each time.
    """
    for _ in range(tries - 1):
        try:
            return call()
        except RateLimited:
            sleep(random.uniform(0.5, 2.0))  # noqa: S311 - spreads load, guards nothing
    return call()
