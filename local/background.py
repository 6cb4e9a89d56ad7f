"""`make start` and `make stop`: the local stack without a terminal, for tests of other projects."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from local.processes import end_session
from local.tools import LOCAL, ROOT, tail

STOP_SECONDS: Final = 20.0
"""A stop takes ten seconds at most."""


def main(arguments: list[str]) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make start")
    parser.add_argument("what", choices=("start", "stop"))
    parser.add_argument("--port", default="")
    parser.add_argument("--directory", type=Path, default=LOCAL / "stack")
    options = parser.parse_args(arguments)
    directory: Path = options.directory.resolve()
    return start(directory, options.port) if options.what == "start" else stop(directory)


def file_of(directory: Path) -> Path:
    """What tells programs about the stack that works in this directory."""
    return LOCAL / "stack.json" if directory == (LOCAL / "stack").resolve() else directory / "stack.json"


def holder_of(directory: Path) -> int | None:
    """The process that runs a stack in this directory; ``None`` when none does."""
    try:
        with (directory / "lock").open("r+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0)
    except FileNotFoundError:
        pass
    return None


def start(directory: Path, port: str) -> int:
    """Starts a stack and returns when it is ready, or does nothing where one is; prints what its file says."""
    directory.mkdir(parents=True, exist_ok=True)
    file = file_of(directory)
    if holder_of(directory) is not None and file.exists():
        print(_described(file, "A stack of this folder is running already."))
        return 0
    file.unlink(missing_ok=True)  # of a run that was killed
    log = directory / "start.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.run", "--headless", "--directory", str(directory)],
            cwd=ROOT,
            env=os.environ | {"PORT": port},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the end of this terminal is not its end
        )
    shown = 0
    try:
        while True:
            ended = process.poll() is not None
            text = log.read_text(encoding="utf-8", errors="replace")
            print(text[shown:], end="", flush=True)
            shown = len(text)
            if ended:
                return process.returncode or 1
            if file.exists():
                break
            time.sleep(0.2)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 130
    print(_described(file, "Ready."))
    return 0


def stop(directory: Path) -> int:
    """Stops the stack that works in this directory, however it was started, and returns when it has ended."""
    pid = holder_of(directory)
    if not pid:
        print("No stack of this folder is running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while holder_of(directory) == pid:
        if time.monotonic() > deadline:
            end_session(pid)
            print(f"Process {pid} did not stop within {STOP_SECONDS:.0f} s and was ended. {tail(directory / 'start.log')}", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("Stopped. Its endpoints and events are there again after the next start.")
    return 0


def _described(file: Path, sentence: str) -> str:
    known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return f"{sentence} {file} has:\n" + "\n".join(f"  {name:15} {value}" for name, value in known.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
