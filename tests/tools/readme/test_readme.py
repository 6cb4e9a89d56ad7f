"""What the README prints works as printed."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from event_service.configuration.secrets import new_secret
from event_service.webhooks.signature import sign

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
BODY = '{"id":"order-17","text":"é"}'.encode()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def one(language: str, beginning: str) -> str:
    (found,) = [block for block in blocks(language) if beginning in block]
    return found


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "docs/schema.graphql").read_text())


@pytest.mark.parametrize("query", blocks("graphql"))
def test_each_query_is_one_that_the_api_takes(schema: GraphQLSchema, query: str) -> None:
    assert validate(schema, parse(query)) == []


@pytest.mark.parametrize(("language", "beginning"), [("python", "async def listen"), ("js", "function listen")])
def test_a_socket_client_needs_no_more_than_15_lines(language: str, beginning: str) -> None:
    assert len(one(language, beginning).splitlines()) <= 15


def headers(secret: str, timestamp: int | None = None) -> dict[str, str]:
    moment = int(time.time()) if timestamp is None else timestamp
    signatures = sign([new_secret(), secret], "msg_1", moment, BODY)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(moment), "webhook-signature": signatures}


def test_the_python_receiver_takes_ours_and_nothing_else() -> None:
    scope: dict[str, Any] = {}
    exec(one("python", "def verify"), scope)  # noqa: S102 - the README's own code
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
        one("js", "function verify")
        + f"for (const [secret, headers, body] of {given}) {{ let said = 'fits';"
        + "try { verify(secret, headers, Buffer.from(body, 'base64')); } catch (error) { said = 'refused'; } console.log(said); }"
    )
    done = subprocess.run([node, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["fits", "refused", "refused", "refused"]


@pytest.mark.parametrize("openssl", [path for path in [shutil.which("openssl")] if path])
def test_the_signature_by_hand_is_ours(openssl: str, tmp_path: Path) -> None:
    secret = new_secret()
    (tmp_path / "body.json").write_bytes(BODY)
    environment = {"PATH": "/usr/bin:/bin:" + str(Path(openssl).parent), "SECRET": secret, "WEBHOOK_ID": "msg_1", "WEBHOOK_TIMESTAMP": "17"}
    done = subprocess.run(
        ["sh", "-c", one("sh", "openssl")], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert f"v1,{done.stdout.strip()}" == sign([secret], "msg_1", 17, BODY)


def test_what_the_readme_names_exists() -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z0-9-]+)(?:[a-z0-9 -]*):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"make ([a-z]+)", README):
        assert target in targets | {"unit", "integration", "e2e", "template"}, target
