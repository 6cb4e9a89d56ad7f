"""Event filters: which events an endpoint wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from event_service.base import json_values
from event_service.base.errors import BadUserInput, TooLarge
from event_service.base.marks import NO_MARKS, Marks

DEFAULT_NAME: Final = "Event filter"

IN_FIELDS: Final = ("cameraIds", "agentIds", "profileGroupIds", "eventTypes")
MAXIMUM_VALUES_PER_LIST: Final = 1_000
MAXIMUM_VALUE_CHARACTERS: Final = 256
MAXIMUM_CONDITION_BYTES: Final = 32 * 1024
"""A routing process holds every condition of a workspace in memory; AWS allows a pattern 4 KB
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html)."""
MAXIMUM_INDEX_ENTRIES: Final = 2_500_000
"""Of one workspace, as ``filters/matching/size.py`` counts them: 250 to 500 MB, 750 at worst, which one routing process
keeps beside what it works on."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One event filter.

    ``condition`` is what was given, ``{"in": {…}}`` and/or ``{"pattern": {…}}``: it is both the GraphQL ``meta`` and
    what the matcher compiles. ``index_entries`` is what it takes in an index, counted when it was written, so that the
    workspace's sum loses what it got, whatever a later release counts.
    """

    id: str
    workspace_id: str
    name: str
    condition: dict[str, Any]
    created: datetime
    modified: datetime
    index_entries: int = 0
    marks: Marks = NO_MARKS


def parse_condition(
    given: Mapping[str, Any], check_pattern: Callable[[Any], dict[str, Any]], name: str = "eventFiltersInput"
) -> dict[str, Any]:
    """Checks a condition and returns it as it is kept: without what is ``null``, a pattern always as an object.

    Args:
        given: ``in`` (an object of lists) and/or ``pattern`` (an object, or a string that holds one).
        check_pattern: reads a pattern, or raises ``BadUserInput`` with the place of the fault.
        name: how the caller calls it; the paths of faults begin with it.

    Raises:
        BadUserInput: neither ``in`` nor ``pattern``, an ``in`` without lists, or values that are not allowed.
        TooLarge: more than 32 KiB as JSON.
    """
    problems = [f"{name}: {unknown!r} is not known; give 'in', 'pattern' or both." for unknown in sorted(given.keys() - {"in", "pattern"})]
    condition: dict[str, Any] = {}
    if given.get("in") is not None:
        condition["in"] = _parse_in(given["in"], f"{name}.in", problems)
    if given.get("pattern") is not None:
        try:
            condition["pattern"] = check_pattern(given["pattern"])
        except BadUserInput as error:
            problems.extend(error.problems)
    if not condition and not problems:
        problems.append(f"{name}: it is empty; give 'in', 'pattern' or both.")
    if problems:
        raise BadUserInput(*problems)
    size = len(json_values.dumps(condition).encode())
    if size > MAXIMUM_CONDITION_BYTES:
        raise TooLarge(f"{name}: {size:,} bytes as JSON; at most {MAXIMUM_CONDITION_BYTES:,} are allowed.")
    return condition


def _parse_in(given: Any, name: str, problems: list[str]) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    if not isinstance(given, Mapping):
        problems.append(f"{name}: it is not an object.")
        return parsed
    problems.extend(
        f"{name}: {unknown!r} is not known; the lists are {', '.join(IN_FIELDS)}." for unknown in sorted(given.keys() - set(IN_FIELDS))
    )
    for field in IN_FIELDS:
        values = given.get(field)
        if values is None:
            continue
        path = f"{name}.{field}"
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            problems.append(f"{path}: it is not a list of strings.")
        elif len(values) > MAXIMUM_VALUES_PER_LIST:
            problems.append(f"{path}: {len(values)} values; at most {MAXIMUM_VALUES_PER_LIST} are allowed.")
        elif any(not 1 <= len(value) <= MAXIMUM_VALUE_CHARACTERS for value in values):
            problems.append(f"{path}: each value has 1 to {MAXIMUM_VALUE_CHARACTERS} characters.")
        else:
            parsed[field] = list(values)
    if not parsed and not problems:
        problems.append(f"{name}: it holds no list; give at least one of {', '.join(IN_FIELDS)}.")
    return parsed
