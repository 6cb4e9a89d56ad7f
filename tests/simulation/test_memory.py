"""Events of the largest legal size leave the functions of webhook delivery and the router their memory."""

from __future__ import annotations

import pytest

from tests.simulation.memory import FUNCTIONS, LANES, ROWS, measured
from tests.template_file import resources

DONE = {"shared lane": 10, "own lane": LANES * ROWS, "retry scheduler": 100_000, "router": 6 * 3 * 100}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("function", list(FUNCTIONS))
def test_invocation_takes_at_most_sixty_percent_of_its_memory(function: str) -> None:
    found = measured(function, "empty objects")

    assert found.megabytes <= 0.6 * FUNCTIONS[function].megabytes
    assert found.done == DONE[function]


@pytest.mark.parametrize("function", list(FUNCTIONS))
def test_functions_have_the_memory_that_is_measured_against(function: str) -> None:
    properties = resources("AWS::Serverless::Function")[FUNCTIONS[function].name]["Properties"]

    assert properties["MemorySize"] == FUNCTIONS[function].megabytes
