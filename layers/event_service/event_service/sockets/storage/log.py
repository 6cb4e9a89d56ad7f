"""The logs of WEB_SOCKET endpoints in DynamoDB.

Three kinds of items share the table, each under a partition key of its own, so that no partition takes all writes of a
busy endpoint: segments under the endpoint's id and their block of sequences, the head, and the rows of appended messages. The head has no
expiry: the numbering must go on for as long as the endpoint exists.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from event_service.aws.dynamodb import ConditionFailed, Database, Key, TransactionCanceled, Write
from event_service.base.clock import Clock
from event_service.base.errors import RateLimited
from event_service.base.formats import check_format
from event_service.sockets.log import CLOCK_MARGIN, block_of
from event_service.sockets.ports import AlreadyAppended, LogHead, Segment, SequencesTaken

APPENDED_LIFE: Final = timedelta(days=15)
"""A routing message can come again for 14 days, the longest that a queue keeps one."""
FORMAT: Final = 2
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
    turn = NumberAttribute()
    arrivals = NumberAttribute()
    nobody_connected = BooleanAttribute(null=True, attr_name="nobodyConnected")
    groups = NumberAttribute()
    wide = NumberAttribute()
    wide_until = NumberAttribute(null=True, attr_name="wideUntil")
    appended_at = NumberAttribute(null=True, attr_name="appendedAt")
    slow_until = NumberAttribute(null=True, attr_name="slowUntil")
    format = NumberAttribute(attr_name="v", default_for_new=FORMAT)


class SegmentItem(Model):
    """Sequences that were given out together: the ids of their events, one a line, compressed."""

    class Meta:
        """The table's logical name."""

        table_name = "socket_log"

    block = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    """``<endpoint id>#<block>``"""
    first = NumberAttribute(range_key=True, attr_name="sequence")
    ids = BinaryAttribute(legacy_encoding=False, null=True)
    unused = NumberAttribute(null=True)
    configuration = NumberAttribute(null=True)
    """The version by which the events were routed."""
    replayed = BooleanAttribute(null=True)
    appended_at = NumberAttribute(attr_name="appendedAt")
    expires_at = NumberAttribute(attr_name="expiresAt")
    format = NumberAttribute(attr_name="v", default_for_new=FORMAT)


