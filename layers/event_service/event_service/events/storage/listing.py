"""The time-ordered indexes of events in DynamoDB: two of the events table, and the table of profiles and activities."""

from __future__ import annotations

from typing import Final, NamedTuple

from pynamodb.expressions.operand import Path
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Database
from event_service.events.ports import EntryPage, Track, TrackKey
from event_service.events.sort_key import read_sort_key
from event_service.events.storage.events import EventIndexItem, EventItem, partition


class _Index(NamedTuple):
    name: str
    partition: str
    sort: str


_NAMES: Final = {
    Track.DATE: _Index("by_date", "dateShard", "dateKey"),
    Track.ACCEPTANCE: _Index("by_acceptance", "acceptanceShard", "acceptanceKey"),
}


class DynamoEventIndexes:
    """Implements :class:`~event_service.events.ports.EventIndexes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self,
        key: TrackKey,
        shard: int,
        dates: tuple[str, str],
        *,
        descending: bool,
        limit: int,
        position: object | None,
    ) -> EntryPage:
        # BETWEEN includes its upper end, but no key equals a bare date or place: what happened at `dates[1]` itself stays out.
        where, names = partition(key, shard), _NAMES.get(key.track)
        model: type[Model]
        if names is None:
            model, own_key, attributes = EventIndexItem, "dateKey", ("dateKey", "id")
            condition = (EventIndexItem.subject == where) & EventIndexItem.date_key.between(*dates)
        else:
            model, own_key, attributes = EventItem, names.sort, ("key", names.sort)
            condition = (Path(names.partition) == where) & Path(names.sort).between(*dates)
        page = self._database.query(
            model,
            condition,
            index=None if names is None else names.name,
            attributes=attributes,
            descending=descending,
            limit=limit,
            start=position if isinstance(position, dict) else None,
            # Entries are compared and dropped; the time that a search may take bounds them.
            counted=False,
        )
        prefix = f"{key.workspace_id}#"
        entries = [read_sort_key(item[own_key]["S"], _whole_id(item, prefix)) for item in page.items]
        return EntryPage(entries, page.next)


def _whole_id(item: AttributeMap, prefix: str) -> str | None:
    if "key" in item:
        return str(item["key"]["S"]).removeprefix(prefix)
    return item["id"]["S"] if "id" in item else None
