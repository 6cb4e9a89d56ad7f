"""What the owner of a lane finds out about its receiver, answer by answer. What follows over minutes is in ``tests/simulation``."""

from __future__ import annotations

import pytest

from event_service.webhooks.pace import PLATEAU_SECONDS, PLATEAU_WISHES, STEADY_RATE, Pace


def failing(pace: Pace, answers: int) -> None:
    for _ in range(answers):
        pace.opened(1.0)
        pace.answered(1.0, 0.1, succeeded=False, limited=False)


def test_the_more_are_open_the_more_failures_in_a_row_halve_the_window() -> None:
    pace = Pace(100, 0.0)
    pace.state.window = 40.0
    failing(pace, 9)
    assert pace.state.window == 40.0
    failing(pace, 1)
    assert pace.state.window == 20.0


def test_three_failures_in_a_row_halve_a_small_window() -> None:
    pace = Pace(100, 0.0)
    pace.state.window = 8.0
    failing(pace, 2)
    assert pace.state.window == 8.0
    failing(pace, 1)
    assert pace.state.window == 4.0


def limited_at(rate: float, active: float) -> Pace:
    """A lane that is past its ceiling, and has sent for so many seconds since the last 429."""
    pace = Pace(100, 0.0, limited=True)
    pace.state.rate, pace.state.starting, pace.state.ceiling, pace.state.active = rate, False, rate, active
    return pace


def growth(rate: float) -> float:
    """Of the rate, by one request a second after the last, an hour after the plateau."""
    pace = limited_at(rate, 3_600.0)
    pace.opened(1.0)
    assert pace.state.rate is not None
    return pace.state.rate / rate


def test_receivers_that_take_few_are_asked_for_more_more_slowly() -> None:
    # For the time between two requests at most, which is twice as long as the rate says.
    assert growth(STEADY_RATE) == pytest.approx(1.1**0.2)
    assert growth(STEADY_RATE / 10) == pytest.approx(1.01)


def test_the_pause_that_a_receiver_asked_for_makes_the_plateau_longer() -> None:
    pace = limited_at(STEADY_RATE, PLATEAU_SECONDS + 10.0)
    pace.paused(10.0, 15.0)
    pace.opened(1.0)
    assert pace.state.rate == STEADY_RATE
    pace.state.active = PLATEAU_WISHES * 5.0 + 1.0
    pace.opened(2.0)
    assert pace.state.rate > STEADY_RATE


def test_of_the_answers_to_one_burst_the_first_one_counts() -> None:
    pace = limited_at(STEADY_RATE, 0.0)
    rates: list[float] = []
    for now in (100.0, 100.5, 101.0, 101.5):
        pace.opened(now)
        pace.state.rate = rates[-1] if rates else STEADY_RATE
        pace.answered(now, 0.1, succeeded=False, limited=True)
        assert pace.state.rate is not None
        rates.append(pace.state.rate)
    assert rates[0] < STEADY_RATE
    assert rates[0] == rates[1] == rates[2] > rates[3]
