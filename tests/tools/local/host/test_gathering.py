"""Few messages are handed over at once; many gather, unless whole batches wait."""

from __future__ import annotations

import pytest

from local.host.gathering import COUNTED_SECONDS, GATHER_SECONDS, MANY_PER_SECOND, WHOLE_BATCH, Gathering


def _after(batches: list[int], seconds: float = COUNTED_SECONDS) -> Gathering:
    now = [100.0]
    gathering = Gathering(lambda: now[0])
    for messages in batches:
        gathering.add(messages)
    now[0] += seconds
    return gathering


def test_few_messages_never_wait() -> None:
    few = int(MANY_PER_SECOND * COUNTED_SECONDS)

    assert _after([1] * few).pause() == 0


def test_many_messages_gather_until_there_are_few_again() -> None:
    many = int(MANY_PER_SECOND * COUNTED_SECONDS) + 1
    gathering = _after([1] * many)

    assert gathering.pause() == GATHER_SECONDS
    assert gathering.pause() == GATHER_SECONDS


def test_whole_batches_are_not_kept_back() -> None:
    gathering = _after([WHOLE_BATCH] * MANY_PER_SECOND)

    assert gathering.pause() == 0
    assert gathering.pause() == GATHER_SECONDS, "the last look found no whole batch"


@pytest.mark.parametrize("seconds", [COUNTED_SECONDS / 2, 100 * COUNTED_SECONDS])
def test_a_burst_counts_by_its_time(seconds: float) -> None:
    many = int(MANY_PER_SECOND * COUNTED_SECONDS) + 1

    assert _after([1] * many, seconds).pause() == 0
