"""The rows of a large workspace, packed into few items for routers that start together.

They are in the table of links, under hash keys of their own, so that no partition has to give all of them: what was packed last
(``<workspace>#packed``, side ``newest``), who packs (side ``claim``), and the parts (``<workspace>#packed#<generation>#<number>``).
"""

from __future__ import annotations

import json
import logging
import random
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.aws.batches import until_not_throttled
from event_service.aws.dynamodb import ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.errors import RateLimited
from event_service.base.identifiers import new_id
from event_service.configuration import codec
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.ports import RoutingRows
from event_service.filters.event_filter import EventFilter
from event_service.routing.packed import Packed

_LOG = logging.getLogger(__name__)

FORMAT: Final = 1
PART_BYTES: Final = 380_000
"""Of one item, which has 400 KB at most."""
TEXT_BYTES: Final = 2_000_000
"""Of JSON that is tried as one part; what does not fit is halved."""
PARTS_PER_READ: Final = 8
"""3 MB: an answer has the connection's three seconds."""
LINKS_PER_RECORD: Final = 1_000
TRIES: Final = 12
"""Of one part that is throttled, with half a second to two seconds between."""
NEWEST_SECONDS: Final = 7 * 86_400
PART_SECONDS: Final = 14 * 86_400
"""Longer than it can be named: a router that has begun to read finds all parts."""


