"""Threads in virtual time: real code that sleeps, run one step at a time in an order that a seed decides.

Example::

    time = VirtualThreads()
    results = time.run([lambda: race(time.sleep), lambda: race(time.sleep)])
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")


class VirtualThreads:
    """One clock and the threads that wait for it. Only one runs at a time, so nothing between two sleeps is interrupted."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, threading.Semaphore]] = []
        self._yielded = threading.Semaphore(0)
        self._waiting = threading.local()

    def sleep(self, seconds: float) -> None:
        """Lets the others go on until ``seconds`` have passed."""
        own: threading.Semaphore = self._waiting.own
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), own))
        self._yielded.release()
        own.acquire()

    def monotonic(self) -> float:
        """The virtual time, in seconds."""
        return self.now

    def run(self, functions: Sequence[Callable[[], _T]]) -> list[_T | BaseException]:
        """Runs all side by side; gives what each returned or raised."""
        results: list[_T | BaseException] = [RuntimeError("it did not end")] * len(functions)

        def body(number: int, own: threading.Semaphore) -> None:
            self._waiting.own = own
            own.acquire()
            try:
                results[number] = functions[number]()
            except BaseException as error:  # noqa: BLE001 - what it raised is its result
                results[number] = error
            self._yielded.release()

        threads = []
        for number in range(len(functions)):
            own = threading.Semaphore(0)
            heapq.heappush(self._due, (self.now, next(self._numbers), own))
            threads.append(threading.Thread(target=body, args=(number, own), daemon=True))
            threads[-1].start()
        while self._due:
            self.now, _, own = heapq.heappop(self._due)
            own.release()
            self._yielded.acquire()
        for thread in threads:
            thread.join()
        return results
