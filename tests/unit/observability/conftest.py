"""A trace is followed through webhook delivery, which is tested in virtual time."""

from __future__ import annotations

from tests.unit.webhooks.conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
