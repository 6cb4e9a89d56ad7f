"""Checks of a mutation against the rows: that ids exist, and that there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeVar

from event_service.base.errors import Conflict, NotFound, TooLarge
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.ports import ConfigurationRows
from event_service.filters.event_filter import MAXIMUM_INDEX_ENTRIES, EventFilter

MAXIMUM_LINKS: Final = 10_000
"""Event filters of one endpoint and endpoints of one event filter: their ids stand in one item of at most 400 KB."""


MAXIMUM_ROWS: Final = 10_500
"""What one change may write: an endpoint, or an event filter, with as many links as it may have can always be deleted. At
1,000 writes a second, which a partition takes, that is 10 s."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a workspace may hold."""

    endpoints: int
    event_filters: int
    index_entries: int = MAXIMUM_INDEX_ENTRIES


def require_endpoints(rows: ConfigurationRows, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
    """The endpoints, in the order of the ids.

    Raises:
        NotFound: some do not exist.
    """
    return _require("endpoint", rows.endpoints(workspace_id, ids), ids)


def require_event_filters(rows: ConfigurationRows, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
    """The event filters, in the order of the ids.

    Raises:
        NotFound: some do not exist.
    """
    return _require("event filter", rows.event_filters(workspace_id, ids), ids)


def require_both(
    rows: ConfigurationRows, workspace_id: str, endpoint_ids: Sequence[str], event_filter_id: str
) -> tuple[dict[str, Endpoint], EventFilter]:
    """The endpoints and the event filter.

    Raises:
        NotFound: all ids that do not exist, together.
    """
    existing = rows.endpoints(workspace_id, endpoint_ids)
    missing = [one for one in endpoint_ids if one not in existing]
    event_filter = rows.event_filters(workspace_id, [event_filter_id]).get(event_filter_id)
    if event_filter is None:
        raise NotFound("event filter" if not missing else "event filter or endpoint", [event_filter_id, *missing])
    if missing:
        raise NotFound("endpoint", missing)
    return existing, event_filter


def refuse_unknown(what: str, missing: Sequence[str], deleted: Callable[[str, Sequence[str]], set[str]], workspace_id: str) -> None:
    """Lets ids pass that were deleted within 24 hours.

    Raises:
        NotFound: the other ones.
    """
    if missing:
        gone = deleted(workspace_id, missing)
        unknown = [one for one in missing if one not in gone]
        if unknown:
            raise NotFound(what, unknown)


def require_room_for_links(
    rows: ConfigurationRows, workspace_id: str, endpoint_ids: Sequence[str], event_filter_ids: Sequence[str]
) -> None:
    """Refuses links beyond what one item can hold.

    Raises:
        TooLarge: an endpoint or an event filter would have more than 10,000.
    """
    for endpoint_id, filters in rows.event_filter_ids_of(workspace_id, endpoint_ids).items():
        if len(filters | set(event_filter_ids)) > MAXIMUM_LINKS:
            raise TooLarge(f"The endpoint {endpoint_id} may be linked to at most {MAXIMUM_LINKS:,} event filters.")
    for filter_id, endpoints in rows.endpoint_ids_of(workspace_id, event_filter_ids).items():
        if len(endpoints | set(endpoint_ids)) > MAXIMUM_LINKS:
            raise TooLarge(f"The event filter {filter_id} may be linked to at most {MAXIMUM_LINKS:,} endpoints.")


def require_room_in_the_index(kept: int, added: int, quota: int) -> None:
    """Refuses an event filter with which the workspace's routing tables would not fit into memory.

    Args:
        kept: index entries of the workspace's other event filters.
        added: entries of this one.
        quota: entries that a workspace may have.

    Raises:
        TooLarge: with the number that fits.
    """
    if kept + added > quota:
        raise TooLarge(
            f"eventFiltersInput: the filter takes {added:,} index entries (its values, path segments and $or alternatives) and the "
            f"workspace's other filters take {kept:,}; a workspace may have {quota:,}, so one with at most {max(0, quota - kept):,} fits."
        )


def refuse_taken_key(what: str, key: str | None, own_id: str, holder_of: Callable[[str, str], str | None], workspace_id: str) -> None:
    """Refuses the key of another object. It is asked against rows that show the head of the chain, so that of two changes at
    once that give one key, the second finds the first.

    Raises:
        Conflict: it names who has the key.
    """
    holder = None if key is None else holder_of(workspace_id, key)
    if holder is not None and holder != own_id:
        raise Conflict(
            f"key: the {what} {holder} has {key!r} already; nothing was changed. Update that one, or give another key.", [holder]
        )


def refuse_too_many_rows(argument: str, what: str, rows_of_each: Sequence[int]) -> None:
    """Refuses a change that would write more rows than can be written in time.

    Args:
        argument: that lists what is changed, for the error.
        what: is changed, in the plural.
        rows_of_each: rows that each of them writes, in the order given.

    Raises:
        TooLarge: with the number that fits.
    """
    total = sum(rows_of_each)
    if total <= MAXIMUM_ROWS or len(rows_of_each) == 1:
        return
    fitting = sum(1 for so_far in accumulate(rows_of_each) if so_far <= MAXIMUM_ROWS)
    raise TooLarge(
        f"{argument}: with their links, these {len(rows_of_each)} {what} are {total:,} rows; at most {MAXIMUM_ROWS:,} are changed at "
        f"once, and nothing was. The first {max(fitting, 1)} of them fit; then give the next."
    )


_T = TypeVar("_T", Endpoint, EventFilter)


def in_order(existing: Mapping[str, _T], ids: Iterable[str]) -> list[_T]:
    """Those that exist, in creation order."""
    return sorted((existing[one] for one in ids if one in existing), key=lambda one: (one.created, one.id))


def _require(what: str, existing: dict[str, _T], ids: Sequence[str]) -> dict[str, _T]:
    missing = [one for one in ids if one not in existing]
    if missing:
        raise NotFound(what, missing)
    return {one: existing[one] for one in ids}