class PackedItem(Model):
    """One item of any of the three kinds."""

    class Meta:
        """The table's logical name."""

        table_name = "links"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    side = UnicodeAttribute(range_key=True)
    format = NumberAttribute(default=FORMAT)
    version = NumberAttribute(null=True)
    generation = UnicodeAttribute(null=True)
    parts = NumberAttribute(null=True)
    claimed_until = NumberAttribute(null=True, attr_name="claimedUntil")
    body = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoPackedRows:
    """Implements :class:`~event_service.routing.packed.PackedStore`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
        part_bytes: int = PART_BYTES,
        generation: Callable[[], str] = new_id,
    ) -> None:
        """
        Args:
            database: with the table of links.
            clock: the date.
            sleep: waits between tries, in seconds.
            part_bytes: the most that one item holds.
            generation: makes the name of what is packed.
        """
        self._database = database
        self._clock = clock
        self._sleep = sleep
        self._part_bytes = part_bytes
        self._generation = generation

    def newest(self, workspace_id: str) -> Packed | None:
        found = self._database.batch_get([Key(PackedItem, f"{workspace_id}#packed", "newest")])
        item = PackedItem.from_raw_data(found[0][1]) if found else None
        if item is None or item.format > FORMAT or item.expires_at <= self._clock().timestamp():
            return None
        return Packed(workspace_id, int(item.version), item.generation, int(item.parts))

    def claim(self, workspace_id: str, seconds: int) -> bool:
        now = int(self._clock().timestamp())
        item = PackedItem(f"{workspace_id}#packed", "claim", claimed_until=now + seconds, expires_at=now + PART_SECONDS)
        try:
            self._database.put(item, PackedItem.claimed_until.does_not_exist() | (PackedItem.claimed_until < now))
        except (ConditionFailed, RateLimited):  # throttled because so many ask: one of them got it
            return False
        return True

    def read(self, packed: Packed) -> RoutingRows | None:
        numbers = list(range(packed.parts))
        # In an order of its own, so that routers that begin together do not all ask for the same key.
        random.shuffle(numbers)
        bodies: dict[int, bytes] = {}
        for first in range(0, len(numbers), PARTS_PER_READ):
            wanted = {_part_key(packed, number): number for number in numbers[first : first + PARTS_PER_READ]}
            for attempt in range(TRIES):
                keys = [Key(PackedItem, key, "part") for key in wanted]
                # A part is never changed, so that one that is found is the right one, and its copies are read at half the price.
                found, throttled = self._database.batch_get_some(keys, consistent=attempt > 1)
                for _, item in found:
                    bodies[wanted.pop(item["workspaceId"]["S"])] = _body(item)
                if not wanted:
                    break
                if not throttled and attempt > 1:
                    return None
                self._pause()
            else:
                raise RateLimited("The packed configuration cannot be read at the moment.")
        try:
            return _unpacked(bodies[number] for number in range(packed.parts))
        except ValueError:
            # A newer release packed it, and this one was gone back to. The rows say so as well, one by one.
            _LOG.warning("the packed configuration cannot be read", exc_info=True, extra={"workspace_id": packed.workspace_id})
            return None

    def write(self, workspace_id: str, version: int, rows: RoutingRows) -> None:
        now = int(self._clock().timestamp())
        packed = Packed(workspace_id, version, self._generation(), 0)
        number = 0
        for body in _parts(_records(rows), self._part_bytes):
            self._put(PackedItem(_part_key(packed, number), "part", body=body, expires_at=now + PART_SECONDS))
            number += 1
        # Last: until then nobody knows of the parts.
        newest = PackedItem(f"{workspace_id}#packed", "newest", version=version, generation=packed.generation, parts=number)
        newest.expires_at = now + NEWEST_SECONDS
        self._put(newest)

    def _put(self, item: PackedItem) -> None:
        until_not_throttled(partial(self._database.put, item), self._sleep, TRIES)

    def _pause(self) -> None:
        self._sleep(random.uniform(0.5, 2.0))  # noqa: S311 - spreads load, guards nothing


def _part_key(packed: Packed, number: int) -> str:
    return f"{packed.workspace_id}#packed#{packed.generation}#{number}"


def _body(item: dict[str, dict[str, Any]]) -> bytes:
    return bytes(item["body"]["B"])


def _records(rows: RoutingRows) -> Iterator[str]:
    """One line of JSON for each: its kind first."""
    yield from (_line("endpoint", one, kind.value) for one, kind in rows.endpoints.items())
    yield from (_line("filter", codec.without_none(codec.event_filter_fields(one))) for one in rows.event_filters.values())
    for endpoint_id, linked in rows.links.items():
        ids = sorted(linked)
        yield from (_line("links", endpoint_id, ids[first : first + LINKS_PER_RECORD]) for first in range(0, len(ids), LINKS_PER_RECORD))
    yield from (_line("matchesNothing", one) for one in rows.matching_nothing)


def _line(*values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _parts(records: Iterable[str], part_bytes: int) -> Iterator[bytes]:
    """Compressed parts that fit into items."""
    most = TEXT_BYTES * part_bytes // PART_BYTES
    lines: list[str] = []
    size = 0
    for record in records:
        if lines and size + len(record) > most:
            yield from _halved(lines, part_bytes)
            lines, size = [], 0
        lines.append(record)
        size += len(record)
    yield from _halved(lines, part_bytes)


def _halved(lines: Sequence[str], part_bytes: int) -> Iterator[bytes]:
    body = zlib.compress("\n".join(lines).encode(), 6)
    if len(body) <= part_bytes or len(lines) == 1:  # one record is an event filter of 32 KB, or a thousand links
        yield body
    else:
        yield from _halved(lines[: len(lines) // 2], part_bytes)
        yield from _halved(lines[len(lines) // 2 :], part_bytes)


def _unpacked(bodies: Iterable[bytes]) -> RoutingRows:
    endpoints: dict[str, EndpointType] = {}
    event_filters: dict[str, EventFilter] = {}
    links: dict[str, set[str]] = {}
    matching_nothing: set[str] = set()
    for body in bodies:
        # JSON escapes line ends within its texts.
        for line in zlib.decompress(body).split(b"\n"):
            if not line:
                continue
            kind, *values = json.loads(line)
            match kind:
                case "endpoint":
                    endpoints[values[0]] = EndpointType(values[1])
                case "filter":
                    event_filter = codec.event_filter_of(values[0])
                    event_filters[event_filter.id] = event_filter
                case "links":
                    links.setdefault(values[0], set()).update(values[1])
                case _:
                    matching_nothing.add(values[0])
    return RoutingRows(endpoints, event_filters, links, frozenset(matching_nothing))
