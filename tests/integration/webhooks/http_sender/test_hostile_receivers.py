"""Receivers that break every rule: each ends within the deadline, in bounded memory, with a class a person understands."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import socket
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from event_service.delivery.attempt import FailureClass
from tests.integration.webhooks.http_sender.conftest import MakeSender, names, serving
from tests.integration.webhooks.http_sender.receivers import OK, Conversation, Script, answering, answering_once, receiver

# A stalled receiver costs a test this long.
SHORT = 0.5
# More than this the kernel's buffers of both sides do not take: what a receiver got rid of beyond it was read by us.
SOCKET_BUFFERS = 16 * 1024 * 1024


def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


async def test_a_refused_connection(make_sender: MakeSender) -> None:
    answer = await make_sender()(f"http://127.0.0.1:{unused_port()}/")

    assert (answer.status, answer.failure) == (None, FailureClass.REFUSED)
    assert answer.explanation == "127.0.0.1 refused the connection: nothing listens on that port, or a firewall says so."


async def test_a_reset_before_any_answer(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        conversation.reset()

    async with receiver(script) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.RESET)
    assert answer.explanation == "127.0.0.1 closed the connection before it had answered."
    assert hostile.connections == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_a_reset_after_the_headers_keeps_the_status(make_sender: MakeSender, status: int) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 %d X\r\ncontent-length: 100\r\n\r\npart" % status)
        await asyncio.sleep(0.05)
        conversation.reset()

    async with receiver(script) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body, answer.body_is_cut) == (status, FailureClass.RESET, "part", True)
    assert answer.explanation == f"127.0.0.1 closed the connection after status {status}, before the body was as long as announced."
    assert len(hostile.requests) == 1


async def test_a_receiver_that_never_answers(make_sender: MakeSender) -> None:
    async with receiver(Conversation.silence) as hostile:
        answer = await make_sender(deadline=SHORT)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)
    assert answer.explanation == "The receiver took the request but did not send complete response headers within 0.5 s."


async def test_a_receiver_that_never_takes_the_connection(make_sender: MakeSender) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]  # they fill the backlog, so that the next SYN is not answered
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            answer = await make_sender(deadline=SHORT)(f"http://127.0.0.1:{port}/")
        finally:
            for filler in fillers:
                filler.close()

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)
    assert answer.explanation == "No connection to 127.0.0.1 came about within 0.5 s."


async def test_a_receiver_that_never_answers_the_tls_handshake(make_sender: MakeSender) -> None:
    async with receiver(Conversation.silence) as hostile:
        answer = await make_sender(deadline=SHORT)(f"https://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)
    assert answer.explanation == "No connection to 127.0.0.1 came about within 0.5 s."


async def test_one_byte_of_the_headers_at_a_time(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send_slowly(OK * 1000, pause=0.02)

    async with receiver(script) as hostile:
        answer = await make_sender(deadline=SHORT)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)
    assert hostile.sent < len(OK)


async def test_one_byte_of_a_failures_body_at_a_time(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 5000\r\n\r\n")
        await conversation.send_slowly(b"x" * 5000, pause=0.02)

    async with receiver(script) as hostile:
        answer = await make_sender(deadline=SHORT)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (500, FailureClass.TIMEOUT)
    assert answer.explanation == "The receiver answered with status 500, but its response did not end within 0.5 s."
    assert set(answer.body) == {"x"}
    assert answer.body_is_cut


async def test_slow_body_of_a_success_holds_no_slot(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
        await conversation.send_slowly(b"x" * 5000, pause=0.05)

    async with receiver(script) as hostile:
        answer = await make_sender(deadline=60)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body_is_cut) == (200, None, True)
    assert 0 < hostile.sent < 256


@pytest.mark.parametrize(("status", "kept"), [(200, 256), (500, 16_384)])
@pytest.mark.parametrize("framing", ["content-length: 104857600", "transfer-encoding: chunked", "x-until: closed"])
async def test_an_endless_body_is_left_after_what_is_kept(make_sender: MakeSender, status: int, kept: int, framing: str) -> None:
    piece = b"y" * 65_536
    if "chunked" in framing:
        piece = b"10000\r\n" + piece + b"\r\n"

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 %d X\r\n%s\r\n\r\n" % (status, framing.encode()))
        while conversation.sent < 100 * 1024 * 1024:
            await conversation.send(piece)

    async with receiver(script) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body_is_cut) == (status, None, True)
    assert answer.body == "y" * kept
    assert hostile.sent < SOCKET_BUFFERS


async def test_a_failure_that_goes_on_after_what_is_kept_does_not_hold_its_slot(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 500 X\r\ncontent-length: 20000\r\n\r\n" + b"z" * 17_000)
        await conversation.silence()

    async with receiver(script) as hostile:
        answer = await make_sender(deadline=60)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body, answer.body_is_cut) == (500, None, "z" * 16_384, True)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_gzip_bomb_is_not_unpacked(make_sender: MakeSender, status: int) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 %d X\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (status, len(bomb))

    async with receiver(answering(head + bomb)) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (status, None)
    assert answer.body == "(compressed body, not shown: the receiver sent content-encoding gzip unasked)"
    assert hostile.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_that_is_shorter_than_announced(make_sender: MakeSender, status: int) -> None:
    async with receiver(answering_once(b"HTTP/1.1 %d X\r\ncontent-length: 100\r\n\r\nshort" % status)) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body) == (status, FailureClass.RESET, "short")
    assert answer.explanation == f"127.0.0.1 closed the connection after status {status}, before the body was as long as announced."


async def test_a_chunked_body_that_breaks_off(make_sender: MakeSender) -> None:
    async with receiver(answering_once(b"HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body) == (500, FailureClass.RESET, "hello")


async def test_answer_longer_than_announced_is_never_the_next_answer(make_sender: MakeSender) -> None:
    forged = b"HTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n"
    send = make_sender()

    async with receiver(answering(OK + forged)) as hostile:
        answers = [await send(f"http://127.0.0.1:{hostile.port}/") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert hostile.connections == 3


@pytest.mark.parametrize(
    "bad",
    [
        b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"content-length: -5\r\n\r\n",
        b"content-length: 5, 5\r\n\r\nhello",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        b"bad header\r\n\r\n",
    ],
)
async def test_contradictions_about_the_length_are_no_answer_that_is_trusted(make_sender: MakeSender, bad: bytes) -> None:
    async with receiver(answering_once(b"HTTP/1.1 500 X\r\n" + bad)) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert answer.failure is FailureClass.PROTOCOL


@pytest.mark.parametrize(
    "headers",
    [
        b"x-large: " + b"a" * 1_048_576 + b"\r\n",
        b"".join(b"x-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(1_000)),
        b"".join(b"x-%d: a\r\n" % number for number in range(100_000)),
        b"n" * 1_048_576 + b": a\r\n",
    ],
    ids=["one line", "a thousand lines", "a hundred thousand short lines", "one name"],
)
async def test_a_megabyte_of_headers(make_sender: MakeSender, headers: bytes) -> None:
    async with receiver(answering_once(b"HTTP/1.1 200 OK\r\n" + headers + b"content-length: 0\r\n\r\n")) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TOO_LARGE)
    assert answer.explanation == "The response headers of 127.0.0.1 are too large: at most 100 headers of 8190 bytes are read."


async def test_100_continue_and_then_silence(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await conversation.silence()

    async with receiver(script) as hostile:
        answer = await make_sender(deadline=SHORT)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)


async def test_103_early_hints_are_not_the_answer(make_sender: MakeSender) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"

    async with receiver(answering(hints + hints + OK)) as friendly:
        answer = await make_sender()(f"http://127.0.0.1:{friendly.port}/")

    assert (answer.status, answer.failure, answer.body) == (200, None, "ok")


async def test_early_hints_without_end(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        while True:
            await conversation.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await asyncio.sleep(0.001)

    async with receiver(script) as hostile:
        answer = await make_sender(deadline=SHORT)(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>hello</html>\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x00\x01\x02\x03",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
    ids=["HTTP/0.9", "SSH", "binary", "HTTP/9.9", "no status"],
)
async def test_what_is_not_http(make_sender: MakeSender, answer: bytes) -> None:
    async with receiver(answering_once(answer)) as hostile:
        got = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (got.status, got.failure) == (None, FailureClass.PROTOCOL)
    assert got.explanation == "What 127.0.0.1 sent is not a valid HTTP/1.1 response."


async def test_invalid_utf_8_and_nul_become_text_that_can_be_stored(make_sender: MakeSender) -> None:
    async with receiver(answering(b"HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\na\x00b\xff\xfe\x1b[2J")) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure, answer.body) == (500, None, "a\ufffdb\ufffd\ufffd\ufffd[2J")


async def test_a_cookie_is_never_sent_back(make_sender: MakeSender) -> None:
    send = make_sender()
    answer = b"HTTP/1.1 200 OK\r\nset-cookie: session=stolen; path=/\r\nset-cookie: other=1\r\ncontent-length: 0\r\n\r\n"

    async with receiver(answering(answer)) as hostile:
        for _ in range(2):
            await send(f"http://127.0.0.1:{hostile.port}/")

    assert len(hostile.requests) == 2
    assert not any("cookie" in request.headers for request in hostile.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_redirect_is_never_followed(make_sender: MakeSender, status: int, method: str) -> None:
    async with receiver(answering(b"HTTP/1.1 %d X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n" % status)) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/", method=method)

    assert (answer.status, answer.failure) == (status, None)
    assert [request.target for request in hostile.requests] == ["/"]


async def test_a_switch_of_protocols_is_an_answer_and_not_a_tunnel(make_sender: MakeSender) -> None:
    async with receiver(answering_once(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello")) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (101, None)
    assert hostile.connections == 1


def expired(authority: trustme.CA) -> trustme.LeafCert:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    return authority.issue_cert("receiver.test", not_before=past, not_after=past + dt.timedelta(days=30))


def self_signed(name: str) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=subject, subject_name=subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with trustme.Blob(private + certificate.public_bytes(Encoding.PEM)).tempfile() as path:
        context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("expired", "certificate has expired"),
        ("self-signed", "self-signed certificate"),
        ("unknown authority", "unable to get local issuer certificate"),
        ("wrong host", "Hostname mismatch"),
    ],
)
async def test_a_certificate_that_is_not_valid(
    make_sender: MakeSender, authority: trustme.CA, trusting: ssl.SSLContext, fault: str, words: str
) -> None:
    tls = {
        "expired": lambda: serving(expired(authority)),
        "self-signed": lambda: self_signed("receiver.test"),
        "unknown authority": lambda: serving(trustme.CA().issue_cert("receiver.test")),
        "wrong host": lambda: serving(authority.issue_cert("other.test")),
    }[fault]()
    send = make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=trusting)

    async with receiver(answering(OK), tls=tls) as hostile:
        answer = await send(f"https://receiver.test:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TLS)
    assert answer.explanation is not None
    assert answer.explanation.startswith("The certificate of receiver.test is not valid: ")
    assert words in answer.explanation
    assert hostile.requests == []


async def test_http_where_https_was_expected(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.reader.read(100)
        await conversation.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with receiver(script) as plain:
        answer = await make_sender()(f"https://127.0.0.1:{plain.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.TLS)
    assert (
        answer.explanation
        == "No encrypted connection to 127.0.0.1 came about: that port speaks no TLS, perhaps plain HTTP (wrong version number)."
    )


async def test_a_name_that_does_not_resolve(make_sender: MakeSender) -> None:
    answer = await make_sender(lookup=names())("http://nowhere.test/")

    assert (answer.status, answer.failure) == (None, FailureClass.DNS)
    assert answer.explanation == "The name nowhere.test does not resolve to an address: Name or service not known."


async def test_a_name_without_any_address(make_sender: MakeSender) -> None:
    answer = await make_sender(lookup=names(empty_test=[]))("http://empty.test/")

    assert (answer.status, answer.failure) == (None, FailureClass.DNS)


async def test_a_name_that_resolves_slowly_falls_under_the_deadline(make_sender: MakeSender) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return ["127.0.0.1"]

    answer = await make_sender(deadline=SHORT, lookup=lookup)("http://slow.test/")

    assert (answer.status, answer.failure) == (None, FailureClass.TIMEOUT)
    assert answer.explanation == "The name slow.test was not resolved within 0.5 s."


SCRIPTS: list[Script] = [
    answering_once(b"HTTP/1.1 200 OK\r\n"),
    answering_once(b""),
    answering_once(b"HTTP/1.1 "),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=["in the headers", "before the first byte", "in the status line"])
async def test_a_connection_that_ends_too_early(make_sender: MakeSender, script: Script) -> None:
    async with receiver(script) as hostile:
        answer = await make_sender()(f"http://127.0.0.1:{hostile.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.RESET)
