"""A file that an export writes: what is in it, and how an interrupted one goes on.

Beside ``events.jsonl`` stands ``events.jsonl.unfinished`` until the export is complete. It says what is exported, how many bytes
of the file are certain, and where to go on. What a killed export wrote beyond those bytes is written again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.errors import CommandError, UsageError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is.

    Attributes:
        since: where the span begins, as the API takes dates.
        until: where it ends.
        type: of the events; ``None`` for all.
        cursor: where to go on; ``None`` at the beginning.
        events: written so far.
        bytes: of the file that are certain.
    """

    since: str
    until: str
    type: str | None = None
    cursor: str | None = None
    events: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError, TypeError: the span has no dates.
        """
        datetime.fromisoformat(self.since)
        datetime.fromisoformat(self.until)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Its beginning and its end."""
        return datetime.fromisoformat(self.since), datetime.fromisoformat(self.until)

    @property
    def filters(self) -> dict[str, Any]:
        """Of the list of events."""
        chosen: dict[str, Any] = {"date": {"gte": self.since, "lt": self.until}}
        return chosen | ({"type": {"exact": self.type}} if self.type else {})


class ExportFile:
    """The file and its notes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notes = path.with_name(f"{path.name}.unfinished")

    def unfinished(self) -> Progress | None:
        """How far an export into this file came that did not end.

        Raises:
            UsageError: there is a file of that name, or notes that no export wrote.
        """
        try:
            found = Progress(**json.loads(self._notes.read_text(encoding="utf-8")))
        except FileNotFoundError:
            if self._path.exists():
                raise UsageError(f"{self._path} is there already, and is no unfinished export. Name another file, or remove it.") from None
            return None
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"{self._notes} cannot be read as the notes of an export: {error}. Remove it to begin again.") from None
        return found

    def append(self, events: Sequence[dict[str, Any]], before: Progress, cursor: str | None) -> Progress:
        """Writes events behind what is certain, and then notes that they are.

        Raises:
            CommandError: the file cannot be written.
        """
        lines = "".join(f"{line_of(event)}\n" for event in events).encode()
        after = replace(before, cursor=cursor, events=before.events + len(events), bytes=before.bytes + len(lines))
        try:
            with self._path.open("r+b" if before.bytes else "wb") as file:
                if file.seek(0, os.SEEK_END) < before.bytes:
                    raise CommandError(f"{self._path} is shorter than what was exported into it. Remove {self._notes} to begin again.")
                file.truncate(before.bytes)
                file.seek(before.bytes)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            # Whole or not at all: a note that is cut off would end the export.
            partial = self._notes.with_name(f"{self._notes.name}.new")
            partial.write_text(json.dumps(asdict(after)), encoding="utf-8")
            partial.replace(self._notes)
        except OSError as error:
            raise CommandError(f"{self._path} cannot be written: {error.strerror or error}.") from error
        return after

    def finish(self) -> None:
        """The export is complete."""
        self._notes.unlink(missing_ok=True)


def line_of(event: dict[str, Any]) -> str:
    """An event as one line of JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
