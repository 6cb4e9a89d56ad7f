"""How records of the delivery log stand in their table: keys, items, and where their long texts are."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any, Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Key
from event_service.base.dates import from_stored
from event_service.base.identifiers import shard_of
from event_service.delivery import codec
from event_service.delivery.attempt import DeliveryStatus, LogRecord
from event_service.delivery.ports import LOG_SHARDS, STATUS_SHARDS, DeliveryPlace

KEPT_BEYOND_THE_EVENT: Final = timedelta(days=1)
"""So that the record of an event that expired before it could be sent is still seen."""
INLINE_BYTES: Final = 500
"""Texts of a failed attempt that are longer stand in an item of their own. All records of one event share a partition key, which takes
1,000 kilobytes a second (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html): an
error page of 16 KiB would take the place of the records of sixteen other endpoints."""
TEXTS: Final = ("body", "headers", "explanation", "url")
""":mod:`event_service.delivery.codec` names them."""
WIDE_MARKS: Final = ("!", "~")
"""Sort keys of the two rows that say that an event is wide. Ids of endpoints lie between them, so that a list from either end meets one
of them first."""
_INDEX_ID_BYTES: Final = 900
"""DynamoDB takes 1,024 bytes of sort key (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html);
the date before the id takes 33."""


class ByEndpointIndex(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """The deliveries of one endpoint in order of acceptance."""

    class Meta:
        """Name and projection of ``by_endpoint``."""

        index_name = "by_endpoint"
        projection = KeysOnlyProjection()

    endpoint_shard = UnicodeAttribute(hash_key=True, attr_name="endpointShard")
    """``<workspace id>#<endpoint id>#<shard>``"""
    endpoint_key = UnicodeAttribute(range_key=True, attr_name="endpointKey")


class LogItem(Model):
    """One record of the log."""

    class Meta:
        """The table's logical name."""

        table_name = "deliveries"

    event_key = UnicodeAttribute(hash_key=True, attr_name="eventKey")
    """``<workspace id>#<event id>``; ``shard#<shard>/<shards>#<workspace id>#<event id>`` for a wide event; or
    ``text#<workspace id>#<endpoint id>#<event id>`` for the texts of failed attempts; or ``list#<status>#<workspace id>#<shard>`` for a
    part of a list by status. Ids of events may hold anything, but no workspace has such a name."""
    attempt_key = UnicodeAttribute(range_key=True, attr_name="attemptKey")
    """``<endpoint id>#<attempt, 4 digits>``; 0000 is the record without an attempt. In a list by status, the place of the delivery."""
    endpoint_shard = UnicodeAttribute(attr_name="endpointShard", null=True)
    endpoint_key = UnicodeAttribute(attr_name="endpointKey", null=True)
    expires_at = NumberAttribute(attr_name="expiresAt")
    status = UnicodeAttribute(null=True)
    by_endpoint = ByEndpointIndex()


# -- keys ----------------------------------------------------------------------------------------------------------------


def event_key(workspace_id: str, event_id: str) -> str:
    """Where the records of an event stand that is not wide, and the marks of one that is."""
    return f"{workspace_id}#{event_id}"


def shard_key(workspace_id: str, event_id: str, shard: int, shards: int) -> str:
    """Where a part of the records of a wide event stands."""
    return f"shard#{shard}/{shards}#{workspace_id}#{event_id}"


def key_of_delivery(workspace_id: str, endpoint_id: str, event_id: str, shards: int) -> str:
    """Where the records of one delivery stand; ``shards`` is 0 unless its event is wide."""
    return shard_key(workspace_id, event_id, shard_of(endpoint_id, shards), shards) if shards else event_key(workspace_id, event_id)


def read_event_key(text: str) -> tuple[str, str, int]:
    """(workspace id, event id, shards)"""
    shards = 0
    if text.startswith("shard#"):
        _, shard, text = text.split("#", 2)
        shards = int(shard.partition("/")[2])
    workspace_id, _, event_id = text.partition("#")
    return workspace_id, event_id, shards


def log_key(endpoint_id: str, workspace_id: str, event_id: str, number: int, shards: int) -> Key:
    """Where one record stands."""
    return Key(LogItem, key_of_delivery(workspace_id, endpoint_id, event_id, shards), f"{endpoint_id}#{number:04d}")


def text_key(item: AttributeMap) -> tuple[str, str]:
    """Where the texts of a record stand, under a partition key that no other delivery has."""
    workspace_id, event_id, _ = read_event_key(item["eventKey"]["S"])
    endpoint_id, _, number = item["attemptKey"]["S"].partition("#")
    return f"text#{workspace_id}#{endpoint_id}#{event_id}", number


def endpoint_partition(workspace_id: str, endpoint_id: str, shard: int) -> str:
    """Where a part of an endpoint's list stands."""
    # With the workspace: who names an endpoint of another one reads nothing, so that not even the time it takes tells of it.
    return f"{workspace_id}#{endpoint_id}#{shard}"


