"""Which values of an event's arrays may match together.

AWS reads a pattern's fields in the order of their paths and picks one value for each; two picks may not come from
different elements of one array, and a field counts as absent when all its values are in elements that an earlier pick
has excluded. Trying all picks is exponential. But JSON is a tree, so an array's elements can be judged one by one:
inside one element all fields that live in this array must be satisfied together. That visits every value a bounded
number of times.

Only when one path leads into several arrays (`{"a.b": [...], "a": {"b": [...]}}`) is there something to choose. These
choices are bounded in proportion to the number of values; where the bound ends the search the answer is yes, since an
event too many does less harm than one that is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

from event_service.filters.patterns.event_fields import FieldValues, Place
from event_service.filters.patterns.predicates import Predicate

Demand = tuple[FieldValues, tuple[Predicate, ...], bool]
"""The values at a path, what one of them must fulfil, and whether the path may be absent instead."""

VISITS_PER_VALUE = 60
VISITS_AT_LEAST = 10_000

_OUTSIDE = -1
_Places = dict[int, list[Place]]
"""By the number of the demand, which is the order of the paths."""


class _SearchEnded(Exception):
    """The bound on visits was passed."""


class Search:
    """Whether one pick of values fulfils all of several demands.

    Attributes:
        visits: how many places were looked at.
    """

    def __init__(self, demands: Sequence[Demand]) -> None:
        """``demands`` are in the order of their paths."""
        self.visits = 0
        self._wanted: _Places = {}
        self._absent: _Places = {}
        self._either: list[int] = []
        self._possible = True
        for number, (values, predicates, or_absent) in enumerate(demands):
            accepted = dict.fromkeys(key for predicate in predicates for key in predicate.accepted(values))
            picks = [place for key in accepted for place in values.places[key]]
            absent = or_absent and values.all_in_elements
            if absent:
                self._absent[number] = [place for places in values.places.values() for place in places]
            if picks:
                self._wanted[number] = picks
            if absent and picks:
                self._either.append(number)
            elif not absent and not picks:
                self._possible = False
        total = sum(map(len, (*self._wanted.values(), *self._absent.values())))
        self._limit = VISITS_AT_LEAST + VISITS_PER_VALUE * total

    def succeeds(self) -> bool:
        """The answer."""
        if not self._possible:
            return False
        try:
            return any(0 in self._still_present(wanted, absent, 0) for wanted, absent in self._readings())
        except _SearchEnded:
            return True

    def _readings(self) -> Iterator[tuple[_Places, _Places]]:
        """A field that may be absent or have a value is read both ways."""
        for absences in product((False, True), repeat=len(self._either)):
            as_absent = {number for number, absent in zip(self._either, absences, strict=True) if absent}
            as_value = set(self._either) - as_absent
            yield (
                {number: places for number, places in self._wanted.items() if number not in as_absent},
                {number: places for number, places in self._absent.items() if number not in as_value},
            )

    def _still_present(self, wanted: _Places, absent: _Places, depth: int) -> set[int]:
        """Picks a value for each of ``wanted`` below one object.

        Returns:
            For each way to pick that differs in it: which of ``absent`` still have a value here that no pick excludes,
            as bits. Empty when no pick is possible; `0` is the pick that is looked for.
        """
        absent_by_array = self._by_array(absent, depth)
        always = sum(1 << number for number in absent_by_array.pop(_OUTSIDE, ()))
        wanted_by_array = self._by_array(wanted, depth)
        choices: dict[int, list[int]] = {}
        for array, numbers in wanted_by_array.items():
            for number in numbers:
                choices.setdefault(number, []).append(array)
        if not absent:
            # A value outside arrays goes with every other, and there is nothing that another pick would exclude.
            choices = {number: arrays for number, arrays in choices.items() if _OUTSIDE not in arrays}
        found: set[int] = set()
        memo: dict[tuple[int, tuple[int, ...]], set[int]] = {}
        for choice in product(*choices.values()):
            self._visit()
            assigned: defaultdict[int, list[int]] = defaultdict(list)
            for number, array in zip(choices, choice, strict=True):
                assigned[array].append(number)
            assigned.pop(_OUTSIDE, None)
            results = {always}
            for array in assigned.keys() | absent_by_array.keys():
                members = tuple(assigned.get(array, ()))
                if (array, members) not in memo:
                    inside = {number: wanted_by_array[array][number] for number in members}
                    memo[array, members] = self._in_array(inside, absent_by_array.get(array, {}), depth)
                results = {here | there for here in results for there in memo[array, members]}
            found |= results
            if 0 in found or (found and not absent):
                break
        return found

    def _by_array(self, places_of: _Places, depth: int) -> dict[int, _Places]:
        """The places apart by the array they enter next."""
        result: dict[int, _Places] = {}
        for number, places in places_of.items():
            for place in places:
                self._visit()
                array = place[depth][0] if len(place) > depth else _OUTSIDE
                result.setdefault(array, {}).setdefault(number, []).append(place)
        return result

    def _by_element(self, places_of: _Places, depth: int) -> dict[int, _Places]:
        """The places, all in one array, apart by the element they are in."""
        result: dict[int, _Places] = {}
        for number, places in places_of.items():
            for place in places:
                self._visit()
                result.setdefault(place[depth][1], {}).setdefault(number, []).append(place)
        return result

    def _in_array(self, wanted: _Places, absent: _Places, depth: int) -> set[int]:
        """The same for one array, of which one element is chosen if ``wanted`` is not empty."""
        if not wanted:
            return {sum(1 << number for number in absent)}
        if len(wanted) == 1 and not absent:
            return {0}
        absent_elements = self._by_element(absent, depth)
        first_pick = min(wanted)
        found: set[int] = set()
        for index, element in self._by_element(wanted, depth).items():
            if len(element) < len(wanted):
                continue
            inside = absent_elements.get(index, {})
            # Values in other elements are excluded by the pick of this one, if that pick comes first.
            outside = 0
            for number, places in absent.items():
                if number < first_pick and len(places) > len(inside.get(number, ())):
                    outside |= 1 << number
            found |= {outside | bits for bits in self._still_present(element, inside, depth + 1)}
            if 0 in found or (found and not absent):
                break
        return found

    def _visit(self) -> None:
        self.visits += 1
        if self.visits > self._limit:
            raise _SearchEnded
