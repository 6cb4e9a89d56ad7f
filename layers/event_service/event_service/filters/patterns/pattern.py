"""A compiled pattern: what must hold of which fields."""

from __future__ import annotations

from dataclasses import dataclass

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
