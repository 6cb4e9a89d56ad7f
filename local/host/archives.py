"""Unpacks each archive of code once, for all workers and all starts.

MiniStack unpacks a function and its layers anew for every worker that it starts: 60 MB, in Python, while everything else waits
for the interpreter lock. What workers read never changes, because an archive's folder is named by its hash.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path


class Archives:
    """A folder with one folder per archive."""

    def __init__(self, directory: Path) -> None:
        """
        Args:
            directory: kept between starts.
        """
        self._directory = directory
        self._lock = threading.Lock()
        self.unpacked = 0
        """How many archives this process had to unpack."""

    def folder_of(self, archive: bytes) -> Path:
        """The folder with what the archive holds. Safe to call from several threads: the second waits for the first.

        Raises:
            ValueError: an entry would be written outside of the folder.
            zipfile.BadZipFile: it is no archive.
        """
        folder = self._directory / _name(archive)
        with self._lock:
            if not folder.exists():
                self._unpack(archive, folder)
        return folder

    def keep_only(self, archives: Iterable[bytes]) -> None:
        """Removes the folders of all other archives: those of earlier deployments, and halves that a kill left."""
        if not self._directory.exists():
            return
        kept = {_name(archive) for archive in archives}
        for folder in self._directory.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _unpack(self, archive: bytes, folder: Path) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix="unpacking-", dir=self._directory))
        with tempfile.TemporaryFile() as file:
            file.write(archive)
            with zipfile.ZipFile(file) as opened:
                for name in opened.namelist():
                    if not (beside / name).resolve().is_relative_to(beside.resolve()):
                        raise ValueError(f"an archive holds the entry {name!r}, which lies outside of it")
                opened.extractall(beside)
        beside.rename(folder)  # whole or not at all
        self.unpacked += 1


def _name(archive: bytes) -> str:
    return hashlib.sha256(archive).hexdigest()[:32]
