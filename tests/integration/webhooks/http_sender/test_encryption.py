"""TLS as RFC 9525 wants it, and its failures in words that name the cause."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.http_sender import HttpSender
from tests.integration.webhooks.http_sender.conftest import LOOPBACK, MakeSender, names, serving
from tests.integration.webhooks.http_sender.receivers import OK, Conversation, answering, receiver


def certificate(name: str, *, alternative: bool) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server with a certificate for ``name``, as its common name or in subjectAltName too; and a client that trusts its issuer."""
    now, lasting = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the authority of this test")])
    root = (
        x509.CertificateBuilder(issuer, issuer, issuer_key.public_key(), x509.random_serial_number(), now - lasting, now + lasting)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), now - lasting, now + lasting)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    leaf = builder.sign(issuer_key, hashes.SHA256())
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with trustme.Blob(private + leaf.public_bytes(Encoding.PEM)).tempfile() as path:
        server.load_cert_chain(path)
    client.load_verify_locations(cadata=root.public_bytes(Encoding.PEM).decode())
    return server, client


async def test_certificate_with_a_common_name_only_is_refused(make_sender: MakeSender) -> None:
    server, client = certificate("receiver.test", alternative=False)

    async with receiver(answering(OK), tls=server) as target:
        answer = await make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=client)(f"https://receiver.test:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TLS)
    assert answer.explanation is not None
    assert answer.explanation.startswith("The certificate of receiver.test is not valid: ")
    assert target.requests == []


async def test_the_same_certificate_with_an_alternative_name_is_taken(make_sender: MakeSender) -> None:
    server, client = certificate("receiver.test", alternative=True)

    async with receiver(answering(OK), tls=server) as target:
        answer = await make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=client)(f"https://receiver.test:{target.port}/")

    assert (answer.status, answer.failure) == (200, None)


async def test_the_systems_authorities_are_judged_alike() -> None:
    sender = HttpSender(LOOPBACK)

    assert sender._tls.hostname_checks_common_name is False
    assert (sender._tls.verify_mode, sender._tls.check_hostname) == (ssl.CERT_REQUIRED, True)


@contextmanager
def openssl_server(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server on a blocking socket: asyncio's closes before the alert has left, this one lets the client read it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as encrypted, suppress(OSError):
            try:
                encrypted.do_handshake()
            except ssl.SSLError:
                encrypted.shutdown(socket.SHUT_WR)
                while encrypted.recv(65536):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.close()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (ssl.TLSVersion.TLSv1_3, "receiver.test asks for a client certificate, and webhooks are sent without one (tlsv13 alert"),
        # TLS 1.2 has no alert of its own for it.
        (ssl.TLSVersion.TLSv1_2, "it broke the handshake off, perhaps because it asks for a client certificate (sslv3 alert"),
    ],
)
async def test_a_receiver_that_asks_for_a_client_certificate_is_named_as_such(
    make_sender: MakeSender, authority: trustme.CA, trusting: ssl.SSLContext, version: ssl.TLSVersion, words: str
) -> None:
    server = serving(authority.issue_cert("receiver.test"))
    server.verify_mode = ssl.CERT_REQUIRED
    server.maximum_version = version
    authority.configure_trust(server)

    with openssl_server(server) as port:
        answer = await make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=trusting)(f"https://receiver.test:{port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TLS)
    assert words in str(answer.explanation)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_silent_close_may_mean_a_client_certificate_is_wanted(
    make_sender: MakeSender, authority: trustme.CA, trusting: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    server = serving(authority.issue_cert("receiver.test"))
    server.verify_mode = ssl.CERT_REQUIRED
    server.maximum_version = version

    async with receiver(answering(OK), tls=server) as target:
        answer = await make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=trusting)(f"https://receiver.test:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.RESET)
    assert answer.explanation is not None
    if version is ssl.TLSVersion.TLSv1_3:
        assert answer.explanation.endswith("A server that asks for a client certificate may do so.")


@pytest.mark.parametrize("pieces", [1, 7])
async def test_plain_http_sent_to_a_tls_port_is_named_as_such(make_sender: MakeSender, pieces: int) -> None:
    alert = b"\x15\x03\x01\x00\x02\x02\x46"  # fatal, protocol_version

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        for place in range(0, len(alert), len(alert) // pieces):
            await conversation.send(alert[place : place + len(alert) // pieces])
            await asyncio.sleep(0.01)

    async with receiver(script) as target:
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TLS)
    assert answer.explanation == "That port of 127.0.0.1 speaks TLS, and plain HTTP was sent to it: the URL has to begin with https."


async def test_plain_http_sent_to_a_tls_server_that_says_nothing(make_sender: MakeSender, authority: trustme.CA) -> None:
    async with receiver(answering(OK), tls=serving(authority.issue_cert("127.0.0.1"))) as target:
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.RESET)
    assert answer.explanation == (
        "127.0.0.1 closed the connection before it had answered. A port that speaks TLS does so: perhaps the URL has to begin with https."
    )
