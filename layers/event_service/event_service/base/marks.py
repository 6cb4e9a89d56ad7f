"""What clients write on their endpoints and event filters to find them again: a key, a description and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final

from event_service.base.characters import check_visible
from event_service.base.errors import BadUserInput
from event_service.base.problems import Problems

MAXIMUM_KEY_CHARACTERS: Final = 128
MAXIMUM_DESCRIPTION_CHARACTERS: Final = 1_024
MAXIMUM_LABELS: Final = 20
MAXIMUM_LABEL_NAME_CHARACTERS: Final = 64
MAXIMUM_LABEL_VALUE_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class Marks:
    """As they are kept.

    Attributes:
        key: the client's own id: no other object of its kind in the workspace has it.
        description: for people.
        labels: (name, value), in order of names.
    """

    key: str | None = None
    description: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


NO_MARKS: Final = Marks()
MARKS: Final = tuple(one.name for one in fields(Marks))


@dataclass(frozen=True, slots=True)
class GivenMarks:
    """As a caller gives them; ``None``: not given. An empty text, or an empty object of labels, takes away what there was.

    Example::

        marks = GivenMarks(key="orders-hook", labels={"team": "shop"}).over(NO_MARKS)
    """

    key: str | None = None
    description: str | None = None
    labels: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was given."""
        return self == GivenMarks()

    def over(self, marks: Marks) -> Marks:
        """What is given over what there is.

        Raises:
            BadUserInput: something is too long, of the wrong type, or cannot be seen; all faults together.
        """
        problems = Problems()
        key, description, labels = marks.key, marks.description, marks.labels
        if self.key is not None:
            given_key = self.key
            key = problems.collect(lambda: _text(given_key, "key", MAXIMUM_KEY_CHARACTERS), None) or None
        if self.description is not None:
            given_description = self.description
            description = (
                problems.collect(lambda: _text(given_description, "description", MAXIMUM_DESCRIPTION_CHARACTERS, "\n\t"), None) or None
            )
        if self.labels is not None:
            labels = problems.collect(lambda: parse_labels(self.labels, "labels"), ())
        problems.refuse()
        return Marks(key, description, labels)


def as_input(marks: Marks) -> list[Any]:
    """What an idempotency key remembers of marks; nothing where there are none."""
    if marks == NO_MARKS:
        return []
    values = [getattr(marks, name) for name in MARKS]
    return [[dict(value) if isinstance(value, tuple) else value for value in values]]


def has_marks(marks: Marks, key: str | None, labels: tuple[tuple[str, str], ...]) -> bool:
    """Whether marks have a key (``None``: any) and all of some labels."""
    return key in (None, marks.key) and set(labels) <= set(marks.labels)


def parse_labels(given: Any, name: str) -> tuple[tuple[str, str], ...]:
    """Labels in order of their names.

    Args:
        given: an object of texts.
        name: how the caller calls it, for the error.

    Raises:
        BadUserInput: it is none, has more than 20 pairs, or pairs that are too long; all faults together.
    """
    if not isinstance(given, Mapping):
        raise BadUserInput(f'{name}: it is no object such as {{team: "shop"}}.')
    if len(given) > MAXIMUM_LABELS:
        raise BadUserInput(f"{name}: it has {len(given)} pairs; at most {MAXIMUM_LABELS} are allowed.")
    problems = Problems()
    for label, value in given.items():
        shown = f"{name}.{label[:MAXIMUM_LABEL_NAME_CHARACTERS]}"
        if not label:
            problems.add(f"{name}: the name of a label is empty.")
        problems.collect(partial(_text, label, shown, MAXIMUM_LABEL_NAME_CHARACTERS), "")
        if not isinstance(value, str):
            problems.add(f"{shown}: it is no text.")
        else:
            problems.collect(partial(_text, value, shown, MAXIMUM_LABEL_VALUE_CHARACTERS), "")
    problems.refuse()
    return tuple(sorted(given.items()))


def _text(value: str, name: str, most: int, allowed: str = "") -> str:
    if len(value) > most:
        raise BadUserInput(f"{name}: it has {len(value)} characters; at most {most:,} are allowed.")
    check_visible(value.translate(dict.fromkeys(map(ord, allowed))), name)
    if value != value.strip():
        raise BadUserInput(f"{name}: it begins or ends with a space; leave that out.")
    return value
