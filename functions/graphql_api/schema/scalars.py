"""The contract's scalars. What they raise is a sentence; graphql-core adds where in the document it was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NewType

import strawberry
from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)
from strawberry.types.scalar import ScalarDefinition

from event_service.base.dates import format_date, parse_date
from event_service.base.errors import BadUserInput
from event_service.base.json_values import MAXIMUM_NUMBER_CHARACTERS, read_real

DateTime = NewType("DateTime", datetime)
JSON = NewType("JSON", object)
EventType = NewType("EventType", str)

_ABSENT = object()


def _read_date(value: Any) -> datetime:
    if not isinstance(value, str):
        raise BadUserInput('DateTime: a string is needed, such as "2024-05-22T08:55:23.460103+00:00".')
    return parse_date(value, "DateTime")


def _read_date_literal(node: ValueNode, _variables: dict[str, Any] | None = None) -> datetime:
    return _read_date(node.value if isinstance(node, StringValueNode) else None)


def _read_event_type(value: Any) -> str:
    if not isinstance(value, str):
        raise BadUserInput('EventType: a string is needed, such as "IDENTIFICATION".')
    return value


def _read_event_type_literal(node: ValueNode, _variables: dict[str, Any] | None = None) -> str:
    return _read_event_type(node.value if isinstance(node, StringValueNode | EnumValueNode) else None)


def _read_json(value: Any) -> Any:
    # Variables were read strictly with the request body; what they may be is for the use case to say.
    return value


def _read_json_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Any:
    value = _json_of(node, variables or {})
    return None if value is _ABSENT else value


def _json_of(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    """The JSON that a literal means. The parser has bounded its depth and refused lone surrogates."""
    match node:
        case ObjectValueNode():
            values = {field.name.value: _json_of(field.value, variables) for field in node.fields}
            # A variable that was not given leaves its key out, as in any GraphQL input object.
            return {name: value for name, value in values.items() if value is not _ABSENT}
        case ListValueNode():
            items = [_json_of(item, variables) for item in node.values]
            return [None if item is _ABSENT else item for item in items]
        case VariableNode():
            return variables.get(node.name.value, _ABSENT)
        case StringValueNode() | BooleanValueNode():
            return node.value
        case IntValueNode():
            return _integer(node.value)
        case FloatValueNode():
            return read_real(node.value, "JSON")
        case NullValueNode():
            return None
        case EnumValueNode():
            raise BadUserInput(f'JSON: {node.value} is a bare name; write it as a string: "{node.value}".')
        case _:
            raise BadUserInput("JSON: this is no JSON value.")


def _integer(digits: str) -> int:
    # int() takes quadratic time and CPython refuses it beyond 4,300 digits.
    if len(digits) > MAXIMUM_NUMBER_CHARACTERS:
        raise BadUserInput(f"JSON: a number has {len(digits)} characters; at most {MAXIMUM_NUMBER_CHARACTERS} are allowed.")
    return int(digits)


def _as_it_is(value: Any) -> Any:
    return value


SCALARS: Final[dict[object, ScalarDefinition]] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="ISO 8601, microseconds, offset +00:00: `2024-05-22T08:55:23.460103+00:00`. Input: any RFC 3339 date-time.",
        serialize=format_date,
        parse_value=_read_date,
        parse_literal=_read_date_literal,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value: as a variable, or as a literal in GraphQL's notation.",
        serialize=_as_it_is,
        parse_value=_read_json,
        parse_literal=_read_json_literal,
    ),
    EventType: strawberry.scalar(
        name="EventType",
        description="A string, compared without case. "
        'Literals may be written as a string (`"IDENTIFICATION"`) or as a bare name (`IDENTIFICATION`).',
        serialize=_as_it_is,
        parse_value=_read_event_type,
        parse_literal=_read_event_type_literal,
    ),
}
