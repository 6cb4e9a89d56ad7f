"""The backlogs of endpoints, and the tickets of their sending, in the table that also holds the retries.

Partition keys ``backlog#<endpoint id>#<shard>`` and ``tickets``; sort keys of a backlog begin with the event's acceptance.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.base.identifiers import shard_of
from event_service.delivery import codec
from event_service.delivery.attempt import PendingAttempt
from event_service.delivery.ports import BACKLOG_SHARDS, BacklogTicket
from event_service.delivery.storage.retries import DueItem, message_id, row

KEPT_BEYOND_THE_EVENT: Final = timedelta(days=2)
"""How long a row outlives its event, before DynamoDB removes it."""
TICKETS: Final = "tickets"
TICKETS_IN_ONE_READ: Final = 1_000


class TicketItem(Model):
    """A ticket. One row for each endpoint; ``checkAt`` is no key, so that it can be moved by one conditional put."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """The endpoint id."""
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    token = UnicodeAttribute()
    check_at = UnicodeAttribute(attr_name="checkAt")
    found_empty_once = BooleanAttribute(attr_name="foundEmptyOnce")
    expires_at = NumberAttribute(attr_name="expiresAt", null=True)


class DynamoBacklogStore:
    """Implements :class:`~event_service.delivery.ports.BacklogStore`."""

    def __init__(self, database: Database, retention_days: int) -> None:
        self._database = database
        self._retention = timedelta(days=retention_days)

    def add(self, attempts: Sequence[PendingAttempt]) -> None:
        items = {}
        for attempt in attempts:
            key = _key(attempt)
            expires = from_stored(attempt.delivery.accepted_at) + self._retention + KEPT_BEYOND_THE_EVENT
            items[key] = row(*key, attempt, expires)
        self._database.batch_put(DueItem, list(items.values()))

    def oldest(self, endpoint_id: str, limit: int) -> list[PendingAttempt]:
        def read(shard: int) -> list[AttributeMap]:
            condition: Condition = DueItem.bucket == f"backlog#{endpoint_id}#{shard}"
            return self._database.query(DueItem, condition, limit=limit, consistent=True).items

        with ThreadPoolExecutor(max_workers=BACKLOG_SHARDS) as threads:
            found = list(threads.map(read, range(BACKLOG_SHARDS)))
        oldest = heapq.nsmallest(limit, (item for items in found for item in items), key=_sort_key)
        return [codec.read_row(item) for item in oldest]

    def delete(self, attempts: Sequence[PendingAttempt]) -> None:
        self._database.batch_write(deletes=[Key(DueItem, *_key(attempt)) for attempt in attempts])

    def put_ticket(self, ticket: BacklogTicket, replaces: str | None = None) -> bool:
        item = TicketItem(
            TICKETS,
            ticket.endpoint_id,
            workspace_id=ticket.workspace_id,
            token=ticket.token,
            check_at=format_date(ticket.check_at),
            found_empty_once=ticket.found_empty_once,
        )
        try:
            self._database.put(item, None if replaces is None else TicketItem.token == replaces)
        except ConditionFailed as refused:
            # The SDK repeats a put whose answer was lost; the repeat then finds our own token.
            return refused.current is not None and refused.current["token"]["S"] == ticket.token
        return True

    def delete_ticket(self, ticket: BacklogTicket) -> bool:
        try:
            self._database.delete(Key(TicketItem, TICKETS, ticket.endpoint_id), TicketItem.token == ticket.token)
        except ConditionFailed:
            return False
        return True

    def tickets_due(self, now: datetime) -> list[BacklogTicket]:
        found: list[BacklogTicket] = []
        for item in self._database.query_all(TicketItem, TicketItem.bucket == TICKETS, consistent=True):
            ticket = BacklogTicket(
                workspace_id=item["workspaceId"]["S"],
                endpoint_id=item["dueKey"]["S"],
                token=item["token"]["S"],
                check_at=from_stored(item["checkAt"]["S"]),
                found_empty_once=bool(item["foundEmptyOnce"]["BOOL"]),
            )
            if ticket.check_at <= now:
                found.append(ticket)
        found.sort(key=lambda ticket: ticket.check_at)
        return found[:TICKETS_IN_ONE_READ]


def _key(attempt: PendingAttempt) -> tuple[str, str]:
    message = message_id(attempt)
    bucket = f"backlog#{attempt.delivery.endpoint_id}#{shard_of(message, BACKLOG_SHARDS)}"
    return bucket, f"{attempt.delivery.accepted_at}#{message}#{attempt.number}"


def _sort_key(item: AttributeMap) -> str:
    return str(item["dueKey"]["S"])
