"""Keeping track of how receivers do: warnings, back-off and disabling (rules in :mod:`event_service.delivery.receiver_health`)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.backlog import RUN_SECONDS, BacklogTickets
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import HealthStore
from event_service.delivery.receiver_health import DISABLE_AFTER, EndpointHealth, Failures, after_failures
from event_service.events.event import RESERVED_TYPE_PREFIX
from event_service.webhooks.batch import Batch, InThread, Result
from event_service.webhooks.ports import EndpointActions
from event_service.webhooks.verdict import Outcome as Decision

_LOG = logging.getLogger(__name__)

HEALTH_TRIES: Final = 5


class HealthTracking:
    """Writes health records and does what follows from them."""

    def __init__(
        self,
        health: HealthStore,
        tickets: BacklogTickets,
        actions: EndpointActions,
        clock: Clock,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._health = health
        self._tickets = tickets
        self._actions = actions
        self._clock = clock
        self._in_thread = in_thread

    def backs_off(self, batch: Batch, endpoint_id: str) -> bool:
        """Whether nothing but a probe may be sent."""
        health = batch.health.get(endpoint_id)
        return health is not None and health.backs_off(self._clock())

    async def claim_probe(self, batch: Batch, endpoint_id: str) -> bool:
        """Whether this invocation is the one that may send a probe."""
        health = batch.health[endpoint_id]
        now = self._clock()
        if health.backs_off_until is None or health.backs_off_until > now:
            return False
        # Longer than an invocation: should it die, the next one may probe.
        claimed = health.claimed(now, RUN_SECONDS)
        try:
            won = await self._in_thread(self._health.put, batch.endpoints[endpoint_id].workspace_id, claimed, health)
        except (DomainError, Unavailable):
            return False
        if won:
            batch.health[endpoint_id] = claimed
        return won

    async def disable(self, batch: Batch, endpoint: Endpoint, reason: str) -> None:
        """Disables an endpoint, once in an invocation."""
        if endpoint.id in batch.disabled:
            return
        await self._in_thread(self._actions.disabler().disable_endpoint, endpoint.workspace_id, endpoint.id, reason)
        # Only now may others join the backlog: whoever resumes the endpoint sends it.
        batch.stopped.add(endpoint.id)
        batch.disabled.add(endpoint.id)
        batch.report.disabled += 1
        _LOG.warning("endpoint %s disabled: %s", endpoint.id, reason)

    async def note(self, batch: Batch, results: Sequence[Result]) -> None:
        """Notes what the answers of one endpoint say about it, in their order."""
        endpoint = results[0].task.endpoint
        known = batch.health.get(endpoint.id)
        succeeded = False
        seen: Failures | None = None
        failed: list[WebhookMessage] = []
        for one in results:
            verdict = one.verdict
            if verdict is None:
                continue
            if verdict.outcome is Decision.DELIVERED:
                succeeded, seen = True, None
                continue
            seen = seen or Failures()
            seen.add(consecutive_failure=verdict.counts_to_back_off, slow=verdict.slow_endpoint, retry_after=verdict.retry_after)
            seen.probe = seen.probe or one.task.probe
            failed.append(one.task.message)
        if succeeded and known is not None:
            await self._recover(batch, endpoint, known)
            known = None
        if seen is not None:
            await self._note_failures(batch, endpoint, known, seen, failed)

    async def _recover(self, batch: Batch, endpoint: Endpoint, known: EndpointHealth) -> None:
        if known.warned:
            await self._in_thread(self._actions.events.endpoint_recovered, endpoint, known.failing_since)
        await self._in_thread(self._health.clear, endpoint.workspace_id, endpoint.id)
        batch.health.pop(endpoint.id, None)
        if known.backs_off_until is not None:
            await self._in_thread(self._tickets.begin, endpoint.workspace_id, endpoint.id)

    async def _note_failures(
        self, batch: Batch, endpoint: Endpoint, known: EndpointHealth | None, seen: Failures, failed: Sequence[WebhookMessage]
    ) -> None:
        for _ in range(HEALTH_TRIES):
            now = self._clock()
            fresh = after_failures(known, endpoint.id, seen, now)
            due = fresh.warnings_due(now)
            if due > fresh.warned and not fresh.must_be_disabled(now) and not all(is_of_service(event_type_of(one)) for one in failed):
                disabled_at = fresh.failing_since + DISABLE_AFTER
                await self._in_thread(self._actions.events.endpoint_failing, endpoint, fresh.failing_since, disabled_at, due)
                fresh = replace(fresh, warned=due)
            if fresh.backs_off_until is not None:
                batch.stopped.add(endpoint.id)
                if known is None or known.backs_off_until != fresh.backs_off_until:
                    # The ticket first: once others add to the backlog, somebody must be bound to send it.
                    delay = max(0.0, (fresh.backs_off_until - now).total_seconds())
                    await self._in_thread(self._tickets.begin, endpoint.workspace_id, endpoint.id, delay)
            if await self._in_thread(self._health.put, endpoint.workspace_id, fresh, known):
                batch.health[endpoint.id] = fresh
                if fresh.must_be_disabled(now):
                    since = f"{fresh.failing_since:%Y-%m-%d %H:%M} UTC"
                    reason = f"{DISABLE_AFTER.days} days without one success: every attempt since {since} has failed"
                    await self.disable(batch, endpoint, reason)
                return
            known = await self._in_thread(self._health.get, endpoint.workspace_id, endpoint.id)
        # Others note failures of the same endpoint at this moment: theirs say the same.


def event_type_of(message: WebhookMessage) -> str:
    """The type of the event that a message carries."""
    return str(json.loads(message.body)["type"])


def is_of_service(event_type: str) -> bool:
    """Whether the service itself publishes events of this type."""
    return event_type.casefold().startswith(RESERVED_TYPE_PREFIX)
