"""The CloudEvents door: CloudEvents 1.0 over HTTP in binary, structured and batch content mode.

A CloudEvent becomes an event like this:

=================  ====================================================================================================
event              CloudEvent
=================  ====================================================================================================
``id``             ``ce_`` and the SHA-256 of ``source`` and ``id``: a CloudEvent's id is unique only with its source
``type``           ``type``
``date``           ``time``; without it, now
``data``           the data, which must be a JSON object, and in it ``cloudEvent``: ``id`` and ``source`` as they were, and
                   all other attributes
``agentId``        the extension ``agentid``
``cameraId``       the extension ``cameraid``
=================  ====================================================================================================

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from event_service.access.token import Token
from event_service.base import json_values
from event_service.base.characters import is_printable
from event_service.base.dates import parse_date
from event_service.base.errors import BadUserInput, Forbidden, TooLarge, Unauthenticated
from event_service.events.event import MAXIMUM_EVENTS_PER_PUBLISH, parse_event_type
from event_service.events.new_event import MAXIMUM_REFERENCE_CHARACTERS, NewEvent
from event_service.events.publishing import Publishing, PublishResult

STRUCTURED: Final = "application/cloudevents"
BATCH: Final = "application/cloudevents-batch"
KEPT_AS: Final = "cloudEvent"
"""The key in ``data`` that holds the attributes."""
MAXIMUM_ATTRIBUTE_CHARACTERS: Final = 1_024
MAXIMUM_PROBLEMS: Final = 100
"""How many sentences an answer holds: a request of 1.3 MB can have 120,000 faults."""

_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+")
# CloudEvents 1.0.2, section "Type System": what a String must not hold.
_NOT_IN_STRINGS = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_LONGEST_INTEGER = 2**31
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class CloudEventsAnswer:
    """The status of the HTTP answer, and its body as a JSON value: the ids, or a list of what is wrong."""

    status: int
    body: Any


def receive_cloud_events(
    headers: Mapping[str, str],
    body: bytes,
    authenticate: Callable[[], Token],
    publishing: Publishing,
    traceparent: str | None = None,
) -> CloudEventsAnswer:
    """Serves one request.

    Args:
        headers: of the request, names in any case.
        body: of the request.
        authenticate: finds the caller's token or raises ``Unauthenticated``.
        publishing: where the events go.
        traceparent: of the trace that the request belongs to.

    Returns:
        202 with ``ids`` (of the events here, in the order given) and ``duplicateIds``; 400, 401, 403 or 413 with a list
        of sentences. Throttling and failures of ours are raised.
    """
    try:
        caller = authenticate()
        events = parse_cloud_events(headers, body)
        # An empty batch is a valid one.
        result = publishing.publish(caller, events, traceparent) if events else PublishResult([], [])
    except Unauthenticated as error:
        return CloudEventsAnswer(401, [error.message])
    except Forbidden as error:
        return CloudEventsAnswer(403, [error.message])
    except TooLarge as error:
        return CloudEventsAnswer(413, [error.message])
    except BadUserInput as error:
        return CloudEventsAnswer(400, error.problems)
    return CloudEventsAnswer(202, {"ids": result.ids, "duplicateIds": result.duplicate_ids})


def parse_cloud_events(headers: Mapping[str, str], body: bytes) -> list[NewEvent]:
    """The events in one request.

    Raises:
        BadUserInput: all faults of all events, each with its place, such as ``events[3].source``.
        TooLarge: more than 100 events.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    content_type = lowered.get("content-type", "")
    media_type = content_type.split(";")[0].strip().lower()
    base, _, suffix = media_type.partition("+")
    if base in (STRUCTURED, BATCH) and suffix != "json":
        raise BadUserInput(f"content-type: {_shown(media_type)} is not read here; send {base}+json.")
    _check_charset(content_type)
    if base == BATCH:
        given = json_values.loads(body, "body")
        if not isinstance(given, list):
            raise BadUserInput("body: a batch is a JSON array of CloudEvents.")
        if len(given) > MAXIMUM_EVENTS_PER_PUBLISH:
            raise TooLarge(
                f"body: {len(given)} events were given; a publish has at most {MAXIMUM_EVENTS_PER_PUBLISH}. Nothing was published."
            )
    elif base == STRUCTURED:
        given = [json_values.loads(body, "body")]
    elif any(name.startswith("ce-") for name in lowered):
        given = None
    else:
        raise BadUserInput(
            "content-type: this is no CloudEvent. Send application/cloudevents+json, application/cloudevents-batch+json, or the "
            "attributes as headers that begin with ce-."
        )
    problems: list[str] = []
    parsed: list[NewEvent | None] = []
    if given is None:
        parsed.append(_from_headers(lowered, media_type, body, problems))
    else:
        for position, value in enumerate(given):
            parsed.append(_from_json(value, f"events[{position}]", problems))
            if len(problems) > MAXIMUM_PROBLEMS:
                break
    if len(problems) > MAXIMUM_PROBLEMS:
        problems[MAXIMUM_PROBLEMS:] = [f"These are the first {MAXIMUM_PROBLEMS} problems; there are more."]
    if problems:
        raise BadUserInput(*problems)
    return [event for event in parsed if event is not None]


