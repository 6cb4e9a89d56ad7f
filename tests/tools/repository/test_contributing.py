"""CONTRIBUTING.md names files that exist and commands that the Makefile has."""

from __future__ import annotations

import re

import pytest

from local.tools import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TOP = "|".join(re.escape(path.name) for path in ROOT.iterdir() if not path.name.startswith((".venv", ".local", ".aws")))
PATHS = sorted(set(re.findall(rf"`((?:L|{TOP})(?:/[^`\s]*)?)`", PAGE)))
RECIPES = re.split(r"^### ", PAGE.partition("## Recipes")[2], flags=re.MULTILINE)[1:]


def _resolved(path: str) -> str:
    return re.sub(r"^L/", "layers/event_service/event_service/", path)


def test_there_are_fifteen_recipes_and_each_names_files() -> None:
    assert len(RECIPES) == 15
    assert [recipe.partition("\n")[0] for recipe in RECIPES if len(re.findall(r"`[\w./]+/[\w./]*`", recipe)) < 2] == []


@pytest.mark.parametrize("path", [path for path in PATHS if path != "L"])
def test_a_path_of_the_page_exists(path: str) -> None:
    assert (ROOT / _resolved(path)).exists()


def test_paths_are_found_by_this_test() -> None:
    assert "L/wiring.py" in PATHS
    assert "template.yaml" in PATHS
    assert len(PATHS) > 60


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", PAGE))))
def test_a_command_of_the_page_is_a_target_of_the_makefile(target: str) -> None:
    names = re.findall(r"^([a-z0-9 -]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert target in {name for line in names for name in line.split()}