def list_key(workspace_id: str, status: DeliveryStatus, shard: int) -> str:
    """Where a part of a list by status stands."""
    return f"list#{status.value}#{workspace_id}#{shard}"


def place_key(place: DeliveryPlace) -> str:
    """The sort key of a delivery in a list by status, in the order of places. Ids that are cut may be cut to the same."""
    shown = cut(place.event_id)
    digest = "" if shown == place.event_id else f"\0{hashlib.blake2b(place.event_id.encode(), digest_size=8).hexdigest()}"
    return f"{place.accepted_at}#{shown}\0{place.endpoint_id}{digest}"


def list_entry_key(workspace_id: str, status: DeliveryStatus, place: DeliveryPlace) -> Key:
    """Where a delivery stands in a list by status. By event and endpoint, since many may fail of one of either."""
    shard = shard_of(f"{place.endpoint_id}#{place.event_id}", STATUS_SHARDS)
    return Key(LogItem, list_key(workspace_id, status, shard), place_key(place))


def cut(event_id: str) -> str:
    """As much of an event's id as an index takes."""
    if len(event_id) * 4 <= _INDEX_ID_BYTES:
        return event_id
    return event_id.encode()[:_INDEX_ID_BYTES].decode(errors="ignore")


# -- items ---------------------------------------------------------------------------------------------------------------


def items_of(record: LogRecord, retention: timedelta) -> tuple[AttributeMap, AttributeMap | None]:
    """The record, and its texts if they are to stand apart; ``retention`` is that of events."""
    # The records of one delivery expire together, with their event, or soon after the newest.
    expires = max(from_stored(record.delivery.accepted_at) + retention, record.date) + KEPT_BEYOND_THE_EVENT
    key = record.delivery
    item: AttributeMap = {
        "eventKey": {"S": key_of_delivery(key.workspace_id, key.endpoint_id, key.event_id, key.log_shards)},
        "attemptKey": {"S": f"{key.endpoint_id}#{record.number:04d}"},
        "expiresAt": {"N": str(int(expires.timestamp()))},
    }
    if record.listed:
        item["endpointShard"] = {"S": endpoint_partition(key.workspace_id, key.endpoint_id, shard_of(key.event_id, LOG_SHARDS))}
        item["endpointKey"] = {"S": f"{key.accepted_at}#{cut(key.event_id)}"}
    return _parted(item | codec.record_attributes(record), record)


def list_entry(record: LogRecord, item: AttributeMap) -> AttributeMap:
    """The entry of the list of a record's status; ``item`` is the record's own."""
    place = place_of(record)
    key = list_entry_key(record.delivery.workspace_id, record.status, place)
    entry: AttributeMap = {"eventKey": {"S": key.hash}, "attemptKey": {"S": key.range}, "expiresAt": item["expiresAt"]}
    return entry if cut(place.event_id) == place.event_id else entry | {"eventId": {"S": place.event_id}}


def left_entries(record: LogRecord) -> list[Key]:
    """The entries of lists by status that a record takes its delivery from."""
    return [list_entry_key(record.delivery.workspace_id, status, place_of(record)) for status in record.leaves_lists]


def place_of(record: LogRecord) -> DeliveryPlace:
    """Where the delivery of a record stands in lists."""
    return DeliveryPlace(record.delivery.accepted_at, record.delivery.event_id, record.delivery.endpoint_id)


def read_list_entry(item: AttributeMap) -> DeliveryPlace:
    """Reads what :func:`list_entry` made."""
    accepted_at, _, ids = item["attemptKey"]["S"].partition("#")
    if "eventId" in item:
        return DeliveryPlace(accepted_at, item["eventId"]["S"], ids.split("\0")[-2])
    event_id, _, endpoint_id = ids.rpartition("\0")
    return DeliveryPlace(accepted_at, event_id, endpoint_id)


def _parted(item: AttributeMap, record: LogRecord) -> tuple[AttributeMap, AttributeMap | None]:
    """Texts of a success are short, and it stays one item."""
    texts = {name: item[name] for name in TEXTS if name in item}
    if record.status is DeliveryStatus.DELIVERED or sum(len(text["S"].encode()) for text in texts.values()) <= INLINE_BYTES:
        return item, None
    key, number = text_key(item)
    record_only = {name: value for name, value in item.items() if name not in texts}
    apart: AttributeMap = {"eventKey": {"S": key}, "attemptKey": {"S": number}, "expiresAt": item["expiresAt"]}
    return record_only | {"apart": {"BOOL": True}}, apart | texts


def record_of(item: AttributeMap) -> LogRecord:
    """Reads an item of the log."""
    endpoint_id, _, number = item["attemptKey"]["S"].partition("#")
    return codec.read_record(item, read_event_key(item["eventKey"]["S"]), endpoint_id, int(number), listed="endpointShard" in item)


def is_mark(item: AttributeMap) -> bool:
    """Whether it says that an event is wide, and is no record."""
    return item["attemptKey"]["S"] in WIDE_MARKS
