"""An event as a pattern sees it: leaf values by dotted path, each with its place in the event's arrays.

Objects vanish into the path and arrays leave no trace in it, so `{"a": {"b": 1}}`, `{"a.b": 1}` and
`{"a": [{"b": 1}]}` all have the value 1 at `a.b`. What an array leaves is a :data:`Place`: values below different
elements of one array may not match together.

Only what some pattern asks for is read, and each value a bounded number of times: the work is linear in the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from event_service.filters.patterns.ip_addresses import Address, parse_address
from event_service.filters.patterns.numbers import as_float
from event_service.filters.patterns.path_tree import PathNode

Key = str | float | tuple[str, str]
"""A leaf value such that equal keys are values which a pattern holds for equal.

Strings and numbers are themselves. The literals are tuples, since ``True == 1`` in Python, and so is an integer that
has no float of its own, since it may be ``==`` to a float that stands for another number. Its digits are kept as a
string: Python's hash of a large integer is known to everybody, so an event could bring 13,000 of them with one hash.
"""

TRUE: Key = ("true", "")
FALSE: Key = ("false", "")
NULL: Key = ("null", "")

_LARGEST_EXACT_INTEGER = 2**53

Place = tuple[tuple[int, int], ...]
"""Outermost first: (number of the array in the event, index of the element) for each array element that holds the
value inside an object or a further array. Scalars directly in an array are free to match together: no entry. Nor has
the element of an array that holds no other: there is none that it could exclude."""

NOWHERE: Place = ()
LONG_TEXT = 256
"""Characters from which a text's length counts in what it costs to look at it."""


def key_of(value: Any) -> Key:
    """The key of a leaf value as ``json.loads`` makes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int):
        return key_of_integer(value)
    return float(value)


def key_of_integer(value: int) -> Key:
    """The key of an integer: its float if it has one."""
    if -_LARGEST_EXACT_INTEGER <= value <= _LARGEST_EXACT_INTEGER:
        return float(value)
    number = as_float(value)
    return ("integer", str(value)) if number is None else number


class FieldValues:
    """All values that an event has at one path.

    Attributes:
        places: the places of each distinct value.
        sole: the value where all are the same one, else ``None``.
        outside: whether a value has none.
        characters: of all distinct strings together.
        depth: the most elements that a value has around it.
        total: the places of all values together.
        heavy: whether a question about these values may cost more than one step: there are several, or a long one.
        known_addresses: see :attr:`addresses`; ``None`` until they are asked for.
    """

    __slots__ = ("_ends", "_numbers", "_strings", "characters", "depth", "heavy", "known_addresses", "outside", "places", "sole", "total")

    def __init__(self) -> None:
        self.places: dict[Key, list[Place]] = {}
        self.sole: Key | None = None
        self.depth = 0
        self.total = 0
        self.outside = False
        self.characters = 0
        self.heavy = False
        self._strings: list[str] | None = None
        self._ends: list[str] | None = None
        self._numbers: list[float] | None = None
        self.known_addresses: dict[str, Address] | None = None

    @property
    def strings(self) -> list[str]:
        """The distinct strings, sorted."""
        if self._strings is None:
            self._strings = sorted(key for key in self.places if isinstance(key, str))
        return self._strings

    @property
    def reversed_strings(self) -> list[str]:
        """The distinct strings, each back to front, sorted: a common ending is a common beginning here."""
        if self._ends is None:
            self._ends = sorted(text[::-1] for text in self.strings)
        return self._ends

    @property
    def numbers(self) -> list[float]:
        """The distinct numbers that compare as floats, sorted."""
        if self._numbers is None:
            self._numbers = sorted(key for key in self.places if isinstance(key, float))
        return self._numbers

    @property
    def addresses(self) -> Mapping[str, Address]:
        """The distinct strings that are IP addresses, each parsed once."""
        if self.known_addresses is None:
            parsed = ((key, parse_address(key)) for key in self.places if isinstance(key, str))
            self.known_addresses = {key: address for key, address in parsed if address is not None}
        return self.known_addresses

    @property
    def all_in_elements(self) -> bool:
        """Whether the path may count as absent beside values of other elements."""
        return not self.outside

    def add(self, key: Key, place: Place) -> None:
        """Notes a leaf under its key, so that tables find it without walking the event."""
        places = self.places.get(key)
        if places is None:
            if self.places:
                self.sole = None
                self.heavy = True
            else:
                self.sole = key
            self.places[key] = [place]
            if isinstance(key, str):
                self.characters += len(key)
                if self.characters > LONG_TEXT:
                    self.heavy = True
        elif place or places[-1]:
            places.append(place)
        else:
            return
        self.total += 1
        if not place:
            self.outside = True
        elif len(place) > self.depth:
            self.depth = len(place)


class EventFields:
    """The fields of one event.

    Attributes:
        values: by dotted path; a path without a leaf value is missing.
        has_element_objects: whether any value read has a place in an array's element.
        leaves: how many leaf values were read.
    """

    __slots__ = ("_arrays", "has_element_objects", "leaves", "values")

    def __init__(self, event: Mapping[str, Any], wanted: PathNode) -> None:
        """Reads ``event``.

        Args:
            event: the delivered event, as ``json.loads`` makes it.
            wanted: the paths to read.
        """
        self.values: dict[str, FieldValues] = {}
        self.has_element_objects = False
        self.leaves = 0
        self._arrays = 0
        self._read_object(event, wanted, NOWHERE)

    def put(self, path: str, strings: Iterable[str]) -> None:
        """Adds strings outside all arrays at a path that is in no event."""
        for text in strings:
            values = self.values.get(path)
            if values is None:
                values = self.values[path] = FieldValues()
            values.add(text, NOWHERE)

    def _read_object(self, value: Mapping[str, Any], node: PathNode, place: Place) -> None:
        get = node.get
        for name, child in value.items():
            below = get(name)
            if below is None:
                # A key may hold dots, which are steps like any others.
                below = node.find(name) if "." in name else None
                if below is None:
                    continue
            if isinstance(child, dict):
                if below:
                    self._read_object(child, below, place)
            elif isinstance(child, list):
                self._read_array(child, below, place)
            elif below.path is not None:
                self._add(below.path, key_of(child), place)

    def _read_array(self, value: list[Any], node: PathNode, place: Place) -> None:
        number = self._arrays
        self._arrays += 1
        path = node.path
        alone = len(value) == 1
        for index, child in enumerate(value):
            if isinstance(child, dict):
                if node:
                    self._read_object(child, node, place if alone else (*place, (number, index)))
            elif isinstance(child, list):
                self._read_array(child, node, place if alone else (*place, (number, index)))
            elif path is not None:
                self._add(path, key_of(child), place)

    def _add(self, path: str, key: Key, place: Place) -> None:
        self.leaves += 1
        if place:
            self.has_element_objects = True
        values = self.values.get(path)
        if values is None:
            values = self.values[path] = FieldValues()
        values.add(key, place)
