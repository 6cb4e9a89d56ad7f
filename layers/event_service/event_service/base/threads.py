"""Threads that work for whoever started them."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class ContextThreads(ThreadPoolExecutor):
    """A pool whose calls run in the context of the caller: its log lines have the caller's ids, and its calls to the
    database are checked against the caller's :class:`~event_service.base.allowance.Allowance`."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As ``ThreadPoolExecutor.submit``; ``map`` comes through here, too."""
        return super().submit(partial(contextvars.copy_context().run, fn, *args, **kwargs))
