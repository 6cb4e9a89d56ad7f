"""Which of a workspace's event filters an event matches.

Every filter (each `$or` alternative of one) waits in the index of one of its fields, the one where it is found least
often in vain; an event is looked up field by field, and of the filters found this way the other conditions are
checked. So the cost of an event follows the filters that nearly match it, not the filters there are.

What filters and an event were made to cost is bounded: see :mod:`budget`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from event_service.base.errors import DomainError
from event_service.filters.matching import size
from event_service.filters.matching.budget import STEPS_PER_FILTER, Budget, BudgetSpent
from event_service.filters.matching.conditions import LISTED, Condition, add_listed_values, compile_condition
from event_service.filters.matching.elements import ElementSearch
from event_service.filters.matching.path_index import PathIndex, SharedCondition
from event_service.filters.matching.postings import Postings
from event_service.filters.patterns.event_fields import EventFields
from event_service.filters.patterns.path_tree import PathNode
from event_service.filters.patterns.pattern import FieldCondition

# Where a filter waits is a guess made without events. When an event finds more than this many in vain, the guess was
# wrong for events like it: some then move to the condition that failed, so that the next such event finds them no more.
# How many is bounded, since a move costs about as much as ten filters found in vain.
MANY_IN_VAIN: Final = 100
MOVES_PER_EVENT: Final = 200

STEPS_OF_FIRST_SEARCH: Final = 1_000


class _Waiter:
    """One alternative of one filter: it waits at ``place``, and ``others`` must hold too."""

    __slots__ = ("filter_id", "others", "place")

    def __init__(self, filter_id: str, place: SharedCondition, others: tuple[SharedCondition, ...]) -> None:
        self.filter_id = filter_id
        self.place = place
        self.others = others


class Matcher:
    """All event filters of a workspace. Filters come and go one by one; not safe for use by several threads.

    Example::

        matcher = Matcher()
        matcher.add("f1", {"pattern": {"type": ["door.opened"]}})
        budget = Budget()
        matcher.matches(event, budget)  # {"f1"}
        budget.undecided  # 0: how many of these are there only because the budget ended
    """

    def __init__(self) -> None:
        self._waiters: dict[str, tuple[_Waiter, ...]] = {}
        self._shared: dict[FieldCondition, SharedCondition] = {}
        self._indexes: dict[str, PathIndex[_Waiter]] = {}
        self._absent: Postings[str, _Waiter] = Postings()
        self._wanted = PathNode()
        self._bytes = 0

    @property
    def estimated_bytes(self) -> int:
        """About how much memory all filters take; half or twice of it at most."""
        return self._bytes

    # -- changes

    def add(self, filter_id: str, condition: Condition | Mapping[str, Any]) -> None:
        """Adds a filter, or gives it another condition.

        Args:
            filter_id: its id.
            condition: compiled, or as it is stored: ``{"in": {…}}``, ``{"pattern": …}`` or both.

        Raises:
            BadUserInput, TooLarge: the condition is refused; the matcher is as it was.
        """
        compiled = condition if isinstance(condition, Condition) else compile_condition(condition)
        self.remove(filter_id)
        # Alternatives have most of their conditions in common.
        known: dict[int, SharedCondition] = {}
        self._waiters[filter_id] = tuple(
            self._wait(filter_id, (*alternative, *compiled.lists), known) for alternative in compiled.alternatives
        )
        self._bytes += size.BYTES_PER_FILTER

    def add_stored(self, filter_id: str, condition: Mapping[str, Any]) -> str | None:
        """Adds a filter that was accepted once; where this release refuses its condition, one that matches nothing.

        Returns:
            Why the condition is refused, for the log; ``None`` when all is well.
        """
        try:
            self.add(filter_id, condition)
        except DomainError as error:
            self.remove(filter_id)
            self._waiters[filter_id] = ()
            self._bytes += size.BYTES_PER_FILTER
            return error.message
        return None

    def remove(self, filter_id: str) -> None:
        """Removes a filter; one that is not there is fine."""
        waiters = self._waiters.pop(filter_id, None)
        if waiters is None:
            return
        self._bytes -= size.BYTES_PER_FILTER
        for waiter in waiters:
            self._leave(waiter)
            self._bytes -= size.bytes_of_waiter(len(waiter.others) + 1)
            for shared in (waiter.place, *waiter.others):
                self._release(shared)

    # -- matching

    def matches(self, event: Mapping[str, Any], budget: Budget | None = None) -> set[str]:
        """The ids of all filters that ``event`` matches, and of those about which the budget ended.

        Args:
            event: the delivered event, as ``json.loads`` makes it.
            budget: what the work may cost, the usual when ``None``. It tells afterwards how many filters are
                undecided, and so count as matching.
        """
        budget = Budget() if budget is None else budget
        # One filter alone may not spend what is meant for many.
        spendable = min(budget.left, STEPS_PER_FILTER * len(self._waiters))
        kept_back = budget.left - spendable
        fields = EventFields(event, self._wanted)
        add_listed_values(event, fields)
        budget.allow(spendable // 2)
        found, unfinished = self._candidates(fields, budget)
        matching: set[str] = set()
        undecided = self._not_found(found, unfinished) if unfinished else set()
        budget.allow(budget.left - kept_back)
        failed, searching = self._check(found, fields, budget, matching, undecided)
        undecided |= self._search([waiter for waiter in searching if waiter.filter_id not in undecided], fields, budget, matching)
        if len(failed) > MANY_IN_VAIN:
            for waiter in failed[:MOVES_PER_EVENT]:
                self._move(waiter)
        undecided -= matching
        budget.undecided += len(undecided)
        return matching | undecided

    def _candidates(self, fields: EventFields, budget: Budget) -> tuple[set[_Waiter], set[str]]:
        """Who waits for what ``fields`` hold, and the paths at which the budget ended before all were found."""
        found: set[_Waiter] = set()
        unfinished: set[str] = set()
        heavy: list[str] = []
        for path, values in fields.values.items():
            index = self._indexes.get(path)
            if index is None:
                continue
            if values.heavy:
                heavy.append(path)
                continue
            try:
                index.collect(values, found, budget)
            except BudgetSpent:
                unfinished.add(path)
        # What may cost much comes last, so that it spoils nothing else.
        for path in heavy:
            try:
                self._indexes[path].collect(fields.values[path], found, budget)
            except BudgetSpent:
                unfinished.add(path)
        for path in self._absent:
            missing = fields.values.get(path)
            if missing is None or (fields.has_element_objects and missing.all_in_elements):
                self._absent.collect(path, found)
        return found, unfinished

    def _not_found(self, found: set[_Waiter], unfinished: set[str]) -> set[str]:
        """The filters that wait at ``unfinished`` paths and were not found there."""
        return {
            filter_id
            for filter_id, waiters in self._waiters.items()
            if any(waiter.place.path in unfinished and waiter not in found for waiter in waiters)
        }

    def _check(
        self, found: set[_Waiter], fields: EventFields, budget: Budget, matching: set[str], undecided: set[str]
    ) -> tuple[list[_Waiter], list[_Waiter]]:
        """Checks the other conditions of those found.

        Conditions that nearly every event meets may bring all filters of a workspace here. So this loop calls as
        little as it can.

        Returns:
            Those of which a condition failed, and those of which all hold, but perhaps not together.
        """
        failed: list[_Waiter] = []
        searching: list[_Waiter] = []
        verdicts: dict[SharedCondition, bool] = {}
        get = fields.values.get
        steps, left = 0, budget.allowed
        for waiter in found:
            if waiter.filter_id in matching or waiter.filter_id in undecided:
                continue
            for shared in waiter.others:
                verdict = verdicts.get(shared) if shared.uses > 1 else None
                if verdict is None:
                    values = get(shared.path)
                    if values is None:
                        steps += 1
                        verdict = shared.or_absent
                    else:
                        steps += shared.cost(values) if values.heavy else shared.weight
                        if steps > left:
                            break
                        verdict = shared.accepts_any(values) or (shared.or_absent and fields.has_element_objects and values.all_in_elements)
                    if shared.uses > 1:
                        verdicts[shared] = verdict
                if verdict:
                    continue
                failed.append(waiter)
                if shared is not waiter.others[0]:
                    # What failed once fails again: events of a workspace are alike. The order changes no verdict.
                    waiter.others = (shared, *(other for other in waiter.others if other is not shared))
                break
            else:
                steps += 1 + len(waiter.others)
                if fields.has_element_objects:
                    searching.append(waiter)
                else:
                    matching.add(waiter.filter_id)
            if steps > left:
                # Counts as matching whatever was found out; the next ones get what is left, which may suffice.
                undecided.add(waiter.filter_id)
                steps = left
        budget.spend(steps)
        return failed, searching

    def _search(self, searching: list[_Waiter], fields: EventFields, budget: Budget, matching: set[str]) -> set[str]:
        """Puts those into ``matching`` whose conditions hold together, elements of arrays considered.

        Returns:
            The filters about which the budget ended.
        """
        search = ElementSearch(fields, budget)
        limit = budget.left - budget.allowed
        asked: list[tuple[str, list[SharedCondition]]] = []
        for waiter in searching:
            if waiter.filter_id not in matching:
                in_elements = search.in_elements((waiter.place, *waiter.others))
                if in_elements:
                    asked.append((waiter.filter_id, in_elements))
                else:
                    matching.add(waiter.filter_id)
        too_long: set[str] = set()
        # All get a short try first, so that what costs much cannot use up what the others need.
        for steps in (STEPS_OF_FIRST_SEARCH, STEPS_PER_FILTER // 2):
            left_over: list[tuple[str, list[SharedCondition]]] = []
            too_long = set()
            for filter_id, conditions in asked:
                if filter_id in matching:
                    continue
                if filter_id in too_long:
                    left_over.append((filter_id, conditions))
                    continue
                budget.allow(min(steps, budget.left - limit))
                try:
                    if search.agree(conditions):
                        matching.add(filter_id)
                except BudgetSpent:
                    too_long.add(filter_id)
                    left_over.append((filter_id, conditions))
            asked = left_over
        return too_long

    # -- where filters wait

    def _wait(self, filter_id: str, conditions: tuple[FieldCondition, ...], known: dict[int, SharedCondition]) -> _Waiter:
        shared = tuple(self._share(condition, known) for condition in conditions)
        place = min(shared, key=self._cost)
        waiter = _Waiter(filter_id, place, tuple(condition for condition in shared if condition is not place))
        self._bytes += size.bytes_of_waiter(len(shared))
        self._enter(waiter)
        return waiter

    def _enter(self, waiter: _Waiter) -> None:
        place = waiter.place
        index = self._indexes.get(place.path)
        if index is None:
            index = self._indexes[place.path] = PathIndex()
            self._bytes += size.BYTES_PER_PATH_INDEX
        self._bytes -= size.BYTES_PER_TABLE * index.tables
        index.add(place, waiter)
        self._bytes += size.BYTES_PER_TABLE * index.tables + size.bytes_of_place(place.condition, place.waiting)
        place.waiting += 1
        if place.or_absent:
            self._absent.add(place.path, waiter)

    def _leave(self, waiter: _Waiter) -> None:
        place = waiter.place
        index = self._indexes[place.path]
        index.remove(place, waiter)
        place.waiting -= 1
        self._bytes -= size.bytes_of_place(place.condition, place.waiting)
        if not index:
            del self._indexes[place.path]
            self._bytes -= size.BYTES_PER_PATH_INDEX + size.BYTES_PER_TABLE * index.tables
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

    def _share(self, condition: FieldCondition, known: dict[int, SharedCondition]) -> SharedCondition:
        shared = known.get(id(condition)) or self._shared.get(condition)
        if shared is None:
            shared = self._shared[condition] = SharedCondition(condition)
            self._bytes += size.bytes_of_condition(condition)
            if not condition.path.startswith(LISTED):
                self._bytes += size.BYTES_PER_SEGMENT * self._wanted.add(condition.path)
        shared.uses += 1
        known[id(condition)] = shared
        return shared

    def _release(self, shared: SharedCondition) -> None:
        shared.uses -= 1
        if shared.uses:
            return
        condition = shared.condition
        del self._shared[condition]
        self._bytes -= size.bytes_of_condition(condition)
        if not condition.path.startswith(LISTED):
            self._bytes -= size.BYTES_PER_SEGMENT * self._wanted.remove(condition.path)


_NOBODY: PathIndex[_Waiter] = PathIndex()
