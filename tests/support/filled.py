"""Instances of dataclasses in which no field has its default: what is forgotten on the way through a store is then seen."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def filled(of_type: type[Any], **given: Any) -> Any:
    """An instance of a dataclass, each field with a value of its own that is not the default.

    Args:
        of_type: the dataclass.
        given: values of some fields, where only certain ones are possible.
    """
    hints = typing.get_type_hints(of_type)
    values: dict[str, Any] = {}
    for number, field in enumerate(dataclasses.fields(of_type)):
        values[field.name] = given[field.name] if field.name in given else _value(hints[field.name], field.name, number)
        assert values[field.name] != _default(field), f"{field.name} has its default"
    return of_type(**values)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _value(kind: Any, name: str, number: int) -> Any:
    origin = typing.get_origin(kind)
    if isinstance(kind, types.UnionType):
        return _value(next(one for one in typing.get_args(kind) if one is not types.NoneType), name, number)
    if origin in (tuple, list):
        parts = [one for one in typing.get_args(kind) if one is not Ellipsis]
        # A tuple of two parts is a pair, `tuple[X, ...]` a list.
        return tuple(_value(one, f"{name}{place}", number + place) for place, one in enumerate(parts if len(parts) > 1 else parts * 2))
    if origin in (dict, Mapping):
        key, value = typing.get_args(kind)
        return {_value(key, f"{name}-key", number): 7 if value is Any else _value(value, f"{name}-value", number)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return filled(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[-1]
    made = {
        str: f"{name} é\u2028",
        int: 7 + number,
        bool: True,
        datetime: START + timedelta(days=number, microseconds=1),
    }
    return made[kind]
