"""A compiled pattern: what must hold of which fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from event_service.filters.patterns.consistency import Demand, Search
from event_service.filters.patterns.event_fields import EventFields, FieldValues
from event_service.filters.patterns.predicates import Predicate


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """What one pattern asks of the values at one path.

    Attributes:
        path: the dotted path.
        predicates: it holds where one of them accepts one of the values.
        or_absent: it also holds where the path has no value (`"exists": false`).
    """

    path: str
    predicates: tuple[Predicate, ...]
    or_absent: bool = False

    def accepts_any(self, values: FieldValues) -> bool:
        """Whether a predicate accepts one of ``values``."""
        return any(predicate.accepts_any(values) for predicate in self.predicates)

    def may_hold(self, fields: EventFields) -> bool:
        """Whether it holds by itself; which values go together is not asked yet."""
        values = fields.values.get(self.path)
        if values is None:
            return self.or_absent
        if self.accepts_any(values):
            return True
        return self.or_absent and fields.has_element_objects and values.all_in_elements


def path_order(condition: FieldCondition) -> bytes:
    """Sorts conditions as AWS sorts paths, by UTF-16 code units.

    It matters: `"exists": false` looks at the array elements that the fields before it have chosen.
    """
    return condition.path.encode("utf-16-be", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Pattern:
    """An event pattern: it matches where all conditions of one alternative hold.

    Attributes:
        alternatives: one for each combination of `$or` branches; the conditions are sorted by path.
    """

    alternatives: tuple[tuple[FieldCondition, ...], ...]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether ``event``, the delivered event as ``json.loads`` makes it, matches."""
        fields = EventFields(event)
        return any(alternative_holds(conditions, fields) for conditions in self.alternatives)


def alternative_holds(conditions: Sequence[FieldCondition], fields: EventFields) -> bool:
    """Whether all ``conditions``, which are sorted by path, hold together, array elements considered."""
    if not all(condition.may_hold(fields) for condition in conditions):
        return False
    search = search_of_elements(conditions, fields)
    return search is None or search.succeeds()


def search_of_elements(conditions: Sequence[FieldCondition], fields: EventFields) -> Search | None:
    """The search for values that may match together, or ``None`` where any may.

    Args:
        conditions: sorted by path; each holds by itself.
        fields: the event.
    """
    if not fields.has_element_objects:
        return None
    demands: list[Demand] = []
    bound = 0
    for condition in conditions:
        values = fields.values.get(condition.path)
        if values is not None:
            demands.append((values, condition.predicates, condition.or_absent))
            # One field alone finds its element, but absence beside it must be told from absence of all.
            bound += 2 if condition.or_absent else values.in_elements > 0
    return Search(demands) if bound > 1 else None
