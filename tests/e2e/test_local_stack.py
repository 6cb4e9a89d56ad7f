"""The local stack keeps its promises to the machine it runs on."""

from __future__ import annotations

import json
import stat

import psutil

from local.processes import session_processes
from local.stack import LocalStack, StackFile


def test_the_stack_listens_on_one_port_of_the_loopback_address_only(local_stack: LocalStack) -> None:
    listening = [
        connection.laddr
        for process in session_processes(local_stack.pid)
        for connection in process.net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]

    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", local_stack.port)]


def test_stack_file_describes_the_stack_and_is_private(local_stack: LocalStack, stack: StackFile) -> None:
    path = local_stack.directory / "stack.json"

    written = json.loads(path.read_text(encoding="utf-8"))

    assert list(written) == ["graphqlUrl", "consoleUrl", "webSocketUrl", "token", "workspaceId", "awsEndpointUrl", "stackName", "region"]
    assert written["token"] == stack.token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
