"""From names to addresses, without a network. What is dialled then is in ``tests/integration/webhooks/http_sender``."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.sending import name_lookup
from event_service.webhooks.sending.name_lookup import SystemLookup, VettingResolver
from event_service.webhooks.sending.progress import Progress, current


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What the system was asked for; it knows two addresses for every name, one of them twice."""
    names: list[tuple[str, int]] = []

    def getaddrinfo(host: str, port: int) -> list[tuple[Any, ...]]:
        names.append((host, port))
        addresses = ("203.0.113.7", "203.0.113.8", "203.0.113.7")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(name_lookup, "_getaddrinfo", getaddrinfo)
    return names


async def test_those_who_ask_for_a_name_at_once_share_a_look_up(asked: list[tuple[str, int]]) -> None:
    lookup = SystemLookup()
    found = await asyncio.gather(*(lookup("a.example", 443) for _ in range(3)), lookup("a.example", 8443))
    assert found == [["203.0.113.7", "203.0.113.8"]] * 4
    assert sorted(asked) == [("a.example", 443), ("a.example", 8443)]


async def test_a_name_is_looked_up_again_for_whoever_comes_later(asked: list[tuple[str, int]]) -> None:
    lookup = SystemLookup()
    await lookup("a.example", 443)
    await asyncio.sleep(0)  # the look-up is forgotten a moment after its answer
    await lookup("a.example", 443)
    assert asked == [("a.example", 443)] * 2


async def test_addresses_are_dialled_by_their_own_family_and_as_they_are() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        del host, port
        return ["2606:4700::1111", "1.1.1.1"]

    current.set(Progress())
    found = await VettingResolver(AddressGuard(), lookup).resolve("a.example", 443)
    assert [(one["host"], one["family"]) for one in found] == [("2606:4700::1111", socket.AF_INET6), ("1.1.1.1", socket.AF_INET)]
    assert {(one["hostname"], one["port"], one["flags"]) for one in found} == {("a.example", 443, socket.AI_NUMERICHOST)}
