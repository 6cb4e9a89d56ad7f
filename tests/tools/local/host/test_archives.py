"""Archives are unpacked once."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.host.archives import Archives


def _archive(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, text in files.items():
            file.writestr(name.replace("__", "/"), text)
    return data.getvalue()


def test_an_archive_is_unpacked_once_for_all_workers_and_starts(tmp_path: Path) -> None:
    archive = _archive(package__module="x = 1", other="y = 2")
    archives = Archives(tmp_path / "unpacked")

    with ThreadPoolExecutor(8) as threads:
        folders = set(threads.map(archives.folder_of, [archive] * 20))

    (folder,) = folders
    assert (folder / "package" / "module").read_text() == "x = 1"
    assert archives.unpacked == 1
    again = Archives(tmp_path / "unpacked")
    assert again.folder_of(archive) == folder
    assert again.unpacked == 0


def test_changed_code_gets_another_folder(tmp_path: Path) -> None:
    archives = Archives(tmp_path)

    assert archives.folder_of(_archive(a="1")) != archives.folder_of(_archive(a="2"))


def test_what_is_no_longer_deployed_is_removed_and_so_is_half_an_archive(tmp_path: Path) -> None:
    archives = Archives(tmp_path)
    kept, gone = _archive(a="1"), _archive(a="2")
    stays, goes = archives.folder_of(kept), archives.folder_of(gone)
    (tmp_path / "unpacking-x").mkdir()

    archives.keep_only([kept])

    assert stays.exists()
    assert not goes.exists()
    assert [path.name for path in tmp_path.iterdir()] == [stays.name]


def test_an_entry_outside_of_the_archive_is_refused_and_leaves_no_folder(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("../../outside", "x")
    archives = Archives(tmp_path / "unpacked")

    with pytest.raises(ValueError, match="outside"):
        archives.folder_of(data.getvalue())

    assert not (tmp_path / "outside").exists()
    with pytest.raises(ValueError, match="outside"):
        archives.folder_of(data.getvalue())
