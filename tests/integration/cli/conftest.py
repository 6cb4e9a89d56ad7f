"""The tool as a person runs it, against an API that knows the real schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
import typer.testing
from typer.testing import CliRunner, Result

from cli.main import app
from tests.fakes.graphql_api import GraphqlDouble, graphql_double

TOKEN = "0d9adf3c-6b8d-4c3b-9b1f-6d1f0a4c2b7e"

Run = Callable[..., Result]

_command = cache(typer.main.get_command)


@pytest.fixture(autouse=True)
def _commands_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of the tool. The runner builds all commands for each call, which takes longer than what they do."""
    monkeypatch.setattr(typer.testing, "_get_command", _command)


@pytest.fixture
def api() -> Iterator[GraphqlDouble]:
    with graphql_double() as double:
        yield double


@pytest.fixture
def run(api: GraphqlDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `event-service` with the given words. A failure that is no exit status is raised."""
    for name in ("EVENT_SERVICE_TOKEN", "EVENT_SERVICE_STACK", "EVENT_SERVICE_URL", "EVENT_SERVICE_SOCKET_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, standard_input: str | None = None) -> Result:
        common = ["--stack-file", str(tmp_path / "none.json"), "--url", api.url, "--token", TOKEN]
        return CliRunner().invoke(app, [*common, *words], input=standard_input, catch_exceptions=False, env={"COLUMNS": "200"})

    return run
