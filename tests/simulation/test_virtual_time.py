"""The loop of the simulations itself."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.simulation.virtual_time import ShuffledLoop, Time, VirtualLoop


@pytest.mark.timeout(20)
@pytest.mark.parametrize("days", [0, 100, 200, 4_000])
def test_a_timer_runs_however_much_time_has_passed(days: int) -> None:
    for loop in (VirtualLoop(Time(days * 86_400.0)), ShuffledLoop(random.Random(1), Time(days * 86_400.0))):
        begun = loop.time()
        try:
            loop.run_until_complete(asyncio.sleep(0.05))
        finally:
            loop.close()
        assert loop.time() - begun == pytest.approx(0.05, abs=1e-6)
