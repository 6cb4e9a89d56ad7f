"""Copies what functions log into a file, and bounds what MiniStack keeps of it in memory."""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
from pathlib import Path
from typing import Any, Final

from ministack.services import cloudwatch_logs, lambda_svc  # type: ignore[import-not-found]  # only in MiniStack's environment

KEPT_LOG_STREAMS: Final = 500
"""Of each log group. MiniStack makes one for every invocation and keeps all of them in memory, for ever."""
FILE_BYTES: Final = 20_000_000


def install(path: Path) -> None:
    """From now on each line goes to ``path`` as a JSON object, and a summary of each invocation."""
    path.unlink(missing_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=1, encoding="utf-8")
    path.chmod(0o600)  # what functions log tells about events
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
