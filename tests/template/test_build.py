"""What `sam build` makes of the sources is complete: every handler imports from its artifact and its layers alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.build import AWS_SERVICES, REQUIREMENTS, Built, build, export_requirements
from local.tools import LOCAL, ROOT, architecture, interpreter
from tests.template_file import resources

FUNCTIONS = resources("AWS::Serverless::Function")

IMPORT = """
import importlib, json, sys
function, *layers = json.loads(sys.argv[1])
sys.path[:0] = [function, *layers]   # as in Lambda: the function's own folder wins over the layers
module, name = sys.argv[2].rsplit(".", 1)
handler = getattr(importlib.import_module(module), name)
assert callable(handler)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def built() -> Built:
    return build(LOCAL / "build" / "local", python=interpreter(), processor=architecture())


def _import(built: Built, name: str) -> set[str]:
    """Imports a handler as built, in a fresh interpreter without any site packages; returns the packages it loaded."""
    folder = built.template.parent
    layers = [str(folder / layer / "python") for layer in ("DependenciesLayer", "EventServiceLayer")]
    variables: dict[str, Any] = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]
    environment = dict.fromkeys(variables, "1") | {"AWS_REGION": "us-east-1", "POWERTOOLS_METRICS_NAMESPACE": "EventService"}
    environment["POWERTOOLS_LOG_LEVEL"] = "INFO"
    for variable in ("ALLOW_HTTP", "GRAPHQL_IDE", "GRAPHQL_INTROSPECTION"):
        environment[variable] = "false"
    environment["WEB_SOCKET_AUTH"] = "token"
    environment["EVENT_RETENTION_DAYS"] = "14"
    command = [
        *(str(interpreter()), "-I", "-S", "-c", IMPORT),
        *(json.dumps([str(folder / name), *layers]), FUNCTIONS[name]["Properties"]["Handler"]),
    ]
    answer = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=100)
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_handler_imports_from_its_artifact_and_the_layers_alone(built: Built, name: str) -> None:
    loaded = _import(built, name)

    assert "event_service" in loaded
    if name != "GraphqlApiFunction":
        assert loaded.isdisjoint({"fastapi", "starlette", "strawberry", "pydantic", "graphql", "mangum"})
    assert loaded.isdisjoint({"boto3", "moto", "pytest", "local", "tests"})


@pytest.mark.parametrize("name", [*sorted(FUNCTIONS), "DependenciesLayer", "EventServiceLayer"])
def test_artifacts_hold_bytecode_for_every_module(built: Built, name: str) -> None:
    folder = built.template.parent / name

    sources = [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]
    uncompiled = [path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"))]

    assert sources
    assert uncompiled == []


def test_layer_describes_only_the_services_that_are_called(built: Built) -> None:
    sources = [path for folder in ("layers", "functions") for path in (ROOT / folder).rglob("*.py")]
    called = {name for path in sources for name in re.findall(r"create_client\(\s*\"(\w+)\"", path.read_text(encoding="utf-8"))}
    called.add("dynamodb")  # PynamoDB makes this client itself
    data = built.template.parent / "DependenciesLayer" / "python" / "botocore" / "data"

    assert called == AWS_SERVICES
    assert {path.name for path in data.iterdir() if path.is_dir()} == AWS_SERVICES


@pytest.mark.parametrize("group", sorted(REQUIREMENTS))
def test_the_requirements_of_the_artifacts_are_what_the_lock_says(group: str) -> None:
    path: Path = REQUIREMENTS[group]

    assert path.read_text(encoding="utf-8") == export_requirements(group), f"{path} is stale: run make lock"
