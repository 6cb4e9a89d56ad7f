"""Runs several actors, each in a thread, one step at a time in an order that a seed chooses.

A step ends at each call to the outside, before it acts or after it has acted. There the scheduler may let the call
fail, lose its answer, or kill the actor, as a Lambda that is stopped: the same seed does the same again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from event_service.base.errors import RateLimited, Unavailable


class Killed(BaseException):
    """The process of an actor is gone. No code of ours may catch it."""


def _taken_lock() -> threading.Lock:
    # A turn is handed over hundreds of thousands of times: a lock costs a third of a semaphore, which is written in Python.
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Thread:
    """Runs one actor after another: to begin a thread takes longer than all the turns of an actor."""

    idle: ClassVar[list[_Thread]] = []

    def __init__(self) -> None:
        self.turn = _taken_lock()
        self.act: Callable[[], None] = lambda: None
        threading.Thread(target=self._run, daemon=True).start()

    @classmethod
    def get(cls) -> _Thread:
        return cls.idle.pop() if cls.idle else cls()

    def _run(self) -> None:
        while True:
            self.turn.acquire()
            self.act()


@dataclass(slots=True)
class Actor:
    """One process."""

    name: str
    turn: threading.Lock
    """Held, but for the moment in which somebody is given the turn."""
    finished: bool = False
    doomed: bool = False
    ends: datetime | None = None
    """When Lambda stops it, whatever it is doing."""
    error: BaseException | None = None


class Scheduler:
    """Gives turns."""

    def __init__(self, seed: int, faults: float, clock: Callable[[], datetime] | None = None) -> None:
        """
        Args:
            seed: decides everything.
            faults: the share of calls to the outside that something happens to.
            clock: the time, for actors that end at a moment.
        """
        self._clock = clock
        self.random = random.Random(seed)
        self.faults = faults
        self.actors: list[Actor] = []
        self.happened: dict[str, int] = {}
        self._back = _taken_lock()
        self._here = threading.local()

    def start(self, name: str, act: Callable[[], None], ends: datetime | None = None) -> Actor:
        """A new process that does ``act`` when it is given turns, until it is stopped at ``ends``."""
        thread = _Thread.get()
        actor = Actor(name, thread.turn, ends=ends)

        def run() -> None:
            self._here.actor = actor
            try:
                act()
            except Killed:
                self._note("killed")
            except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
                actor.error = error
            finally:
                actor.finished = True
                thread.idle.append(thread)
                self._back.release()

        thread.act = run
        self.actors.append(actor)
        return actor

    def step(self) -> None:
        """One turn of one actor."""
        actor = self.random.choice(self.actors)
        actor.turn.release()
        self._back.acquire()
        if actor.finished:
            self.actors.remove(actor)
            if actor.error is not None:
                raise actor.error

    def before(self, operation: str) -> None:
        """A call to the outside begins: it may fail without having acted."""
        self._pause()
        if self.random.random() < self.faults:
            self._fault(operation)

    def after(self, operation: str) -> None:
        """A call to the outside has acted: its answer may be lost."""
        self._pause()
        if self.random.random() < self.faults:
            self._fault(operation, only=Unavailable)

    def before_post(self) -> None:
        """A post begins: its process may die; what else can happen to it is the management API's business."""
        self._pause()
        if self.random.random() < self.faults / 4:
            self._kill()

    def _fault(self, operation: str, only: type[Exception] | None = None) -> None:
        if self.random.random() < 0.3:
            self._kill()
        kind = only or self.random.choice((RateLimited, Unavailable))
        self._note(f"{kind.__name__} {operation}")
        raise kind(operation)

    def _kill(self) -> None:
        # What Python still runs while the exception travels must not reach the outside any more.
        self._here.actor.doomed = True
        raise Killed

    def _pause(self) -> None:
        actor: Actor | None = getattr(self._here, "actor", None)
        if actor is None:
            return
        if actor.doomed:
            raise Killed
        self._back.release()
        actor.turn.acquire()
        if actor.ends is not None and self._clock is not None and self._clock() >= actor.ends:
            self._note("stopped")
            self._kill()

    def _note(self, what: str) -> None:
        self.happened[what] = self.happened.get(what, 0) + 1
