"""``docs/troubleshooting.md`` quotes messages that the code has and commands that the tool has."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from cli.main import app
from local.tools import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if re.match(r"\| (?!---|you see)", line)]
OF_OTHERS = {"You must specify a region", "Invalid number", "Syntax Error"}
"""Messages of botocore and graphql-core."""
CODE = re.sub(
    r'["\']\s*\n?\s*f?["\']',
    "",
    "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("cli", "local", "layers", "functions", "docs")
        for pattern in ("*.py", "*.sh", "w*.md")
        for path in sorted((ROOT / folder).rglob(pattern))
    ),
)
QUOTED = sorted({part.strip() for row in ROWS for text in re.findall(r'"([^"]+)"', row[0]) for part in text.split("…")} - OF_OTHERS)


def _commands(group: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """All commands below a group, by their names with spaces."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= _commands(command, (*path, name)) if hasattr(command, "commands") else {" ".join((*path, name)): command}
    return found


KNOWN = _commands(typer.main.get_group(app))
GROUPS = {name.split()[0] for name in KNOWN}
NAMED = re.findall(r"`(?:event-service )?((?:deliveries|endpoints|filters|events|changes|why|token|replay|listen|publish)\b[^`]*)`", PAGE)


def test_every_row_has_a_symptom_a_cause_and_a_cure() -> None:
    assert len(ROWS) >= 40
    assert [row for row in ROWS if len(row) != 3 or not all(row)] == []


@pytest.mark.parametrize("text", QUOTED)
def test_a_quoted_message_is_one_that_the_code_has(text: str) -> None:
    assert re.sub(r"(?<=Port )\d+", "", text).strip() in CODE


@pytest.mark.parametrize("command", sorted(name for name in set(NAMED) if name not in GROUPS))
def test_a_command_of_the_page_is_one_that_the_tool_has(command: str) -> None:
    (name,) = [known for known in KNOWN if f"{command} ".startswith(f"{known} ")]
    options = {option for parameter in KNOWN[name].params for option in parameter.opts}

    assert set(re.findall(r"--[a-z-]+", command)) <= options | {"--json"}
