"""The pace of posts: all executions together stay below a number a second.

API Gateway counts posts to sockets and requests to the HTTP APIs of an account together
(https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html), so sockets without a ceiling would have publishes
refused. Each execution makes a few posts a second without asking. For more it leases some hundred of the second that is
running, by one conditional write.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.base.threads import InThread
from event_service.sockets.ports import PostLeases

FREE_POSTS: Final = 20
"""Of an execution in a second, beside what is leased: most events go to few connections and cost no call more."""
KEPT_FOR_OTHERS: Final = 5
"""Of the free ones, when one workspace uses up all others: an execution serves several, and no other waits for a crowd."""
LEASED_POSTS: Final = 200

_LOG = logging.getLogger(__name__)


class PostPace:
    """Keeps the posts of this execution within its free and leased share of a second."""

    def __init__(
        self,
        leases: PostLeases,
        posts_per_second: int,
        clock: Clock,
        in_thread: InThread,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """
        Args:
            leases: what all executions have leased.
            posts_per_second: that may be leased together.
            clock: the time; seconds begin for all executions at the same moment, or nearly.
            in_thread: runs a blocking call off the event loop.
            sleep: waits, in seconds.
        """
        self._leases = leases
        self._posts_per_second = posts_per_second
        self._clock = clock
        self._in_thread = in_thread
        self._sleep = sleep
        self._second = 0
        self._left = 0
        self._free = 0
        self._taken: Counter[str] = Counter()
        self._is_used_up = False
        self._leasing: asyncio.Future[None] | None = None

    async def take(self, workspace_id: str) -> None:
        """Returns when a post to a client of a workspace may be made."""
        while True:
            now = self._clock().timestamp()
            if int(now) != self._second:
                self._second, self._left, self._free, self._is_used_up = int(now), 0, FREE_POSTS, False
                self._taken.clear()
            if self._free > 0 and self._taken[workspace_id] < FREE_POSTS - KEPT_FOR_OTHERS:
                self._free -= 1
                self._taken[workspace_id] += 1
                return
            if self._left > 0:
                self._left -= 1
                return
            if self._is_used_up:
                # Spread out, or all executions begin the next second at once.
                await self._sleep(self._second + 1 - now + random.uniform(0.001, 0.2))  # noqa: S311 - spreads load, guards nothing
                continue
            if self._leasing is None:
                self._leasing = asyncio.ensure_future(self._lease(self._second))
            await asyncio.shield(self._leasing)

    async def _lease(self, second: int) -> None:
        try:
            is_granted = await self._in_thread(lambda: self._leases.lease_posts(second, LEASED_POSTS, self._posts_per_second))
        except (RateLimited, Unavailable) as error:
            # A counter that is busy must not stop every socket.
            _LOG.warning("posts could not be leased: %s", error)
            is_granted = True
        finally:
            self._leasing = None
        if second == self._second:
            self._left += LEASED_POSTS if is_granted else 0
            self._is_used_up = not is_granted
