"""Items of the configuration's tables: their keys, and how the stored form of :mod:`event_service.configuration.codec`
becomes DynamoDB's attributes.

The models have only what keys, indexes and conditions need: the other attributes are the codec's, so that a field is
named in one place.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import BinarySetAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap
from event_service.configuration import codec
from event_service.configuration.endpoint import Endpoint
from event_service.filters.event_filter import EventFilter


class EndpointItem(Model):
    """An endpoint or its tombstone, which has no index keys and so is in no list."""

    class Meta:
        """The table's logical name."""

        table_name = "endpoints"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    id = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    creation_key = UnicodeAttribute(null=True, attr_name="creationKey")
    type_key = UnicodeAttribute(null=True, attr_name="typeKey")
    key = UnicodeAttribute(null=True)
    """Its owner's key, of the index ``by_key``."""
    deleted = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class EndpointByIdItem(Model):
    """The endpoint again, or its tombstone, under its id, with the health of its receiver: what delivery reads, and who
    connects without saying which workspace. DynamoDB never splits the partition of a workspace in a table with local
    indexes (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html), so nothing that is done for each
    delivery may read there."""

    class Meta:
        """The table's logical name."""

        table_name = "endpoints_by_id"

    id = UnicodeAttribute(hash_key=True)
    workspace_id = UnicodeAttribute(null=True, attr_name="workspaceId")
    version = NumberAttribute()
    health = UnicodeAttribute(null=True)
    """JSON, since its parts are only read and written together; absent while the receiver is well."""
    health_version = NumberAttribute(null=True, attr_name="healthVersion")
    deleted = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class EventFilterItem(Model):
    """An event filter or its tombstone."""

    class Meta:
        """The table's logical name."""

        table_name = "event_filters"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    id = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    creation_key = UnicodeAttribute(null=True, attr_name="creationKey")
    modification_key = UnicodeAttribute(null=True, attr_name="modificationKey")
    key = UnicodeAttribute(null=True)
    deleted = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class LinksItem(Model):
    """All links of one endpoint (``endpoint#<id>``) or of one event filter (``filter#<id>``)."""

    class Meta:
        """The table's logical name."""

        table_name = "links"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    side = UnicodeAttribute(range_key=True)
    ids = BinarySetAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute()
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


def endpoint_item(endpoint: Endpoint, version: int) -> AttributeMap:
    """An endpoint as the table holds it."""
    fields = codec.endpoint_fields(endpoint)
    created = fields["created"]
    return typed(
        {
            **codec.without_none(fields),
            "version": version,
            "creationKey": f"{created}#{endpoint.id}",
            "typeKey": f"{endpoint.type.value}#{created}#{endpoint.id}",
        }
    )


def endpoint_of(item: AttributeMap) -> Endpoint:
    """Reads the stored form of one that is no tombstone, whatever else stands in the item. Without a model, which would take
    several times as long: each batch of webhook deliveries does it."""
    return codec.endpoint_of(plain(item))


def event_filter_item(event_filter: EventFilter, version: int) -> AttributeMap:
    """An event filter as the table holds it."""
    fields = codec.event_filter_fields(event_filter)
    return typed(
        {
            **codec.without_none(codec.flat(fields)),
            "version": version,
            "creationKey": f"{fields['created']}#{event_filter.id}",
            "modificationKey": f"{fields['modified']}#{event_filter.id}",
        }
    )


def event_filter_of(item: AttributeMap) -> EventFilter:
    """Reads the stored form of one that is no tombstone."""
    return codec.event_filter_of(plain(item))


def is_deleted(item: AttributeMap) -> bool:
    """Whether it is a tombstone."""
    return "deleted" in item and bool(item["deleted"]["BOOL"])


def packed(one: str) -> bytes:
    """An id as the rows of links hold it."""
    return uuid.UUID(one).bytes


def linked_ids(item: AttributeMap) -> set[str]:
    """The ids in a row of links."""
    return {str(uuid.UUID(bytes=bytes(one))) for one in item.get("ids", {}).get("BS", [])}


def typed(fields: Mapping[str, Any]) -> AttributeMap:
    """Text, booleans and whole numbers as DynamoDB takes them."""
    return {name: _typed(value) for name, value in fields.items()}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def plain(item: AttributeMap) -> dict[str, Any]:
    """The attributes of an item without their types: what :func:`typed` made."""
    fields: dict[str, Any] = {}
    for name, attribute in item.items():
        ((kind, value),) = attribute.items()
        fields[name] = int(value) if kind == "N" else value
    return fields
