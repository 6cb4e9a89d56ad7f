"""Webhook delivery is tested in virtual time: what waits, waits no real time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.simulation.virtual_time import VirtualLoop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], VirtualLoop]]:
    """Each asynchronous test has a virtual loop of its own."""
    del config, item
    return {"virtual": VirtualLoop}
