"""The logs of WEB_SOCKET endpoints in DynamoDB.

Three kinds of items share the table, each under a partition key of its own, so that no partition takes more than two of
an append's six write units: segments under the endpoint's id, sorted by their last sequence (so that one query from a
cursor on begins with the segment that holds what follows it), the head, and the markers. The head has no expiry: the
numbering must go on for as long as the endpoint exists.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.aws.dynamodb import ConditionFailed, Database, Key, TransactionCanceled, Write
from event_service.base.clock import Clock
from event_service.sockets.ports import AlreadyAppended, AppendConflict, LogHead, Segment

MARKER_LIFE: Final = timedelta(days=15)
"""A routing message can come again for 14 days, the longest that a queue keeps one."""
FORMAT: Final = 1
"""Of heads and segments; a reader that meets a newer one fails instead of guessing."""
_CONDITION_FAILED: Final = "ConditionalCheckFailed"


class HeadItem(Model):
    """The counter of one endpoint's log."""

    class Meta:
        """The table's logical name."""

        table_name = "socket_log"

    key = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    zero = NumberAttribute(range_key=True, attr_name="sequence")
    next = NumberAttribute()
    floor = NumberAttribute()
    kept_until = NumberAttribute(attr_name="keptUntil")
    format = NumberAttribute(attr_name="v", default_for_new=FORMAT)


class SegmentItem(Model):
    """Events that were appended together: their ids, one a line, compressed."""

    class Meta:
        """The table's logical name."""

        table_name = "socket_log"

    endpoint_id = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    last = NumberAttribute(range_key=True, attr_name="sequence")
    ids = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute(attr_name="expiresAt")
    format = NumberAttribute(attr_name="v", default_for_new=FORMAT)


class MarkerItem(Model):
    """That a routing message is in an endpoint's log."""

    class Meta:
        """The table's logical name."""

        table_name = "socket_log"

    key = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    zero = NumberAttribute(range_key=True, attr_name="sequence")
    expires_at = NumberAttribute(attr_name="expiresAt")


def head_key(endpoint_id: str) -> Key:
    """Where an endpoint's head stands."""
    return Key(HeadItem, f"{endpoint_id}#head", 0)


def head_of(item: HeadItem) -> LogHead:
    """Reads the stored form.

    Raises:
        ValueError: a newer version of the code wrote it.
    """
    check_format(item.format, FORMAT)
    return LogHead(int(item.next), int(item.floor), datetime.fromtimestamp(int(item.kept_until), UTC))


def check_format(found: float, known: int) -> None:
    """Raises ``ValueError`` for a stored form that is newer than this code."""
    if found > known:
        raise ValueError(f"a stored item of format {int(found)}; this version reads up to {known}")


class DynamoSocketLogStore:
    """Implements :class:`~event_service.sockets.ports.SocketLogStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def heads(self, endpoint_ids: Collection[str]) -> dict[str, LogHead]:
        found = self._database.batch_get(head_key(one) for one in endpoint_ids)
        items = (HeadItem.from_raw_data(item) for _, item in found)
        return {item.key.removesuffix("#head"): head_of(item) for item in items}

    def put_head(self, endpoint_id: str, head: LogHead, replaces: LogHead | None) -> bool:
        key = head_key(endpoint_id)
        item = HeadItem(key.hash, key.range, next=head.next, floor=head.floor, kept_until=_epoch(head.kept_until))
        if replaces is None:
            condition = HeadItem.key.does_not_exist()
        else:
            condition = (HeadItem.next == replaces.next) & (HeadItem.kept_until == _epoch(replaces.kept_until))
        try:
            self._database.put(item, condition)
        except (ConditionFailed, TransactionCanceled):
            return False
        return True

    def extend(self, endpoint_id: str, kept_until: datetime, if_between: tuple[datetime, datetime]) -> bool:
        low, high = map(_epoch, if_between)
        condition = (HeadItem.kept_until > low) & (HeadItem.kept_until < high)
        try:
            self._database.update(head_key(endpoint_id), [HeadItem.kept_until.set(_epoch(kept_until))], condition)
        except (ConditionFailed, TransactionCanceled):
            return False
        return True

    def append(self, endpoint_id: str, head: LogHead, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        writes = [Write.update(head_key(endpoint_id), [HeadItem.next.set(segments[-1].last + 1)], HeadItem.next == head.next)]
        writes.extend(Write.put(_segment_item(endpoint_id, segment), SegmentItem.endpoint_id.does_not_exist()) for segment in segments)
        expires_at = _epoch(self._clock() + MARKER_LIFE)
        writes.extend(
            Write.put(MarkerItem(f"{endpoint_id}#{nonce}", 0, expires_at=expires_at), MarkerItem.key.does_not_exist()) for nonce in nonces
        )
        try:
            self._database.transact(writes)
        except TransactionCanceled as error:
            reasons = error.reasons[len(writes) - len(nonces) :]
            marked = [nonce for nonce, reason in zip(nonces, reasons, strict=False) if reason == _CONDITION_FAILED]
            if marked:
                raise AlreadyAppended(marked) from None
            raise AppendConflict from error

    def segments(self, endpoint_id: str, after: int, up_to: int, limit: int) -> list[Segment]:
        condition = (SegmentItem.endpoint_id == endpoint_id) & (SegmentItem.last > after)
        # A page ends at 1 MB, and whoever gets fewer than the limit takes it for the end of the log.
        items = islice(self._database.query_all(SegmentItem, condition, limit=limit, consistent=True), limit)
        segments = [_segment(SegmentItem.from_raw_data(item)) for item in items]
        return [segment for segment in segments if segment.first <= up_to]

    def drop(self, endpoint_id: str) -> None:
        self._database.delete(head_key(endpoint_id))


def _epoch(value: datetime) -> int:
    return int(value.timestamp())


def _segment_item(endpoint_id: str, segment: Segment) -> SegmentItem:
    # Event ids are printable, so none holds a line feed; random UUIDs shrink to half.
    ids = zlib.compress("\n".join(segment.event_ids).encode())
    return SegmentItem(endpoint_id, segment.last, ids=ids, expires_at=_epoch(segment.expires))


def _segment(item: SegmentItem) -> Segment:
    check_format(item.format, FORMAT)
    event_ids = tuple(zlib.decompress(item.ids).decode().split("\n"))
    return Segment(int(item.last) - len(event_ids) + 1, event_ids, datetime.fromtimestamp(int(item.expires_at), UTC))
