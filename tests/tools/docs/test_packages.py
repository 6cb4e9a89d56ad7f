"""Each package of the shared layer, but those of storage, says what it is for, what it promises, and in which order to read its files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from local.tools import ROOT

LAYER = ROOT / "layers" / "event_service" / "event_service"
PACKAGES = sorted(path.parent for path in LAYER.rglob("__init__.py") if path.parent.name != "storage")
NO_FILES = {"in", "pattern", "base"}
"""Words in double backticks that name something else."""

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(LAYER.parent)))


def _docstring(package: Path) -> str:
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    text = ast.get_docstring(tree)
    assert text, f"{package.name} has no docstring"
    assert len(tree.body) == 1, f"{package.name}/__init__.py holds more than a docstring"
    return text


def _names(package: Path) -> set[str]:
    """Modules and folders of a package."""
    return {path.stem for path in package.iterdir() if path.name not in ("__init__.py", "__pycache__") and path.name != "py.typed"}


def test_the_packages_are_those_of_the_import_order() -> None:
    order = re.search(r"^layers = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    assert order
    named = set(re.findall(r"\w+", order[1])) - {"wiring"}
    assert {package.name for package in PACKAGES if package.parent == LAYER} == named


@each_package
def test_a_package_says_what_it_is_for_and_what_it_promises(package: Path) -> None:
    lines = _docstring(package).splitlines()

    assert lines[0].endswith(".")
    assert lines[1] == ""
    assert lines[2].startswith("Promise: ")
    assert len([line for line in lines if line]) <= 5


@each_package
def test_a_package_names_all_its_files_and_no_other(package: Path) -> None:
    named = set(re.findall(r"``([a-z0-9_]+)``", _docstring(package))) - (NO_FILES - _names(package))

    assert named == _names(package)
