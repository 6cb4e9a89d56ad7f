"""Runs MiniStack, the local AWS, as a child of :mod:`local.stack`.

Started by path with the interpreter of MiniStack's own environment, so it imports nothing of this project:

    .local/env/ministack/bin/python local/ministack_host.py DIRECTORY

``DIRECTORY`` gets ``running.json`` while it runs (so that a start after a kill can tell), and ``functions.log``: a JSON
line for each line that a function logged. It stops, cleanly, on SIGTERM and when its standard input ends, which is how
it notices that the process that started it was killed.

Around the pinned release it mends what would disturb a person's stack, each with its reason below.
"""

import json
import logging
import logging.handlers
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-not-found]  # only in MiniStack's environment
from ministack.services import cloudwatch_logs, lambda_svc  # type: ignore[import-not-found]  # likewise

KEPT_LOG_STREAMS = 500
"""Of each log group. MiniStack makes one for every invocation and keeps all of them in memory, for ever."""
FUNCTION_LOG_BYTES = 20_000_000


def main(directory: Path) -> None:
    """Runs until SIGTERM or the end of standard input."""
    _take_numbers_given_as_text()
    _write_function_logs(directory / "functions.log")
    running = directory / "running.json"
    running.write_text(json.dumps({"pid": os.getpid(), "startedAt": time.time()}), encoding="utf-8")
    threading.Thread(target=_stop_when_the_parent_ends, daemon=True).start()
    sys.argv = ["ministack"]
    try:
        app.main()
    finally:
        # Only a stop that saved the state comes here; a kill leaves the file.
        running.unlink(missing_ok=True)


def _stop_when_the_parent_ends() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _take_numbers_given_as_text() -> None:
    """CloudFormation parameters arrive as text; MiniStack compares this one with a number and its SQS poller dies of it."""
    original = lambda_svc._sqs_esm_concurrency  # noqa: SLF001 - MiniStack has no hook for this

    def with_numbers(esm: dict[str, Any], *arguments: Any) -> Any:
        scaling = esm.get("ScalingConfig") or {}
        if isinstance(scaling.get("MaximumConcurrency"), str):
            esm["ScalingConfig"] = scaling | {"MaximumConcurrency": int(scaling["MaximumConcurrency"])}
        return original(esm, *arguments)

    lambda_svc._sqs_esm_concurrency = with_numbers  # noqa: SLF001 - as above


def _write_function_logs(path: Path) -> None:
    """Copies what functions log to ``path``, and bounds what MiniStack keeps of it."""
    path.unlink(missing_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=FUNCTION_LOG_BYTES, backupCount=1, encoding="utf-8")
    out = logging.Logger("functions")  # noqa: LOG001 - outside the hierarchy on purpose: MiniStack configures the root
    out.addHandler(handler)
    original = lambda_svc._emit_lambda_logs  # noqa: SLF001 - MiniStack has no hook for this

    def emit(func: dict[str, Any], request_id: str, log_text: str, error: bool, duration_ms: int, **options: Any) -> None:
        original(func, request_id, log_text, error, duration_ms, **options)
        name = (func.get("config") or func).get("FunctionName", "unknown")
        common = {"time": time.time(), "function": name, "requestId": request_id}
        for line in log_text.splitlines():
            out.info(json.dumps(common | {"line": line}))
        out.info(json.dumps(common | {"milliseconds": duration_ms, "failed": error}))
        for group in list(cloudwatch_logs._log_groups.values()):  # noqa: SLF001 - as above
            streams = group["streams"]
            for stream in list(streams)[: max(0, len(streams) - KEPT_LOG_STREAMS)]:
                streams.pop(stream, None)

    lambda_svc._emit_lambda_logs = emit  # noqa: SLF001 - as above


if __name__ == "__main__":
    # MiniStack's own lines go to the log file that the parent gave as standard output.
    logging.getLogger("ministack").addFilter(lambda record: not re.search(r"^\n?\s*__", record.getMessage()))
    main(Path(sys.argv[1]))
