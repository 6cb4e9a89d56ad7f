"""`make doctor` says what is missing and what to do, before anything is installed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import doctor
from local.doctor import Finding, examine
from local.tools import ROOT


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    shutil.copy(ROOT / "local" / "find-python.sh", tmp_path / "local")
    return tmp_path


def test_doctor_runs_with_a_bare_interpreter_and_says_that_all_is_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-I", "-S", "local/doctor.py"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PORT": str(port)}, timeout=60)

    assert told.returncode == 0, told.stdout + told.stderr
    assert "Ready for `make run` and `make test`." in told.stdout
    assert f"ok       port {port} for the local stack: free" in told.stdout


def test_what_is_missing_is_named_with_its_cure(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 9, 1))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = by_name(examine(clone, {**os.environ, "PORT": str(port)}, lambda name: None))

    assert found["git"].line() == "MISSING  git: install git"
    assert f"make run PORT={port + 1}" in found[f"port {port} for the local stack"].cure
    assert found["disk"].line().startswith("MISSING  disk: 0.0 GiB free")
    assert found["Chromium"].line().startswith("without  Chromium: tests in a browser are skipped")
    assert not found["Docker"].needed
    assert found["environments"].line().startswith("without  environments")


@pytest.mark.parametrize("port", ["x", "0", "65536", "²", "-1"])
def test_a_port_that_is_none_is_told(port: str, clone: Path) -> None:
    found = by_name(examine(clone, {**os.environ, "PORT": port}))

    assert found[f"port {port} for the local stack"].cure == "PORT is a number from 1 to 65535"


def test_the_stack_of_this_clone_is_no_fault(clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (clone / ".local").mkdir()
        (clone / ".local" / "stack.json").write_text(json.dumps({"graphqlUrl": f"http://127.0.0.1:{port}/graphql"}), encoding="utf-8")
        found = by_name(examine(clone, {**os.environ, "PORT": str(port)}))

    assert found[f"port {port} for the local stack"].found.startswith("taken by the stack of this clone")


def test_missing_things_end_it_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_: [Finding("git", "", "install git"), Finding("Docker", "", "x", needed=False)])

    assert doctor.main() == 1
    assert "To do first: git." in capsys.readouterr().out
