"""An event as a pattern sees it: leaf values by dotted path, each with its place in the event's arrays.

Objects vanish into the path and arrays leave no trace in it, so `{"a": {"b": 1}}`, `{"a.b": 1}` and
`{"a": [{"b": 1}]}` all have the value 1 at `a.b`. What an array leaves is a :data:`Place`: values below different
elements of one array may not match together.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from event_service.filters.patterns.numbers import as_float

Key = str | int | float | tuple[str, int]
"""A leaf value such that equal keys are values which a pattern holds for equal.

Strings and numbers are themselves. The literals are tuples, since ``True == 1`` in Python, and so is an integer that
has no float of its own, since it may be ``==`` to a float that stands for another number.
"""

TRUE: Key = ("true", 0)
FALSE: Key = ("false", 0)
NULL: Key = ("null", 0)

Place = tuple[tuple[int, int], ...]
"""Outermost first: (number of the array in the event, index of the element) for each array element that holds the
value inside an object or a further array. Scalars directly in an array are free to match together: no entry."""

NOWHERE: Place = ()


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
    number = as_float(value)
    return ("integer", value) if number is None else number


class FieldValues:
    """All values that an event has at one path.

    Attributes:
        places: the places of each distinct value.
        sole: the value where all are the same one, else ``None``.
        in_elements: how many values have a place in an array's element.
        outside: how many have none.
    """

    __slots__ = ("_ends", "_numbers", "_strings", "in_elements", "outside", "places", "sole")

    def __init__(self) -> None:
        self.places: dict[Key, list[Place]] = {}
        self.sole: Key | None = None
        self.in_elements = 0
        self.outside = 0
        self._strings: list[str] | None = None
        self._ends: list[str] | None = None
        self._numbers: list[float] | None = None

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
    def all_in_elements(self) -> bool:
        """Whether the path may count as absent beside values of other elements."""
        return not self.outside

    def add(self, key: Key, place: Place) -> None:
        """Adds one value."""
        places = self.places.get(key)
        if places is None:
            self.sole = None if self.places else key
            self.places[key] = [place]
        else:
            places.append(place)
        if place:
            self.in_elements += 1
        else:
            self.outside += 1


class EventFields:
    """The fields of one event.

    Attributes:
        values: by dotted path; a path without a leaf value is missing.
        has_element_objects: whether any value read has a place in an array's element.
        leaves: how many leaf values were read.
    """

    __slots__ = ("_arrays", "_wanted", "has_element_objects", "leaves", "values")

    def __init__(self, event: Mapping[str, Any], wanted: Container[str] | None = None) -> None:
        """Reads ``event``.

        Args:
            event: the delivered event, as ``json.loads`` makes it.
            wanted: paths to read and all their dotted beginnings; everything when ``None``.
        """
        self.values: dict[str, FieldValues] = {}
        self.has_element_objects = False
        self.leaves = 0
        self._wanted = wanted
        self._arrays = 0
        self._read_object(event, None, NOWHERE)

    def _read_object(self, value: Mapping[str, Any], base: str | None, place: Place) -> None:
        wanted = self._wanted
        for name, child in value.items():
            path = name if base is None else f"{base}.{name}"
            if wanted is not None and path not in wanted:
                continue
            if isinstance(child, dict):
                self._read_object(child, path, place)
            elif isinstance(child, list):
                self._read_array(child, path, place)
            else:
                self._add(path, key_of(child), place)

    def _read_array(self, value: list[Any], path: str, place: Place) -> None:
        number = self._arrays
        self._arrays += 1
        for index, child in enumerate(value):
            if isinstance(child, dict):
                self._read_object(child, path, (*place, (number, index)))
            elif isinstance(child, list):
                self._read_array(child, path, (*place, (number, index)))
            else:
                self._add(path, key_of(child), place)

    def _add(self, path: str, key: Key, place: Place) -> None:
        self.leaves += 1
        if place:
            self.has_element_objects = True
        values = self.values.get(path)
        if values is None:
            values = self.values[path] = FieldValues()
        values.add(key, place)
