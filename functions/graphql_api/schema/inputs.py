"""What the API takes. Every optional field treats ``null`` as left out."""

from typing import TYPE_CHECKING

import strawberry

from event_service.configuration.endpoint import EndpointStatus, EndpointType
from event_service.delivery.attempt import DeliveryStatus
from functions.graphql_api.schema.scalars import JSON, DateTime, EventType
from functions.graphql_api.schema.types import ID, Ordering

if TYPE_CHECKING:
    from event_service.events.new_event import NewEvent


@strawberry.input
class IdLookup:
    exact: ID | None = None


@strawberry.input
class EndpointTypeLookup:
    exact: EndpointType | None = None


@strawberry.input
class EndpointStatusLookup:
    exact: EndpointStatus | None = None


@strawberry.input(description="A text compared exactly.")
class KeyLookup:
    exact: str | None = None


@strawberry.input
class TextLookup:
    contains: str | None = strawberry.field(default=None, description="In any case.")


@strawberry.input(description="All that are given must hold.")
class EventTypeLookup:
    exact: EventType | None = None
    in_: list[EventType] | None = strawberry.field(name="in", default=None, description="One of these, at most 100.")
    starts_with: str | None = strawberry.field(
        default=None, description="In any case. No index knows it: events are read and dropped, see `EventFilters`."
    )


@strawberry.input(description="All that are given must hold.")
class DeliveryStatusLookup:
    exact: DeliveryStatus | None = None
    in_: list[DeliveryStatus] | None = strawberry.field(name="in", default=None, description="One of these.")


@strawberry.input
class StatusCodeLookup:
    exact: int | None = None


@strawberry.input(description="All that are given must hold.")
class DateLookup:
    exact: DateTime | None = None
    gt: DateTime | None = strawberry.field(default=None, description="After this date.")
    gte: DateTime | None = strawberry.field(default=None, description="On or after this date.")
    lt: DateTime | None = strawberry.field(default=None, description="Before this date.")
    lte: DateTime | None = strawberry.field(default=None, description="On or before this date.")


@strawberry.input(description="Skip `offset` of the ordered list, then take `limit`: 100 by default, at most 1000.")
class PaginationInput:
    offset: int | None = 0
    limit: int | None = None


@strawberry.input(
    description="All that are given must hold. By id, key or event filter endpoints are found directly. By name, status or labels they "
    "are looked at one by one: with `first` or `after` a page ends after 1,000 of them, and may be empty while `hasNextPage` is true; "
    "without, more than 10,000 are refused."
)
class EndpointFilters:
    id: IdLookup | None = None
    type: EndpointTypeLookup | None = None
    name: TextLookup | None = None
    status: EndpointStatusLookup | None = None
    key: KeyLookup | None = None
    labels: JSON | None = strawberry.field(default=None, description='All of these pairs, such as `{team: "shop"}`.')
    event_filters_id: IdLookup | None = strawberry.field(default=None, description="A linked event filter.")


@strawberry.input(description="One key only; both spellings mean the same.")
class EndpointOrder:
    creation_date_snake: Ordering | None = strawberry.field(name="creation_date", default=None)
    creation_date: Ordering | None = None


@strawberry.input(
    description="All that are given must hold. By id, key or endpoint event filters are found directly. By name, labels or `linked` they "
    "are looked at one by one: with `first` or `after` a page ends after 1,000 of them, and may be empty while `hasNextPage` is true; "
    "without, more than 10,000 are refused."
)
class EventFiltersFilters:
    id: IdLookup | None = None
    name: TextLookup | None = None
    key: KeyLookup | None = None
    labels: JSON | None = strawberry.field(default=None, description='All of these pairs, such as `{team: "shop"}`.')
    endpoint_id: IdLookup | None = strawberry.field(default=None, description="A linked endpoint.")
    linked: bool | None = strawberry.field(default=None, description="false: those that no endpoint is linked to.")


