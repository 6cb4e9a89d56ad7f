"""Processes and ports of this machine, as far as a local stack has to do with them."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import urllib.request
from typing import Any, Final

import psutil

from local.tools import ToolError

HOST: Final = "127.0.0.1"


def session_processes(session: int) -> list[psutil.Process]:
    """The processes of a session, zombies left out."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_session(session: int) -> None:
    """Ends what is left of a session: function processes end by themselves when MiniStack does, unless they are busy."""
    deadline = time.monotonic() + 2
    while (left := session_processes(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listeners() -> list[Any]:
    try:
        return [connection for connection in psutil.net_connections("tcp") if connection.status == psutil.CONN_LISTEN]
    except psutil.AccessDenied:  # without root on macOS; the holder's name is a courtesy
        return []


def is_ministack(pid: Any) -> bool:
    try:
        return isinstance(pid, int) and "ministack_host.py" in " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a URL of our own
            return bool(response.status == 200)
    except OSError:
        return False


def require_free_port(port: int) -> None:
    """Raises:
    ToolError: the port cannot be used; the message names who has it and another one.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return
        except OSError as error:
            fault = error.strerror
    holder = next(
        (
            f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
            for connection in listeners()
            if connection.laddr.port == port and connection.pid is not None
        ),
        "",
    )
    raise ToolError(f"Port {port} on {HOST} cannot be used{holder}: {fault}. Choose another: make run PORT={port + 1}")
