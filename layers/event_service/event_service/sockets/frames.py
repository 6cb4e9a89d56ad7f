"""Frames: what a WebSocket client receives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from event_service.base import json_values
from event_service.events.event import Event

MAXIMUM_FRAME_BYTES: Final = 128 * 1024
"""API Gateway's limit for one message; it cuts it into frames of 32 KB itself."""
MAXIMUM_BATCH_EVENTS: Final = 100
MAXIMUM_BATCH_BYTES: Final = 102_400


@dataclass(frozen=True, slots=True)
class EventFrame:
    """One event with its sequence. ``text`` is a JSON object."""

    sequence: int
    event_id: str
    text: str

    @property
    def last(self) -> int:
        """The sequence up to which a client knows everything once it has this."""
        return self.sequence


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequences that are not there any more, both ends included."""

    first: int
    last: int


Entry = EventFrame | Gap
"""What stands in the log behind a cursor."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message to one connection, the sequence it brings its client to, and the event ids in it with theirs."""

    data: bytes
    last: int
    events: tuple[tuple[str, int], ...] = ()


def event_frame(event: Event, sequence: int) -> EventFrame:
    """The event as delivered, and its sequence as the tenth key."""
    return EventFrame(sequence, event.id, f'{event.as_json()[:-1]},"sequence":{sequence}}}')


def gap_notice(first: int, last: int, following: int) -> bytes:
    """Tells a client that it will not get ``first`` to ``last``, and which sequence follows."""
    return _notice({"notice": "gap", "from": first, "to": last, "next": following})


def too_large_notice(event_id: str, sequence: int) -> bytes:
    """Stands for an event that fits in no frame: it is to be read with the ``events`` query."""
    return _notice({"notice": "too-large", "id": event_id, "sequence": sequence})


def paused_notice() -> bytes:
    """Tells a client that its endpoint is paused, so that silence is not taken for a fault."""
    return _notice({"notice": "paused"})


def pack(entries: Iterable[Entry], *, batched: bool) -> Iterator[Frame]:
    """The frames that carry entries, in order.

    Args:
        entries: what stands in the log.
        batched: put up to 100 events or 102,400 bytes into an array; notices travel alone.
    """
    waiting: list[EventFrame] = []
    size = 0
    for entry in entries:
        if isinstance(entry, Gap):
            yield from _flush(waiting)
            waiting, size = [], 0
            yield Frame(gap_notice(entry.first, entry.last, entry.last + 1), entry.last)
            continue
        length = len(entry.text.encode())
        # An array adds two brackets.
        if length + (2 if batched else 0) > MAXIMUM_FRAME_BYTES:
            yield from _flush(waiting)
            waiting, size = [], 0
            yield Frame(too_large_notice(entry.event_id, entry.sequence), entry.sequence)
        elif not batched:
            yield Frame(entry.text.encode(), entry.sequence, ((entry.event_id, entry.sequence),))
        else:
            if waiting and (len(waiting) == MAXIMUM_BATCH_EVENTS or size + length + 1 > MAXIMUM_BATCH_BYTES):
                yield from _flush(waiting)
                waiting, size = [], 0
            waiting.append(entry)
            size += length + (1 if len(waiting) > 1 else 2)
    yield from _flush(waiting)


def _flush(waiting: list[EventFrame]) -> Iterator[Frame]:
    if waiting:
        text = f"[{','.join(entry.text for entry in waiting)}]"
        yield Frame(text.encode(), waiting[-1].sequence, tuple((entry.event_id, entry.sequence) for entry in waiting))


def _notice(value: dict[str, Any]) -> bytes:
    return json_values.dumps(value).encode()
