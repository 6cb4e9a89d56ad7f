"""Functions run in a bounded number of processes; who finds none free waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from local.host import pool as module
from local.host.pool import Pool

SECONDS = 20.0
"""That no test waits for unless something is wrong."""


class Made:
    """Makes numbered workers."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.count += 1
            return self.count


@pytest.fixture
def made() -> Made:
    return Made()


def _pool(make: Callable[[], int], limit: int) -> Pool[int]:
    return Pool(make, limit, threading.Semaphore(1))


def _until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(2_000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not come about")


def test_a_worker_that_is_free_is_used_again(made: Made) -> None:
    pool = _pool(made, 4)

    leased = []
    for _ in range(3):
        worker = pool.lease(SECONDS)
        assert worker is not None
        leased.append(worker)
        pool.release(worker)

    assert leased == [1, 1, 1]


def test_a_burst_makes_no_more_workers_than_the_limit_and_serves_all(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.001)
    pool = _pool(made, 3)
    served = []

    def invoke(number: int) -> None:
        worker = pool.lease(SECONDS)
        assert worker is not None
        threading.Event().wait(0.002)
        served.append(number)
        pool.release(worker)

    with ThreadPoolExecutor(50) as threads:
        for waiting in [threads.submit(invoke, number) for number in range(500)]:
            waiting.result()

    assert sorted(served) == list(range(500))
    assert made.count == pool.size == 3


def test_another_worker_is_made_only_when_none_comes_free(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", SECONDS)
    pool = _pool(made, 4)
    first = pool.lease(SECONDS)
    assert first is not None
    with ThreadPoolExecutor(1) as threads:
        second: Future[int | None] = threads.submit(pool.lease, SECONDS)
        _until(lambda: pool.waiting == 1)
        pool.release(first)

        assert second.result() == first

    assert made.count == 1


def test_workers_of_all_pools_are_made_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.001)
    starts = threading.Semaphore(1)
    making, most, lock = 0, 0, threading.Lock()

    def make() -> object:
        nonlocal making, most
        with lock:
            making += 1
            most = max(most, making)
        threading.Event().wait(0.01)
        with lock:
            making -= 1
        return object()

    pools = [Pool(make, 5, starts) for _ in range(2)]
    firsts = [pool.lease(SECONDS) for pool in pools]
    most = 0
    with ThreadPoolExecutor(8) as threads:
        leases = [threads.submit(pool.lease, SECONDS) for pool in pools for _ in range(4)]
        rest = [lease.result() for lease in leases]

    assert None not in firsts + rest
    assert most == 1


def test_who_waits_longest_is_served_first(made: Made) -> None:
    pool = _pool(made, 1)
    worker = pool.lease(SECONDS)
    assert worker is not None
    order = []

    def invoke(number: int) -> None:
        got = pool.lease(SECONDS)
        assert got is not None
        order.append(number)
        pool.release(got)

    with ThreadPoolExecutor(5) as threads:
        for number in range(5):
            threads.submit(invoke, number)
            _until(lambda number=number: pool.waiting == number + 1)  # type: ignore[misc]  # mypy sees no default in a lambda
        pool.release(worker)

    assert order == [0, 1, 2, 3, 4]


def test_who_waits_does_not_look_again_and_again_when_no_more_may_be_made(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands who wait would take the processor from those that they wait for."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.001)
    looks = 0

    class Counted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal looks
            looks += 1
            return super().wait(timeout)

    class Ticket(module._Ticket[int]):
        def __init__(self) -> None:
            super().__init__()
            self.given = Counted()

    class Tickets:
        """Stands for the generic class, which is called with its type."""

        def __class_getitem__(cls, _of: object) -> type[Ticket]:
            return Ticket

    monkeypatch.setattr(module, "_Ticket", Tickets)
    pool = _pool(made, 1)
    worker = pool.lease(SECONDS)
    assert worker is not None

    def invoke() -> None:
        got = pool.lease(SECONDS)
        assert got is not None
        pool.release(got)

    with ThreadPoolExecutor(10) as threads:
        for _ in range(10):
            threads.submit(invoke)
        _until(lambda: looks == 20)
        threading.Event().wait(0.1)
        pool.release(worker)

    assert looks == 20, "one look after some patience, and one wait"


def test_who_waits_in_vain_is_told_so_and_leaves_the_line(made: Made) -> None:
    pool = _pool(made, 1)
    worker = pool.lease(SECONDS)
    assert worker is not None

    assert pool.lease(0.01) is None

    pool.release(worker)
    assert pool.waiting == 0
    assert pool.lease(SECONDS) == worker


def test_too_many_in_the_line_are_turned_away_at_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 0)
    pool = _pool(made, 1)
    assert pool.lease(SECONDS) == 1

    assert pool.lease(SECONDS) is None


def test_a_broken_worker_is_replaced_also_for_one_who_waits(made: Made) -> None:
    pool = _pool(made, 1)
    assert pool.lease(SECONDS) == 1
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.lease, SECONDS)
        _until(lambda: pool.waiting == 1)
        pool.discard()

        assert waiting.result() == 2

    pool.discard()
    assert pool.size == 0
    assert pool.lease(SECONDS) == 3


def test_idle_workers_are_given_up_but_one(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.001)
    pool = _pool(made, 3)
    leased = [pool.lease(SECONDS) for _ in range(3)]
    for worker in leased:
        assert worker is not None
        pool.release(worker)

    assert pool.take_idle(SECONDS) == []
    assert len(pool.take_idle(0)) == 2
    assert pool.size == 1
    assert pool.lease(SECONDS) in leased
