"""Requests that read retained events leave the API's function its memory, also when events have their largest legal size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.requests_memory import EVENTS, MEGABYTES, REQUESTS, SMALL_FIRST, USE_CASES, Measuring
from tests.template_file import resources

IDLE_MEGABYTES = 70
QUERIES_AT_ONCE = 10
"""Threads of the function."""


WALKS = ("try on a span", "last match")
"""End before the last event: they have read enough megabytes."""
THREE = ("tries on spans", "last matches")
MOST = 0.6
"""Of the function's memory."""


@pytest.fixture(scope="module")
def measuring() -> Iterator[Measuring]:
    process = Measuring()
    yield process
    process.end()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("use_case", "shape"), [*((one, "empty objects") for one in USE_CASES), *((one, SMALL_FIRST) for one in WALKS)])
def test_ten_use_cases_at_once_fit_into_the_functions_memory(use_case: str, shape: str, measuring: Measuring) -> None:
    found = measuring.measured(use_case, shape)

    assert IDLE_MEGABYTES + QUERIES_AT_ONCE * (found.megabytes - IDLE_MEGABYTES) <= MEGABYTES
    assert found.done >= (20 if use_case in WALKS else EVENTS)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("request_of", list(REQUESTS))
def test_walks_of_one_request_leave_the_function_its_memory(request_of: str, measuring: Measuring) -> None:
    found = measuring.measured(request_of, SMALL_FIRST)

    assert found.megabytes <= MOST * MEGABYTES
    if request_of in THREE:
        assert found.done == 3
    # The others show more than an answer holds, so most of their fields are refused.


def test_the_function_has_the_memory_that_is_measured_against() -> None:
    assert resources("AWS::Serverless::Function")["GraphqlApiFunction"]["Properties"]["MemorySize"] == MEGABYTES
