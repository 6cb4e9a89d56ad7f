"""How fast the owner of a lane sends: what it finds out about the receiver and what follows from it. Pure; times in seconds.

Three things are found out:

* *How many requests at once.* The window grows with each answer while answers come as quickly as before, doubling at first, and
  is halved when at least half of the answers are failures. One failure among many changes nothing.
* *How many a second*, once the receiver has said 429, or 503 with ``Retry-After``. The rate at which it said so is its ceiling: the
  pace stays a little below it for a while, since each wrong guess costs a request and the pause that the receiver asks for, and
  then asks for more, slowly at first, until the receiver says so again.
* *Whether anybody is there.* When nothing succeeds with one request at a time, the lane rests, longer each time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from event_service.delivery.lane import FIRST_WINDOW, PaceState

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


class Pace:
    """The pace of one lane, in the hands of its owner."""

    def __init__(self, maximum: int, now: float, written: str = "", *, troubled: bool = False, limited: bool = False) -> None:
        """
        Args:
            maximum: requests open at once, at most.
            now: the time.
            written: what the owner before found out.
            troubled: the receiver is known to be slow or to fail.
            limited: it has just said that it is asked too often.
        """
        self._maximum = maximum
        self.state = PaceState.read(written) if written else PaceState(TROUBLED_WINDOW if troubled else FIRST_WINDOW)
        self.open = 0
        self._inherited: list[float] = []
        self.state.credit_at = self.state.credit_at or now
        self._opened_at = now
        self._decreased_at = 0.0
        self._began = now
        self._taken: deque[float] = deque()
        self._answers: list[tuple[bool, float]] = []
        self._failures_in_row = 0
        if limited and self.state.rate is None:
            self._limit(now)
        if self.state.rate is not None and now - self.state.limited_at > LIMIT_REMEMBERED_SECONDS:
            self.state.rate = None
        self._knew_ceiling = self.state.ceiling > 0.0

    def written(self) -> str:
        """What the next owner goes on with."""
        return self.state.text()

    # -- asking ----------------------------------------------------------------------------------------------------------

    def wait(self, now: float) -> float | None:
        """Seconds until one more request may be opened: 0 for now, ``None`` for when one that is open has ended."""
        self._inherited = [until for until in self._inherited if until > now]
        if self.open + len(self._inherited) >= max(1, int(min(self.state.window, self._maximum))):
            return None if self.open else 1.0
        rate = self.state.rate
        if rate is None:
            return 0.0
        if self._failures_in_row and self.open:
            return None  # it said 429 a moment ago: one at a time shows whether it still does
        self._accrue(now, rate)
        return 0.0 if self.state.credit >= 1.0 else (1.0 - self.state.credit) / rate

    def inherit(self, until: float) -> None:
        """An owner before has a request open, until then at most."""
        self._inherited.append(until)

    def opened(self, now: float) -> None:
        """A request was opened."""
        self.open += 1
        if self.state.rate is not None:
            self._accrue(now, self.state.rate)
            self.state.credit -= 1.0
            self._increase(now, self.state.rate)

    def paused(self, since: float, until: float) -> None:
        """Nothing was sent meanwhile, because the receiver asked for it."""
        self.state.wish = until - since

    def _accrue(self, now: float, rate: float) -> None:
        passed = max(0.0, now - self.state.credit_at)
        self.state.credit_at = now
        # What was not sent during a short pause may follow it, as most limits allow.
        self.state.credit = min(self.state.credit + rate * passed, max(1.0, CATCH_UP_SECONDS * rate))

    def _increase(self, now: float, rate: float) -> None:
        """Asks for a little more, for the time in which requests were sent: a quiet hour says nothing about the limit."""
        state = self.state
        active = min(now - self._opened_at, 2.0 / rate)
        self._opened_at = now
        state.active += active
        near = BELOW_CEILING * state.ceiling
        if state.starting:
            state.rate = rate * STARTING_INCREASE**active
        elif rate < near:
            state.rate = min(near, rate + RETURN_PER_SECOND * state.ceiling * active)
        else:
            beyond = state.active - max(PLATEAU_SECONDS, PLATEAU_REQUESTS / rate, PLATEAU_WISHES * state.wish)
            if beyond > 0.0:
                increase = min(INCREASE_PER_SECOND * (1.0 + beyond / INCREASE_DOUBLES_SECONDS), MAXIMUM_INCREASE)
                state.rate = rate * (1.0 + increase * min(1.0, rate / STEADY_RATE)) ** active

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
        state = self.state
        if succeeded:
            self._failures_in_row = 0
            state.rests = 0
            self._taken.append(now)
            while self._taken[0] < now - MEASURED_SECONDS_AT_MOST:
                self._taken.popleft()
            if seconds < SLOW_SECONDS:
                state.well_since = state.well_since or now
                self._widen(seconds)
            else:
                state.well_since = 0.0
                self._widen(seconds)
        else:
            self._failures_in_row += 1
        # The more are open at once, the more answers it takes to tell a bad moment from a bad receiver.
        enough = max(EPOCH_ANSWERS, state.window)
        in_row = max(FAILURES_IN_ROW, state.window / 4)
        if len(self._answers) >= enough or self._failures_in_row >= in_row:
            self._judge()

    def _widen(self, seconds: float) -> None:
        state = self.state
        state.quickest = seconds if not state.quickest else min(seconds, state.quickest)
        if self.open + 1 < state.window * 0.7 or seconds > SLOWER * max(state.quickest, 0.02):
            return  # it is not the window that holds us back
        state.window += 1.0 if state.window < state.threshold else 1.0 / state.window
        state.window = min(state.window, float(self._maximum))

    def _judge(self) -> None:
        failed = sum(not succeeded for succeeded, _ in self._answers)
        if failed >= FAILURE_SHARE * len(self._answers):
            self.state.window = max(1.0, self.state.window / 2)
            self.state.threshold = max(FIRST_WINDOW, self.state.window)
            self.state.well_since = 0.0
        self._answers.clear()

    def _limit(self, now: float) -> None:
        state = self.state
        state.well_since = 0.0
        if state.rate is None:
            measured = self._measured(now)
            state.rate, state.starting = max(FIRST_RATE, measured), measured == 0.0
            self.state.credit = 0.0
        elif now - self._decreased_at > 1.0:
            # Of the answers to one burst the first one counts.
            self._decreased_at = now
            state.starting = False
            # What was measured lately may be too short to trust: one 429 takes a fifth at most, and the next one follows soon.
            measured = self._measured(now) if now - self._began >= MEASURED_SECONDS or not self._knew_ceiling else state.rate
            lowered = min(max(measured, MOST_DECREASE * state.rate), DECREASE * state.rate)
            state.rate = max(LEAST_RATE, lowered)
            state.ceiling = state.rate / DECREASE
        self.state.credit = min(self.state.credit, 0.0)
        state.limited_at, state.active = now, 0.0

    def _measured(self, now: float) -> float:
        """What the receiver took a second, lately."""
        span = max(MEASURED_SECONDS, MEASURED_ANSWERS / (self.state.rate or STEADY_RATE))
        span = min(span, MEASURED_SECONDS_AT_MOST, now - self._began)
        if span < 1.0:
            return 0.0
        # Pauses that the receiver asked for count: many limits are so many requests in a minute.
        return sum(at >= now - span for at in self._taken) / span

    # -- what follows ----------------------------------------------------------------------------------------------------

    def rest(self) -> float | None:
        """Seconds to leave the receiver alone, when nobody seems to be there; ``None`` when there is no reason to."""
        state = self.state
        # Once the receiver has been left alone, one request that fails says that nobody is there yet.
        enough = 1 if state.rests else FAILURES_IN_ROW
        if self.open or self._failures_in_row < enough or state.window > 1.0 or state.rate is not None:
            return None
        state.rests += 1
        return min(FIRST_REST_SECONDS * 2.0 ** (state.rests - 1), MAXIMUM_REST_SECONDS)

    def is_well(self, now: float) -> bool:
        """Whether the endpoint may go back to the shared lane."""
        state = self.state
        return state.rate is None and bool(state.well_since) and now - state.well_since >= WELL_SECONDS
