"""One invocation's work for one group: its connections are read, judged, served side by side, and stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

from event_service.sockets.client import Client, ClientServing
from event_service.sockets.connection import CONNECTIONS_PER_GROUP, Connection, hash_prefix, shards_for
from event_service.sockets.log_window import LogWindow
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.wake_up import WakeUp

LOOK_AGAIN_SECONDS: Final = 0.25
"""How often the log and the connections are read again while some connection still keeps an invocation busy."""
SAVE_SECONDS: Final = 2.0
"""How often cursors are stored during a long invocation: what a crash makes come again."""


class GroupRun:
    """One invocation's work for one wake-up."""

    def __init__(
        self,
        outside: Outside,
        wake_up: WakeUp,
        prefixes: Collection[str | None] | None,
        posts: asyncio.Semaphore,
        time_left: Callable[[], float],
        report: ServingReport,
    ) -> None:
        self._outside = outside
        self._wake_up = wake_up
        self._prefixes = prefixes
        self._report = report
        self._clients: dict[str, Client] = {}
        self._window = LogWindow(outside, wake_up.workspace_id, wake_up.endpoint_id)
        self._serving = ClientServing(outside, self._window, posts, time_left, report)

    # -- the main loop -------------------------------------------------------------------------------------------

    async def work(self) -> bool:
        """Whether everything is up to date."""
        since_saved = 0.0
        look_again: asyncio.Future[None] | None = None
        try:
            if not await self._look():
                return True
            while True:
                self._start()
                busy = [client.busy for client in self._clients.values() if client.busy is not None]
                if not busy:
                    break
                # A connection that is slow must not keep the others from what is appended meanwhile: while it holds
                # the group, nobody else is woken for them.
                if look_again is None:
                    look_again = asyncio.ensure_future(self._outside.sleep(LOOK_AGAIN_SECONDS))
                await asyncio.wait({*busy, look_again}, return_when=asyncio.FIRST_COMPLETED)
                self._take_results()
                if look_again.done():
                    look_again = None
                    since_saved += LOOK_AGAIN_SECONDS
                    if since_saved >= SAVE_SECONDS:
                        since_saved = 0.0
                        await self._save()
                    if not self._serving.time_is_short() and not await self._look():
                        break
        finally:
            if look_again is not None:
                look_again.cancel()
            try:
                await self._stop()
            finally:
                await self._save()
        return not any(client.stuck or self._serving.has_work(client) for client in self._clients.values() if not client.gone)

    async def _look(self) -> bool:
        """Reads connections and what decides about them. ``False``: nobody of them is to be served from here."""
        outside, wake_up = self._outside, self._wake_up
        # The connections first: what is read after them covers all that they are owed; a connection that is opened
        # after this brings its own wake-up.
        limit = CONNECTIONS_PER_GROUP + 1 if wake_up.shard is None else None
        rows = await outside.call(lambda: outside.connections.of_endpoint(wake_up.endpoint_id, wake_up.shard, limit))
        if limit is not None and len(rows) == limit:
            if not any(client.busy is not None for client in self._clients.values()):
                await self._wake_shards(rows)
                return False
            # They became too many meanwhile. Those that are served already are served to the end; the others' own
            # wake-ups lead to shards.
            rows = [client.connection for client in self._clients.values() if not client.gone]
        for row in rows:
            if row.connection_id not in self._clients:
                self._clients[row.connection_id] = Client(row, row)
        present = {row.connection_id for row in rows}
        self._report.connections = max(self._report.connections, len(present))
        for client in self._clients.values():
            # Its $disconnect came: nothing more to do, and saving it would only bring its row back.
            if client.connection.connection_id not in present:
                client.gone = True
        if not present:
            if wake_up.deleted:
                await outside.call(lambda: outside.log.drop(wake_up.endpoint_id))
            return False
        await self._judge(sorted({row.token_hash for row in rows if row.token_hash is not None}))
        return True

    async def _judge(self, token_hashes: Sequence[str]) -> None:
        """Reads what decides whether the connections are served."""
        outside, wake_up = self._outside, self._wake_up
        situation = await outside.call(lambda: outside.connections.situation(wake_up.workspace_id, wake_up.endpoint_id, token_hashes))
        if situation.endpoint is None or situation.head is None:
            self._serving.status = None
            for client in self._clients.values():
                client.closing = True
            if situation.head is not None:
                await outside.call(lambda: outside.log.drop(wake_up.endpoint_id))
            return
        self._serving.status = situation.endpoint.status
        self._window.head = situation.head
        now = outside.clock()
        valid = {token_hash for token_hash, token in situation.tokens.items() if token.is_valid(now)}
        for client in self._clients.values():
            if client.connection.token_hash is not None and client.connection.token_hash not in valid:
                client.closing = True

    async def _wake_shards(self, rows: Sequence[Connection]) -> None:
        wake_up = self._wake_up
        # A connect is about one connection. Without this, a thousand clients that come back at once would wake every
        # shard a thousand times.
        wake_ups = [
            WakeUp(wake_up.workspace_id, wake_up.endpoint_id, shard)
            for shard in shards_for([hash_prefix(row.connection_id) for row in rows])
            if self._prefixes is None or any(shard.holds(prefix) for prefix in self._prefixes if prefix is not None)
        ]
        outside = self._outside
        await outside.call(lambda: outside.queue.send(wake_ups))

    def _start(self) -> None:
        if self._serving.time_is_short():
            return
        for client in self._clients.values():
            if client.busy is None and not client.gone and not client.stuck and self._serving.has_work(client):
                client.busy = asyncio.ensure_future(self._serving.serve(client))

    def _take_results(self) -> None:
        for client in self._clients.values():
            if client.busy is not None and client.busy.done():
                task, client.busy = client.busy, None
                task.result()

    async def _stop(self) -> None:
        """Lets posts under way end and no other begin, so that no cursor is older than it must be."""
        self._serving.stopping = True
        tasks = [client.busy for client in self._clients.values() if client.busy is not None]
        if tasks:
            await asyncio.wait(tasks)
        self._take_results()

    async def _save(self) -> None:
        changed = [client for client in self._clients.values() if not client.gone and client.connection != client.saved]
        if not changed:
            return
        rows = [client.connection for client in changed]
        outside = self._outside
        await outside.call(lambda: outside.connections.save(rows))
        for client, row in zip(changed, rows, strict=True):
            client.saved = row
