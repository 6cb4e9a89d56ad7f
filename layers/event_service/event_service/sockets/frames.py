"""Frames: what a WebSocket client receives.

An event is encoded once, when it is read, and shared by all clients; notices are made as they are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from event_service.base import json_values

MAXIMUM_FRAME_BYTES: Final = 128 * 1024
"""API Gateway's limit for one message; it cuts it into frames of 32 KB itself
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html)."""
MAXIMUM_BATCH_EVENTS: Final = 100
MAXIMUM_BATCH_BYTES: Final = 102_400

_REPLAYED: Final = b',"replayed":true}'
_REPLAYED_BYTES: Final = len(_REPLAYED) - 1


@dataclass(frozen=True, slots=True)
class EventFrame:
    """One event with its sequence. ``data`` is a JSON object in UTF-8; ``replayed``: a replay put it into the log."""

    sequence: int
    event_id: str
    data: bytes
    replayed: bool = False

    @property
    def first(self) -> int:
        """Its sequence."""
        return self.sequence

    @property
    def last(self) -> int:
        """The sequence up to which a client knows everything once it has this."""
        return self.sequence


class GapReason(StrEnum):
    """Why sequences are not there."""

    EXPIRED = "expired"
    """Their events are older than the retention."""
    UNUSED = "unused"
    """They were never given to an event: nothing is missing."""
    FILTERED = "filtered"
    """Their events do not match the filter that the connection is narrowed by: nothing is missing."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequences that will never be there, both ends included."""

    first: int
    last: int
    reason: GapReason = GapReason.EXPIRED


Entry = EventFrame | Gap
"""What stands in the log behind a cursor."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message to one connection: its parts in order, the sequence it brings its client to, and the event ids in it
    with theirs."""

    parts: tuple[bytes, ...]
    last: int
    events: tuple[tuple[str, int], ...] = ()

    @property
    def data(self) -> bytes:
        """The message; put together only when it is sent."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)


def event_frame(event_id: str, text: bytes, sequence: int, *, replayed: bool = False) -> EventFrame:
    """The event as delivered, and its sequence as the tenth key.

    Args:
        event_id: the event's.
        text: the JSON object that webhooks get as their body.
        sequence: its place in the log.
        replayed: whether a replay put it there.
    """
    return EventFrame(sequence, event_id, b"".join((memoryview(text)[:-1], b',"sequence":%d}' % sequence)), replayed)


def gap_notice(gap: Gap) -> bytes:
    """Tells a client which sequences it will not get, why, and which one follows."""
    return _notice({"notice": "gap", "from": gap.first, "to": gap.last, "next": gap.last + 1, "reason": gap.reason.value})


def reset_notice(following: int) -> bytes:
    """Tells a client that has just connected which sequence follows, whatever it believed."""
    return _notice({"notice": "reset", "next": following})


def too_large_notice(event_id: str, sequence: int, *, replayed: bool = False) -> bytes:
    """Stands for an event that fits in no frame: it is to be read with the ``events`` query."""
    more = {"replayed": True} if replayed else {}
    return _notice({"notice": "too-large", "id": event_id, "sequence": sequence, **more})


def paused_notice() -> bytes:
    """Tells a client that its endpoint is paused, so that silence is not taken for a fault."""
    return _notice({"notice": "paused"})


def behind_notice(events: int) -> bytes:
    """Tells a client that takes events one by one that it falls behind, and what helps."""
    message = "This connection falls behind. Connect with batch=1: up to 100 events then come in one message."
    return _notice({"notice": "behind", "events": events, "message": message})


def closing_notice(seconds: int) -> bytes:
    """Tells a client why it is closed, if it can take that."""
    message = f"This connection took nothing for {seconds} seconds and is closed. Connect again with after=<your last sequence>."
    return _notice({"notice": "closing", "reason": "slow-client", "message": message})


def filter_gone_notice() -> bytes:
    """Tells a client why it is closed: the event filter that it named was deleted, or grew too large for a connection."""
    message = "The event filter of this connection was deleted, or is too large now. Connect with another filter=<id>, or without."
    return _notice({"notice": "closing", "reason": "filter-gone", "message": message})


def pack(entries: Iterable[Entry], *, batched: bool, replay_to: int = 0) -> Iterator[Frame]:
    """The frames that carry entries, in order.

    Args:
        entries: what stands in the log.
        batched: put up to 100 events or 102,400 bytes into an array; notices travel alone.
        replay_to: events up to this sequence are marked as replayed, and behind it those that a replay put into the log.
    """
    waiting: list[EventFrame] = []
    size = 0
    for entry in entries:
        if isinstance(entry, Gap):
            yield from _flush(waiting, replay_to)
            waiting, size = [], 0
            yield Frame((gap_notice(entry),), entry.last)
            continue
        replayed = entry.replayed or entry.sequence <= replay_to
        length = len(entry.data) + (_REPLAYED_BYTES if replayed else 0)
        # An array adds two brackets.
        if length + (2 if batched else 0) > MAXIMUM_FRAME_BYTES:
            yield from _flush(waiting, replay_to)
            waiting, size = [], 0
            yield Frame((too_large_notice(entry.event_id, entry.sequence, replayed=replayed),), entry.sequence)
        elif not batched:
            yield Frame(_parts(entry, replay_to), entry.sequence, ((entry.event_id, entry.sequence),))
        else:
            if waiting and (len(waiting) == MAXIMUM_BATCH_EVENTS or size + length + 1 > MAXIMUM_BATCH_BYTES):
                yield from _flush(waiting, replay_to)
                waiting, size = [], 0
            waiting.append(entry)
            size += length + (1 if len(waiting) > 1 else 2)
    yield from _flush(waiting, replay_to)


def _flush(waiting: list[EventFrame], replay_to: int) -> Iterator[Frame]:
    if waiting:
        parts = [b"["]
        for entry in waiting:
            parts.extend(_parts(entry, replay_to))
            parts.append(b",")
        parts[-1] = b"]"
        yield Frame(tuple(parts), waiting[-1].sequence, tuple((entry.event_id, entry.sequence) for entry in waiting))


def _parts(entry: EventFrame, replay_to: int) -> tuple[bytes, ...]:
    if entry.sequence > replay_to and not entry.replayed:
        return (entry.data,)
    return (entry.data[:-1], _REPLAYED)


def _notice(value: dict[str, Any]) -> bytes:
    return json_values.dumps(value).encode()
