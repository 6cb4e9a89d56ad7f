"""Tests that documents name as proof exist."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from local.tools import ROOT

NAMED = [
    (str(page.relative_to(ROOT)), path, name)
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    for path, name in re.findall(r"`(tests/\S+\.py)::(\w+)`", page.read_text(encoding="utf-8"))
]


@cache
def _functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("page", "path", "name"), sorted(set(NAMED)), ids=lambda value: str(value)[-60:])
def test_a_test_that_a_document_names_exists(page: str, path: str, name: str) -> None:
    assert (ROOT / path).is_file(), f"{page} names {path}"
    assert name in _functions(path), f"{page} names {path}::{name}"


def test_the_threat_model_proves_its_defences() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    defences = [
        line for line in text.partition("## Doors and defences")[2].splitlines() if re.match(r"\| (?!---|defence \||risk \|)", line)
    ]

    assert len(defences) >= 35
    assert [line for line in defences if not re.search(r"`tests/\S+\.py::\w+` \|$", line)] == []
