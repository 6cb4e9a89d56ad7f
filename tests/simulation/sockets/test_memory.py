"""Ten groups of 100 clients behind the largest legal events leave the function's memory room."""

from __future__ import annotations

import pytest

from tests.simulation.sockets.memory import CLIENTS, EVENTS, FUNCTION_MEGABYTES, GROUPS, measured


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shape", ["empty objects", "a frame"])
def test_invocation_takes_at_most_sixty_percent_of_its_memory(shape: str) -> None:
    found = measured(shape)

    assert found.megabytes <= 0.6 * FUNCTION_MEGABYTES
    assert found.faults == 0
    # Half of the clients take each event alone.
    assert found.posts >= GROUPS * CLIENTS // 2 * EVENTS
