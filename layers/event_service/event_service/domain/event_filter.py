"""Event filters: which events an endpoint wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

DEFAULT_NAME = "Event filter"
LAST_FILTER_DELETED = "its last event filter was deleted: link one, or resume it to receive every event"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One event filter.

    ``condition`` is what was given, ``{"in": {…}}`` and/or ``{"pattern": {…}}``: it is both the GraphQL ``meta`` and
    what the matcher compiles.
    """

    id: str
    workspace_id: str
    name: str
    condition: dict[str, Any]
    created: datetime
    modified: datetime
