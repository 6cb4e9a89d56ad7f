"""Parameters of tests are the same in each process: pytest-xdist compares the tests' names, and runs none where they differ."""

from __future__ import annotations

import ast
from pathlib import Path

from local.tools import ROOT

DIFFERENT_EACH_TIME = {"new_id", "uuid4", "token_hex", "token_urlsafe", "urandom", "random", "randint", "now", "time", "free_port"}


def _drawn_in_parameters(source: str) -> list[int]:
    """Lines on which a parameter of a test is made by a call that gives another value each time."""
    decorators = (
        decorator
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr == "parametrize"
    )
    calls = (call for decorator in decorators for call in ast.walk(decorator) if isinstance(call, ast.Call))
    named = ((call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", ""), call.lineno) for call in calls)
    return [line for name, line in named if name in DIFFERENT_EACH_TIME]


def test_no_parameter_of_a_test_is_drawn_anew_by_each_process() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__) and (lines := _drawn_in_parameters(path.read_text(encoding="utf-8")))
    }

    assert found == {}


def test_a_drawn_parameter_is_found_with_its_line() -> None:
    source = "import pytest\n@pytest.mark.parametrize('x', [1,\n  f'{new_id()}'])\ndef test_it(x): ...\n"

    assert _drawn_in_parameters(source) == [3]
    assert _drawn_in_parameters(source.replace("new_id()", "x")) == []
