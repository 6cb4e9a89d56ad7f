"""The chain of change sets in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key, TransactionCanceled, Write
from event_service.base.errors import RateLimited, TooLarge, Unavailable
from event_service.base.formats import check_format
from event_service.base.identifiers import new_id
from event_service.configuration.change_note import NO_NOTE, note_from_json, note_to_json
from event_service.configuration.changes import (
    ChangeSet,
    Head,
    counts_from_json,
    counts_to_json,
    operations_from_json,
    operations_to_json,
)
from event_service.configuration.codec import FORMAT
from event_service.configuration.ports import Beside
from event_service.configuration.storage.secrets import SecretItem, remembering, secret_item

KEPT_CHANGES = 1_000
"""A router that is further behind loads the rows instead, which is then cheaper as well."""
MAXIMUM_CHANGE_BYTES = 380_000
"""An item has at most 400 KB, its other attributes included."""


class ChangeItem(Model):
    """Row of one change set; key: workspace and version."""

    class Meta:
        """The table's logical name."""

        table_name = "changes"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    version = NumberAttribute(range_key=True)
    format = NumberAttribute(default=FORMAT)
    operations = UnicodeAttribute()
    note = UnicodeAttribute(null=True)
    """When, by whom and by which mutation: for the history, which alone reads it."""
    counts = UnicodeAttribute()
    head = NumberAttribute()
    """The version again, as the key of the index ``heads``: a change set may be 380 KB, and a read of its head must not be."""
    nonce = UnicodeAttribute()
    applied = BooleanAttribute(default=False)


class DynamoChangeLog:
    """Implements :class:`~event_service.configuration.ports.ChangeLog`."""

    def __init__(self, database: Database, nonce: Callable[[], str] = new_id) -> None:
        self._database = database
        self._nonce = nonce

    def head(self, workspace_id: str) -> Head | None:
        condition = ChangeItem.workspace_id == workspace_id
        page = self._database.query(ChangeItem, condition, index="heads", descending=True, limit=1, consistent=True)
        if not page.items:
            return None
        row = ChangeItem.from_raw_data(page.items[0])
        check_format(row.format, FORMAT, "a change set")
        return Head(workspace_id, int(row.version), counts_from_json(json.loads(row.counts)), bool(row.applied))

    def append(self, change: ChangeSet, beside: Beside | None = None) -> bool:
        text, note = _json(operations_to_json(change.operations)), _json(note_to_json(change.note))
        size = len(text.encode()) + len(note.encode())
        if size > MAXIMUM_CHANGE_BYTES:
            raise TooLarge(
                f"This change would touch too much at once ({size:,} bytes as stored, at most {MAXIMUM_CHANGE_BYTES:,}); "
                "nothing was changed. Do it in smaller steps."
            )
        nonce = self._nonce()
        item = ChangeItem(
            change.workspace_id,
            change.version,
            operations=text,
            note=note,
            counts=_json(counts_to_json(change.counts)),
            head=change.version,
            nonce=nonce,
        )
        others = _writes(change.workspace_id, beside) if beside else []
        try:
            if others:
                self._database.transact([Write.put(item, ChangeItem.version.does_not_exist()), *others], token=nonce)
            else:
                self._database.put(item, ChangeItem.version.does_not_exist())
        except ConditionFailed as error:
            # The SDK repeats a put whose answer was lost; the repeat then finds our own item.
            return error.current is not None and error.current["nonce"]["S"] == nonce
        except TransactionCanceled:
            # Another commit was faster, or is under way.
            return False
        except Unavailable:
            if not self._is_committed(change, nonce):
                raise
        return True

    def _is_committed(self, change: ChangeSet, nonce: str) -> bool:
        """Whether a commit whose answer was lost is there. An error would let the caller repeat what was done."""
        condition = (ChangeItem.workspace_id == change.workspace_id) & (ChangeItem.version == change.version)
        with suppress(RateLimited, Unavailable):
            found = self._database.query(ChangeItem, condition, attributes=["nonce"], consistent=True).items
            return bool(found) and found[0]["nonce"]["S"] == nonce
        return False

    def after(self, workspace_id: str, version: int, limit: int) -> list[ChangeSet]:
        condition = (ChangeItem.workspace_id == workspace_id) & (ChangeItem.version > version)
        changes: list[ChangeSet] = []
        for item in self._database.query_all(ChangeItem, condition, consistent=True, limit=limit):
            changes.append(_change(item))
            if len(changes) == limit:
                break
        return changes

    def newest(self, workspace_id: str, before: int | None, limit: int) -> list[ChangeSet]:
        condition = ChangeItem.workspace_id == workspace_id
        if before is not None:
            condition &= ChangeItem.version < before
        items = self._database.query_all(ChangeItem, condition, descending=True, limit=limit, consistent=True)
        return [_change(item) for item in islice(items, limit)]

    def unapplied(self, workspace_id: str) -> list[ChangeSet]:
        # Changes are applied in order, so everything at or below an applied one is applied.
        found: list[ChangeSet] = []
        items = self._database.query_all(ChangeItem, ChangeItem.workspace_id == workspace_id, descending=True, limit=10, consistent=True)
        for item in items:
            change = _change(item)
            if change.applied:
                break
            found.append(change)
        return found[::-1]

    def mark_applied(self, workspace_id: str, version: int) -> None:
        # Only an existing item: trimming may have passed a slow applier, and an update would make a stump.
        try:
            self._database.update(Key(ChangeItem, workspace_id, version), [ChangeItem.applied.set(True)], ChangeItem.version.exists())
        except ConditionFailed:
            return
        if version > KEPT_CHANGES:
            self._database.delete(Key(ChangeItem, workspace_id, version - KEPT_CHANGES))


def _change(item: AttributeMap) -> ChangeSet:
    row = ChangeItem.from_raw_data(item)
    check_format(row.format, FORMAT, "a change set")
    return ChangeSet(
        workspace_id=row.workspace_id,
        version=int(row.version),
        operations=operations_from_json(json.loads(row.operations)),
        counts=counts_from_json(json.loads(row.counts)),
        applied=bool(row.applied),
        note=note_from_json(json.loads(row.note)) if row.note else NO_NOTE,
    )


def _writes(workspace_id: str, beside: Beside) -> list[Write]:
    writes = [
        Write.put(secret_item(workspace_id, endpoint_id, secrets), SecretItem.id.does_not_exist())
        for endpoint_id, secrets in beside.secrets.items()
    ]
    return [*writes, remembering(beside.request)] if beside.request else writes


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
