"""Keeps the items of all DynamoDB tables in a file as they change, so that a kill loses none.

MiniStack writes its whole state when it stops, and only then. Here each change of an item is a line that is appended before the
change is answered; what a process has written stays with the system when the process is killed. A start reads the lines again.
The file is rewritten, with the items there are, when most of it is outdated.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

_LOG = logging.getLogger("ministack.saving")

REWRITE_BYTES: Final = 128_000_000
"""The log is rewritten beyond this, when it also has grown fourfold since it was rewritten last."""

Change = tuple[str, str, str, Any]
"""Table's ARN, partition key, sort key, and the item; ``None`` for one that was removed."""


class ItemLog:
    """The file. Its methods are safe to call from several threads."""

    def __init__(self, path: Path, live: Callable[[], Iterator[Change]], *, rewrite_bytes: int = REWRITE_BYTES) -> None:
        """
        Args:
            path: of the file.
            live: all items there are; called with :attr:`lock` held, read outside of it.
            rewrite_bytes: see :data:`REWRITE_BYTES`.
        """
        self.lock = threading.RLock()
        """Held by who changes an item from before the change until it is written."""
        self._path = path
        self._live = live
        self._rewrite_bytes = rewrite_bytes
        self._file: int | None = None
        self._size = 0
        self._size_when_rewritten = 0
        self._torn = False
        self._rewriting = False
        self.unreadable = 0
        """Lines that :meth:`read` could not use: the last one of a run that was killed while it wrote."""

    def read(self) -> Iterator[Change]:
        """What was written, oldest first."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                try:
                    arn, partition, sort, item = json.loads(line)
                except ValueError:
                    self.unreadable += 1
                    continue
                yield arn, partition, sort, item

    def open(self) -> None:
        """Begins to write, on a file that holds what there is now and nothing else."""
        self.rewrite()

    def append(self, change: Change) -> None:
        """Writes one change. Call with :attr:`lock` held. A disk that is full is said once, and costs the change its safety only."""
        if self._file is None:
            return
        line = json.dumps(change, separators=(",", ":")).encode() + b"\n"
        try:
            if self._torn:
                os.write(self._file, b"\n")
            written = os.write(self._file, line)
            self._torn = written < len(line)
        except OSError as error:
            if not self._torn:
                _LOG.error("what changes now is lost if the stack is killed: %s cannot be written: %s", self._path, error)
            self._torn = True
            return
        self._size += len(line)

    def needs_rewriting(self) -> bool:
        """Whether most of it is outdated, or a part of it could not be written."""
        return self._torn or (self._size > self._rewrite_bytes and self._size > 4 * self._size_when_rewritten)

    def rewrite(self) -> None:
        """Writes the items there are to a new file, while changes go on, and takes that from then on."""
        beside = self._path.with_suffix(".new")
        with self.lock:
            if self._rewriting:
                return
            self._rewriting = True
            since = self._size
            old = self._file
            items = self._live()
        try:
            with beside.open("wb") as file:
                beside.chmod(0o600)
                for change in items:
                    file.write(json.dumps(change, separators=(",", ":")).encode() + b"\n")
                file.flush()
                with self.lock:
                    if old is not None:  # what changed meanwhile
                        with self._path.open("rb") as written:
                            written.seek(since)
                            file.write(written.read())
                            file.flush()
                    beside.replace(self._path)
                    self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
                    self._size = self._size_when_rewritten = os.fstat(self._file).st_size
                    self._torn = False
            if old is not None:
                os.close(old)
        except OSError as error:
            _LOG.error("%s cannot be rewritten: %s", self._path, error)
            with contextlib.suppress(OSError):
                beside.unlink()
        finally:
            self._rewriting = False
