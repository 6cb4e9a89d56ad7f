"""What a cold start loads, by count: times belong to `make bench`, these numbers hold the line."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from local.build import Built, build
from local.tools import LOCAL, architecture, interpreter
from tests.template.test_build import FUNCTIONS

MODULES = {
    "GraphqlApiFunction": 850,
    "EventRouterFunction": 180,
    "WebhookDeliveryFunction": 235,
    "SocketDeliveryFunction": 215,
    "WebsocketFunction": 165,
    "RetrySchedulerFunction": 175,
    "EventBusFunction": 155,
}
"""A tenth to a sixth above what each loads on import, the interpreter's own 50 included: interpreters differ by a few."""
MEBIBYTES = {"DependenciesLayer": 35, "EventServiceLayer": 4, "GraphqlApiFunction": 30}
"""Unpacked, with bytecode. Lambda allows 250 for a function and its layers together. What a function loads of them is counted above."""

LOADED = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import importlib
try:
    importlib.import_module(sys.argv[2])
finally:
    print(json.dumps(sorted(sys.modules)))
"""
LEFT_OUT = """
import gc
from pydantic import BaseModel
print(json.dumps({
    "openapi is built": sys.modules["fastapi.openapi.models"].OpenAPI.__pydantic_complete__,
    "others are built late": "defer_build" in BaseModel.model_config,
    "annotations are texts": [name for name in sys.modules if ".graphql_api.schema." in name and hasattr(sys.modules[name], "annotations")],
    "garbage is collected": gc.isenabled(),
}))
"""
"""What the module of the API leaves out while it is loaded, and nothing after that."""


@pytest.fixture(scope="module")
def built() -> Built:
    return build(LOCAL / "build" / "local", python=interpreter(), processor=architecture())


def _loaded(built: Built, name: str) -> set[str]:
    return set(_printed(built, name, LOADED))


def _printed(built: Built, name: str, program: str) -> Any:
    folder = built.template.parent
    path = [str(folder / name), *(str(folder / layer / "python") for layer in ("DependenciesLayer", "EventServiceLayer"))]
    properties = FUNCTIONS[name]["Properties"]
    environment = dict.fromkeys(properties["Environment"]["Variables"], "1") | {"AWS_REGION": "us-east-1", "POWERTOOLS_LOG_LEVEL": "INFO"}
    environment |= dict.fromkeys(("ALLOW_HTTP", "COUNT_STATISTICS", "GRAPHQL_IDE", "GRAPHQL_INTROSPECTION"), "false")
    environment |= {"WEB_SOCKET_AUTH": "token", "EVENT_RETENTION_DAYS": "14"}
    command = [str(interpreter()), "-I", "-S", "-c", program, json.dumps(path), properties["Handler"].rpartition(".")[0]]
    answer = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=100)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_each_function_has_a_limit_of_modules() -> None:
    assert MODULES.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_importing_a_function_loads_no_more_modules_than_it_may(built: Built, name: str) -> None:
    loaded = _loaded(built, name)

    assert len(loaded) <= MODULES[name]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_importing_a_function_loads_no_aws_client(built: Built, name: str) -> None:
    loaded = _loaded(built, name)

    assert loaded.isdisjoint({"botocore.client", "botocore.session", "pynamodb", "aws_lambda_powertools.logging"})


def test_what_the_api_leaves_out_while_it_is_loaded(built: Built) -> None:
    assert _printed(built, "GraphqlApiFunction", LOADED + LEFT_OUT) == {
        "openapi is built": False,
        "others are built late": False,
        "annotations are texts": [],
        "garbage is collected": True,
    }


@pytest.mark.parametrize("name", sorted(MODULES))
def test_artifacts_stay_small(built: Built, name: str) -> None:
    sizes = {
        part: sum(path.stat().st_size for path in (built.template.parent / part).rglob("*") if path.is_file()) / 2**20
        for part in (name, "DependenciesLayer", "EventServiceLayer")
    }

    assert {part: size for part, size in sizes.items() if size > MEBIBYTES.get(part, 1)} == {}