class AppendedItem(Model):
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
        ValueError: a newer release wrote it.
    """
    check_format(item.format, FORMAT, "a head of a socket's log")
    return LogHead(
        next=int(item.next),
        floor=int(item.floor),
        kept_until=_moment(item.kept_until),
        turn=int(item.turn),
        arrivals=int(item.arrivals),
        nobody_connected=bool(item.nobody_connected),
        groups=int(item.groups),
        wide=int(item.wide),
        wide_until=_optional_moment(item.wide_until),
        appended_at=_optional_moment(item.appended_at),
        slow_until=_optional_moment(item.slow_until),
    )


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
        item = HeadItem(
            key.hash,
            key.range,
            next=head.next,
            floor=head.floor,
            kept_until=_epoch(head.kept_until),
            turn=head.turn,
            arrivals=head.arrivals,
            nobody_connected=head.nobody_connected or None,
            groups=head.groups,
            wide=head.wide,
            wide_until=None if head.wide_until is None else _epoch(head.wide_until),
            appended_at=None if head.appended_at is None else _epoch(head.appended_at),
            slow_until=None if head.slow_until is None else _epoch(head.slow_until),
        )
        if replaces is None:
            condition = HeadItem.key.does_not_exist()
        else:
            condition = (HeadItem.next == replaces.next) & (HeadItem.kept_until == _epoch(replaces.kept_until))
        try:
            self._database.put(item, condition)
        except ConditionFailed:
            return False
        return True

    def allocate(self, endpoint_id: str, number: int) -> LogHead | None:
        now = self._clock()
        # A margin: a head that ends in a moment may be extended at this moment.
        condition = HeadItem.kept_until > _epoch(now - CLOCK_MARGIN / 2)
        return self._change(endpoint_id, [HeadItem.next.add(number), HeadItem.appended_at.set(_epoch(now))], condition)

    def arrive(self, endpoint_id: str, kept_until: datetime) -> LogHead | None:
        actions = [HeadItem.arrivals.add(1), HeadItem.kept_until.set(_epoch(kept_until)), HeadItem.nobody_connected.remove()]
        return self._change(endpoint_id, actions, HeadItem.kept_until > _epoch(self._clock()))

    def take_turn(self, endpoint_id: str) -> LogHead | None:
        return self._change(endpoint_id, [HeadItem.turn.add(1)], HeadItem.key.exists())

    def set_nobody_connected(self, endpoint_id: str, arrivals: int) -> None:
        self._change(endpoint_id, [HeadItem.nobody_connected.set(True)], HeadItem.arrivals == arrivals)

    def resize(self, endpoint_id: str, groups: int, wide: int, wide_until: datetime) -> None:
        actions = [HeadItem.groups.set(groups), HeadItem.wide.set(wide), HeadItem.wide_until.set(_epoch(wide_until))]
        self._change(endpoint_id, actions, HeadItem.key.exists())

    def note_slow(self, endpoint_id: str, until: datetime) -> None:
        self._change(endpoint_id, [HeadItem.slow_until.set(_epoch(until))], HeadItem.key.exists())

    def _change(self, endpoint_id: str, actions: Sequence[Action], condition: Condition) -> LogHead | None:
        try:
            item = self._database.update_and_get(head_key(endpoint_id), actions, condition)
        except ConditionFailed:
            return None
        return head_of(HeadItem.from_raw_data(item))

    def append(self, endpoint_id: str, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        expires_at = _epoch(self._clock() + APPENDED_LIFE)
        writes = [Write.put(_segment_item(endpoint_id, segment), SegmentItem.block.does_not_exist()) for segment in segments]
        writes.extend(
            Write.put(AppendedItem(f"{endpoint_id}#{nonce}", 0, expires_at=expires_at), AppendedItem.key.does_not_exist())
            for nonce in nonces
        )
        try:
            self._database.transact(writes)
        except TransactionCanceled as error:
            reasons = error.reasons[len(segments) :]
            marked = [nonce for nonce, reason in zip(nonces, reasons, strict=False) if reason == _CONDITION_FAILED]
            if marked:
                raise AlreadyAppended(marked) from None
            if _CONDITION_FAILED in error.reasons:
                raise SequencesTaken from None
            # Another transaction with the same items: a reader that seals, or a second copy of the message.
            raise RateLimited("The log is written by someone else at this moment.") from error

    def marked(self, endpoint_id: str, nonces: Collection[str]) -> set[str]:
        found = self._database.batch_get(Key(AppendedItem, f"{endpoint_id}#{nonce}", 0) for nonce in nonces)
        return {item["endpointId"]["S"].rpartition("#")[2] for _, item in found}

    def seal(self, endpoint_id: str, segments: Sequence[Segment]) -> bool:
        try:
            self._database.transact(
                [Write.put(_segment_item(endpoint_id, segment), SegmentItem.block.does_not_exist()) for segment in segments]
            )
        except TransactionCanceled:
            return False
        return True

    def segments(self, endpoint_id: str, first: int, limit: int) -> list[Segment]:
        block = SegmentItem.block == _block_key(endpoint_id, first)
        # A page ends at 1 MB, and whoever gets fewer than the limit takes it for the end of the block.
        items = self._database.query_all(SegmentItem, block & (SegmentItem.first >= first), limit=limit, consistent=True)
        segments = [_segment(SegmentItem.from_raw_data(item)) for item in islice(items, limit)]
        if segments and segments[0].first == first:
            return segments
        page = self._database.query(SegmentItem, block & (SegmentItem.first < first), descending=True, limit=1, consistent=True)
        before = [_segment(SegmentItem.from_raw_data(item)) for item in page.items]
        return [one for one in before if one.last >= first] + segments

    def drop(self, endpoint_id: str) -> None:
        self._database.delete(head_key(endpoint_id))


def _epoch(value: datetime) -> int:
    return int(value.timestamp())


def _moment(value: float) -> datetime:
    return datetime.fromtimestamp(int(value), UTC)


def _optional_moment(value: float | None) -> datetime | None:
    return None if value is None else _moment(value)


def _block_key(endpoint_id: str, sequence: int) -> str:
    return f"{endpoint_id}#{block_of(sequence)}"


def _segment_item(endpoint_id: str, segment: Segment) -> SegmentItem:
    # Event ids are printable, so none holds a line feed; random UUIDs shrink to half.
    ids = zlib.compress("\n".join(segment.event_ids).encode()) if segment.event_ids else None
    return SegmentItem(
        _block_key(endpoint_id, segment.first),
        segment.first,
        ids=ids,
        unused=segment.unused or None,
        configuration=segment.configuration_version,
        replayed=segment.replayed or None,
        appended_at=_epoch(segment.appended),
        expires_at=_epoch(segment.expires),
    )


def _segment(item: SegmentItem) -> Segment:
    check_format(item.format, FORMAT, "a segment of a socket's log")
    ids: bytes | None = item.ids  # PynamoDB's types do not know which attributes may be missing
    event_ids = tuple(zlib.decompress(ids).decode().split("\n")) if ids is not None else ()
    configuration: float | None = item.configuration  # as above
    version = None if configuration is None else int(configuration)
    return Segment(
        int(item.first),
        event_ids,
        _moment(item.appended_at),
        _moment(item.expires_at),
        int(item.unused or 0),
        version,
        replayed=bool(item.replayed),
    )
