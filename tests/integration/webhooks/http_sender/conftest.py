"""A sender that may reach loopback, with names of our own, and certificates made for the run."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import trustme

from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.http_sender import HttpSender
from event_service.webhooks.sending.name_lookup import Lookup
from event_service.webhooks.url import UrlRules, parse_webhook_url

LOOPBACK = AddressGuard.allowing(["127.0.0.0/8"])
BODY = b'{"id":"event-1","type":"x"}'
HEADERS = {"content-type": "application/json", "user-agent": "event-service", "webhook-id": "msg_abc"}


@dataclass(slots=True)
class Sending:
    """The sender under test and the short way to use it."""

    sender: HttpSender

    async def __call__(self, url: str, *, endpoint_id: str = "endpoint-1", method: str = "POST", body: bytes = BODY) -> WebhookAnswer:
        parsed = parse_webhook_url(url, UrlRules(guard=LOOPBACK, allow_http=True))
        return await self.sender.send(WebhookRequest(endpoint_id=endpoint_id, url=parsed, method=method, headers=HEADERS, body=body))


MakeSender = Callable[..., Sending]


def names(**addresses: list[str]) -> Lookup:
    """A look-up that knows these names (``_`` for a dot); every other one does not resolve."""
    known = {name.replace("_", "."): found for name, found in addresses.items()}

    async def lookup(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError(-2, "Name or service not known")
        return known[host]

    return lookup


@pytest.fixture
async def make_sender() -> AsyncIterator[MakeSender]:
    """Makes senders whose deadline is short, and closes them."""
    async with AsyncExitStack() as stack:

        def make(
            *,
            deadline: float = 5.0,
            connect: float = 3.0,
            lookup: Lookup | None = None,
            tls: ssl.SSLContext | None = None,
            guard: AddressGuard = LOOPBACK,
        ) -> Sending:
            sender = HttpSender(guard, deadline_seconds=deadline, connect_seconds=connect, lookup=lookup, tls=tls)
            stack.push_async_callback(sender.aclose)
            return Sending(sender)

        yield make


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority that the sender of a test trusts."""
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client context that trusts the authority and is otherwise the default one."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server context with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
