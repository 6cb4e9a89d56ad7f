"""What `make run` shows of the functions' logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.first_calls import WAKE_UP
from local.log_view import follow, readable

NAMES = {"event-service-EventRouter": "event_router"}


def _entry(**fields: Any) -> dict[str, Any]:
    return {"time": 0.0, "function": "event-service-EventRouterFunction-1A2B", "requestId": "r"} | fields


def test_structured_line_shows_level_message_and_what_is_new() -> None:
    line = json.dumps({"level": "INFO", "message": "routed", "service": "event_router", "event_id": "e-1", "_aws": {}, "Routed": 2})

    shown = readable(_entry(line=line), NAMES)

    assert shown is not None
    assert shown.split()[1:] == ["event_router", "INFO", "routed", "event_id=e-1", "Routed=2"]


def test_an_exception_is_shown_below_its_line() -> None:
    shown = readable(_entry(line=json.dumps({"level": "ERROR", "message": "failed", "exception": "Traceback\n  ValueError"})), NAMES)

    assert shown is not None
    assert shown.endswith("failed\nTraceback\n  ValueError")


def test_a_line_that_is_no_json_is_shown_as_it_is() -> None:
    shown = readable(_entry(line="plain words"), NAMES)

    assert shown is not None
    assert shown.endswith("plain words")


def test_the_end_of_an_invocation_is_shown_only_when_it_failed() -> None:
    assert readable(_entry(milliseconds=5, failed=False), NAMES) is None
    waking = {
        "level": "INFO",
        "message": "done",
        "connection_id": WAKE_UP["WebsocketFunction"]["requestContext"]["connectionId"],
        "Zombies": 1,
    }
    assert readable(_entry(line=json.dumps(waking)), NAMES) is None
    assert readable(_entry(line=json.dumps(waking | {"connection_id": "L0SM9cOFvHcCIhw="})), NAMES) is not None
    assert "failed after 5 ms" in str(readable(_entry(milliseconds=5, failed=True), NAMES))


def test_following_goes_on_in_the_new_file_when_a_full_one_was_renamed(tmp_path: Path) -> None:
    path = tmp_path / "functions.log"
    path.write_text('{"n": 1}\n', encoding="utf-8")
    entries = follow(path)
    assert next(entries) == {"n": 1}
    assert next(entries) is None

    path.rename(tmp_path / "functions.log.1")
    path.write_text('{"n": 2}\n', encoding="utf-8")

    assert [next(entry for entry in entries if entry is not None)] == [{"n": 2}]
