"""The benchmark of cold starts follows the product: the first request of each function succeeds against its stub."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.speed.cold_start import GOAL, SAMPLES, WORKSPACE, Case, first_requests, start
from benchmarks.speed.stub_aws import StubAws, environment_of_functions, stub_aws

FUNCTIONS = sorted({*SAMPLES, *GOAL})


@pytest.fixture(scope="module")
def stub() -> Iterator[StubAws]:
    with stub_aws() as made:
        yield made


@pytest.fixture(scope="module")
def requests(stub: StubAws) -> dict[str, Any]:
    return first_requests(stub)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_first_request_of_a_function_succeeds(function: str, stub: StubAws, requests: dict[str, Any]) -> None:
    folder = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in function).strip("_").removesuffix("_function")
    case = Case(function, True, sys.path, f"functions.{folder}.handler", requests[function])
    times = start(case, environment_of_functions(stub.url, EVENT_BUS_WORKSPACE_ID=WORKSPACE))
    assert times["total_wall"] > times["import_wall"] > 0
