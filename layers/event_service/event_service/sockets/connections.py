"""Opening, finding and closing the connections of WEB_SOCKET endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from event_service.access.token import Token, TokenKind, hash_token
from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, Forbidden, NotFound, RateLimited, Unauthenticated
from event_service.base.identifiers import parse_uuid
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.ports import EndpointReference
from event_service.sockets.connection import ROW_LIFE, Connection, ConnectRequest, hash_prefix, parse_after, parse_batch
from event_service.sockets.log import CLOCK_MARGIN, log_is_off
from event_service.sockets.ports import ConnectionStore, Handshake, LogHead, SocketLogStore, WakeUpQueue
from event_service.sockets.wake_up import WakeUp

EXTEND_EARLY: Final = timedelta(minutes=30)
"""The log is kept so much longer than it must be, so that not every connect has to write its head."""
TRIES: Final = 5
MAXIMUM_TOKEN_CHARACTERS: Final = 200


class SocketConnections:
    """What the routes of the WebSocket API and the configuration call."""

    def __init__(
        self,
        connections: ConnectionStore,
        log: SocketLogStore,
        queue: WakeUpQueue,
        clock: Clock,
        retention: timedelta,
        *,
        needs_token: bool = True,
    ) -> None:
        """
        Args:
            connections: the open connections.
            log: the logs they are served from.
            queue: wakes who serves them.
            clock: the time.
            retention: how long a client can resume after its connection ended.
            needs_token: ``False``: the id of an endpoint is enough.
        """
        self._connections = connections
        self._log = log
        self._queue = queue
        self._clock = clock
        self._retention = retention
        self._needs_token = needs_token

    def connect(self, request: ConnectRequest) -> Connection:
        """Opens a connection. It costs one read, one or two writes and one wake-up.

        Everything that is published after this returned will be sent to it: its row and the log's head are stored by
        then, and routing and delivery read both strongly consistent. It is served through the queue and not from here,
        because API Gateway opens it only after the answer.

        Raises:
            Unauthenticated: no token, or no valid one.
            Forbidden: an agent's token.
            NotFound: no WEB_SOCKET endpoint of the token's workspace has this id.
            BadUserInput: ``after`` or ``batch`` is not understood.
        """
        token_hash = self._token_hash(request)
        endpoint_id = _endpoint_id(request)
        handshake = self._connections.handshake(endpoint_id, token_hash)
        now = self._clock()
        workspace_id = self._workspace(handshake, endpoint_id, now)
        after, batched = parse_after(request.after), parse_batch(request.batch)
        head = self._open_log(endpoint_id, handshake.head, now)
        connection = Connection(
            endpoint_id=endpoint_id,
            connection_id=request.connection_id,
            workspace_id=workspace_id,
            connected_at=request.connected_at,
            cursor=head.last if after is None else min(after, head.last),
            claimed=after if after is not None and after > head.last else None,
            token_hash=token_hash,
            batched=batched,
        )
        self._connections.add(connection)
        # What was appended, paused, deleted or revoked between the read above and this row was done by someone who
        # could not see the row yet: so the connection is looked after once, whatever it asked for.
        self._queue.send([WakeUp(workspace_id, endpoint_id, prefix=hash_prefix(request.connection_id))])
        return connection

    def disconnect(self, connection_id: str) -> None:
        """Forgets a connection that is closed."""
        endpoint_id = self._connections.endpoint_of(connection_id)
        if endpoint_id is not None:
            self._connections.forget([(endpoint_id, connection_id)])

    # -- what the configuration tells ----------------------------------------------------------------------------

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        """Nothing waits anywhere but in the log; see :meth:`changed`."""

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        """Lets the connections of paused endpoints be told, and those of resumed ones be sent what waited."""
        self._wake(endpoints)

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        """Lets the connections be closed and the logs be forgotten."""
        self._wake(endpoints, deleted=True)

    def token_revoked(self, token_hash: str) -> None:
        """Lets the connections that were opened with a token be closed. Call it after the token was revoked."""
        self._queue.send([WakeUp(workspace, endpoint) for workspace, endpoint in self._connections.endpoints_of_token(token_hash)])

    def _wake(self, endpoints: Sequence[EndpointReference], *, deleted: bool = False) -> None:
        sockets = [one for one in endpoints if one.type is EndpointType.WEB_SOCKET]
        if sockets:
            self._queue.send([WakeUp(one.workspace_id, one.id, deleted=deleted) for one in sockets])

    # -- the handshake -------------------------------------------------------------------------------------------

    def _token_hash(self, request: ConnectRequest) -> str | None:
        if not self._needs_token:
            return None
        if not request.token or len(request.token) > MAXIMUM_TOKEN_CHARACTERS:
            raise _unauthenticated()
        return hash_token(request.token)

    def _workspace(self, handshake: Handshake, endpoint_id: str, now: datetime) -> str:
        if self._needs_token:
            _check_token(handshake.token, now)
        workspace_id = handshake.workspace_id
        if workspace_id is None or (handshake.token is not None and handshake.token.workspace_id != workspace_id):
            raise NotFound("WEB_SOCKET endpoint", [endpoint_id])
        return workspace_id

    def _open_log(self, endpoint_id: str, head: LogHead | None, now: datetime) -> LogHead:
        """Makes sure that routing appends from now on, and long enough for this connection and what comes after it."""
        needed = now + ROW_LIFE + self._retention
        until = needed + EXTEND_EARLY
        for attempt in range(TRIES):
            if attempt:
                head = self._log.heads([endpoint_id]).get(endpoint_id)
            if head is None:
                wanted = LogHead(next=1, floor=1, kept_until=until)
                done = self._log.put_head(endpoint_id, wanted, None)
            elif log_is_off(head, now):
                # Events may have gone by without a sequence. One sequence is left out, so that whoever resumes from
                # before is told of a gap.
                wanted = LogHead(next=head.next + 1, floor=head.next + 1, kept_until=until)
                done = self._log.put_head(endpoint_id, wanted, head)
            elif head.kept_until < needed:
                wanted = head
                done = self._log.extend(endpoint_id, until, (now + CLOCK_MARGIN, needed))
            else:
                return head
            if done:
                return wanted
        raise RateLimited("Too many connects to this endpoint at once; try again in a few seconds.")


def _endpoint_id(request: ConnectRequest) -> str:
    if request.endpoint_id is None:
        raise BadUserInput("endpoint_id: it is missing; connect with ?endpoint_id=<id of a WEB_SOCKET endpoint>.")
    try:
        return parse_uuid(request.endpoint_id, "endpoint_id")
    except BadUserInput:
        # An id that cannot exist is as unknown as any other.
        raise NotFound("WEB_SOCKET endpoint", [request.endpoint_id[:60]]) from None


def _check_token(token: Token | None, now: datetime) -> None:
    if token is None or not token.is_valid(now):
        raise _unauthenticated()
    if token.kind is not TokenKind.ACCESS:
        raise Forbidden("A token of kind agent can only publish; connect with an access token.")


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated(
        "Give a valid token in the header 'Token', in 'Authorization: Bearer <token>', as token=<token> in the URL, or as "
        "the pair of subprotocols 'token' and '<token>'."
    )
