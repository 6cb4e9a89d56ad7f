"""Function log lines as a person reads them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cli.terminal_text import safe
from local.first_calls import WAKING_CONNECTION

_KNOWN_ALREADY: Final = {
    "level",
    "message",
    "service",
    "timestamp",
    "location",
    "function_name",
    "function_memory_size",
    "function_arn",
    "function_request_id",
    "cold_start",
    "xray_trace_id",
    "_aws",
    "exception",
    "exception_name",
    "stack_trace",
}
"""Keys of a structured line that are shown elsewhere in it, or say nothing on one machine."""


def readable(entry: dict[str, Any], names: dict[str, str]) -> str | None:
    """One line of :mod:`local.ministack_host`'s log for a terminal; ``None`` for one that tells a person nothing.

    Args:
        entry: the line as written.
        names: short names of the functions by their deployed names.
    """
    if "line" not in entry:
        if not entry.get("failed"):
            return None
        return f"{_clock(entry)} {_short(entry, names):<17} ERROR  the invocation failed after {entry['milliseconds']} ms"
    text = entry["line"]
    try:
        structured = json.loads(text)
    except ValueError:
        structured = None
    if not isinstance(structured, dict):
        return f"{_clock(entry)} {_short(entry, names):<17}        {safe(str(text))}"
    if structured.get("connection_id") == WAKING_CONNECTION:
        return None
    details = "".join(
        f"  {safe(key)}={_value(value)}" for key, value in structured.items() if key not in _KNOWN_ALREADY and value not in (None, "")
    )
    level, message = _value(structured.get("level", "")), _value(structured.get("message", ""))
    shown = f"{_clock(entry)} {_short(entry, names):<17} {level:<6} {message}{details}"
    if structured.get("exception"):
        shown += "\n" + safe(str(structured["exception"]), lines=True)
    return shown


def follow(path: Path) -> Iterator[dict[str, Any] | None]:
    """The entries of the log as they are written, for ever; ``None`` when there is nothing new, after a short wait."""
    while not path.exists():
        yield None
        time.sleep(0.2)
    while True:
        with path.open(encoding="utf-8") as file:
            opened = path.stat().st_ino
            while True:
                line = file.readline()
                if line:
                    yield json.loads(line)
                    continue
                yield None
                time.sleep(0.2)
                # A full log is renamed and a new one begun; what was written to this one has been read.
                if not path.exists() or path.stat().st_ino != opened:
                    break


def _clock(entry: dict[str, Any]) -> str:
    return time.strftime("%H:%M:%S", time.localtime(entry["time"]))


def _short(entry: dict[str, Any], names: dict[str, str]) -> str:
    deployed = str(entry["function"])
    return next((short for begin, short in names.items() if deployed.startswith(begin)), deployed)


def _value(value: Any) -> str:
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
