"""The whole service, as `make run` starts it, once for all end-to-end tests.

Tests get it as :func:`stack` and reach it through HTTP and sockets only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_socket

from local.deployed import IssuedToken
from local.stack import LocalStack, StackFile, free_port, session_processes


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The running stack itself, for tests that look at its processes or its logs."""
    pytest_socket.enable_socket()
    running = LocalStack(tmp_path_factory.mktemp("stack"), free_port(), say=print)
    with running:
        running.start()
        session = running.pid
        yield running
    assert session_processes(session) == [], "the stack left processes behind"


@pytest.fixture(scope="session")
def stack(local_stack: LocalStack) -> StackFile:
    """What `.local/stack.json` would say: URLs, a token and its workspace."""
    return local_stack.ready


@pytest.fixture
def own_token(local_stack: LocalStack) -> IssuedToken:
    """A token of a workspace that only this test has, so that tests do not see one another's endpoints and events."""
    return local_stack.new_token()
