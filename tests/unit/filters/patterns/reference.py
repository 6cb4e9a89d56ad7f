"""A slow matcher that is right because one can see it: the yardstick of the property tests.

It shares nothing with the product. It reads a pattern as Python objects (without repeated keys), lists every pick of
values by brute force in the order of the paths, and states each operator in the most direct words there are.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Elements = dict[int, int]
Leaf = tuple[str, Any, Elements]


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether ``event`` matches ``pattern``, which must be well formed."""
    leaves = list(_leaves(event))
    return any(_can_pick(sorted(fields.items()), leaves, {}) for fields in alternatives(pattern))


def alternatives(pattern: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """All combinations of ``$or`` branches as flat path -> list of allowed entries."""
    return _with_object([{}], pattern, "")


def _with_object(so_far: list[dict[str, list[Any]]], tree: dict[str, Any], base: str) -> list[dict[str, list[Any]]]:
    for key, value in tree.items():
        if key == "$or":
            so_far = [alternative for branch in value for alternative in _with_object([dict(fields) for fields in so_far], branch, base)]
        elif isinstance(value, dict):
            so_far = _with_object(so_far, value, f"{base}{key}.")
        else:
            for fields in so_far:
                fields[f"{base}{key}"] = value
    return so_far


def _leaves(event: dict[str, Any]) -> Iterator[Leaf]:
    """Path, value and array elements of each leaf."""
    arrays = iter(range(10**9))

    def below(value: Any, path: str, elements: Elements) -> Iterator[Leaf]:
        if isinstance(value, dict):
            for key, child in value.items():
                yield from below(child, f"{path}.{key}", elements)
        elif isinstance(value, list):
            array = next(arrays)
            for index, child in enumerate(value):
                inside = {**elements, array: index} if isinstance(child, dict | list) else elements
                yield from below(child, path, inside)
        else:
            yield path[1:], value, elements

    return below(event, "", {})


def _can_pick(fields: list[tuple[str, list[Any]]], leaves: list[Leaf], picked: Elements) -> bool:
    """Picks a value for the first field that goes with what was picked before, then for the others."""
    if not fields:
        return True
    (path, entries), *others = fields
    possible = [
        (value, elements)
        for leaf_path, value, elements in leaves
        if leaf_path == path and all(picked.get(array, index) == index for array, index in elements.items())
    ]
    if not possible:
        return {"exists": False} in entries and _can_pick(others, leaves, picked)
    return any(
        any(accepts(entry, value) for entry in entries) and _can_pick(others, leaves, {**picked, **elements})
        for value, elements in possible
    )


def accepts(entry: Any, value: Any) -> bool:
    """Whether one leaf value fulfils one entry of a pattern's list."""
    if not isinstance(entry, dict):
        return _is_ip(entry) == _is_ip(value) if _is_ip(entry) else _same(entry, value)
    ((operator, operand),) = entry.items()
    if operator == "exists":
        return operand is True
    if operator == "numeric":
        return (
            _is_number(value)
            and _has_a_float(value)
            and all(
                _compare(operand[index], Decimal(repr(value)), Decimal(repr(operand[index + 1]))) for index in range(0, len(operand), 2)
            )
        )
    if operator == "anything-but":
        return not any(accepts(refused, value) for refused in _refused(operand))
    return isinstance(value, str) and _text_accepts(operator, operand, value)


def _refused(operand: Any) -> list[Any]:
    if isinstance(operand, dict):
        ((operator, texts),) = operand.items()
        return [{operator: text} for text in (texts if isinstance(texts, list) else [texts])]
    values = operand if isinstance(operand, list) else [operand]
    return [{"exactly": value} if isinstance(value, str) else value for value in values]


def _text_accepts(operator: str, operand: Any, value: str) -> bool:
    if operator == "cidr":
        network = ipaddress.ip_network(operand, strict=False)
        address = _is_ip(value)
        return address is not None and address.version == network.version and address in network
    if operator == "exactly":
        return value == str(operand)
    if operator == "equals-ignore-case":
        return re.fullmatch(_any_case(operand), value) is not None
    if operator == "wildcard":
        return re.fullmatch(_wildcard(operand), value, re.DOTALL) is not None
    text = re.escape(operand) if isinstance(operand, str) else _any_case(operand["equals-ignore-case"])
    whole = f"{text}.*" if operator == "prefix" else f".*{text}"
    return re.fullmatch(whole, value, re.DOTALL) is not None


def _any_case(text: str) -> str:
    return "".join(f"(?:{re.escape(character.lower())}|{re.escape(character.upper())})" for character in text)


def _wildcard(text: str) -> str:
    return re.sub(
        r"\\\\(.)|\*|(.)",
        lambda found: re.escape(found[1] or found[2]) if found[1] or found[2] else ".*",
        text.replace("\\", "\\\\"),
        flags=re.DOTALL,
    )


def _is_ip(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not isinstance(value, str):
        return None
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_a_float(value: Any) -> bool:
    """Whether the shortest text of its 64-bit float is the number itself: others are no numbers for `numeric`, as on AWS."""
    try:
        return Decimal(repr(float(value))) == Decimal(repr(value))
    except OverflowError:
        return False


def _same(entry: Any, value: Any) -> bool:
    if _is_number(entry) and _is_number(value):
        return Decimal(repr(entry)) == Decimal(repr(value))
    return type(entry) is type(value) and bool(entry == value)


def _compare(operator: str, left: Decimal, right: Decimal) -> bool:
    return {
        "=": left == right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]
