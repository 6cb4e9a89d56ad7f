"""A draft of an event filter, judged as routing would judge it, for one event after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from event_service.configuration.endpoint import Endpoint
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.explanation import Explainer, FailedClause
from event_service.routing.table import Matcher, RoutingTable

DRAFT: Final = "draft"
"""Stands for the endpoint and the event filter that are only imagined."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One event.

    Attributes:
        matched: whether the draft matches it.
        near_miss: the only clause that it fails.
        received: whether the endpoint that was named gets it as it is configured now; ``None`` without an endpoint.
        wanted: whether it would get it with the draft.
    """

    matched: bool
    near_miss: FailedClause | None
    received: bool | None
    wanted: bool


class Judge:
    """A draft, and optionally the endpoint that it is meant for."""

    def __init__(
        self,
        workspace_id: str,
        condition: Mapping[str, Any],
        make_matcher: Callable[[], Matcher],
        endpoint: tuple[Endpoint, Sequence[EventFilter]] | None = None,
        kept: Sequence[EventFilter] = (),
    ) -> None:
        """
        Args:
            workspace_id: whose events will be judged.
            condition: of the draft, checked.
            make_matcher: makes what routing decides by.
            endpoint: with its linked event filters.
            kept: those that it would have beside the draft.
        """
        never = datetime.max.replace(tzinfo=UTC)
        draft = EventFilter(DRAFT, workspace_id, DRAFT, dict(condition), never, never)
        self._explainer = Explainer(condition)
        self._drafted = RoutingTable(workspace_id, make_matcher())
        # An event of the service's own about the endpoint itself is never sent there: so the draft has its id, where there is one.
        self._receiver = DRAFT if endpoint is None else endpoint[0].id
        self._drafted.load(0, {self._receiver: None}, [draft], {self._receiver: [DRAFT]})
        self._kept: RoutingTable | None = None
        if kept:
            self._kept = RoutingTable(workspace_id, make_matcher())
            self._kept.load(0, {self._receiver: None}, kept, {self._receiver: [one.id for one in kept]})
        self._present: RoutingTable | None = None
        if endpoint is not None:
            one, filters = endpoint
            self._present = RoutingTable(workspace_id, make_matcher())
            nothing = [one.id] if one.matches_nothing else []
            self._present.load(0, {one.id: one.type}, filters, {one.id: [each.id for each in filters]}, nothing)

    def judge(self, event: Event, *, explain: bool = True) -> Judgement:
        """One event. Without ``explain`` it is not said whether it is a near miss, which takes as long as the verdict."""
        received = None if self._present is None else self._present.selects(self._receiver, event)
        if self._drafted.selects(self._receiver, event):
            return Judgement(True, None, received, True)
        wanted = self._kept is not None and self._kept.selects(self._receiver, event)
        return Judgement(False, self._explainer.near_miss(event.as_delivered()) if explain else None, received, wanted)
