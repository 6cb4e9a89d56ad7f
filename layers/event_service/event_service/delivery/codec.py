"""How deliveries are written: the one place for queue messages, rows of backlogs and records of the log.

Everything carries :data:`FORMAT`. A reader ignores fields that it does not know, and refuses a higher number. Fields that
have their usual value are left out; a test sends every field through.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from event_service.base import json_values
from event_service.base.dates import format_date, from_stored
from event_service.base.formats import check_format
from event_service.delivery.attempt import (
    NO_ATTEMPT,
    Attempt,
    DeliveryKey,
    DeliveryStatus,
    FailureClass,
    LogRecord,
    PendingAttempt,
)

FORMAT: Final = 1

AttributeMap = dict[str, dict[str, Any]]
"""An item as DynamoDB takes it."""


# -- the attempt that comes next -----------------------------------------------------------------------------------------


def written_attempt(attempt: PendingAttempt) -> dict[str, Any]:
    """A pending attempt as a JSON object."""
    key = attempt.delivery
    written: dict[str, Any] = {
        "v": FORMAT,
        "workspaceId": key.workspace_id,
        "endpointId": key.endpoint_id,
        "eventId": key.event_id,
        "acceptedAt": key.accepted_at,
    }
    if attempt.number != 1:
        written["attempt"] = attempt.number
    if attempt.schedule_start != 1:
        written["scheduleStart"] = attempt.schedule_start
    if attempt.begun != 1:
        written["begun"] = attempt.begun
    if attempt.listed:
        written["listed"] = True
    if attempt.traceparent is not None:
        written["traceparent"] = attempt.traceparent
    if attempt.body_bytes:
        written["bodyBytes"] = attempt.body_bytes
    if key.configuration_version is not None:
        written["configuration"] = key.configuration_version
    if key.log_shards:
        written["logShards"] = key.log_shards
    return written


def read_attempt(written: dict[str, Any]) -> PendingAttempt:
    """Reads what :func:`written_attempt` made."""
    return PendingAttempt(
        DeliveryKey(
            written["workspaceId"],
            written["endpointId"],
            written["eventId"],
            written["acceptedAt"],
            written.get("configuration"),
            written.get("logShards", 0),
        ),
        written.get("attempt", 1),
        written.get("scheduleStart", 1),
        written.get("listed", False),
        written.get("traceparent"),
        written.get("bodyBytes", 0),
        written.get("begun", 1),
    )


# -- queue messages ------------------------------------------------------------------------------------------------------


def message_text(attempt: PendingAttempt, body: str, continuations: int, *, repeat: bool) -> str:
    """A line of JSON, then the exact body of the request. The body is not wrapped in JSON again: that would cost processor
    time on both sides and up to twice the bytes."""
    head = written_attempt(attempt)
    if continuations:
        head["continuations"] = continuations
    if repeat:
        head["repeat"] = True
    return f"{json_values.dumps(head)}\n{body}"


def look_text(workspace_id: str, endpoint_id: str, continuations: int) -> str:
    """A message that asks for a lane to be served."""
    return json_values.dumps({"v": FORMAT, "workspaceId": workspace_id, "endpointId": endpoint_id, "continuations": continuations})


def read_message(text: str) -> tuple[dict[str, Any], str]:
    """The head of a message and its body.

    Raises:
        ValueError: no such message, or one that a newer release wrote.
    """
    line, _, body = text.partition("\n")
    head = json.loads(line)
    if not isinstance(head, dict):
        raise ValueError(f"no webhook message: its head is a {type(head).__name__}")  # noqa: TRY004 - callers know one error
    check_format(head.get("v"), FORMAT, "a webhook message")
    return head, body


# -- backlog rows -------------------------------------------------------------------------------------------------------


def row_attributes(attempt: PendingAttempt) -> AttributeMap:
    """What a row of a backlog holds beside its key and expiry."""
    return {"attempt": {"S": json_values.dumps(written_attempt(attempt))}}


def read_row(item: AttributeMap) -> PendingAttempt:
    """Reads what :func:`row_attributes` made.

    Raises:
        ValueError: a newer release wrote it.
    """
    written = json.loads(item["attempt"]["S"])
    check_format(written.get("v"), FORMAT, "a row of a backlog")
    return read_attempt(written)


# -- the log -------------------------------------------------------------------------------------------------------------


def record_attributes(record: LogRecord) -> AttributeMap:
    """What a record of the log holds beside its keys and expiry. Plain attributes, since lists read only some of them."""
    item: AttributeMap = {
        "v": {"N": str(FORMAT)},
        "status": {"S": record.status.value},
        "date": {"S": format_date(record.date)},
        "accepted": {"S": record.delivery.accepted_at},
    }
    if record.delivery.configuration_version is not None:
        item["configuration"] = {"N": str(record.delivery.configuration_version)}
    if record.next_attempt is not None:
        item["next"] = {"S": format_date(record.next_attempt)}
    if record.schedule_start != 1:
        item["scheduleStart"] = {"N": str(record.schedule_start)}
    if record.disable_reason is not None:
        item["disableReason"] = {"S": record.disable_reason}
    attempt = record.attempt
    if attempt is None:
        item["waitsFor"] = {"N": str(record.waits_for)}
        return item
    item["durationMs"] = {"N": str(attempt.duration_ms)}
    if attempt.status_code is not None:
        item["statusCode"] = {"N": str(attempt.status_code)}
    if attempt.failure is not None:
        item["error"] = {"S": attempt.failure.value}
    if attempt.explanation:
        item["explanation"] = {"S": attempt.explanation}
    if attempt.response_body:
        item["body"] = {"S": attempt.response_body}
    if attempt.url is not None:
        item["url"] = {"S": attempt.url}
    if attempt.response_headers:
        item["headers"] = {"S": json_values.dumps(attempt.response_headers)}
    return item


def read_record(item: AttributeMap, event: tuple[str, str, int], endpoint_id: str, number: int, *, listed: bool) -> LogRecord:
    """Reads what :func:`record_attributes` made; the other arguments come from the item's keys: ``event`` is (workspace id, event
    id, shards of the log).

    Raises:
        ValueError: a newer release wrote it.
    """
    check_format(item["v"]["N"], FORMAT, "a record of the log")
    workspace_id, event_id, log_shards = event
    date = from_stored(item["date"]["S"])
    version = int(item["configuration"]["N"]) if "configuration" in item else None
    return LogRecord(
        delivery=DeliveryKey(workspace_id, endpoint_id, event_id, item["accepted"]["S"], version, log_shards),
        status=DeliveryStatus(item["status"]["S"]),
        date=date,
        next_attempt=from_stored(item["next"]["S"]) if "next" in item else None,
        attempt=None if number == NO_ATTEMPT else _read_made(item, number, date),
        waits_for=int(item["waitsFor"]["N"]) if "waitsFor" in item else NO_ATTEMPT,
        schedule_start=int(item["scheduleStart"]["N"]) if "scheduleStart" in item else 1,
        disable_reason=_text(item, "disableReason"),
        listed=listed,
    )


def _read_made(item: AttributeMap, number: int, date: datetime) -> Attempt:
    return Attempt(
        number=number,
        date=date,
        duration_ms=int(item["durationMs"]["N"]),
        status_code=int(item["statusCode"]["N"]) if "statusCode" in item else None,
        failure=FailureClass(item["error"]["S"]) if "error" in item else None,
        explanation=_text(item, "explanation"),
        response_body=_text(item, "body"),
        url=_text(item, "url"),
        response_headers=tuple((name, value) for name, value in json.loads(item["headers"]["S"])) if "headers" in item else (),
    )


def _text(item: AttributeMap, name: str) -> str | None:
    value = item.get(name)
    return None if value is None else str(value["S"])