def event_id_of(source: str, cloud_event_id: str) -> str:
    """The id under which a CloudEvent is published."""
    # The length keeps ("a", "bc") and ("ab", "c") apart.
    text = f"{len(source)}:{source}{cloud_event_id}"
    return "ce_" + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()


def _from_headers(headers: Mapping[str, str], media_type: str, body: bytes, problems: list[str]) -> NewEvent | None:
    """Binary content mode: the attributes are headers, the body is the data."""
    attributes: dict[str, Any] = {}
    for header, value in headers.items():
        if header.startswith("ce-"):
            name = header.removeprefix("ce-")
            try:
                attributes[name] = _header_text(value)
            except ValueError:
                problems.append(f"events[0].{_cut(name)}: the header is not percent-encoded UTF-8.")
    if media_type:
        attributes["datacontenttype"] = headers["content-type"]
    data: Any = _NOTHING
    if body:
        if media_type and not _is_json(media_type):
            problems.append(f"events[0].data: {_cut(media_type)} was given; a JSON object is needed.")
        else:
            data = _read_json(body, "events[0].data", problems)
    return _event(attributes, data, "events[0]", problems)


def _from_json(value: Any, place: str, problems: list[str]) -> NewEvent | None:
    """Structured content mode: one JSON object with attributes and data."""
    if not isinstance(value, dict):
        problems.append(f"{place}: a JSON object is needed.")
        return None
    # An attribute that is null is one that is not there.
    attributes = {name: given for name, given in value.items() if name not in ("data", "data_base64") and given is not None}
    # So do data: the JavaScript SDK writes null for an event without any.
    data: Any = _NOTHING if value.get("data") is None else value["data"]
    encoded = value.get("data_base64")
    if encoded is not None:
        if data is not _NOTHING:
            problems.append(f"{place}.data: give data or data_base64, not both.")
            return None
        try:
            raw = base64.b64decode(encoded if isinstance(encoded, str) else "?", validate=True)
        except (binascii.Error, ValueError):
            problems.append(f"{place}.data_base64: it is not Base64.")
            return None
        data = _read_json(raw, f"{place}.data_base64", problems)
    return _event(attributes, data, place, problems)


