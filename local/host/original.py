"""Imports a function once and copies the process for each execution environment, as SnapStart does on AWS.

An import takes a second of a processor. Under load, when further processes are wanted, those that run had to wait for it, and events
with them. A copy (``fork``) takes some milliseconds, and shares its memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local.host.process import Process, ProcessEnded, with_mark

START_SECONDS: Final = 60.0
"""Imports on a machine that is busy take long."""
CONTROL_SECONDS: Final = 30.0
"""For a copy, which takes milliseconds."""
_READY: Final = re.compile(r'^( *)_real_stdout\.write\(json\.dumps\(\{"status": "ready"', re.MULTILINE)


class Original:
    """A process that has imported a function and never runs it. Its methods are safe to call from several threads."""

    def __init__(
        self, program: str, *, first: Mapping[str, Any], code: Path, environment: Mapping[str, str], temporary_prefix: str
    ) -> None:
        """Starts it and waits until the handler's module is imported.

        Args:
            program: the text of MiniStack's program for functions.
            first: the line that the program begins with: which handler, from where.
            code: the folder that it works in.
            environment: its variables.
            temporary_prefix: of the folder that its program stands in.

        Raises:
            ProcessEnded: the handler could not be imported.
        """
        self._directory = Path(tempfile.mkdtemp(prefix=temporary_prefix))
        script = self._directory / "function.py"
        script.write_text(with_copies(with_mark(program)), encoding="utf-8")
        self._lock = threading.Lock()
        self._copies: set[int] = set()
        self._closed = False
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_SECONDS)
        with theirs, (self._directory / "out").open("wb") as out, (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(script)],
                cwd=code,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                env={
                    **environment,
                    "FUNCTION_CONTROL_FD": str(theirs.fileno()),
                    # macOS ends copies of a process whose system libraries have been used, unless it is told not to.
                    "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
                },
                pass_fds=(theirs.fileno(),),
            )
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
                stdin.write(json.dumps(first).encode() + b"\n")
        try:
            self._answer()
        except ProcessEnded:
            self._end()
            raise
        self._control.settimeout(CONTROL_SECONDS)

    def copy(self, variables: Mapping[str, str]) -> Process:
        """Makes a copy that runs the function.

        Args:
            variables: of its environment, beyond those of the original.

        Raises:
            ProcessEnded: the original is gone.
        """
        ours, theirs = [], []
        for reads in (True, False, False):  # the copy's standard input, output and error
            reader, writer = os.pipe()
            theirs.append(reader if reads else writer)
            ours.append(writer if reads else reader)
        try:
            with self._lock:
                pid = int(self._ask({"variables": dict(variables)}, theirs)["pid"])
                self._copies.add(pid)
        except ProcessEnded:
            for pipe in ours:
                os.close(pipe)
            raise
        finally:
            for pipe in theirs:
                os.close(pipe)
        return Process(pid, ours, self.end_copy)

    def end_copy(self, pid: int) -> int | None:
        """Kills a copy; returns its exit status, ``None`` when it cannot be known."""
        with self._lock:
            if pid not in self._copies:
                return None
            self._copies.discard(pid)
            status = None
            with contextlib.suppress(ProcessEnded):
                status = int(self._ask({"end": pid})["status"])
            self._end_if_unused()
        return status

    def close(self) -> None:
        """Makes no more copies. Ends when the last one has."""
        with self._lock:
            self._closed = True
            self._end_if_unused()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def _end_if_unused(self) -> None:
        if self._closed and not self._copies:
            self._end()

    def _end(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _ask(self, message: Mapping[str, Any], pipes: list[int] | None = None) -> dict[str, Any]:
        if self._closed and pipes:
            raise ProcessEnded("the function was changed meanwhile")
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], pipes or [])
        except OSError as error:
            raise ProcessEnded(f"the process that makes copies has ended: {error}") from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        received = b""
        while not received.endswith(b"\n"):
            try:
                part = self._control.recv(4_096)
            except TimeoutError:
                raise ProcessEnded(f"the function cannot be imported: it took more than {START_SECONDS:.0f} s") from None
            except OSError as error:
                raise ProcessEnded(f"the process that makes copies has ended: {error}") from error
            if not part:
                raise ProcessEnded(self._last_words())
            received += part
        answer: dict[str, Any] = json.loads(received)
        return answer

    def _last_words(self) -> str:
        for line in (self._directory / "out").read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                if isinstance(answer, dict) and answer.get("status") == "error":
                    return f"the function cannot be imported: {answer.get('error')}"
        log = (self._directory / "log").read_text(encoding="utf-8", errors="replace")
        return f"the process that makes copies has ended: {log[-2000:]}"


def with_copies(program: str) -> str:
    """Has MiniStack's program make copies when the function is imported, and go on in each copy.

    Raises:
        RuntimeError: it is not the program that this was written for.
    """
    changed, times = _READY.subn(lambda found: f"{found[1]}serve_copies()\n{found[0]}", program)
    if times != 1:
        raise RuntimeError("MiniStack's program for functions is not the one that this was written for: was its version changed?")
    return (Path(__file__).parent / "copies.py").read_text(encoding="utf-8") + changed
