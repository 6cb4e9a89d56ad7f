"""What the tool prints: text for people, or JSON. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command tells what it found."""

    as_json: bool

    def rows(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """A list.

        Args:
            rows: as the API gave them; in JSON they are printed whole, one document.
            columns: key to heading, for people.
        """
        if self.as_json:
            self.value(list(rows))
            return
        if not rows:
            self.note("nothing found")
            return
        cells = [[_cell(row.get(key)) for key in columns] for row in rows]
        table = [[heading.upper() for heading in columns.values()], *cells]
        widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
        for line in table:
            typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def value(self, value: Any) -> None:
        """One result: JSON also for people, since it is nested."""
        typer.echo(json.dumps(value, ensure_ascii=False, indent=None if self.as_json else 2, default=str))

    def done(self, message: str, **result: Any) -> None:
        """What was done: a sentence, or an object."""
        typer.echo(json.dumps(result, ensure_ascii=False) if self.as_json else message)

    def line(self, text: str, value: Any) -> None:
        """One of many results, as it comes: a line of text, or a line of JSON."""
        typer.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")) if self.as_json else text)
        sys.stdout.flush()

    def note(self, message: str) -> None:
        """Something about the work, not its result."""
        typer.echo(message, err=True)

    def error(self, message: str, code: str, details: Mapping[str, Any]) -> None:
        if self.as_json:
            typer.echo(json.dumps({"error": {"code": code, "message": message, **details}}, ensure_ascii=False), err=True)
            return
        typer.echo(f"error ({code}): {message}", err=True)
        for key, value in details.items():
            typer.echo(f"  {key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}", err=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return f"{len(value)}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= 80 else text[:77] + "..."
