"""No request leaves for an address that was not judged, whatever a name resolves to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl

import pytest
import trustme

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.exchange import WebhookRequest
from event_service.webhooks.sending.name_lookup import SystemLookup
from event_service.webhooks.url import UrlRules, parse_webhook_url
from tests.integration.webhooks.http_sender.conftest import BODY, HEADERS, MakeSender, names, serving
from tests.integration.webhooks.http_sender.receivers import OK, answering, receiver


@pytest.mark.parametrize("others", [["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], ["nonsense"]])
@pytest.mark.parametrize("first", [True, False])
async def test_one_refused_answer_refuses_the_name(make_sender: MakeSender, others: list[str], first: bool) -> None:
    addresses = [*others, "127.0.0.1"] if first else ["127.0.0.1", *others]

    async with receiver(answering(OK)) as target:
        answer = await make_sender(lookup=names(mixed_test=addresses))(f"http://mixed.test:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.BLOCKED_ADDRESS)
    assert answer.explanation is not None
    assert answer.explanation.startswith(f"No request was sent to mixed.test: {others[0]} is not a public address: it ")
    assert target.connections == 0


async def test_name_is_looked_up_once_for_a_connection(make_sender: MakeSender) -> None:
    looked_up = []

    async def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["10.0.0.1"]

    send = make_sender(lookup=rebinding)
    async with receiver(answering(OK)) as target:
        first = await send(f"http://rebinding.test:{target.port}/")
        kept_alive = await send(f"http://rebinding.test:{target.port}/")
        await send.sender.aclose()
        again = await send(f"http://rebinding.test:{target.port}/")

    assert (first.status, kept_alive.status) == (200, 200)
    assert (again.status, again.failure) == (None, FailureClass.BLOCKED_ADDRESS)
    assert looked_up == ["rebinding.test"] * 2
    assert target.connections == 1


async def test_a_literal_address_is_judged_by_the_guard_of_the_delivery(make_sender: MakeSender) -> None:
    async with receiver(answering(OK)) as target:
        answer = await make_sender(guard=AddressGuard())(f"http://127.0.0.1:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.BLOCKED_ADDRESS)
    assert answer.explanation == "No request was sent to 127.0.0.1: 127.0.0.1 is not a public address: it is a loopback address."
    assert target.connections == 0


async def test_the_last_look_is_at_what_is_dialled(make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when everything before it let an address through."""
    seen: list[str] = []

    class Forgetful(AddressGuard):
        def refusal(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
            seen.append(str(address))
            return None if len(seen) == 1 else "it was refused at the second look"

    async with receiver(answering(OK)) as target:
        answer = await make_sender(guard=Forgetful(), lookup=names(receiver_test=["127.0.0.1"]))(f"http://receiver.test:{target.port}/")

    assert seen == ["127.0.0.1", "127.0.0.1"]
    assert (answer.status, answer.failure) == (None, FailureClass.BLOCKED_ADDRESS)
    assert target.connections == 0


async def test_many_addresses_are_all_judged_and_the_first_ones_dialled(make_sender: MakeSender) -> None:
    many = [f"127.0.{third}.{fourth}" for third in range(1, 4) for fourth in range(1, 255)]

    async with receiver(answering(OK)) as target:
        # nothing listens on the addresses of `many`
        reached = await make_sender(lookup=names(many_test=["127.0.1.1", "127.0.0.1", *many]))(f"http://many.test:{target.port}/")
        refused = await make_sender(lookup=names(many_test=[*many, "10.0.0.1"]))(f"http://many.test:{target.port}/")
        nobody = await make_sender(lookup=names(many_test=many))(f"http://many.test:{target.port}/")

    assert (reached.status, refused.failure) == (200, FailureClass.BLOCKED_ADDRESS)
    assert nobody.failure in (FailureClass.REFUSED, FailureClass.UNREACHABLE)
    assert target.connections == 1


async def test_the_name_is_kept_in_tls_and_in_the_host_header(
    make_sender: MakeSender, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    send = make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=trusting)

    async with receiver(answering(OK), tls=serving(authority.issue_cert("receiver.test"))) as target:
        answer = await send(f"https://Receiver.TEST.:{target.port}/")

    assert (answer.status, answer.failure) == (200, None)
    assert target.names == ["receiver.test"]
    assert target.requests[0].headers["host"] == f"receiver.test:{target.port}"


async def test_proxies_from_the_environment_are_ignored(make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver(answering(OK)) as proxy, receiver(answering(OK)) as target:
        for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert answer.status == 200
    assert (proxy.connections, target.connections) == (0, 1)


async def test_credentials_of_a_netrc_file_are_ignored(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    async with receiver(answering(OK)) as target:
        await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert "authorization" not in target.requests[0].headers


async def test_the_systems_resolver_is_asked_once_for_many_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, make_sender: MakeSender
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def counting(host: str, *arguments: object, **named: object) -> object:
        asked.append(host)
        return real("127.0.0.1", *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    send = make_sender(lookup=SystemLookup())
    async with receiver(answering(OK)) as target:
        url = f"http://receiver.test:{target.port}/"
        answers = await asyncio.gather(*(send(url, endpoint_id=f"endpoint-{number}") for number in range(20)))

    assert [answer.status for answer in answers] == [200] * 20
    assert asked == ["receiver.test"]


async def test_a_name_of_the_system_that_does_not_resolve_is_a_dns_failure(make_sender: MakeSender) -> None:
    url = parse_webhook_url("https://does-not-exist.test/", UrlRules())

    answer = await make_sender().sender.send(WebhookRequest("endpoint-1", url, "POST", HEADERS, BODY))

    assert (answer.status, answer.failure) == (None, FailureClass.DNS)
