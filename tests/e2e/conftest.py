"""The whole service, as `make run` starts it, once for all end-to-end tests.

Tests get it as :func:`stack` and reach it through HTTP and sockets only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket

from local.deployed import IssuedToken
from local.processes import free_port, session_processes
from local.stack import LocalStack, StackFile
from tests.support.browser import chromium

__all__ = ["chromium"]

LAST = "test_logs_of_the_whole_run_hold_no_token_no_secret_and_no_payload"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the logs of all end-to-end tests comes after them."""
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    if mine:
        end = items.index(mine[-1])
        items[:] = sorted(items[: end + 1], key=lambda item: item.name == LAST) + items[end + 1 :]


class WatchedStack(LocalStack):
    """Remembers the tokens it has issued, so that the logs can be searched for them."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory, port, say=print)
        self.issued: list[IssuedToken] = []

    def new_token(self, workspace_id: str | None = None, kind: str = "access") -> IssuedToken:
        token = super().new_token(workspace_id, kind)
        self.issued.append(token)
        return token


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStack]:
    """The running stack itself, for tests that look at its processes or its logs."""
    pytest_socket.enable_socket()
    running = WatchedStack(tmp_path_factory.mktemp("stack"), free_port())
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
