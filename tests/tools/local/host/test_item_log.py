"""What was written to the item log is there after a kill, whatever else happens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.host.item_log import Change, ItemLog

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/events"


class Table:
    """Items by key, written to a log as they change."""

    def __init__(self, path: Path, *, rewrite_bytes: int = 1_000_000) -> None:
        self.items: dict[str, object] = {}
        self.log = ItemLog(path, self.live, rewrite_bytes=rewrite_bytes)
        for _, partition, _, item in self.log.read():
            if item is None:
                self.items.pop(partition, None)
            else:
                self.items[partition] = item
        self.log.open()

    def live(self) -> Iterator[Change]:
        return iter([(TABLE, key, "s", item) for key, item in self.items.items()])

    def put(self, key: str, item: object) -> None:
        with self.log.lock:
            self.items[key] = item
            self.log.append((TABLE, key, "s", item))

    def remove(self, key: str) -> None:
        with self.log.lock:
            del self.items[key]
            self.log.append((TABLE, key, "s", None))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "items.jsonl"


def test_each_change_is_there_without_any_stop(path: Path) -> None:
    table = Table(path)
    table.put("a", {"n": {"N": "1"}})
    table.put("b", {"t": {"S": "text\nof two lines"}})
    table.put("a", {"n": {"N": "2"}})
    table.remove("b")

    assert Table(path).items == {"a": {"n": {"N": "2"}}}


def test_a_line_that_was_cut_by_a_kill_costs_that_change_only(path: Path) -> None:
    table = Table(path)
    table.put("a", {"n": {"N": "1"}})
    with path.open("ab") as file:
        file.write(b'["arn","b","s",{"n"')

    again = Table(path)

    assert again.items == {"a": {"n": {"N": "1"}}}
    assert again.log.unreadable == 1
    assert Table(path).log.unreadable == 0, "a start rewrites the log"


def test_the_log_is_rewritten_when_most_of_it_is_outdated(path: Path) -> None:
    table = Table(path, rewrite_bytes=10_000)
    for number in range(2_000):
        table.put("a", {"n": {"N": str(number)}})
        if table.log.needs_rewriting():
            table.log.rewrite()

    assert path.stat().st_size < 11_000
    assert Table(path).items == {"a": {"n": {"N": "1999"}}}


def test_what_changes_while_it_is_rewritten_is_kept(path: Path) -> None:
    table = Table(path)
    table.put("a", {"n": {"N": "1"}})
    table.put("c", {"n": {"N": "1"}})
    before = list(table.live())

    def live() -> Iterator[Change]:
        yield before[0]
        table.put("a", {"n": {"N": "2"}})
        table.put("b", {"n": {"N": "1"}})
        table.remove("c")
        yield before[1]

    table.log._live = live
    table.log.rewrite()
    table.put("d", {"n": {"N": "1"}})

    assert Table(path).items == {"a": {"n": {"N": "2"}}, "b": {"n": {"N": "1"}}, "d": {"n": {"N": "1"}}}


def test_full_disk_is_said_once_and_made_good_when_there_is_room(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = Table(path)
    table.put("a", {"n": {"N": "1"}})

    def write(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        table.put("b", {"n": {"N": "1"}})
        table.put("c", {"n": {"N": "1"}})
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "No space left" in caplog.text
    assert table.log.needs_rewriting()
    table.put("d", {"n": {"N": "1"}})
    assert set(Table(path).items) >= {"a", "d"}

    table = Table(path)
    table.items |= {"b": {"n": {"N": "1"}}, "c": {"n": {"N": "1"}}}
    table.log.rewrite()

    assert set(Table(path).items) == {"a", "b", "c", "d"}


def test_only_its_owner_may_read_it(path: Path) -> None:
    Table(path)

    assert path.stat().st_mode & 0o777 == 0o600