def _event(attributes: dict[str, Any], data: Any, place: str, problems: list[str]) -> NewEvent | None:
    before = len(problems)
    for name, value in attributes.items():
        _check_attribute(name, value, f"{place}.{_cut(name)}", problems)
        if len(problems) > MAXIMUM_PROBLEMS:
            return None
    _check_required(attributes, place, problems)
    for name in ("agentid", "cameraid"):
        value = attributes.get(name)
        if value is not None and not (isinstance(value, str) and 1 <= len(value) <= MAXIMUM_REFERENCE_CHARACTERS and is_printable(value)):
            problems.append(f"{place}.{name}: give 1 to {MAXIMUM_REFERENCE_CHARACTERS} printable characters, such as a UUID.")
    time = attributes.get("time")
    if time is not None:
        _try(lambda: parse_date(str(time), f"{place}.time"), problems)
    if data is not _NOTHING and not isinstance(data, dict):
        problems.append(f"{place}.data: a JSON object is needed.")
    elif isinstance(data, dict) and KEPT_AS in data:
        problems.append(f"{place}.data.{KEPT_AS}: the CloudEvent's attributes are kept under this key; use another one.")
    if len(problems) > before:
        return None
    kept = {name: value for name, value in attributes.items() if name not in ("specversion", "type")}
    return NewEvent(
        id=event_id_of(attributes["source"], attributes["id"]),
        type=attributes["type"],
        date=time,
        data={**(data if isinstance(data, dict) else {}), KEPT_AS: kept},
        agent_id=attributes.get("agentid"),
        camera_id=attributes.get("cameraid"),
        checked=True,
        id_is_derived=True,
        door_key=KEPT_AS,
    )


def _check_required(attributes: Mapping[str, Any], place: str, problems: list[str]) -> None:
    version = attributes.get("specversion")
    if version is None:
        problems.append(f"{place}.specversion: it is missing.")
    elif version != "1.0":
        problems.append(f"{place}.specversion: {_shown(version)} was given; only 1.0 is read.")
    for name in ("id", "source", "type"):
        value = attributes.get(name)
        if value is None:
            problems.append(f"{place}.{name}: it is missing.")
        elif not isinstance(value, str) or not value:
            problems.append(f"{place}.{name}: a string that is not empty is needed.")
    event_type = attributes.get("type")
    if isinstance(event_type, str) and event_type:
        _try(lambda: parse_event_type(event_type, f"{place}.type"), problems)


def _check_attribute(name: str, value: Any, place: str, problems: list[str]) -> None:
    if not _ATTRIBUTE_NAME.fullmatch(name):
        problems.append(f"{place}: the names of attributes are lower-case letters and digits.")
    elif isinstance(value, str):
        if _NOT_IN_STRINGS.search(value):
            problems.append(f"{place}: control characters, and code points that are no characters, are not allowed in an attribute.")
        if len(value) > MAXIMUM_ATTRIBUTE_CHARACTERS:
            problems.append(f"{place}: it has {len(value)} characters; at most {MAXIMUM_ATTRIBUTE_CHARACTERS} are allowed.")
    elif isinstance(value, bool):
        return
    elif not isinstance(value, int) or not -_LONGEST_INTEGER <= value < _LONGEST_INTEGER:
        problems.append(f"{place}: an attribute is a string, a boolean or a 32-bit integer.")


def _read_json(raw: bytes, name: str, problems: list[str]) -> Any:
    """The value, or ``_NOTHING`` with what is wrong added to ``problems``."""
    try:
        value = json_values.loads(raw, name)
        return _NOTHING if value is None else value
    except BadUserInput as error:
        problems.extend(error.problems)
        return _NOTHING


def _try(check: Callable[[], Any], problems: list[str]) -> None:
    try:
        check()
    except BadUserInput as error:
        problems.extend(error.problems)


def _header_text(value: str) -> str:
    """Undoes what section 3.1.3.2 of the HTTP binding prescribes.

    Raises:
        ValueError: the bytes are not UTF-8.
    """
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        # Quoted strings are not produced any more, but must be read.
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), text.encode("latin-1")).decode("utf-8")


def _check_charset(content_type: str) -> None:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
            raise BadUserInput(f"content-type: the charset {_cut(value.strip())} is not read here; send UTF-8.")


def _is_json(media_type: str) -> bool:
    subtype = media_type.partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def _shown(value: Any) -> str:
    return repr(_cut(str(value)))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
