"""Tells the owner of a workspace which of its event filters this release cannot read, by an operational event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from event_service.base.dates import format_date
from event_service.delivery.ports import OperationalPublisher
from event_service.events.event import RESERVED_TYPE_PREFIX
from event_service.routing.table import RefusedFilter

FILTER_REFUSED: Final = f"{RESERVED_TYPE_PREFIX}filter.refused"
MAXIMUM_NAMED_FILTERS: Final = 100
"""In one event. Its ``count`` says how many there are."""


class RefusedFilterEvents:
    """Implements :class:`~event_service.routing.ports.RefusedFilterReports`."""

    def __init__(self, publisher: Callable[[], OperationalPublisher]) -> None:
        """
        Args:
            publisher: called on the first use: nearly every process has nothing to tell.
        """
        self._publisher = publisher

    def filters_refused(self, workspace_id: str, refused: Sequence[RefusedFilter]) -> None:
        named = sorted(refused, key=lambda one: one.event_filter.id)
        # The same conditions in another process, or loaded again, are the same event.
        text = "\n".join(f"{one.event_filter.id} {format_date(one.event_filter.modified)}" for one in named)
        data = {
            "count": len(named),
            "eventFilters": [
                {"id": one.event_filter.id, "name": one.event_filter.name, "reason": one.reason} for one in named[:MAXIMUM_NAMED_FILTERS]
            ],
        }
        event_id = f"{FILTER_REFUSED}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        self._publisher().publish_operational(workspace_id, FILTER_REFUSED, data, event_id)
