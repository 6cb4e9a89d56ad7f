"""A connection's way into its own lane."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from event_service.sockets.connection import Connection, Lane
from event_service.sockets.messages import OwnTurn


def leave(connection: Connection, now: datetime, delay_seconds: int, *, trouble: bool) -> Connection:
    """A connection whose next turn is in its own lane."""
    return replace(
        connection,
        lane=Lane.OWN,
        turn=connection.turn + 1,
        due=now + timedelta(seconds=delay_seconds),
        trouble_since=(connection.trouble_since or now) if trouble else None,
    )


def own_turn(connection: Connection) -> OwnTurn:
    """The message that begins a connection's turn."""
    return OwnTurn(connection.workspace_id, connection.endpoint_id, connection.group, connection.connection_id, connection.turn)
