"""Saves the state while the stack runs, so that a kill, a crash or a slow stop loses the last second at most.

MiniStack saves when it stops, all services in turn, after it has waited for its connections: with an open socket that took longer
than anybody waits. Here

* items of tables are written as they change (:mod:`local.host.item_log`);
* queues are saved a second after they changed, later when that takes long;
* everything else, which only deployments change, a second after the last request that may have changed it.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ministack import app  # type: ignore[import-not-found]  # only in MiniStack's environment
from ministack.core import persistence  # type: ignore[import-not-found]  # likewise
from ministack.core.responses import AccountRegionScopedDict  # type: ignore[import-not-found]  # likewise
from ministack.services import dynamodb, sqs  # type: ignore[import-not-found]  # likewise

from local.host.attributes import SharedAttributes
from local.host.item_log import Change, ItemLog

_LOG = logging.getLogger("ministack.saving")

LOOK_SECONDS: Final = 1.0
SHARE_OF_TIME: Final = 0.05
"""At most that much of the time goes into saving queues, however full they are."""
_SERVICE: Final = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([a-z0-9-]+)/")
_NO_DEPLOYMENT: Final = {"dynamodb", "sqs", "logs", "monitoring", "execute-api", "sts"}
"""Services that a deployment does not call: what makes tables and queues comes from CloudFormation."""
_TRIES: Final = 3
"""For a service's state: MiniStack copies it without a lock, which fails when it changes meanwhile."""
_OF_TABLES: Final = (
    *("tags", "ttl_settings", "pitr_settings", "kinesis_destinations", "contributor_insights"),
    *("backups", "resource_policies", "exports", "imports"),
)
"""What MiniStack saves of DynamoDB beside the tables."""


