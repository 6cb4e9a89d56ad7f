"""How fast the owner of a lane sends: what it learns of the receiver and what follows from it. Pure; times in seconds.

Three things are learnt:

* *How many requests at once.* The window grows with each answer while answers come as quickly as before, doubling at first, and
  is halved when at least half of the answers are failures. One failure among many changes nothing.
* *How many a second*, once the receiver has said 429, or 503 with ``Retry-After``. The rate at which it said so is its ceiling: the
  pace stays a little below it for a while, since each wrong guess costs a request and the pause that the receiver asks for, and
  then asks for more, slowly at first, until the receiver says so again.
* *Whether anybody is there.* When nothing succeeds with one request at a time, the lane rests, longer each time.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass, fields
from typing import Final

FIRST_WINDOW: Final = 8.0
TROUBLED_WINDOW: Final = 4.0
"""Of a lane that begins because its receiver is slow or fails."""
EPOCH_ANSWERS: Final = 10
"""Answers that are judged together."""
FAILURES_IN_ROW: Final = 3
"""Or so many failures without a success between them."""
FAILURE_SHARE: Final = 0.5
SLOWER: Final = 3.0
"""Answers that take this much longer than the quickest epoch mean that more at once brings nothing more."""
FIRST_RATE: Final = 1.0
LEAST_RATE: Final = 0.05
DECREASE: Final = 0.95
MOST_DECREASE: Final = 0.8
BELOW_CEILING: Final = 0.97
RETURN_PER_SECOND: Final = 0.01
"""Of the ceiling, on the way back to just below it."""
PLATEAU_SECONDS: Final = 30.0
PLATEAU_REQUESTS: Final = 60
PLATEAU_WISHES: Final = 20
"""The pace stays below the ceiling for the longest of: these seconds, the time of so many requests, so many times the pause that
the receiver asked for. So a guess that is wrong is a small share of the requests and of the time, whatever the limit."""
INCREASE_PER_SECOND: Final = 0.002
INCREASE_DOUBLES_SECONDS: Final = 10.0
"""At first after the plateau, and faster the longer there is no 429: each ten seconds add as much again."""
MAXIMUM_INCREASE: Final = 0.1
CATCH_UP_SECONDS: Final = 0.8
STEADY_RATE: Final = 10.0
"""Receivers that take fewer a second are asked for more more slowly: each wrong guess is a larger share of their requests."""
MEASURED_SECONDS: Final = 10.0
MEASURED_ANSWERS: Final = 20
MEASURED_SECONDS_AT_MOST: Final = 60.0
STARTING_INCREASE: Final = 2.0
"""Times, a second, until the receiver says 429 for the first time in this lane."""
LIMIT_REMEMBERED_SECONDS: Final = 3_600.0
FIRST_REST_SECONDS: Final = 2.0
MAXIMUM_REST_SECONDS: Final = 300.0
"""A receiver that is back is noticed within this time."""
WELL_SECONDS: Final = 30.0
"""Without trouble for so long, with answers, an endpoint goes back to the shared lane."""
SLOW_SECONDS: Final = 2.0


@dataclass(slots=True)
class Learnt:
    """What outlives an owner; times are of the wall clock."""

    window: float = FIRST_WINDOW
    threshold: float = 1e9
    quickest: float = 0.0
    rate: float | None = None
    starting: bool = False
    ceiling: float = 0.0
    limited_at: float = 0.0
    wish: float = 0.0
    active: float = 0.0
    """Seconds of sending since the last 429."""
    rests: int = 0
    well_since: float = 0.0
    credit: float = 1.0
    """Requests that may be opened at once; as of ``credit_at``. The next owner goes on where this one was."""
    credit_at: float = 0.0

    @classmethod
    def read(cls, text: str) -> Learnt:
        """Reads what :meth:`Pace.written` made; fields that a newer release added are ignored."""
        written = json.loads(text)
        return cls(**{one.name: written[one.name] for one in fields(cls) if one.name in written})


class Pace:
    """The pace of one lane, in the hands of its owner."""

    def __init__(self, maximum: int, now: float, written: str = "", *, troubled: bool = False, limited: bool = False) -> None:
        """
        Args:
            maximum: requests open at once, at most.
            now: the time.
            written: what the owner before has learnt.
            troubled: the receiver is known to be slow or to fail.
            limited: it has just said that it is asked too often.
        """
        self._maximum = maximum
        self.learnt = Learnt.read(written) if written else Learnt(TROUBLED_WINDOW if troubled else FIRST_WINDOW)
        self.open = 0
        self._inherited: list[float] = []
        self.learnt.credit_at = self.learnt.credit_at or now
        self._opened_at = now
        self._decreased_at = 0.0
        self._began = now
        self._taken: deque[float] = deque()
        self._answers: list[tuple[bool, float]] = []
        self._failures_in_row = 0
        if limited and self.learnt.rate is None:
            self._limit(now)
        if self.learnt.rate is not None and now - self.learnt.limited_at > LIMIT_REMEMBERED_SECONDS:
            self.learnt.rate = None
        self._knew_ceiling = self.learnt.ceiling > 0.0

    def written(self) -> str:
        """What the next owner goes on with."""
        return json.dumps(asdict(self.learnt), separators=(",", ":"))

    # -- asking ----------------------------------------------------------------------------------------------------------

    def wait(self, now: float) -> float | None:
        """Seconds until one more request may be opened: 0 for now, ``None`` for when one that is open has ended."""
        self._inherited = [until for until in self._inherited if until > now]
        if self.open + len(self._inherited) >= max(1, int(min(self.learnt.window, self._maximum))):
            return None if self.open else 1.0
        rate = self.learnt.rate
        if rate is None:
            return 0.0
        if self._failures_in_row and self.open:
            return None  # it said 429 a moment ago: one at a time shows whether it still does
        self._accrue(now, rate)
        return 0.0 if self.learnt.credit >= 1.0 else (1.0 - self.learnt.credit) / rate

    def inherit(self, until: float) -> None:
        """An owner before has a request open, until then at most."""
        self._inherited.append(until)

    def opened(self, now: float) -> None:
        """A request was opened."""
        self.open += 1
        if self.learnt.rate is not None:
            self._accrue(now, self.learnt.rate)
            self.learnt.credit -= 1.0
            self._increase(now, self.learnt.rate)

    def paused(self, since: float, until: float) -> None:
        """Nothing was sent meanwhile, because the receiver asked for it."""
        self.learnt.wish = until - since

    def _accrue(self, now: float, rate: float) -> None:
        passed = max(0.0, now - self.learnt.credit_at)
        self.learnt.credit_at = now
        # What was not sent during a short pause may follow it, as most limits allow.
        self.learnt.credit = min(self.learnt.credit + rate * passed, max(1.0, CATCH_UP_SECONDS * rate))

    def _increase(self, now: float, rate: float) -> None:
        """Asks for a little more, for the time in which requests were sent: a quiet hour says nothing about the limit."""
        learnt = self.learnt
        active = min(now - self._opened_at, 2.0 / rate)
        self._opened_at = now
        learnt.active += active
        near = BELOW_CEILING * learnt.ceiling
        if learnt.starting:
            learnt.rate = rate * STARTING_INCREASE**active
        elif rate < near:
            learnt.rate = min(near, rate + RETURN_PER_SECOND * learnt.ceiling * active)
        else:
            beyond = learnt.active - max(PLATEAU_SECONDS, PLATEAU_REQUESTS / rate, PLATEAU_WISHES * learnt.wish)
            if beyond > 0.0:
                increase = min(INCREASE_PER_SECOND * (1.0 + beyond / INCREASE_DOUBLES_SECONDS), MAXIMUM_INCREASE)
                learnt.rate = rate * (1.0 + increase * min(1.0, rate / STEADY_RATE)) ** active

    # -- learning --------------------------------------------------------------------------------------------------------

    def answered(self, now: float, seconds: float, *, succeeded: bool, limited: bool) -> None:
        """An answer came.

        Args:
            now: when.
            seconds: it took.
            succeeded: the receiver took the event.
            limited: it said that it is asked too often.
        """
        self.open -= 1
        if limited:
            self._failures_in_row += 1
            self._limit(now)
            return
        self._answers.append((succeeded, seconds))
        learnt = self.learnt
        if succeeded:
            self._failures_in_row = 0
            learnt.rests = 0
            self._taken.append(now)
            while self._taken[0] < now - MEASURED_SECONDS_AT_MOST:
                self._taken.popleft()
            if seconds < SLOW_SECONDS:
                learnt.well_since = learnt.well_since or now
                self._widen(seconds)
            else:
                learnt.well_since = 0.0
                self._widen(seconds)
        else:
            self._failures_in_row += 1
        # The more are open at once, the more answers it takes to tell a bad moment from a bad receiver.
        enough = max(EPOCH_ANSWERS, learnt.window)
        in_row = max(FAILURES_IN_ROW, learnt.window / 4)
        if len(self._answers) >= enough or self._failures_in_row >= in_row:
            self._judge()

    def _widen(self, seconds: float) -> None:
        learnt = self.learnt
        learnt.quickest = seconds if not learnt.quickest else min(seconds, learnt.quickest)
        if self.open + 1 < learnt.window * 0.7 or seconds > SLOWER * max(learnt.quickest, 0.02):
            return  # it is not the window that holds us back
        learnt.window += 1.0 if learnt.window < learnt.threshold else 1.0 / learnt.window
        learnt.window = min(learnt.window, float(self._maximum))

    def _judge(self) -> None:
        failed = sum(not succeeded for succeeded, _ in self._answers)
        if failed >= FAILURE_SHARE * len(self._answers):
            self.learnt.window = max(1.0, self.learnt.window / 2)
            self.learnt.threshold = max(FIRST_WINDOW, self.learnt.window)
            self.learnt.well_since = 0.0
        self._answers.clear()

    def _limit(self, now: float) -> None:
        learnt = self.learnt
        learnt.well_since = 0.0
        if learnt.rate is None:
            measured = self._measured(now)
            learnt.rate, learnt.starting = max(FIRST_RATE, measured), measured == 0.0
            self.learnt.credit = 0.0
        elif now - self._decreased_at > 1.0:
            # Of the answers to one burst the first one counts.
            self._decreased_at = now
            learnt.starting = False
            # What was measured lately may be too short to trust: one 429 takes a fifth at most, and the next one follows soon.
            measured = self._measured(now) if now - self._began >= MEASURED_SECONDS or not self._knew_ceiling else learnt.rate
            lowered = min(max(measured, MOST_DECREASE * learnt.rate), DECREASE * learnt.rate)
            learnt.rate = max(LEAST_RATE, lowered)
            learnt.ceiling = learnt.rate / DECREASE
        self.learnt.credit = min(self.learnt.credit, 0.0)
        learnt.limited_at, learnt.active = now, 0.0

    def _measured(self, now: float) -> float:
        """What the receiver took a second, lately."""
        span = max(MEASURED_SECONDS, MEASURED_ANSWERS / (self.learnt.rate or STEADY_RATE))
        span = min(span, MEASURED_SECONDS_AT_MOST, now - self._began)
        if span < 1.0:
            return 0.0
        # Pauses that the receiver asked for count: many limits are so many requests in a minute.
        return sum(at >= now - span for at in self._taken) / span

    # -- what follows ----------------------------------------------------------------------------------------------------

    def rest(self) -> float | None:
        """Seconds to leave the receiver alone, when nobody seems to be there; ``None`` when there is no reason to."""
        learnt = self.learnt
        # Once the receiver has been left alone, one request that fails says that nobody is there yet.
        enough = 1 if learnt.rests else FAILURES_IN_ROW
        if self.open or self._failures_in_row < enough or learnt.window > 1.0 or learnt.rate is not None:
            return None
        learnt.rests += 1
        return min(FIRST_REST_SECONDS * 2.0 ** (learnt.rests - 1), MAXIMUM_REST_SECONDS)

    def is_well(self, now: float) -> bool:
        """Whether the endpoint may go back to the shared lane."""
        learnt = self.learnt
        return learnt.rate is None and bool(learnt.well_since) and now - learnt.well_since >= WELL_SECONDS
