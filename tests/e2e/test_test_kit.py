"""What docs/testing.md promises: the tests of another project, in a folder of its own, start the stack, publish and see events arrive."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import pytest_socket
import yaml

from local.background import holder_of
from local.processes import free_port
from local.stack import StackFile
from local.tools import ROOT

GUIDE = ROOT / "docs" / "testing.md"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """For the state of a stack; none is left running there."""
    pytest_socket.enable_socket()
    state = tmp_path / "state"
    yield state
    _make("stop", state)


def _make(target: str, directory: Path, port: int = 0) -> str:
    answer = subprocess.run(
        ["make", "-C", str(ROOT), target, f"DIRECTORY={directory}", f"PORT={port or ''}"], check=True, capture_output=True, text=True
    )
    return answer.stdout


def test_another_project_tests_against_the_stack_with_the_fixtures(tmp_path: Path, directory: Path) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "conftest.py").write_text((ROOT / "docs" / "examples" / "event_service_fixtures.py").read_text(encoding="utf-8"))
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (project / "test_orders.py").write_text("\n".join(code), encoding="utf-8")
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    port = free_port()
    environment = os.environ | {
        "EVENT_SERVICE": str(ROOT),
        "EVENT_SERVICE_DIRECTORY": str(directory),
        "EVENT_SERVICE_PORT": str(port),
    }

    def tests_of_the_project() -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        answer = subprocess.run(command, cwd=project, env=environment, check=False, capture_output=True, text=True)
        return answer.stdout + answer.stderr

    alone = tests_of_the_project()
    left = holder_of(directory)
    started = _make("start", directory, port)
    known = json.loads((directory / "stack.json").read_text(encoding="utf-8"))
    pid = holder_of(directory)
    again = _make("start", directory, port)
    beside = tests_of_the_project()
    still = holder_of(directory)
    stopped = _make("stop", directory)

    assert "1 passed" in alone, alone
    assert left is None, "the fixtures stop what they started"
    assert "Ready." in started
    assert known["graphqlUrl"] in started
    assert "running already" in again
    assert "1 passed" in beside, beside
    assert still == pid, "the fixtures leave a stack that was running before"
    assert "Stopped." in stopped
    assert "No stack of this folder is running." in _make("stop", directory)
    assert holder_of(directory) is None
    assert not (directory / "stack.json").exists()


def test_the_workflow_in_the_guide_runs_what_there_is() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    workflow = yaml.safe_load(text)
    targets = re.findall(r"^(\w+): ##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    runs = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]

    assert [run.split()[3] for run in runs if run.startswith("make -C event-service ")] == ["start", "stop"]
    assert {"start", "stop"} <= set(targets)


def test_the_guide_names_each_key_of_the_file() -> None:
    keys = {
        key for row in re.findall(r"^\| (`.*?) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    }

    assert keys == {field.name for field in fields(StackFile)}


def test_a_start_that_fails_says_why(directory: Path, tmp_path: Path) -> None:
    answer = subprocess.run(
        ["make", "-C", str(ROOT), "start", f"DIRECTORY={directory}", "PORT=none"], check=False, capture_output=True, text=True
    )

    assert answer.returncode != 0
    assert "a port is a number" in answer.stdout
