"""Which of a workspace's event filters an event fulfils.

Every filter (each `$or` alternative of one) waits in the index of one of its fields, the one where it is found least
often in vain; an event is looked up field by field, and of the filters found this way the other conditions are
checked. So the cost of an event follows the filters that nearly match it, not the filters there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from event_service.filters.matching.conditions import Condition, add_listed_values, compile_condition
from event_service.filters.matching.path_index import PathIndex, SharedCondition
from event_service.filters.matching.postings import Postings
from event_service.filters.matching.work import Work
from event_service.filters.patterns.event_fields import EventFields
from event_service.filters.patterns.pattern import FieldCondition, path_order, search_of_elements

# Where a filter waits is a guess made without events. When an event finds more than this many in vain, the guess was
# wrong for events like it: some then move to the condition that failed, so that the next such event finds them no more.
# How many is bounded, since a move costs about as much as ten filters found in vain.
MANY_IN_VAIN = 100
MOVES_AN_EVENT = 200


class _Waiter:
    """One alternative of one filter: it waits at ``place``, and ``others`` must hold too."""

    __slots__ = ("filter_id", "others", "place")

    def __init__(self, filter_id: str, place: SharedCondition, others: tuple[SharedCondition, ...]) -> None:
        self.filter_id = filter_id
        self.place = place
        self.others = others


class Matcher:
    """All event filters of a workspace. Filters come and go one by one; not safe for use by several threads."""

    def __init__(self) -> None:
        self._waiters: dict[str, tuple[_Waiter, ...]] = {}
        self._shared: dict[FieldCondition, SharedCondition] = {}
        self._indexes: dict[str, PathIndex[_Waiter]] = {}
        self._absent: Postings[str, _Waiter] = Postings()
        # Every path that is asked for and all its beginnings, with the number of conditions below it.
        self._wanted: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    def __contains__(self, filter_id: object) -> bool:
        return filter_id in self._waiters

    def add(self, filter_id: str, condition: Condition | Mapping[str, Any]) -> None:
        """Adds a filter, or gives it another condition.

        Args:
            filter_id: its id.
            condition: compiled, or as it is stored: ``{"in": {…}}``, ``{"pattern": …}`` or both.

        Raises:
            BadUserInput: the condition is refused; the matcher is as it was.
        """
        compiled = condition if isinstance(condition, Condition) else compile_condition(condition)
        self.remove(filter_id)
        self._waiters[filter_id] = tuple(self._wait(filter_id, (*alternative, *compiled.lists)) for alternative in compiled.alternatives)

    def remove(self, filter_id: str) -> None:
        """Removes a filter; one that is not there is fine."""
        for waiter in self._waiters.pop(filter_id, ()):
            self._leave(waiter)
            for shared in (waiter.place, *waiter.others):
                self._release(shared)

    def matches(self, event: Mapping[str, Any], work: Work | None = None) -> set[str]:
        """The ids of all filters that ``event`` fulfils.

        Args:
            event: the delivered event, as ``json.loads`` makes it.
            work: counts the steps taken, for tests.
        """
        work = Work() if work is None else work
        fields = EventFields(event, self._wanted)
        add_listed_values(event, fields)
        work.leaves += fields.leaves
        found = self._candidates(fields, work)
        work.candidates += len(found)
        matching, failed = self._verify(found, fields, work)
        if len(failed) > MANY_IN_VAIN:
            for waiter in failed[:MOVES_AN_EVENT]:
                self._move(waiter)
        return matching

    def _verify(self, found: set[_Waiter], fields: EventFields, work: Work) -> tuple[set[str], list[_Waiter]]:
        """The filters of those found whose other conditions hold as well, and those found of which one failed.

        Conditions that nearly every event fulfils may bring all filters of a workspace here. So this loop calls as
        little as it can.
        """
        matching: set[str] = set()
        failed: list[_Waiter] = []
        verdicts: dict[SharedCondition, bool] = {}
        get = fields.values.get
        checked = 0
        for waiter in found:
            if waiter.filter_id in matching:
                continue
            for shared in waiter.others:
                if shared.uses > 1:
                    verdict = verdicts.get(shared)
                    if verdict is None:
                        checked += 1
                        verdict = verdicts[shared] = shared.condition.may_hold(fields)
                    if verdict:
                        continue
                else:
                    checked += 1
                    values = get(shared.path)
                    if values is None:
                        if shared.or_absent:
                            continue
                    elif shared.accepts_any(values) or (shared.or_absent and shared.condition.may_hold(fields)):
                        continue
                failed.append(waiter)
                if shared is not waiter.others[0]:
                    # What failed once fails again: events of a workspace are alike. The order changes no verdict.
                    waiter.others = (shared, *(other for other in waiter.others if other is not shared))
                break
            else:
                if not fields.has_element_objects or _elements_agree(waiter, fields, work):
                    matching.add(waiter.filter_id)
        work.checked += checked
        return matching, failed

    def _candidates(self, fields: EventFields, work: Work) -> set[_Waiter]:
        found: set[_Waiter] = set()
        for path, values in fields.values.items():
            index = self._indexes.get(path)
            if index is not None:
                index.collect(values, found, work)
        for path in self._absent:
            work.lookups += 1
            missing = fields.values.get(path)
            if missing is None or (fields.has_element_objects and missing.all_in_elements):
                self._absent.collect(path, found)
        return found

    def _wait(self, filter_id: str, conditions: tuple[FieldCondition, ...]) -> _Waiter:
        shared = tuple(self._share(condition) for condition in conditions)
        place = min(shared, key=self._cost)
        waiter = _Waiter(filter_id, place, tuple(condition for condition in shared if condition is not place))
        self._enter(waiter)
        return waiter

    def _enter(self, waiter: _Waiter) -> None:
        place = waiter.place
        index = self._indexes.get(place.path)
        if index is None:
            index = self._indexes[place.path] = PathIndex()
        index.add(place, waiter)
        if place.or_absent:
            self._absent.add(place.path, waiter)

    def _leave(self, waiter: _Waiter) -> None:
        place = waiter.place
        index = self._indexes[place.path]
        index.remove(place, waiter)
        if not index:
            del self._indexes[place.path]
        if place.or_absent:
            self._absent.discard(place.path, waiter)

    def _move(self, waiter: _Waiter) -> None:
        """Lets ``waiter`` wait at the condition that failed last, which is the first of the others."""
        self._leave(waiter)
        waiter.place, waiter.others = waiter.others[0], (*waiter.others[1:], waiter.place)
        self._enter(waiter)

    def _cost(self, shared: SharedCondition) -> int:
        index = self._indexes.get(shared.condition.path)
        return (_NOBODY if index is None else index).cost(shared)

    def _share(self, condition: FieldCondition) -> SharedCondition:
        shared = self._shared.get(condition)
        if shared is None:
            shared = self._shared[condition] = SharedCondition(condition)
            for beginning in _beginnings(condition.path):
                self._wanted[beginning] = self._wanted.get(beginning, 0) + 1
        shared.uses += 1
        return shared

    def _release(self, shared: SharedCondition) -> None:
        shared.uses -= 1
        if shared.uses:
            return
        del self._shared[shared.condition]
        for beginning in _beginnings(shared.condition.path):
            self._wanted[beginning] -= 1
            if not self._wanted[beginning]:
                del self._wanted[beginning]


_NOBODY: PathIndex[_Waiter] = PathIndex()


def _elements_agree(waiter: _Waiter, fields: EventFields, work: Work) -> bool:
    conditions = sorted((shared.condition for shared in (waiter.place, *waiter.others)), key=path_order)
    search = search_of_elements(conditions, fields)
    if search is None:
        return True
    verdict = search.succeeds()
    work.placed += search.visits
    return verdict


def _beginnings(path: str) -> list[str]:
    """``path`` and what stands before each of its dots."""
    return [path[:index] for index, character in enumerate(path) if character == "."] + [path]
