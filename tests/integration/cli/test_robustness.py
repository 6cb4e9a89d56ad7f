"""Whatever is typed, piped in or answered: a sentence, a documented exit status, JSON with --json; no traceback, and an end."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli import graphql_client
from cli.errors import ExitStatus, UsageError
from cli.forwarding import Forwarder
from cli.main import app
from cli.output import Output
from cli.session import moment
from cli.target import Target
from tests.fakes.graphql_api import GraphqlDouble
from tests.integration.cli.conftest import TOKEN, Run

ROOT = Path(__file__).parents[3]
STATUSES = {int(status) for status in ExitStatus}


def ends_well(result: Result, *, as_json: bool) -> None:
    """The promise."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in STATUSES
    assert "Traceback" not in result.stderr
    assert "This should not have happened" not in result.stderr
    if result.exit_code:
        assert result.stderr.strip()
        if as_json:
            assert json.loads(result.stderr.splitlines()[-1])["error"]["message"]


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """A server that reads a request and writes these bytes, whatever they are."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    for answer in answers:
                        connection.sendall(answer)
                    # closing with something unread would be a reset, and the answer would be lost
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(2)
                    while connection.recv(65536):
                        pass

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/graphql"
    listening.close()


def answering(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body


NO_GRAPHQL = [
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"",
    b"\x15\x03\x01\x00\x02\x02\x46",
    b"HTTP/1.1 abc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1_000 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    answering(b""),
    answering(b"null"),
    answering(b"[]"),
    answering(b'{"errors": "what"}'),
    answering(b'{"errors": [5]}'),
    answering(b'{"errors": [{"message": 5, "extensions": 7}]}'),
    answering(b'{"data": []}'),
    answering(b"[" * 100_000 + b"]" * 100_000),
    answering(b'{"data": {"events": ' + b"[" * 100_000),
    answering(b"\xff\xfe\x00"),
    answering(b"no", b"500 X"),
    answering(b"no", b"401 X"),
    answering(b"", b"302 X"),
]


@pytest.mark.parametrize("answer", NO_GRAPHQL)
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_graphql_api_is_said_in_a_sentence(answer: bytes, as_json: bool) -> None:
    with saying(answer) as url:
        result = CliRunner().invoke(app, ["--url", url, "--token", TOKEN, *(["--json"] if as_json else []), "events", "list"])

    ends_well(result, as_json=as_json)
    assert result.exit_code in (ExitStatus.FAILED, ExitStatus.UNREACHABLE, ExitStatus.NOT_ALLOWED)


def test_an_answer_that_trickles_for_ever_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql_client, "TIMEOUT_SECONDS", 0.5)
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not stop.wait(0.05):
                connection.sendall(b"y")

    threading.Thread(target=trickle, daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    result = CliRunner().invoke(app, ["--url", url, "--token", TOKEN, "events", "list"])
    stop.set()
    listening.close()

    ends_well(result, as_json=False)
    assert "no complete answer within 0.5 s" in result.stderr


@pytest.mark.parametrize(
    "url",
    ["http://[", "http://localhost:99999/", "http://localhost:x/", "http://a b/", "http://127.0.0.1:1/ä", "ftp://x/", "x", "", "http://",
     "http://127.0.0.1:1/\x7f", "https://user:secret@127.0.0.1:1/", "http://127.0.0.1:1/a\r\nb: c", "http://\u2028/"],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--url", "--socket-url"])
def test_an_odd_url_is_named(url: str, option: str, run: Run) -> None:
    words = ["events", "list"] if option == "--url" else ["listen", "x"]
    result = run(f"{option}={url}", *words)

    ends_well(result, as_json=False)
    if option == "--url" or url:
        assert result.exit_code in (ExitStatus.USAGE, ExitStatus.UNREACHABLE)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/a b", "http://localhost:1/ä", "http://[", "http://x:99999", "x", "ftp://x/", "http://"]
)
def test_an_odd_url_to_forward_to_is_named_before_the_first_event(url: str) -> None:
    with pytest.raises(UsageError, match="--forward"):
        Forwarder(url, "e", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", 1, lambda _: None)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.9\r\n", b"", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 204 X\r\ncontent-length: 2\r\n\r\nok"]
)
async def test_a_receiver_that_speaks_no_http_has_not_taken_the_event(answer: bytes) -> None:
    notes: list[str] = []
    event = {"id": "1", "type": "a", "data": {}, "workspaceId": "c641ff9c-67df-4c03-8fa6-ee2eabffdc16", "sequence": 1}
    with saying(answer) as url:
        taken = await Forwarder(
            url, "52c6548d-3e17-4b9b-9268-ce51d6900530", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", 1, notes.append
        ).send(event)

    assert taken is answer.startswith(b"HTTP/1.1 204")
    assert taken or "was given up after 1 tries" in notes[0]


@pytest.mark.parametrize("url", ["http://example.com/graphql", "http://192.0.2.2:5813/graphql", "http://localhost.example.com/"])
def test_no_token_is_sent_unencrypted_to_another_machine(url: str) -> None:
    result = CliRunner().invoke(app, ["--url", url, "--token", TOKEN, "events", "list"])

    assert result.exit_code == ExitStatus.USAGE
    assert "the token is sent by https only" in result.stderr
    with pytest.raises(UsageError, match="by wss only"):
        _ = Target(socket_url=url.replace("http", "ws"), token=TOKEN).web_socket_url


def test_a_token_that_is_none_is_refused_and_not_shown(run: Run) -> None:
    for token in ("sécret", "sec\nret", "sec ret\x7f", " "):
        result = run("--token", token, "events", "list")

        ends_well(result, as_json=False)
        assert result.exit_code == ExitStatus.USAGE
        assert "cret" not in result.stderr.replace("secret", "") or token == " "


@pytest.mark.parametrize("text", ["999999d", "99999999d", "0s", "-1d", "1 d", "\u0661d", "", "1970-01-01T00:00:00Z", "9999-99-99", "\x00"])
def test_an_odd_moment_is_a_date_or_a_sentence(text: str) -> None:
    if text in ("0s", "1970-01-01T00:00:00Z"):
        assert moment(text, "--since") is not None
    else:
        with pytest.raises(UsageError, match="--since"):
            moment(text, "--since")


LINES = '{"type": "a", "data": {"text": "one\u2028two\x85three\u2029four"}}'


@pytest.mark.parametrize("text", [f"{LINES}\n{LINES}\n", f"{LINES}\r\n\r\n{LINES}", f"\ufeff{LINES}\n{LINES}", f"\ufeff[{LINES},{LINES}]"])
@pytest.mark.parametrize("piped", [True, False])
def test_lines_end_at_line_feeds_only_and_a_byte_order_mark_is_skipped(
    text: str, piped: bool, api: GraphqlDouble, run: Run, tmp_path: Path
) -> None:
    api.resolvers["publishEvents"] = lambda events: {"ok": True, "ids": [str(number) for number in range(len(events))], "duplicateIds": []}
    file = tmp_path / "events.ndjson"
    file.write_bytes(text.encode())

    result = run("publish", "-", standard_input=text) if piped else run("publish", str(file))

    assert result.exit_code == 0, result.stderr
    assert [event["data"] for event in api.calls[0].arguments["events"]] == [{"text": "one\u2028two\x85three\u2029four"}] * 2


@pytest.mark.parametrize(
    "words",
    [
        ["publish", "--type", "a", "--data", r'{"a": "\ud800"}'],
        ["publish", "--type", "a\ud800"],
        ["publish", "--type", "a", "--data", "[" * 100_000],
        ["publish", "--type", "a", "--data", '{"a":' * 100_000 + "1" + "}" * 100_000],
        ["publish", "--type", "a", "--data", '{"a": NaN}'],
        ["publish", "--type", "a", "--data", '{"a": 1, "a": 2}'],
        ["publish", "--type", "a", "--id", "\udce9"],
        ["publish", "/dev/null"],
        ["publish", "/"],
        ["publish", "a\x00b"],
        ["filters", "create", "--pattern", "[" * 100_000],
        ["filters", "create", "--pattern", "@/"],
        ["filters", "create", "--pattern", "@a\x00b"],
        ["filters", "create", "--pattern", r'"\udfff"'],
        ["events", "list", "--limit", "9" * 5_000],
        ["events", "list", "--limit", "x"],
        ["events", "list", "--since", "999999d"],
        ["replay", "x"],
        ["nonsense"],
        ["--nonsense"],
        ["publish", "--type"],
        [],
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_odd_words_are_a_usage_error(words: list[str], as_json: bool, run: Run) -> None:
    result = run(*(["--json"] if as_json else []), *words)

    ends_well(result, as_json=as_json)
    assert result.exit_code == ExitStatus.USAGE


@pytest.mark.parametrize(
    "raw", [b"caf\xe9", b"\xff\xfe[\x00]\x00", b'{"type": "caf\xe9", "data": {}}', b"\x00", b"[" * 100_000, b"\xef\xbb\xbf"]
)
def test_odd_standard_input_is_a_usage_error(raw: bytes, tmp_path: Path) -> None:
    words = ["--stack-file", str(tmp_path / "none"), "--url", "http://127.0.0.1:1/", "--token", TOKEN, "--json", "publish", "-"]
    result = CliRunner().invoke(app, words, input=raw)

    ends_well(result, as_json=True)
    assert result.exit_code == ExitStatus.USAGE


@pytest.mark.parametrize("text", ["[]", "5", "{}", "{", "\xff", "[" * 100_000, '{"token": 5}'])
def test_an_odd_file_of_the_local_stack_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENT_SERVICE_TOKEN", raising=False)
    file = tmp_path / "stack.json"
    file.write_text(text, encoding="latin-1")
    for words in (["events", "list"], ["token", "list"], ["listen", "x"]):
        result = CliRunner().invoke(app, ["--stack-file", str(file), "--json", *words])

        ends_well(result, as_json=True)
        assert result.exit_code == ExitStatus.UNREACHABLE


def tool(url: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "--url", url, "--token", TOKEN, *words]


DATE = "2026-03-01T12:00:00.000000+00:00"
EVENT = {
    "id": "Жук", "type": "a", "date": DATE, "data": {"x": "y" * 1_000}, "agentId": None, "cameraId": None,
    "workspaceId": "c641ff9c-67df-4c03-8fa6-ee2eabffdc16", "creationDate": DATE, "lastModified": DATE,
}  # fmt: skip
EVENTS = answering(json.dumps({"data": {"events": {"collectionItems": [EVENT] * 1_000, "endCursor": None, "hasNextPage": False}}}).encode())


@pytest.mark.parametrize("words", [["events", "list", "--limit", "1000"], ["--json", "events", "list", "--limit", "1000"]])
def test_a_closed_pipe_ends_it_without_a_word(words: list[str]) -> None:
    with saying(EVENTS) as url, subprocess.Popen(
        tool(url, *words), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(60) == ExitStatus.OUTPUT_CLOSED
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is played by /dev/full, which only Linux has")
@pytest.mark.parametrize("as_json", [True, False])
def test_a_full_disk_is_said(as_json: bool) -> None:
    with saying(EVENTS) as url, Path("/dev/full").open("wb") as full:
        command = tool(url, *(["--json"] if as_json else []), "events", "list")
        answer = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)

    assert answer.returncode == ExitStatus.FAILED
    assert b"Traceback" not in answer.stderr
    assert b"Standard output cannot be written: No space left on device" in answer.stderr
    assert not as_json or json.loads(answer.stderr)["error"]["code"] == "OUTPUT"


def test_arguments_and_a_terminal_in_latin_1_are_no_traceback() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    with saying(EVENTS) as url:
        command = [os.fsencode(word) for word in tool(url, "events", "get", "x")]
        shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=60)
        wrong = subprocess.run([*command[:-1], b"caf\xe9"], cwd=ROOT, capture_output=True, check=False, timeout=60)

    assert (shown.returncode, json.loads(shown.stdout)["id"]) == (0, "Жук")
    assert wrong.returncode == ExitStatus.USAGE
    assert b"is not UTF-8" in wrong.stderr


def test_an_interrupt_is_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = tool(f"http://127.0.0.1:{listening.getsockname()[1]}/", "events", "list")
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            connection, _ = listening.accept()
            with connection:  # kept open: a closed one would end the tool before the signal does
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=60)

    assert process.returncode == ExitStatus.INTERRUPTED
    assert b"Traceback" not in told


class Closed(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def test_a_closed_output_is_not_taken_for_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Closed())

    with pytest.raises(Exception, match="Whoever read the output went away") as caught:
        Output(as_json=False).line("text", {})
    assert not isinstance(caught.value, OSError)


def test_notes_to_a_closed_standard_error_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Closed())

    Output(as_json=False).note("nobody reads this")


# fmt: off
COMMANDS = [
    "events", "list", "get", "publish", "filters", "create", "update", "endpoints", "create-webhook", "delete",
    "deliveries", "retry", "replay", "token", "issue", "revoke", "--json", "--type", "--data", "--since", "--until",
    "--limit", "--offset", "--pattern", "--id", "--kind", "--expires", "--url", "--token", "--stack-file", "-", "--", "@",
    "{}", "0", "-1", "1d", "x", "--help",
]
# fmt: on
ANSWERS = st.one_of(
    st.sampled_from(NO_GRAPHQL),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["data", "errors", "events", "collectionItems", "message", "extensions", "code", "publishEvents", "ids", "id"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda value: answering(json.dumps(value).encode())),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.sampled_from(COMMANDS) | st.text(max_size=12), max_size=8),
    standard_input=st.binary(max_size=40) | st.sampled_from([b'{"type": "a", "data": {}}', b"[]", b"\xef\xbb\xbf{}"]),
    answer=ANSWERS,
)
@example(words=["publish", "-"], standard_input=b'{"type": "a", "data": {}}', answer=answering(b'{"data": {"publishEvents": 5}}'))
@example(words=["events", "list"], standard_input=b"", answer=answering(b'{"data": {"events": {"collectionItems": [5]}}}'))
@example(words=["events", "get", "x"], standard_input=b"", answer=answering(b'{"data": {"events": null}}'))
@example(words=["endpoints", "test", "x"], standard_input=b"", answer=answering(b'{"data": {"testEndpoint": {}}}'))
def test_nothing_that_is_typed_piped_in_or_answered_shows_a_traceback(
    words: list[str], standard_input: bytes, answer: bytes, tmp_path: Path
) -> None:
    with saying(answer) as url:
        common = ["--stack-file", str(tmp_path / "none"), "--url", url, "--token", TOKEN]
        result = CliRunner().invoke(app, [*common, *words], input=standard_input)

    assert result.exception is None or isinstance(result.exception, SystemExit), (result.exception, words)
    assert result.exit_code in STATUSES, words
    assert "Traceback" not in result.stderr
    assert "This should not have happened" not in result.stderr, words
    assert result.exit_code == 0 or result.stderr.strip(), words
