"""Requests that read retained events leave the API's function its memory, also when events have their largest legal size."""

from __future__ import annotations

import pytest

from tests.simulation.requests_memory import EVENTS, MEGABYTES, USE_CASES, measured
from tests.template_file import resources

IDLE_MEGABYTES = 70
QUERIES_AT_ONCE = 10
"""Threads of the function."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("use_case", list(USE_CASES))
def test_ten_use_cases_at_once_fit_into_the_functions_memory(use_case: str) -> None:
    found = measured(use_case, "empty objects")

    assert IDLE_MEGABYTES + QUERIES_AT_ONCE * (found.megabytes - IDLE_MEGABYTES) <= MEGABYTES
    # A look at events ends before the last of them: it has read enough megabytes.
    assert found.done >= (EVENTS if use_case not in ("try on a span", "last match") else 20)


def test_the_function_has_the_memory_that_is_measured_against() -> None:
    assert resources("AWS::Serverless::Function")["GraphqlApiFunction"]["Properties"]["MemorySize"] == MEGABYTES
