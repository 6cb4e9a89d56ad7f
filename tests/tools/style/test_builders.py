"""Endpoints, events and tokens are made in tests/builders.py, and use cases are put together in tests/wiring.py."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from local.tools import ROOT

PLACES = {
    **dict.fromkeys(("Endpoint", "Event", "Token"), "tests/builders.py"),
    **dict.fromkeys(
        (
            *("BulkRetry", "DeliveryHistory", "Outside", "Replay", "RetryScheduler", "Routing"),
            *("SocketConnections", "SocketDelivery", "SocketLog", "SocketObserver", "WebhookObserver"),
        ),
        "tests/wiring.py",
    ),
}
PINNED = {"tests/unit/base/test_formats.py", "tests/simulation/memory.py", "tests/unit/delivery/test_retry_scheduler.py"}
"""What has to be spelled out: stored forms, and a scheduler over stores of which there is nothing else."""


def _made(path: Path) -> set[str]:
    """The classes of the product that a module makes instances of."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("event_service")
        for alias in node.names
    }
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return imported & called & set(PLACES)


def test_each_is_made_in_one_place() -> None:
    files = [path for path in (ROOT / "tests").rglob("*.py") if str(path.relative_to(ROOT)) not in PINNED]
    found = {(str(path.relative_to(ROOT)), name) for path in files for name in _made(path)}

    assert {(file, name) for file, name in found if PLACES[name] != file} == set()


@pytest.mark.parametrize("name", PLACES)
def test_the_place_makes_it(name: str) -> None:
    assert name in _made(ROOT / PLACES[name])
