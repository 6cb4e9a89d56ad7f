"""Who is connected, and closing connections: for the owner of an endpoint.

A connection is named by its endpoint, its group and API Gateway's id. So an id leads to a row only by way of an endpoint of the
caller's workspace, and one of another workspace is as unknown as any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, NotFound
from event_service.base.page import Page
from event_service.configuration.endpoint import Endpoint
from event_service.sockets.connection import Connection, Lane
from event_service.sockets.messages import CloseSocket
from event_service.sockets.ports import BacklogQueue, ConnectionList, ConnectionStore, RowPlace, SocketLogStore

MAXIMUM_IDS: Final = 100
TOKENS_PER_READ: Final = 98
_ID: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,3})\.([\x21-\x7e]{1,128})")
_PLACE: Final = re.compile(r"([0-9]{1,3})#([\x21-\x7e]{0,128})")


class Endpoints(Protocol):
    """What is asked of the configuration."""

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        """Those that exist."""


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection as its owner sees it.

    Attributes:
        connection: its row.
        sequence: the last that it was sent, as far as is stored.
        behind: events of the log that it has not been sent.
        token_name: of the token that it was opened with; ``None``: there is none any more.
    """

    connection: Connection
    sequence: int
    behind: int
    token_name: str | None

    @property
    def is_in_own_lane(self) -> bool:
        """Whether it is served in turns of its own."""
        return self.connection.lane is Lane.OWN

    @property
    def id(self) -> str:
        """What closes it."""
        return f"{self.connection.endpoint_id}.{self.connection.group}.{self.connection.connection_id}"


class OpenConnections:
    """The use cases behind ``endpoint.connections`` and ``closeConnections``.

    Example::

        page = open_connections.page(workspace_id, endpoint_id, 100, None)
        open_connections.close(workspace_id, [one.id for one in page.items])
    """

    def __init__(
        self,
        *,
        listed: ConnectionList,
        connections: ConnectionStore,
        log: SocketLogStore,
        backlog: BacklogQueue,
        endpoints: Endpoints,
        clock: Clock,
    ) -> None:
        self._listed = listed
        self._connections = connections
        self._log = log
        self._backlog = backlog
        self._endpoints = endpoints
        self._clock = clock

    def page(self, workspace_id: str, endpoint_id: str, limit: int, after: str | None) -> Page[OpenConnection]:
        """Connections of an endpoint, group by group. It costs a read for each group that is looked at (an endpoint has one for
        each hundred connections), and three more.

        Args:
            workspace_id: of the caller.
            endpoint_id: of the endpoint.
            limit: how many.
            after: the place where the page before ended.

        Raises:
            BadUserInput: ``after`` is no place of this list.
        """
        group, connection_id = _read_place(after)
        head = self._log.heads([endpoint_id]).get(endpoint_id)
        found: list[Connection] = []
        groups = 0 if head is None else head.groups_now(self._clock())
        now = self._clock()
        while group < groups and len(found) <= limit:
            wanted = limit + 1 - len(found)
            rows = self._listed.in_order(endpoint_id, group, connection_id, wanted)
            # DynamoDB removes those that have ended up to days later
            # (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html).
            found.extend(row for row in rows if row.workspace_id == workspace_id and now < row.ends_at)
            group, connection_id = (group, rows[-1].connection_id) if len(rows) == wanted else (group + 1, "")
        shown, more = found[:limit], len(found) > limit
        if not shown or head is None:
            return Page([], after, more=False)
        items = self._described(workspace_id, endpoint_id, head.last, shown)
        return Page(items, f"{shown[-1].group}#{shown[-1].connection_id}", more)

    def _described(self, workspace_id: str, endpoint_id: str, last: int, rows: Sequence[Connection]) -> list[OpenConnection]:
        cursors = self._listed.cursors(endpoint_id, sorted({row.group for row in rows}))
        hashes = sorted({row.token_hash for row in rows if row.token_hash is not None})
        names: dict[str, str] = {}
        for start in range(0, len(hashes), TOKENS_PER_READ):
            situation = self._connections.situation(workspace_id, endpoint_id, hashes[start : start + TOKENS_PER_READ])
            names.update({one: token.name for one, token in situation.tokens.items()})
        described = []
        for row in rows:
            sequence = max(row.cursor, cursors.get(row.group, 0)) if row.lane is Lane.LIVE else row.cursor
            name = None if row.token_hash is None else names.get(row.token_hash)
            described.append(OpenConnection(row, sequence, max(0, last - sequence), name))
        return described

    def close(self, workspace_id: str, ids: Sequence[str]) -> int:
        """Lets connections be closed, which takes a moment. Their clients may connect again.

        Returns:
            How many.

        Raises:
            BadUserInput: no or too many ids.
            NotFound: some are not of this workspace, or are closed; nothing was done.
        """
        wanted = list(dict.fromkeys(ids))
        if not 1 <= len(wanted) <= MAXIMUM_IDS:
            raise BadUserInput(f"ids: give 1 to {MAXIMUM_IDS} ids; there are {len(wanted)}.")
        parsed = {one: _ID.fullmatch(one) for one in wanted}
        named = {one: (match[1], RowPlace(match[1], int(match[2])), match[3]) for one, match in parsed.items() if match is not None}
        own = self._endpoints.by_ids(workspace_id, sorted({endpoint_id for endpoint_id, _, _ in named.values()})) if named else {}
        keys = {one: (owner, connection_id) for one, (endpoint_id, owner, connection_id) in named.items() if endpoint_id in own}
        rows = self._connections.find(list(keys.values())) if keys else []
        open_ids = {(row.endpoint_id, row.group, row.connection_id) for row in rows}
        unknown = [one for one in wanted if one not in keys or (keys[one][0].endpoint_id, keys[one][0].group, keys[one][1]) not in open_ids]
        if unknown:
            raise NotFound("connection", [one[:200] for one in unknown])
        self._backlog.send([CloseSocket(connection_id, at_once=True) for _, connection_id in keys.values()])
        return len(wanted)


def _read_place(after: str | None) -> tuple[int, str]:
    if after is None:
        return 0, ""
    match = _PLACE.fullmatch(after)
    if match is None:
        raise BadUserInput("after: it is no place in this list; give the endCursor of a page.")
    return int(match[1]), match[2]
