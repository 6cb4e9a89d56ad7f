"""Opening, finding and closing the connections of WEB_SOCKET endpoints."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from event_service.access.last_use import LastUses
from event_service.access.token import Token, TokenKind, hash_token
from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, Forbidden, NotFound, RateLimited, TooLarge, Unauthenticated
from event_service.base.identifiers import parse_uuid
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets.connection import (
    MAXIMUM_FILTER_ENTRIES,
    ROW_LIFE,
    Connection,
    ConnectRequest,
    Lane,
    group_of,
    parse_after,
    parse_batch,
    parse_newest,
)
from event_service.sockets.lanes import leave, own_turn
from event_service.sockets.limits import ConnectionLimits
from event_service.sockets.log import log_is_off
from event_service.sockets.messages import CloseSocket
from event_service.sockets.ports import BacklogQueue, ConnectionStore, Counted, Handshake, LogHead, SocketLogStore
from event_service.sockets.slow_clients import client_key

TRIES: Final = 5
MAXIMUM_TOKEN_CHARACTERS: Final = 200


class SocketConnections:
    """What the routes of the WebSocket API call.

    Example::

        connection = connections.connect(read_connect_request(connection_id=..., connected_at=..., headers=..., query=...))
        connections.disconnect(connection.connection_id)
    """

    def __init__(
        self,
        connections: ConnectionStore,
        log: SocketLogStore,
        backlog: BacklogQueue,
        clock: Clock,
        retention: timedelta,
        uses: LastUses | None = None,
        limits: ConnectionLimits | None = None,
        *,
        needs_token: bool = True,
    ) -> None:
        """
        Args:
            connections: the open connections.
            log: the logs they are served from.
            backlog: takes the first turn of a connection that is owed something.
            clock: the time.
            retention: how long a client can resume after its connection ended.
            uses: is told of the tokens that connect; ``None``: uses are not kept.
            limits: of open connections and of connects in a second; ``None``: there are none.
            needs_token: ``False``: the id of an endpoint is enough.
        """
        self._connections = connections
        self._log = log
        self._backlog = backlog
        self._clock = clock
        self._retention = retention
        self._uses = uses
        self._limits = limits
        self._needs_token = needs_token

    def connect(self, request: ConnectRequest) -> Connection:
        """Opens a connection. It costs two reads, with an event filter three, two writes, and a message if its client is owed anything; the
        limits cost up to three writes more, but of many connects in a second about one.

        Everything that is published after this returned will be sent to it: its row is stored by then, and whoever serves
        its group reads it strongly consistent. What it missed is sent in a turn of its own and not from here, because API
        Gateway opens the connection only after the answer.

        Raises:
            Unauthenticated: no token, or no valid one.
            Forbidden: an agent's token.
            NotFound: no WEB_SOCKET endpoint of the token's workspace has this id, or a listener's token is for others; or
                ``filter`` names no event filter of the workspace.
            BadUserInput: ``after``, ``last``, ``batch`` or ``filter`` is not understood.
            TooLarge: the event filter is too large for a connection.
            RateLimited: too many connections are open, or too many connect at once; the message names the limit. Or this client
                took nothing several times in a row.
        """
        token_hash = self._token_hash(request)
        endpoint_id = _endpoint_id(request)
        client = client_key(request, token_hash)
        slow_clients = self._limits.slow_clients if self._limits is not None else None
        if slow_clients is not None:
            slow_clients.check_remembered(client)
        handshake = self._connections.handshake(endpoint_id, token_hash)
        now = self._clock()
        workspace_id = self._workspace(handshake, endpoint_id, now)
        after, batched, newest = parse_after(request.after), parse_batch(request.batch), parse_newest(request.newest)
        if after is not None and newest is not None:
            raise BadUserInput("last: give either after or last.")
        filter_id = self._filter_id(request.filter, workspace_id)
        if slow_clients is not None:
            slow_clients.check(client, handshake.head)
        if self._limits is not None:
            self._limits.admit(Counted(endpoint_id, workspace_id, token_hash, request.connected_at))
        head = self._open_log(endpoint_id, handshake.head, now)
        cursor = _first_cursor(head, after, newest)
        connection = Connection(
            endpoint_id=endpoint_id,
            connection_id=request.connection_id,
            workspace_id=workspace_id,
            connected_at=request.connected_at,
            cursor=cursor,
            group=group_of(request.connection_id, head.groups),
            reset=newest is not None or (after is not None and after > head.last),
            token_hash=token_hash,
            batched=batched,
            replay_to=head.last if cursor < head.last else 0,
            filter_id=filter_id,
            client=client if slow_clients is not None else None,
        )
        is_behind = connection.reset or cursor < head.last
        if is_behind:
            connection = replace(connection, lane=Lane.OWN, turn=1, due=now)
        self._connections.add(connection)
        self._look_again(connection, is_behind=is_behind)
        return connection

    def _look_again(self, connection: Connection, *, is_behind: bool) -> None:
        """What was appended, paused, deleted or revoked between the handshake and the row was done by someone who could not
        see the row yet, and woke nobody for it."""
        head = self._log.arrive(connection.endpoint_id, self._clock() + ROW_LIFE + self._retention)
        if is_behind:
            # Its turn reads everything anew.
            self._backlog.send([own_turn(connection)])
            return
        hashes = [connection.token_hash] if connection.token_hash else []
        situation = self._connections.situation(connection.workspace_id, connection.endpoint_id, hashes)
        is_owed = (
            head is None
            or situation.endpoint is None
            or situation.head is None
            or situation.endpoint.status is not EndpointStatus.ENABLED
            or situation.head.last > connection.cursor
            or any(one not in situation.tokens or not situation.tokens[one].is_valid(self._clock()) for one in hashes)
        )
        if is_owed:
            connection = leave(connection, self._clock(), 0, trouble=False)
            self._connections.save([connection])
            self._backlog.send([own_turn(connection)])

    def disconnect(self, connection_id: str) -> None:
        """Forgets a connection that is closed."""
        owner = self._connections.owner(connection_id)
        if owner is not None:
            self._connections.forget([(owner, connection_id)])
            if self._limits is not None and owner.counted is not None:
                self._limits.release([owner.counted])

    def check(self, connection_id: str) -> bool:
        """Whether an open connection is known. One that is not is closed: its $connect took longer than anybody waits, so it
        would be served by nobody, and its client would believe that all is well."""
        if self._connections.owner(connection_id) is not None:
            return True
        self._backlog.send([CloseSocket(connection_id)])
        return False

    def close(self, connection_id: str) -> None:
        """Has an open connection closed, within a few seconds."""
        self._backlog.send([CloseSocket(connection_id, at_once=True)])

    # -- the handshake -------------------------------------------------------------------------------------------

    def _token_hash(self, request: ConnectRequest) -> str | None:
        if not self._needs_token:
            return None
        if not request.token or len(request.token) > MAXIMUM_TOKEN_CHARACTERS:
            raise _unauthenticated()
        return hash_token(request.token)

    def _workspace(self, handshake: Handshake, endpoint_id: str, now: datetime) -> str:
        if self._needs_token:
            _check_token(handshake.token, endpoint_id, now)
        workspace_id = handshake.workspace_id
        if workspace_id is None or (handshake.token is not None and handshake.token.workspace_id != workspace_id):
            raise NotFound("WEB_SOCKET endpoint", [endpoint_id])
        if self._uses is not None and handshake.token is not None:
            self._uses.note(handshake.token)
        return workspace_id

    def _filter_id(self, given: str | None, workspace_id: str) -> str | None:
        if not given:
            return None
        try:
            filter_id = parse_uuid(given, "filter")
        except BadUserInput:
            shown = given if len(given) <= 60 else given[:57] + "..."
            raise BadUserInput(f"filter: {shown!r} is not the id of an event filter; take one from the query eventsFilters.") from None
        found = self._connections.event_filters(workspace_id, [filter_id]).get(filter_id)
        if found is None:
            raise NotFound("event filter", [filter_id])
        if found.index_entries > MAXIMUM_FILTER_ENTRIES:
            raise TooLarge(
                f"filter: this event filter takes {found.index_entries:,} index entries; at most {MAXIMUM_FILTER_ENTRIES:,} are "
                "allowed for a connection. Link it to the endpoint instead."
            )
        return filter_id

    def _open_log(self, endpoint_id: str, head: LogHead | None, now: datetime) -> LogHead:
        """Makes sure that routing appends from now on."""
        until = now + ROW_LIFE + self._retention
        for attempt in range(TRIES):
            if attempt:
                head = self._log.heads([endpoint_id]).get(endpoint_id)
            if head is None:
                wanted = LogHead(next=1, floor=1, kept_until=until)
            elif log_is_off(head, now):
                # Events may have gone by without a sequence. One sequence is left out, so that whoever resumes from
                # before is told of a gap.
                wanted = replace(head, next=head.next + 1, floor=head.next + 1, kept_until=until)
            else:
                return head
            if self._log.put_head(endpoint_id, wanted, head):
                return wanted
        raise RateLimited("Too many connects to this endpoint at once; try again in a few seconds.")


def _first_cursor(head: LogHead, after: int | None, newest: int | None) -> int:
    if newest is not None:
        return max(min(head.floor, head.next) - 1, head.last - newest)
    return head.last if after is None else min(after, head.last)


def _endpoint_id(request: ConnectRequest) -> str:
    if request.endpoint_id is None:
        raise BadUserInput("endpoint_id: it is missing; connect with ?endpoint_id=<id of a WEB_SOCKET endpoint>.")
    try:
        return parse_uuid(request.endpoint_id, "endpoint_id")
    except BadUserInput:
        # An id that cannot exist is as unknown as any other.
        raise NotFound("WEB_SOCKET endpoint", [request.endpoint_id[:60]]) from None


def _check_token(token: Token | None, endpoint_id: str, now: datetime) -> None:
    if token is None or not token.is_valid(now):
        raise _unauthenticated()
    if token.kind is TokenKind.AGENT:
        raise Forbidden("A token of kind agent can only publish; connect with an access token, or with a listener's.")
    if token.kind is TokenKind.LISTENER and endpoint_id not in token.endpoint_ids:
        # As for an endpoint of another workspace: it does not learn what else there is.
        raise NotFound("WEB_SOCKET endpoint", [endpoint_id])


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated(
        "Give a valid token in the header 'Token', in 'Authorization: Bearer <token>', as token=<token> in the URL, or as "
        "the pair of subprotocols 'token' and '<token>'."
    )
