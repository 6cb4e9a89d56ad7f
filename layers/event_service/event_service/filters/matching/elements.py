"""Which values of an event's arrays may match together.

AWS reads a pattern's fields in the order of their paths and picks one value for each; two picks may not come from
different elements of one array, and a field counts as absent when all its values are in elements that an earlier pick
has excluded. Trying all picks is exponential. But JSON is a tree, so each array can be judged by itself: the first
field that has values in it must pick one, that pick chooses the element, and what the other fields have there decides.
So for each condition and array one bit an element is kept (does it hold there?), and the bits of several conditions are
combined; only elements that hold arrays themselves are looked into. Conditions and combinations of them are judged
once for all filters that state them.

Only when one path leads into several arrays of one object (`{"a.b": [...], "a": {"b": [...]}}`) is there something to
choose, and all choices are tried, as far as the budget goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum
from itertools import product

from event_service.filters.matching.budget import Budget
from event_service.filters.matching.path_index import SharedCondition
from event_service.filters.patterns.event_fields import EventFields, FieldValues, Key, Place

BITS_PER_STEP = 4_096
STEPS_PER_NESTED_ELEMENT = 6
STEPS_PER_FIELD = 4


class _Ask(Enum):
    """What is asked of a field."""

    VALUE = "one of its values must be picked"
    EITHER = "one of its values must be picked, or all must be excluded by earlier picks"
    ABSENT = "all its values must be excluded by earlier picks"


class _Level:
    """What one field has below one object.

    Attributes:
        direct: whether it has a value there outside further arrays.
        accepted: whether such a value is accepted.
        arrays: what it has in further arrays, by their number.
    """

    __slots__ = ("accepted", "arrays", "direct")

    def __init__(self) -> None:
        self.direct = False
        self.accepted = False
        self.arrays: dict[int, _Array] = {}

    def put(self, place: Place, depth: int, accepted: bool) -> None:
        if len(place) == depth:
            self.direct = True
            self.accepted = self.accepted or accepted
            return
        number, index = place[depth]
        array = self.arrays.get(number)
        if array is None:
            array = self.arrays[number] = _Array()
        array.put(index, place, depth, accepted)


class _Array:
    """What one field has in one array.

    Attributes:
        nested: by element, what it holds for elements with further arrays inside.
    """

    __slots__ = ("_accepted", "_accepted_bits", "_any", "_any_bits", "_nested_bits", "nested")

    def __init__(self) -> None:
        self.nested: dict[int, _Level] = {}
        self._accepted: list[int] = []
        self._any: list[int] = []
        self._accepted_bits: int | None = None
        self._any_bits: int | None = None
        self._nested_bits: int | None = None

    def put(self, index: int, place: Place, depth: int, accepted: bool) -> None:
        """Adds a value in element ``index``; those in further arrays come first."""
        self._any.append(index)
        if accepted:
            self._accepted.append(index)
        level = self.nested.get(index)
        if level is None and len(place) > depth + 1:
            level = self.nested[index] = _Level()
        if level is not None:
            level.put(place, depth + 1, accepted)

    @property
    def accepted(self) -> int:
        """The elements that hold an accepted value, however deep."""
        if self._accepted_bits is None:
            self._accepted_bits = _bits(self._accepted)
        return self._accepted_bits

    def may_hold(self, ask: _Ask) -> int:
        """The elements in which ``ask`` may hold where an earlier field has chosen them."""
        if ask is _Ask.VALUE:
            return self.accepted
        if self._any_bits is None:
            self._any_bits = _bits(self._any)
            self._nested_bits = _bits(self.nested)
        # Where all values stand in further arrays, a choice there may exclude them.
        absent = ~self._any_bits | (self._nested_bits or 0)
        return absent if ask is _Ask.ABSENT else absent | self.accepted


def _bits(indexes: Collection[int]) -> int:
    """The number with these bits; made at once, since each ``|=`` on a long number copies it."""
    if not indexes:
        return 0
    packed = bytearray((max(indexes) >> 3) + 1)
    for index in indexes:
        packed[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(packed, "little")


def _elements(bits: int) -> Iterator[int]:
    """The indexes of the bits that are set."""
    digits = bin(bits)[:1:-1]
    index = digits.find("1")
    while index >= 0:
        yield index
        index = digits.find("1", index + 1)


_Asked = tuple[_Ask, _Level]
_AskedInArray = tuple[_Ask, _Array]


class ElementSearch:
    """Which conditions can hold together in one event."""

    __slots__ = ("_budget", "_fields", "_levels", "_verdicts", "_verdicts_of_arrays")

    def __init__(self, fields: EventFields, budget: Budget) -> None:
        self._fields = fields
        self._budget = budget
        self._levels: dict[SharedCondition, _Level] = {}
        self._verdicts: dict[tuple[SharedCondition, ...], bool] = {}
        self._verdicts_of_arrays: dict[tuple[_AskedInArray, ...], bool] = {}

    def in_elements(self, conditions: Iterable[SharedCondition]) -> list[SharedCondition]:
        """Those of ``conditions`` about which :meth:`agree` must be asked; none when they hold together anyway."""
        get = self._fields.values.get
        # A field without values in elements holds by itself and chooses nothing.
        asked = [shared for shared in conditions if (values := get(shared.path)) is not None and values.depth]
        return asked if len(asked) > 1 or (asked and asked[0].or_absent) else []

    def agree(self, asked: list[SharedCondition]) -> bool:
        """Whether one pick of values meets all of some conditions, each of which holds by itself.

        Raises:
            BudgetSpent: it could not be told within the budget.
        """
        self._budget.spend(STEPS_PER_FIELD * (1 + len(asked)))
        asked.sort(key=_order)
        key = tuple(asked)
        verdict = self._verdicts.get(key)
        if verdict is None:
            levels = [(_Ask.EITHER if shared.or_absent else _Ask.VALUE, self._level(shared)) for shared in asked]
            verdict = self._verdicts[key] = self._below_object(levels)
        return verdict

    def _level(self, shared: SharedCondition) -> _Level:
        """The values of one field as a tree of arrays and elements."""
        level = self._levels.get(shared)
        if level is not None:
            return level
        values = self._fields.values[shared.path]
        self._budget.spend(values.total * (values.depth if values.depth == 1 else STEPS_PER_NESTED_ELEMENT * values.depth))
        accepted = self._accepted(shared, values)
        # What is not accepted matters only where it may have to be excluded.
        keys = values.places if shared.or_absent else accepted
        found = [(place, key in accepted) for key in keys for place in values.places[key]]
        if values.depth > 1:
            found.sort(key=_depth, reverse=True)
        level = _Level()
        for place, is_accepted in found:
            level.put(place, 0, is_accepted)
        self._levels[shared] = level
        return level

    def _accepted(self, shared: SharedCondition, values: FieldValues) -> set[Key]:
        accepted: set[Key] = set()
        for predicate in shared.condition.predicates:
            self._budget.spend(predicate.cost(values))
            accepted.update(predicate.accepted(values))
        return accepted

    def _below_object(self, asked: Sequence[_Asked]) -> bool:
        """Whether all that is asked of fields below one object, in the order of their paths, can be met together."""
        self._budget.spend(STEPS_PER_FIELD * (1 + len(asked)))
        some_absent = any(ask is not _Ask.VALUE for ask, _ in asked)
        choices: list[list[_Choice]] = []
        for ask, level in asked:
            if level.direct and ask is not _Ask.VALUE:
                # A value outside arrays is never excluded.
                if ask is _Ask.ABSENT:
                    return False
                ask = _Ask.VALUE  # noqa: PLW2901 - what is asked has become narrower
            if level.accepted and not some_absent:
                # It goes with every other value, and there is nothing that a choice of another would exclude.
                continue
            ways = _ways(ask, level)
            if not ways:
                return False
            choices.append(ways)
        for combination in product(*choices):
            self._budget.spend(STEPS_PER_FIELD * (1 + len(combination)))
            arrays: dict[int, list[_AskedInArray]] = {}
            for way in combination:
                for number, ask, array in way:
                    arrays.setdefault(number, []).append((ask, array))
            if all(self._in_array(tuple(in_array)) for in_array in arrays.values()):
                return True
        return False

    def _in_array(self, asked: tuple[_AskedInArray, ...]) -> bool:
        """The same for one array, of which the first field must choose an element."""
        verdict = self._verdicts_of_arrays.get(asked)
        if verdict is None:
            verdict = self._verdicts_of_arrays[asked] = self._some_element(asked)
        return verdict

    def _some_element(self, asked: tuple[_AskedInArray, ...]) -> bool:
        (first_ask, first), *others = asked
        if first_ask is _Ask.ABSENT:
            # No earlier field has chosen an element, so nothing is excluded.
            return False
        possible = first.accepted
        self._budget.spend((STEPS_PER_FIELD + possible.bit_length() // BITS_PER_STEP) * len(asked))
        for ask, array in others:
            possible &= array.may_hold(ask)
        if not possible:
            return False
        fields = ((_Ask.VALUE, first), *others)
        if not any(array.nested for _, array in fields):
            return True
        for index in _elements(possible):
            self._budget.spend(1 + len(fields))
            inside = [(ask, array.nested[index]) for ask, array in fields if index in array.nested]
            if not inside or self._below_object(inside):
                return True
        return False


_Choice = tuple[tuple[int, _Ask, _Array], ...]
"""One way to meet what is asked of a field: what is asked in which arrays. Empty: a value outside arrays is picked."""


def _ways(ask: _Ask, level: _Level) -> list[_Choice]:
    if ask is _Ask.ABSENT:
        return [tuple((number, ask, array) for number, array in level.arrays.items())]
    if ask is _Ask.EITHER and len(level.arrays) == 1:
        return [tuple((number, ask, array) for number, array in level.arrays.items())]
    ways: list[_Choice] = [((number, _Ask.VALUE, array),) for number, array in level.arrays.items() if array.accepted]
    if level.accepted:
        ways.append(())
    if ask is _Ask.EITHER:
        ways.append(tuple((number, _Ask.ABSENT, array) for number, array in level.arrays.items()))
    return ways


def _order(shared: SharedCondition) -> bytes:
    return shared.order


def _depth(found: tuple[Place, bool]) -> int:
    return len(found[0])
