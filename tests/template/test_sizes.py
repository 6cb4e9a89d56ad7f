"""Classes and modules that a person holds in the head; whoever needs more says why in pyproject.toml."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from local.tools import ROOT

MODULE_LINES = 400
CLASS_LINES = 250
COLLABORATORS = 8
PRODUCT = ("layers/event_service/event_service", "functions", "cli")
EXCEPTIONS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["event-service"]["sizes"]
"""Path, or path and class, to the reason."""


def _too_large(path: Path) -> Iterator[str]:
    name = str(path.relative_to(ROOT))
    text = path.read_text(encoding="utf-8")
    if len(text.splitlines()) > MODULE_LINES:
        yield name
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef):
            continue
        lines = (node.end_lineno or 0) - node.lineno + 1
        constructors = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        given = [len(one.args.args) - 1 + len(one.args.kwonlyargs) for one in constructors]
        if lines > CLASS_LINES or any(number > COLLABORATORS for number in given):
            yield f"{name}:{node.name}"


def test_modules_classes_and_constructors_stay_small_or_say_why() -> None:
    files = [path for base in PRODUCT for path in sorted((ROOT / base).rglob("*.py")) if "__pycache__" not in path.parts]
    found = {one for path in files for one in _too_large(path)}

    assert found == set(EXCEPTIONS)
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())
