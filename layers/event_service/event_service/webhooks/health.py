"""Keeping track of how receivers do: warnings, disabling, and the way to a lane of their own.

Nothing is written about an endpoint whose deliveries succeed. A failed first attempt is not written down either: its retry says
whether it was a blip.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.threads import InThread
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.receiver_health import DISABLE_AFTER, EndpointHealth, after_failure, after_success
from event_service.events.event import RESERVED_TYPE_PREFIX
from event_service.webhooks.batch import Batch, Result
from event_service.webhooks.lane_switch import LaneSwitch
from event_service.webhooks.ports import EndpointActions, EndpointState
from event_service.webhooks.verdict import Outcome as Decision

_LOG = logging.getLogger(__name__)

NOTED_SECONDS: Final = 60.0
"""What this process has written about an endpoint is not written again for so long."""
ENDPOINTS_REMEMBERED: Final = 10_000


class HealthTracking:
    """Writes health records and does what follows from them."""

    def __init__(
        self,
        state: EndpointState,
        lanes: LaneSwitch,
        actions: EndpointActions,
        clock: Clock,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._health = state.health
        self._snapshots = state.snapshots
        self._lanes = lanes
        self._actions = actions
        self._clock = clock
        self._in_thread = in_thread
        self._noted: OrderedDict[str, datetime] = OrderedDict()

    async def note(self, batch: Batch, results: Sequence[Result]) -> None:
        """Notes what the answers of one endpoint say about it, whatever their order."""
        endpoint = results[0].task.endpoint
        verdicts = [one.verdict for one in results if one.verdict is not None]
        limited = [verdict for verdict in verdicts if verdict.limited]
        if limited:
            wish = max((verdict.retry_after or 0.0 for verdict in limited), default=0.0)
            await self._lanes.limited(batch, endpoint, wish)
        await self._lanes.count(batch, endpoint, verdicts)
        if any(verdict.outcome is Decision.DELIVERED for verdict in verdicts):
            await self._succeeded(batch, endpoint)
            return
        failed = [one for one in results if one.verdict is not None and not one.verdict.limited]
        known = batch.health.get(endpoint.id)
        again = any(one.task.message.attempt.number > 1 for one in failed)
        if failed and (again or known is not None):
            await self._failed(batch, endpoint, known, [one.task.message for one in failed])

    async def _succeeded(self, batch: Batch, endpoint: Endpoint) -> None:
        known = batch.health.get(endpoint.id)
        if known is None or known.failing_since is None:
            return
        if known.warned:
            await self._in_thread(self._actions.events.endpoint_recovered, endpoint, known.failing_since)
        fresh = after_success(known)
        if fresh is None:
            await self._in_thread(self._health.clear, endpoint.workspace_id, known)
            batch.health.pop(endpoint.id, None)
        elif await self._in_thread(self._health.put, endpoint.workspace_id, fresh, known):
            batch.health[endpoint.id] = fresh
        self._noted.pop(endpoint.id, None)

    async def _failed(self, batch: Batch, endpoint: Endpoint, known: EndpointHealth | None, failed: Sequence[WebhookMessage]) -> None:
        now = self._clock()
        if known is None and now - self._noted.get(endpoint.id, now - timedelta(days=1)) < timedelta(seconds=NOTED_SECONDS):
            return
        fresh = after_failure(known, endpoint.id, now)
        if fresh is None:
            return
        self._noted[endpoint.id] = now
        if len(self._noted) > ENDPOINTS_REMEMBERED:
            self._noted.popitem(last=False)
        since = fresh.failing_since or now
        if known is not None and fresh.warned > known.warned and not fresh.must_be_disabled(now):
            if all(is_of_service(event_type_of(one)) for one in failed):
                return  # a warning about deliveries of warnings would never end
            await self._in_thread(self._actions.events.endpoint_failing, endpoint, since, since + DISABLE_AFTER, fresh.warned)
        if not await self._in_thread(self._health.put, endpoint.workspace_id, fresh, known):
            return  # another worker notes failures of the same endpoint at this moment: it says the same
        batch.health[endpoint.id] = fresh
        if fresh.must_be_disabled(now):
            reason = f"{DISABLE_AFTER.days} days without one success: every attempt since {since:%Y-%m-%d %H:%M} UTC has failed"
            await self.disable(batch, endpoint, reason)

    async def disable(self, batch: Batch, endpoint: Endpoint, reason: str) -> None:
        """Disables an endpoint, once in an invocation, unless it has another URL by now: an answer of the old receiver says
        nothing about the new one."""
        if endpoint.id in batch.disabled:
            return
        snapshot = await self._in_thread(self._snapshots.read, [(endpoint.workspace_id, endpoint.id)], [])
        snapshot.require_all()
        now = snapshot.endpoints.get(endpoint.id)
        if now is not None and now.url == endpoint.url:
            disabled = await self._in_thread(self._actions.disabler().disable_endpoint, endpoint.workspace_id, endpoint.id, reason)
            if disabled:
                batch.report.disabled += 1
                _LOG.warning("endpoint %s disabled: %s", endpoint.id, reason)
        # Only now may others join the backlog: whoever resumes the endpoint sends it.
        batch.stopped.add(endpoint.id)
        batch.disabled.add(endpoint.id)


_TYPE: Final = re.compile(r'\{"id":"(?:[^"\\]|\\.)*","type":"((?:[^"\\]|\\.)*)"')


def event_type_of(message: WebhookMessage) -> str:
    """The type of the event that a message carries. The body is not parsed: it may be 256 KiB of anything, and its first two
    keys are ours."""
    found = _TYPE.match(message.body)
    return "" if found is None else found.group(1)


def is_of_service(event_type: str) -> bool:
    """Whether the service itself publishes events of this type."""
    return event_type.casefold().startswith(RESERVED_TYPE_PREFIX)
