"""One process that runs a function, as one execution environment of Lambda does.

It runs MiniStack's own program for Python functions (a JSON line in, a JSON line out) with two changes: the archives are unpacked
already, and the end of an invocation's log is marked. Without a mark MiniStack waits 50 ms for a line that may never come, and 5 ms
after the last one. And MiniStack starts two threads for an invocation, which wait for each other's turn under load; here the thread
that calls reads both pipes itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

END_OF_LOG: Final = "\x1eend of log"
READ_BYTES: Final = 1 << 16
START_SECONDS: Final = 60.0
"""Imports on a machine that is busy take long."""
LOG_SECONDS: Final = 2.0
"""For the mark, which is written before the answer, so that it is there at once."""


class ProcessEnded(Exception):
    """It cannot be used any more. The message says what it left."""


class Process:
    """Not safe for several threads at once: a pool leases it to one."""

    def __init__(
        self, program: str, *, first: Mapping[str, Any], code: Path, environment: Mapping[str, str], temporary_prefix: str
    ) -> None:
        """Starts it and waits until the handler's module is imported.

        Args:
            program: the text of the program that runs in it.
            first: the line that the program begins with: which handler, from where.
            code: the folder that it works in.
            environment: its variables.
            temporary_prefix: of the folder that its program stands in.

        Raises:
            ProcessEnded: the handler could not be imported.
        """
        self._directory = tempfile.mkdtemp(prefix=temporary_prefix)
        script = Path(self._directory) / "function.py"
        script.write_text(with_mark(program), encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            cwd=code,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(environment),
        )
        self._out, self._log = bytearray(), bytearray()
        self._selector = selectors.DefaultSelector()
        for pipe, buffer in ((self._process.stdout, self._out), (self._process.stderr, self._log)):
            if pipe is None:
                raise ProcessEnded("a process that was started with pipes has none")
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, buffer)
        try:
            answer = self._exchange(first, START_SECONDS, {"ready", "error"})
        except TimeoutError:
            answer = {"error": f"it took more than {START_SECONDS:.0f} s"}
        except ProcessEnded:
            self.end()
            raise
        if answer.get("status") != "ready":
            self.end()
            raise ProcessEnded(f"the function cannot be imported: {answer.get('error')}")

    def invoke(self, event: Any, context: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """One invocation.

        Args:
            event: what the handler gets.
            context: what MiniStack's program makes the handler's context of.
            seconds: the function's time-out.

        Returns:
            ``status`` (``ok`` or ``error``), ``result`` or ``error`` and ``trace``, and ``log``.

        Raises:
            TimeoutError: it took longer.
            ProcessEnded: it ended meanwhile.
        """
        answer = self._exchange({"event": event, "ctx": context}, seconds, {"ok", "error"})
        answer["log"] = self._log_until_mark()
        return answer

    def take_log(self) -> str:
        """What it logged and nobody has taken."""
        with contextlib.suppress(ProcessEnded):
            self._read(0)
        text = self._log.decode(errors="replace").replace(END_OF_LOG + "\n", "")
        self._log.clear()
        return text.rstrip("\n")

    def end(self) -> None:
        """Kills it and removes what it had."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _exchange(self, message: Mapping[str, Any], seconds: float, statuses: set[str]) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        self._write(json.dumps(message).encode() + b"\n", deadline)
        while True:
            while (end := self._out.find(b"\n")) >= 0:
                line = bytes(self._out[:end])
                del self._out[: end + 1]
                with contextlib.suppress(ValueError):  # something that the function wrote past its standard output
                    answer = json.loads(line)
                    if isinstance(answer, dict) and answer.get("status") in statuses:
                        return answer
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._read(left)

    def _write(self, data: bytes, deadline: float) -> None:
        """A pipe holds 64 KB: the log is read meanwhile, or a function that still logs and this would wait for each other."""
        stdin = self._process.stdin
        if stdin is None:
            raise ProcessEnded("a process that was started with pipes has none")
        os.set_blocking(stdin.fileno(), False)
        rest = memoryview(data)
        while rest:
            try:
                written = stdin.write(rest) or 0
            except BrokenPipeError:
                raise ProcessEnded(self._last_words()) from None
            rest = rest[written:]
            if rest:
                if time.monotonic() > deadline:
                    raise TimeoutError
                self._read(0.01)

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, READ_BYTES)
            if not data:
                raise ProcessEnded(self._last_words())
            key.data.extend(data)

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        if self._process.stderr is not None:
            with contextlib.suppress(OSError):
                self._log.extend(os.read(self._process.stderr.fileno(), READ_BYTES) or b"")
        return f"the process ended with status {self._process.returncode}: {self._log.decode(errors='replace')[-2000:]}"

    def _log_until_mark(self) -> str:
        mark = END_OF_LOG.encode() + b"\n"
        deadline = time.monotonic() + LOG_SECONDS
        while (end := self._log.find(mark)) < 0:
            if time.monotonic() > deadline:
                return self.take_log()
            self._read(0.05)
        text = bytes(self._log[:end]).decode(errors="replace")
        del self._log[: end + len(mark)]
        return text.rstrip("\n")


def with_mark(program: str) -> str:
    """Has MiniStack's program end an invocation's log with a mark, before it writes the answer.

    Raises:
        RuntimeError: it is not the program that this was written for.
    """
    for status in ("ok", "error"):
        answer = f'            _real_stdout.write(json.dumps({{"status": "{status}", '
        if answer not in program:
            raise RuntimeError("MiniStack's program for functions is not the one that this was written for: was its version changed?")
        program = program.replace(
            answer, f"            sys.stderr.write({END_OF_LOG + chr(10)!r})\n            sys.stderr.flush()\n{answer}"
        )
    return program


def environment_of(base: Mapping[str, str], config: Mapping[str, Any], code: Path, layers: Sequence[Path]) -> dict[str, str]:
    """The variables of Lambda's runtime, as far as MiniStack sets them, for a function's configuration."""
    return {
        **base,
        "LAMBDA_TASK_ROOT": str(code),
        "AWS_LAMBDA_FUNCTION_NAME": str(config.get("FunctionName", "")),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
        "_LAMBDA_FUNCTION_ARN": str(config.get("FunctionArn", "")),
        "_LAMBDA_TIMEOUT": str(config.get("Timeout", 30)),
        "_LAMBDA_LAYERS_DIRS": os.pathsep.join(map(str, layers)),
    }
