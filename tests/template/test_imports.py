"""Who may import what, beyond the order of the packages that ``lint-imports`` holds (contracts in pyproject.toml)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.tools import ROOT

PACKAGE = ROOT / "layers" / "event_service" / "event_service"
FUNCTIONS = ROOT / "functions"


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules a file imports, and whether only for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in for_types
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or "", id(node) in for_types


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    assert found, folder
    return found


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


MAY_KNOW_AWS = ("aws", "http", "storage", "sending")
SENDERS = ("observability.py", "wiring.py", "sockets/poster.py", "webhooks/http_sender.py", "webhooks/tester.py")


def test_rules_and_use_cases_import_the_standard_library_only() -> None:
    """``lint-imports`` holds the order of the packages; this holds everything that is installed away from the rules."""
    offences = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in _files(PACKAGE)
        if not set(MAY_KNOW_AWS) & set(path.parts) and str(path.relative_to(PACKAGE)) not in SENDERS
        for module, _ in _imports(path)
        if not _is_standard(module) and module.partition(".")[0] != "event_service"
    ]

    assert offences == []


def test_the_shared_package_knows_no_function_and_no_tool() -> None:
    offences = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in _files(PACKAGE)
        for module, _ in _imports(path)
        if module.partition(".")[0] in ("functions", "local", "tests", "benchmarks", "fastapi", "starlette", "strawberry", "boto3")
    ]

    assert offences == []


MAY_NAME_TYPES = ("webhooks/", "sockets/", "wiring.py", "graphql_api/schema/mutations.py")


def test_types_of_endpoints_are_named_in_their_own_packages_only() -> None:
    """All others ask what a type can do: see ``configuration/destinations.py``."""
    files = {str(path.relative_to(folder)): path for folder in (PACKAGE, FUNCTIONS) for path in _files(folder)}
    naming = {
        name
        for name, path in files.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "EndpointType"
    }

    assert naming, "the test finds nothing at all"
    assert [name for name in sorted(naming) if not name.startswith(MAY_NAME_TYPES)] == []


@pytest.mark.parametrize("folder", sorted(path.name for path in FUNCTIONS.iterdir() if (path / "__init__.py").exists()))
def test_a_function_knows_no_other_function_and_no_tool(folder: str) -> None:
    offences = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in _files(FUNCTIONS / folder)
        for module, _ in _imports(path)
        if module.partition(".")[0] in ("local", "tests", "benchmarks", "boto3")
        or (module.startswith("functions.") and not (module + ".").startswith(f"functions.{folder}."))
    ]

    assert offences == []


def _reads_environment(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")) or (
        isinstance(node, ast.alias) and node.name in ("environ", "getenv")
    )


def test_the_environment_is_read_in_one_place() -> None:
    # The function of the console has no layer, and one variable.
    files = [path for path in [*_files(PACKAGE), *_files(FUNCTIONS)] if path != FUNCTIONS / "console" / "handler.py"]

    readers = [path.name for path in files if any(map(_reads_environment, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))]

    assert readers == ["settings.py"]


def test_package_files_hold_a_docstring_at_most() -> None:
    for path in [*_files(PACKAGE), *_files(FUNCTIONS), *_files(ROOT / "local")]:
        text = path.read_text(encoding="utf-8")
        assert "sys.path" not in text, path
        if path.name == "__init__.py":
            body = ast.parse(text).body
            assert not body or (len(body) == 1 and isinstance(body[0], ast.Expr)), path
