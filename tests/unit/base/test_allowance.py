"""What one request may use."""

from __future__ import annotations

import pytest

from event_service.base.allowance import Allowance, current_allowance
from event_service.base.errors import TooLarge
from event_service.base.threads import ContextThreads


class Seconds:
    """Since some moment."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_ends() -> None:
    clock = Seconds()
    allowance = Allowance(20, 0, 0, clock)

    clock.now += 20
    allowance.check()
    assert allowance.time_left == 0
    clock.now += 0.1
    with pytest.raises(TooLarge, match="more than 20 s"):
        allowance.check()


def test_an_answered_request_has_no_time_left() -> None:
    allowance = Allowance(20, 0, 0)

    allowance.end()

    assert allowance.time_left == 0
    with pytest.raises(TooLarge):
        allowance.check()


def test_bytes_are_added_up() -> None:
    allowance = Allowance(20, read_bytes=10, shown_bytes=5)

    allowance.take_read(10)
    allowance.take_shown(5)
    with pytest.raises(TooLarge, match="reads more than 10 bytes"):
        allowance.take_read(1)
    with pytest.raises(TooLarge, match="more than 5 bytes together"):
        allowance.take_shown(1)


def test_who_asked_for_too_much_reads_nothing_more() -> None:
    allowance = Allowance(20, read_bytes=10, shown_bytes=5)
    allowance.check()

    with pytest.raises(TooLarge):
        allowance.take_shown(6)

    with pytest.raises(TooLarge, match="more than 5 bytes together"):
        allowance.check()


def test_threads_of_a_request_see_its_allowance_and_others_do_not() -> None:
    allowance = Allowance(20, 0, 0)

    with ContextThreads(2) as threads:
        with allowance.applied():
            assert list(threads.map(lambda _: current_allowance(), range(4))) == [allowance] * 4
        assert list(threads.map(lambda _: current_allowance(), range(4))) == [None] * 4
