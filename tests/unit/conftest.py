"""Unit tests reach nothing outside their process."""

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    """Refuse every socket but the Unix pair that an asyncio event loop wakes itself with."""
    pytest_socket.disable_socket(allow_unix_socket=True)
