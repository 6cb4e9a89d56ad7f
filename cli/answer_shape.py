"""Whether an answer has what its document selects: another GraphQL API, or a proxy before ours, may answer anything."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

Shape = dict[str, "Shape | None"]

BY_ID = frozenset({"job"})
"""Queries whose answer is null where there is nothing with an id."""
_TOKENS = re.compile(r"[{}]|\([^()]*\)|\w+")


@cache
def shape_of(document: str) -> Shape:
    """The fields that one of our documents selects, nested as there; ``None`` for a field without a selection.

    Our documents have one operation, no aliases, fragments, directives or literals.
    """
    stack: list[Shape] = []
    root: Shape = {}
    last = ""
    for token in _TOKENS.findall(document):
        if token == "{":  # noqa: S105 - no password
            inner: Shape = {}
            if stack:
                stack[-1][last] = inner
            else:
                root = inner
            stack.append(inner)
        elif token == "}":  # noqa: S105 - as above
            stack.pop()
        elif stack and not token.startswith("("):
            stack[-1][token] = None
            last = token
    return root


def fits(value: Any, shape: Shape | None, depth: int = 0) -> bool:
    """Whether a value, or each value of a list, has the fields of a shape. ``depth``: 0 for a whole answer. Objects below the
    fields of the operation itself may be null, and what is asked for by its id."""
    if shape is None or (value is None and depth > 1):
        return True
    if isinstance(value, list):
        return all(isinstance(item, dict) and fits(item, shape, depth) for item in value)
    return isinstance(value, dict) and all(
        name in value and ((name in BY_ID and value[name] is None) or fits(value[name], inner, depth + 1)) for name, inner in shape.items()
    )
