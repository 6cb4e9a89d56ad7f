"""The local stack runs code for whoever reaches its port; a page of another site must not be among them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
import websockets

from local.deployed import IssuedToken
from local.stack import LocalStack, StackFile
from tests.e2e.test_main_job import Client
from tests.e2e.test_sockets import socket_endpoint

FOREIGN = [
    {"Host": "attacker.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:5811"},
    {"Sec-Fetch-Site": "cross-site"},
]


def _ask(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - our own local stack
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
@pytest.mark.parametrize(
    ("path", "target"), [("/2015-03-31/functions", ""), ("/", "DynamoDB_20120810.ListTables"), ("/_ministack/reset", "")]
)
def test_a_foreign_page_can_neither_make_functions_nor_read_tables(
    stack: StackFile, foreign: dict[str, str], path: str, target: str
) -> None:
    status, headers = _ask(stack.awsEndpointUrl + path, b"{}", {"content-type": "text/plain", "X-Amz-Target": target} | foreign)

    assert status == 403
    assert not any(name.startswith("access-control") for name in headers)


def test_foreign_page_cannot_read_an_answer_without_cors(stack: StackFile, own_token: IssuedToken) -> None:
    headers = {"content-type": "application/json", "Token": own_token.token, "Origin": "https://app.example.com"}

    status, answered = _ask(stack.graphqlUrl, json.dumps({"query": "{__typename}"}).encode(), headers)

    assert status == 200
    assert "access-control-allow-origin" not in answered


def test_program_on_this_machine_needs_no_permission(local_stack: LocalStack) -> None:
    status, headers = _ask(local_stack.ready.awsEndpointUrl + "/_ministack/health", b"", {})

    assert status == 200
    assert not any(name.startswith("access-control") for name in headers)


async def test_a_browsers_socket_gets_the_subprotocol_that_it_asked_for(stack: StackFile, own_token: IssuedToken) -> None:
    client = Client(stack, own_token.token)
    url = f"{stack.webSocketUrl}?endpoint_id={socket_endpoint(client)}"
    protocols = [websockets.Subprotocol("token"), websockets.Subprotocol(own_token.token)]

    async with websockets.connect(url, subprotocols=protocols, origin=websockets.Origin("https://app.example.com")) as socket:
        assert socket.subprotocol == "token"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("endpoint_id={endpoint}&token=00000000-0000-4000-8000-000000000000", 401),
        ("endpoint_id=x&token={token}", 404),
        ("endpoint_id={endpoint}&token={token}&after=x", 400),
    ],
)
async def test_a_refused_handshake_carries_the_status_of_the_refusal(
    stack: StackFile, own_token: IssuedToken, query: str, status: int
) -> None:
    endpoint = socket_endpoint(Client(stack, own_token.token))
    url = f"{stack.webSocketUrl}?{query.format(endpoint=endpoint, token=own_token.token)}"

    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(url):
            pass

    assert refused.value.response.status_code == status
    assert set(json.loads(refused.value.response.body or b"")) == {"message", "connectionId", "requestId"}
