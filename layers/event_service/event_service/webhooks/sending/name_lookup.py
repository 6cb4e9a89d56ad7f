"""From the name of a host to the addresses that may be dialled."""

from __future__ import annotations

import asyncio
import concurrent.futures
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.sending import progress

# All answers to a look-up are judged; of hundreds only the first ones are dialled.
DIALLED_ADDRESSES_PER_FAMILY = 4
# getaddrinfo blocks a thread, for 10 s and more when a name server is silent. Slow names must not fill the pool.
_LOOKUP_THREADS = 32

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a name for a port to addresses in text form; raises OSError when it does not resolve."""


class BlockedAddress(OSError):
    """An address that the guard refuses; the text says which and why."""


class SystemLookup:
    """``getaddrinfo`` in threads of its own; tasks that ask for the same name at the same time share one look-up."""

    def __init__(self) -> None:
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None
        self._running: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        key = (host, port)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._resolve(host, port))
            task.add_done_callback(lambda done: self._finished(key, done))
        # whoever gives up leaves the others their answer
        return await asyncio.shield(task)

    def _finished(self, key: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # read, so that nobody complains when all who waited have given up

    async def _resolve(self, host: str, port: int) -> list[str]:
        if self._threads is None:
            self._threads = concurrent.futures.ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="webhook-lookup")
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._threads, _getaddrinfo, host, port)
        return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _getaddrinfo(host: str, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))


class VettingResolver(AbstractResolver):
    """Hands aiohttp the addresses of a name only when the guard takes every one of them.

    A name that answers with a public and a private address is an attack or a mistake; dialling the public one would make
    the verdict depend on the order of the answers.
    """

    def __init__(self, guard: AddressGuard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        del family  # the connector is never told to use one family only
        progress.current.get().phase = "look"
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            vet_address(self._guard, address)
        progress.current.get().phase = "connect"
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in _first_of_each_family(addresses)
        ]

    async def close(self) -> None:
        """Nothing to close: the look-ups belong to the sender."""


def _first_of_each_family(addresses: list[str]) -> list[str]:
    ipv6 = [address for address in addresses if ":" in address][:DIALLED_ADDRESSES_PER_FAMILY]
    ipv4 = [address for address in addresses if ":" not in address][:DIALLED_ADDRESSES_PER_FAMILY]
    return [address for address in addresses if address in ipv6 or address in ipv4]


def vet_address(guard: AddressGuard, address: str) -> None:
    """Judges an address in text form.

    Raises:
        BlockedAddress: the guard refuses it, or it is none.
    """
    try:
        reason = guard.refusal(ipaddress.ip_address(address))
    except ValueError:
        reason = "it is no IP address"
    if reason is not None:
        raise BlockedAddress(f"{address} is not a public address: {reason}")