class Saving:
    """All of it. Install before MiniStack starts."""

    def __init__(self, directory: Path) -> None:
        """
        Args:
            directory: MiniStack's own for its state.
        """
        self._directory = directory
        self.items = ItemLog(directory / "items.jsonl", _live_items)
        self._shared = SharedAttributes()
        self._changed: float | None = None
        self._queues_due = 0.0
        self._queues_changed = False
        self._lock = threading.Lock()
        self.after_loading: Callable[[], None] = lambda: None
        """Called when the state of the last run is there, before the first request."""
        self._loaded = False

    def install(self) -> None:
        """Puts this in the place of MiniStack's own."""
        set_item, remove_item = dynamodb._set_item, dynamodb._remove_item  # noqa: SLF001 - MiniStack has no hooks for any of this
        load, state_of_queues = app._load_persisted_state, sqs.get_state  # noqa: SLF001 - as above
        receive, delete = sqs._receive_messages_for_esm, sqs._delete_messages_for_esm  # noqa: SLF001 - as above
        items, shared = self.items, self._shared

        def set_and_write(table: dict[str, Any], partition: Any, sort: Any, item: Any) -> Any:
            with items.lock:
                kept = shared.of(item)
                old = set_item(table, partition, sort, kept)
                items.append((table["TableArn"], partition, sort, kept))
            return old

        def remove_and_write(table: dict[str, Any], partition: Any, sort: Any) -> Any:
            with items.lock:
                old = remove_item(table, partition, sort)
                if old is not None:
                    items.append((table["TableArn"], partition, sort, None))
            return old

        def queues_at_rest() -> dict[str, Any]:
            with sqs._queues_lock:  # noqa: SLF001 - as above
                state: dict[str, Any] = state_of_queues()
            return state

        def receive_and_note(*arguments: Any) -> Any:
            received = receive(*arguments)
            self._queues_changed = self._queues_changed or bool(received)
            return received

        def delete_and_note(*arguments: Any) -> None:
            self._queues_changed = True
            delete(*arguments)

        def load_with_items() -> None:
            load()
            self._read_items(set_item, remove_item)
            self._loaded = True
            self.after_loading()

        dynamodb._set_item, dynamodb._remove_item = set_and_write, remove_and_write  # noqa: SLF001 - as above
        dynamodb.get_state, sqs.get_state = _tables_without_items, queues_at_rest
        sqs._receive_messages_for_esm, sqs._delete_messages_for_esm = receive_and_note, delete_and_note  # noqa: SLF001 - as above
        app._load_persisted_state = load_with_items  # noqa: SLF001 - as above

    def start(self) -> None:
        """Saves from now on, in a thread."""
        threading.Thread(target=self._save_for_ever, daemon=True, name="saving").start()

    def saw_request(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Notes what a request may have changed."""
        found = _SERVICE.search(headers.get("authorization", ""))
        service = found[1] if found else ""
        if service == "sqs":
            self._queues_changed = True
        elif service and service not in _NO_DEPLOYMENT and method != "GET" and not path.endswith("/invocations"):
            self._changed = time.monotonic()

    def save_all(self) -> None:
        """Saves everything now; for the end. Does nothing before the last run's state is loaded, which it would overwrite."""
        if not self._loaded:
            return
        with self._lock:
            self._changed = None
            self._queues_changed = False
            for name, get_state in app._build_persistence_save_dict().items():  # noqa: SLF001 - as above
                state = _steady(name, get_state)
                if state is not None:
                    persistence.save_state(name, state)

    def _save_for_ever(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self._save_what_changed()
            except Exception:  # noqa: BLE001 - a single failure must not end the thread: the next look tries again
                _LOG.exception("the state could not be saved")

    def _save_what_changed(self) -> None:
        now = time.monotonic()
        if self._changed is not None and now - self._changed > LOOK_SECONDS:
            self.save_all()
            return
        if self._queues_changed and now >= self._queues_due:
            with self._lock:
                self._queues_changed = False
                persistence.save_state("sqs", sqs.get_state())
            took = time.monotonic() - now
            self._queues_due = now + took / SHARE_OF_TIME
        if self.items.needs_rewriting():
            self.items.rewrite()

    def _read_items(self, set_item: Any, remove_item: Any) -> None:
        tables = {table["TableArn"]: table for _, table in dynamodb._tables.all_items()}  # noqa: SLF001 - as above
        changes = 0
        for arn, partition, sort, item in self.items.read():
            table = tables.get(arn)
            if table is None:
                continue  # deleted since
            changes += 1
            if item is None:
                remove_item(table, partition, sort)
            else:
                set_item(table, partition, sort, self._shared.of(item))
        messages = sum(len(queue["messages"]) for queue in sqs._queues._data.values())  # noqa: SLF001 - as above
        recovered = {
            "items": sum(len(rows) for table in tables.values() for rows in table["items"].values()),
            "messages": messages,
            "changes": changes,
            "unreadable": self.items.unreadable,
        }
        (self._directory / "recovered.json").write_text(json.dumps(recovered) + "\n", encoding="utf-8")
        self.items.open()


def _steady(name: str, get_state: Callable[[], Any]) -> Any:
    for number in range(_TRIES):
        try:
            return get_state()
        except Exception as error:  # noqa: BLE001 - whatever the service's copying raises, the others are to be saved
            if number == _TRIES - 1:
                _LOG.error("the state of %s could not be saved: %s", name, error)
            time.sleep(0.01)
    return None


def _tables_without_items() -> dict[str, Any]:
    tables = AccountRegionScopedDict()
    for (account, region, name), table in dynamodb._tables.all_items():  # noqa: SLF001 - as above
        outline = {key: value for key, value in table.items() if key not in ("items", dynamodb._INDEX_MEMBERS)}  # noqa: SLF001 - as above
        tables.set_scoped(account, region, name, copy.deepcopy(outline) | {"items": {}, "ItemCount": 0, "TableSizeBytes": 0})
    return {"tables": tables} | {name: copy.deepcopy(getattr(dynamodb, f"_{name}")) for name in _OF_TABLES}


def _live_items() -> Iterator[Change]:
    """Items are replaced and never changed in place, so that a copy of the tables' outlines is a copy of what they hold."""
    outline = [
        (table["TableArn"], [(partition, dict(rows)) for partition, rows in table["items"].items()])
        for _, table in dynamodb._tables.all_items()  # noqa: SLF001 - as above
    ]
    return ((arn, partition, sort, item) for arn, rows in outline for partition, under in rows for sort, item in under.items())
