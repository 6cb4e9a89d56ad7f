"""The directory of the local stack: only its owner may look into it, since it holds tokens, signing secrets and events; and one run works
in it at a time."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import LocalStack
from local.tools import ToolError


@pytest.mark.parametrize("mode", [None, 0o755])
def test_only_its_owner_may_enter_the_directory_of_the_stack(mode: int | None, tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    if mode is not None:
        directory.mkdir(mode=mode)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(ToolError):  # the directory is made before the port is looked at
            LocalStack(directory=directory, port=taken.getsockname()[1]).start()

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [path.name for path in directory.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """The lock of another run, whose MiniStack was killed; closing it is the end of that run."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "running.json").write_text(json.dumps({"pid": dead.pid}))
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(lock, b"4711")
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield lock
    os.close(lock)


def test_a_run_that_ends_since_its_ministack_was_killed_is_waited_for(held: int, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ending = threading.Timer(0.5, fcntl.flock, (held, fcntl.LOCK_UN))
        ending.start()

        stack = LocalStack(directory=tmp_path, port=taken.getsockname()[1])
        with stack, pytest.raises(ToolError, match="Port"):  # which is looked at once the lock is had
            stack.start()
        ending.join()


@pytest.mark.usefixtures("held")
def test_a_run_that_does_not_end_though_its_ministack_was_killed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.stack.STOP_SECONDS", 0.2)

    with pytest.raises(ToolError, match=r"runs already \(process 4711\)"):
        LocalStack(directory=tmp_path, port=1).start()


@pytest.mark.usefixtures("held")
def test_a_run_that_starts_or_stops_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.stack.STOP_SECONDS", 3_600)
    (tmp_path / "running.json").unlink()

    with pytest.raises(ToolError, match="runs already"):
        LocalStack(directory=tmp_path, port=1).start()
