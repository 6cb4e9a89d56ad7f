"""What the README and its guides print works as printed."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from standardwebhooks import WebhookVerificationError

from event_service.configuration.secrets import new_secret
from event_service.filters.event_filter import parse_condition
from event_service.filters.patterns.compile import parse_pattern
from event_service.webhooks.signature import sign
from local.tools import ROOT
from tests.printed import GUIDES, blocks, printed

README = (ROOT / "README.md").read_text(encoding="utf-8")
BODY = '{"id":"order-17","text":"é"}'.encode()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "docs/schema.graphql").read_text())


@pytest.mark.parametrize("query", [query for guide in GUIDES for query in blocks("graphql", guide)])
def test_each_query_is_one_that_the_api_takes(schema: GraphQLSchema, query: str) -> None:
    assert validate(schema, parse(query)) == []


@pytest.mark.parametrize(("language", "beginning"), [("python", "async def listen"), ("js", "function listen")])
def test_a_socket_client_needs_no_more_than_40_lines(language: str, beginning: str) -> None:
    assert len(printed(language, beginning).splitlines()) <= 40


def headers(secret: str, timestamp: int | None = None) -> dict[str, str]:
    moment = int(time.time()) if timestamp is None else timestamp
    signatures = sign([new_secret(), secret], "msg_1", moment, BODY)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(moment), "webhook-signature": signatures}


def test_the_python_receiver_takes_ours_and_nothing_else() -> None:
    scope: dict[str, Any] = {}
    exec(printed("python", "def verify"), scope)  # noqa: S102 - a document's own code
    verify, secret = scope["verify"], new_secret()

    verify(secret, headers(secret), BODY)
    for wrong in ((new_secret(), headers(secret), BODY), (secret, headers(secret), BODY + b" "), (secret, headers(secret, 1), BODY)):
        with pytest.raises(ValueError, match=r"signature|older"):
            verify(*wrong)


@pytest.mark.parametrize("node", [path for path in [shutil.which("node")] if path])
def test_the_node_receiver_takes_ours_and_nothing_else(node: str, tmp_path: Path) -> None:
    secret = new_secret()
    calls = [
        [secret, headers(secret), BODY],
        [new_secret(), headers(secret), BODY],
        [secret, headers(secret), BODY + b" "],
        [secret, headers(secret, 1), BODY],
    ]
    script = tmp_path / "verify.js"
    given = json.dumps([[key, given, base64.b64encode(body).decode()] for key, given, body in calls])  # type: ignore[arg-type]
    script.write_text(
        printed("js", "function verify")
        + f"for (const [secret, headers, body] of {given}) {{ let said = 'fits';"
        + "try { verify(secret, headers, Buffer.from(body, 'base64')); } catch (error) { said = 'refused'; } console.log(said); }"
    )
    done = subprocess.run([node, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["fits", "refused", "refused", "refused"]


STRANGE = (
    *(None, "", " ", "é", "\x00", "\udcff", "v1,", "v1,é", "v1," + "é" * 22, "v1," + "A" * 43 + "é", "A" * 100_000, " " * 5_000),
    *("9" * 5_000, "-1", "+1", "1e9", "1_0", "NaN", "Infinity", "0x7fffffff", "\u0661\u0662\u0663", "²", "".join(map(chr, range(256)))),
)
"""Values that anybody who knows the URL may send; ``None`` leaves the header out."""


def strange_headers(secret: str) -> list[dict[str, str]]:
    """A request that fits but for one header, and one in which nothing does."""
    found = []
    for value in STRANGE:
        for names in (
            ("webhook-id",),
            ("webhook-timestamp",),
            ("webhook-signature",),
            ("webhook-id", "webhook-timestamp", "webhook-signature"),
        ):
            given = {name: one for name, one in headers(secret).items() if name not in names or value is not None}
            found.append({name: value if name in names and value is not None else one for name, one in given.items()})
    return found


@pytest.mark.parametrize("source", ["guide", "example"])
def test_python_verifiers_refuse_any_header_and_never_crash(source: str) -> None:
    example = (ROOT / "docs" / "examples" / "receiver.py").read_text(encoding="utf-8")
    scope: dict[str, Any] = {"__name__": "receiver"}
    exec(printed("python", "def verify") if source == "guide" else example, scope)  # noqa: S102 - a document's own code
    secret = new_secret()

    for given in strange_headers(secret):
        with pytest.raises(ValueError, match=r"signature|older"):
            scope["verify"](secret, given, BODY)


@pytest.mark.parametrize("node", [path for path in [shutil.which("node")] if path])
def test_the_node_verifier_refuses_any_header_and_never_crashes(node: str, tmp_path: Path) -> None:
    secret = new_secret()
    given = strange_headers(secret)
    script = tmp_path / "verify.js"
    script.write_text(
        printed("js", "function verify")
        + f"const body = Buffer.from({json.dumps(base64.b64encode(BODY).decode())}, 'base64');"
        + f"for (const headers of {json.dumps(given)}) {{ let said = 'taken';"
        + f"try {{ verify({json.dumps(secret)}, headers, body); }} catch (error) {{ said = error.constructor.name; }} console.log(said); }}"
    )
    done = subprocess.run([node, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["Error"] * len(given)


@pytest.mark.parametrize("openssl", [path for path in [shutil.which("openssl")] if path])
def test_the_signature_by_hand_is_ours(openssl: str, tmp_path: Path) -> None:
    secret = new_secret()
    (tmp_path / "body.json").write_bytes(BODY)
    environment = {"PATH": "/usr/bin:/bin:" + str(Path(openssl).parent), "SECRET": secret, "WEBHOOK_ID": "msg_1", "WEBHOOK_TIMESTAMP": "17"}
    done = subprocess.run(
        ["sh", "-c", printed("sh", "openssl")], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert f"v1,{done.stdout.strip()}" == sign([secret], "msg_1", 17, BODY)


def test_what_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+)(?:[a-z0-9 -]*):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"make ([a-z]+)", README):
        assert target in targets | {"unit", "integration", "e2e", "template"}, target


def test_readme_is_short_and_says_in_twenty_words_what_it_is() -> None:
    lines = README.splitlines()

    assert len(lines) <= 150
    assert len(lines[2].split()) <= 20
    assert not re.search(r"omni|camera|\bagents?\b", README.replace("kind `agent`", ""), re.IGNORECASE)


CREATED = re.findall(r"^event-service filters create (.+)$", README, re.MULTILINE)


@pytest.mark.parametrize("options", CREATED)
def test_a_filter_of_the_readme_is_one_that_the_service_takes(options: str) -> None:
    words = shlex.split(options)
    given = list(zip(words[::2], words[1::2], strict=True))
    types = [value for name, value in given if name == "--type"]
    patterns = [json.loads(value) for name, value in given if name == "--pattern"]
    condition = ({"in": {"eventTypes": types}} if types else {}) | ({"pattern": patterns[0]} if patterns else {})

    assert {name for name, _ in given} <= {"--endpoint", "--type", "--pattern"}
    assert parse_condition(condition, parse_pattern)


def test_readme_has_three_filters() -> None:
    assert len(CREATED) == 3


def test_the_verifier_in_two_lines_takes_ours_and_nothing_else() -> None:
    code, secret = printed("python", "standardwebhooks"), new_secret()

    exec(code, {"secret": secret, "headers": headers(secret), "body": BODY})  # noqa: S102 - a document's own code
    with pytest.raises(WebhookVerificationError):
        exec(code, {"secret": new_secret(), "headers": headers(secret), "body": BODY})  # noqa: S102


def test_the_example_receiver_verifies_as_the_guide_does() -> None:
    scope: dict[str, Any] = {"__name__": "receiver"}
    exec((ROOT / "docs" / "examples" / "receiver.py").read_text(encoding="utf-8"), scope)  # noqa: S102
    secret = new_secret()

    scope["verify"](secret, headers(secret), BODY)
    for wrong in ((new_secret(), headers(secret), BODY), (secret, headers(secret), BODY + b" "), (secret, headers(secret, 1), BODY)):
        with pytest.raises(ValueError, match=r"signature|older"):
            scope["verify"](*wrong)
