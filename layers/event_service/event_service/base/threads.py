"""Threads that work for whoever started them, and blocking code beside an event loop."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InThread(Protocol):
    """Runs blocking code beside the event loop, as ``asyncio.to_thread`` does."""

    def __call__(self, function: Callable[..., T], /, *arguments: Any) -> Awaitable[T]:
        """What the function returns or raises."""


class ContextThreads(ThreadPoolExecutor):
    """A pool whose calls run in the context of the caller: its log lines have the caller's ids, and its calls to the
    database are checked against the caller's :class:`~event_service.base.allowance.Allowance`."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As ``ThreadPoolExecutor.submit``; ``map`` comes through here, too."""
        return super().submit(partial(contextvars.copy_context().run, fn, *args, **kwargs))
