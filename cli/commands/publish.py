"""`event-service publish`: one event from options, or any number from a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import CommandError, DoneInPart, UsageError
from cli.json_input import NotJson, read_json
from cli.session import session_of
from event_service.base.trace_context import new_trace

EVENTS_PER_CALL: Final = 100
BYTES_PER_CALL: Final = 600_000
"""Of input. The service takes 900 KiB as it sends them on, which is longer by the fields that were left out."""

_KEYS: Final = frozenset({"id", "type", "date", "data", "agentId", "cameraId"})


def publish(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(help="JSON: one event, a list, or one a line; - for standard input.", show_default=False)
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Instead of a file: the event's type.")] = None,
    data: Annotated[str | None, typer.Option(metavar="JSON", help="Its data, a JSON object; {} by default.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="Its id: publishing it again is a duplicate, not a second event.")] = None,
    date: Annotated[str | None, typer.Option(help="When it happened; now by default.")] = None,
    agent_id: Annotated[str | None, typer.Option(help="Its agent.")] = None,
    camera_id: Annotated[str | None, typer.Option(help="Its camera.")] = None,
) -> None:
    """Publish events.

    From a file they go in calls of up to 100, each accepted wholly or not at all. Events with ids of your own can be published again
    after an error: what was accepted is reported as a duplicate.
    """
    session = session_of(context)
    if (file is None) == (event_type is None):
        raise UsageError("Give a file (or - for standard input), or --type for one event.")
    if event_type is not None:
        given = {"type": event_type, "data": _object(data), "id": event_id, "date": date, "agentId": agent_id, "cameraId": camera_id}
        events = [{key: value for key, value in given.items() if value is not None}]
    else:
        if any(value is not None for value in (data, event_id, date, agent_id, camera_id)):
            raise UsageError("--data, --id, --date, --agent-id and --camera-id go with --type; a file has them inside.")
        events = _read(str(file))
    trace = new_trace()
    ids: list[str] = []
    duplicates: list[str] = []
    for group in _calls(events):
        try:
            answer = session.target.graphql.execute(documents.PUBLISH, trace, events=group)["publishEvents"]
        except CommandError as error:
            if ids:
                raise DoneInPart(f"{len(ids)} of {len(events)} were published, then: {error.message}", {"ids": ids}) from error
            raise
        ids.extend(answer["ids"])
        duplicates.extend(answer["duplicateIds"])
        if len(events) > EVENTS_PER_CALL:
            session.output.note(f"{len(ids)} of {len(events)} published")
    if session.output.as_json:
        session.output.value({"ok": True, "ids": ids, "duplicateIds": duplicates, "traceId": trace.trace_id})
        return
    for event in ids[:20]:
        session.output.text(f"{event}{'  duplicate' if event in duplicates else ''}")
    if len(ids) > 20:
        session.output.text(f"... {len(ids)} in all, {len(duplicates)} of them duplicates")
    session.output.note(f"trace {trace.trace_id}")


def _calls(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for event in events:
        length = len(json.dumps(event, ensure_ascii=False).encode(errors="surrogatepass"))
        if group and (len(group) == EVENTS_PER_CALL or size + length > BYTES_PER_CALL):
            yield group
            group, size = [], 0
        group.append(event)
        size += length
    if group:
        yield group


def _object(data: str | None) -> Any:
    if data is None:
        return {}
    try:
        value = read_json(data)
    except NotJson as error:
        raise UsageError(f"--data: this is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError("--data: it must be a JSON object.")
    return value


def _read(file: str) -> list[dict[str, Any]]:
    try:
        # bytes: the encoding of a terminal is not that of a file
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no UTF-8: {error.reason} at byte {error.start}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    events: list[dict[str, Any]] = []
    for place, value in _values(text, file):
        if not isinstance(value, dict):
            raise UsageError(f"{file}, {place}: an event is a JSON object.")
        unknown = value.keys() - _KEYS
        if unknown:
            raise UsageError(f"{file}, {place}: an event has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_KEYS))}.")
        events.append(value)
    if not events:
        raise UsageError(f"{file} holds no event.")
    return events


def _values(text: str, file: str) -> Iterator[tuple[str, Any]]:
    try:
        whole = read_json(text)
    except NotJson as whole_error:
        # Lines end at U+000A only: U+2028 and the like may stand in strings as they are (RFC 8259, section 7).
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip(" \t\r"):
                continue
            try:
                yield f"line {number}", read_json(line)
            except NotJson as error:
                # A broken document that was never meant to be lines is described as a whole.
                what = f"line {number} is no JSON: {error}" if number > 1 else f"this is no JSON: {whole_error}"
                raise UsageError(f"{file}: {what}.") from None
        return
    if isinstance(whole, list):
        yield from ((f"event {number}", value) for number, value in enumerate(whole, 1))
    else:
        yield "event 1", whole
