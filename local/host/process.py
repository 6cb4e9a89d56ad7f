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
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

END_OF_LOG: Final = "\x1eend of log"
READ_BYTES: Final = 1 << 16
READY_SECONDS: Final = 30.0
"""For a copy of a process that has imported everything."""
LOG_SECONDS: Final = 2.0
"""For the mark, which is written before the answer, so that it is there at once."""


class ProcessEnded(Exception):
    """It cannot be used any more. The message says what it left."""


class Process:
    """Not safe for several threads at once: a pool leases it to one."""

    def __init__(self, pid: int, pipes: Sequence[int], end: Callable[[int], int | None]) -> None:
        """Waits until it is ready.

        Args:
            pid: of the process.
            pipes: to its standard input, and from its output and error.
            end: kills the process and returns its exit status, when that can be known.

        Raises:
            ProcessEnded: it is none that can run.
        """
        self.pid = pid
        self._end = end
        self._pipes = pipes
        self._out, self._log = bytearray(), bytearray()
        self._selector = selectors.DefaultSelector()
        for pipe in pipes:
            os.set_blocking(pipe, False)
        self._selector.register(pipes[1], selectors.EVENT_READ, self._out)
        self._selector.register(pipes[2], selectors.EVENT_READ, self._log)
        try:
            self._await(READY_SECONDS, {"ready"})
        except (ProcessEnded, TimeoutError) as error:
            self.end()
            raise ProcessEnded(f"a copy of the function's process does not begin: {error}") from error

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
        """Kills it."""
        self._end(self.pid)
        self._selector.close()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # closed already
                os.close(pipe)
        self._pipes = ()

    def _exchange(self, message: Mapping[str, Any], seconds: float, statuses: set[str]) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        self._write(json.dumps(message).encode() + b"\n", deadline)
        return self._await(deadline - time.monotonic(), statuses)

    def _await(self, seconds: float, statuses: set[str]) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
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
        rest = memoryview(data)
        while rest:
            try:
                written = os.write(self._pipes[0], rest)
            except BlockingIOError:
                written = 0
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
        status = self._end(self.pid)
        with contextlib.suppress(OSError):
            self._log.extend(os.read(self._pipes[2], READ_BYTES))
        return f"the process ended with status {status}: {self._log.decode(errors='replace')[-2000:]}"

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


def not_waited(event: Any, seconds: float) -> Any:
    """An API's request as if it had come when it got a process: AWS would have started one at once.

    A function counts the time that a request has left from ``timeEpoch``. Without this, one that waited for a process is refused
    although there is time for it.
    """
    context = event.get("requestContext") if isinstance(event, dict) else None
    came = context.get("timeEpoch") if isinstance(context, dict) else None
    if not isinstance(event, dict) or not isinstance(context, dict) or not isinstance(came, int):
        return event
    return event | {"requestContext": context | {"timeEpoch": came + int(seconds * 1_000)}}