@strawberry.input(description="One key only; both spellings mean the same.")
class EventFiltersOrder:
    creation_date_snake: Ordering | None = strawberry.field(name="creation_date", default=None)
    creation_date: Ordering | None = None
    last_modified_snake: Ordering | None = strawberry.field(name="last_modified", default=None)
    last_modified: Ordering | None = None


@strawberry.input(
    description="All that are given must hold. Indexes know id, type (`exact`, `in`), date, profile and activity. By `startsWith`, agent, "
    "camera or pattern events are read one by one: with `first` or `after` a page ends after 1,000 of them, and may be empty while "
    "`hasNextPage` is true; without, more than 10,000 are refused."
)
class EventFilters:
    id: IdLookup | None = None
    type: EventTypeLookup | None = None
    date: DateLookup | None = None
    data_identification_data_profile_id: IdLookup | None = strawberry.field(
        default=None, description="One of the first 100 profile_id in data.identification_data is this."
    )
    activity_id: IdLookup | None = strawberry.field(default=None, description="data.activity_id.")
    agent_id: IdLookup | None = None
    camera_id: IdLookup | None = None
    pattern: JSON | None = strawberry.field(
        default=None,
        description="An Amazon EventBridge event pattern over the event as delivered: a JSON object, or a string that holds one.",
    )


@strawberry.input
class EventOrder:
    date: Ordering | None = None


@strawberry.input(
    description="All that are given must hold. By status, status code and event type deliveries are looked at one by one: with `first` or "
    "`after` a page ends after 1,000 of them, and may be empty while `hasNextPage` is true; without, it may take 10 s."
)
class DeliveryFilters:
    id: IdLookup | None = None
    event_id: IdLookup | None = None
    endpoint_id: IdLookup | None = None
    status: DeliveryStatusLookup | None = None
    status_code: StatusCodeLookup | None = strawberry.field(default=None, description="Of the last attempt.")
    event_type: EventTypeLookup | None = strawberry.field(
        default=None, description="Of its event, which is read for it: `exact` or `in`. One whose event is gone has no type."
    )
    creation_date: DateLookup | None = strawberry.field(default=None, description="When the event was accepted; an index knows it.")


@strawberry.input(description="OR inside a list, AND across the lists given. An empty list matches nothing.")
class ConditionFields:
    camera_ids: list[ID] | None = None
    agent_ids: list[ID] | None = None
    profile_group_ids: list[ID] | None = strawberry.field(
        default=None, description="Some element of data.identification_data has a profile group with one of these ids."
    )
    event_types: list[str] | None = strawberry.field(default=None, description="Compared without case.")


@strawberry.input(description="With both, both must match.")
class EventFiltersInput:
    in_: ConditionFields | None = strawberry.field(name="in", default=None)
    pattern: JSON | None = strawberry.field(
        default=None,
        description="An Amazon EventBridge event pattern over the event as delivered: a JSON object, or a string that holds one.",
    )

    def as_condition(self) -> dict[str, object]:
        """The condition with only what was given, under the API's names."""
        condition: dict[str, object] = {}
        if self.in_ is not None:
            lists = {
                "cameraIds": self.in_.camera_ids,
                "agentIds": self.in_.agent_ids,
                "profileGroupIds": self.in_.profile_group_ids,
                "eventTypes": self.in_.event_types,
            }
            condition["in"] = {name: values for name, values in lists.items() if values is not None}
        if self.pattern is not None:
            condition["pattern"] = self.pattern
        return condition


@strawberry.input
class EventInput:
    id: ID | None = strawberry.field(
        default=None, description="Your own id: publishing it again within the retention is a duplicate, not a second event."
    )
    type: EventType
    date: DateTime | None = strawberry.field(default=None, description="When it happened; now by default.")
    data: JSON = strawberry.field(description="A JSON object.")
    agent_id: ID | None = None
    camera_id: ID | None = None

    def as_new_event(self) -> "NewEvent":
        """The event, not yet checked."""
        from event_service.events.new_event import NewEvent

        return NewEvent(type=self.type, data=self.data, id=self.id, date=self.date, agent_id=self.agent_id, camera_id=self.camera_id)
