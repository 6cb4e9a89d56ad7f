"""What the tool prints: text for people, or JSON. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

from cli.errors import OutputClosed, OutputFailed
from cli.terminal_text import safe


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command tells what it found.

    Everything is made safe for a terminal. What standard output does not take ends the command: whoever catches ``OSError`` for a
    connection of theirs does not see it.
    """

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
            _print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def value(self, value: Any) -> None:
        """One result: JSON also for people, since it is nested."""
        _print(safe(json.dumps(value, ensure_ascii=False, indent=None if self.as_json else 2, default=str), lines=True))

    def done(self, message: str, **result: Any) -> None:
        """What was done: a sentence, or an object."""
        _print(safe(json.dumps(result, ensure_ascii=False) if self.as_json else message, lines=True))

    def line(self, text: str, value: Any) -> None:
        """One of many results, as it comes: a line of text, or a line of JSON."""
        _print(safe(json.dumps(value, ensure_ascii=False, separators=(",", ":")) if self.as_json else text))

    def text(self, text: str) -> None:
        """A line for people."""
        _print(safe(text))

    def note(self, message: str) -> None:
        """Something about the work, not its result."""
        _tell(safe(message, lines=True))

    def error(self, message: str, code: str, details: Mapping[str, Any]) -> None:
        if self.as_json:
            _tell(safe(json.dumps({"error": {"code": code, "message": message, **details}}, ensure_ascii=False, default=str)))
            return
        _tell(safe(f"error ({code}): {message}", lines=True))
        for key, value in details.items():
            _tell(safe(f"  {key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"))


def _print(text: str) -> None:
    """Writes a line to standard output.

    Raises:
        OutputClosed: its reader went away, such as ``head``.
        OutputFailed: it cannot be written, such as a file on a full disk.
    """
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:
        raise OutputFailed(f"Standard output cannot be written: {error.strerror or error}.") from error


def _tell(text: str) -> None:
    """Writes a line to standard error. Where that is not possible nobody can be told."""
    with suppress(OSError):
        _write(sys.stderr, text)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed by whoever started the tool
        return
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return f"{len(value)}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return safe(text if len(text) <= 80 else text[:77] + "...")
