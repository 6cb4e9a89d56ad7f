"""Testing an endpoint: one event made for this purpose, sent now, neither stored nor logged."""

from __future__ import annotations

import asyncio
from typing import Final

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.base.threads import InThread
from event_service.delivery.attempt import Attempt
from event_service.delivery.messages import WebhookMessage
from event_service.events.event import RESERVED_TYPE_PREFIX, Event
from event_service.webhooks.attempt import Attempts, attempt_of
from event_service.webhooks.batch import Batch, DeliveryReport, Task
from event_service.webhooks.ports import SnapshotReader

TEST_TYPE: Final = f"{RESERVED_TYPE_PREFIX}endpoint.test"


class NotTestable(Exception):
    """No test can be sent there; the text says why."""


class EndpointTests:
    """Sends one unlogged test event to an endpoint and tells the attempt."""

    def __init__(self, snapshots: SnapshotReader, attempts: Attempts, clock: Clock, in_thread: InThread = asyncio.to_thread) -> None:
        self._snapshots = snapshots
        self._attempts = attempts
        self._clock = clock
        self._in_thread = in_thread

    async def send(self, workspace_id: str, endpoint_id: str) -> Attempt:
        """Sends one test event, whatever the endpoint's status.

        Raises:
            NotTestable: there is no such webhook.
        """
        snapshot = await self._in_thread(self._snapshots.read, [(workspace_id, endpoint_id)], [])
        snapshot.require_all()
        endpoint = snapshot.endpoints.get(endpoint_id)
        if endpoint is None or endpoint.url is None:
            raise NotTestable(f"endpoint {endpoint_id} is no webhook of this workspace")
        now = self._clock()
        event = Event(
            id=new_id(),
            type=TEST_TYPE,
            date=now,
            data={"endpointId": endpoint.id, "endpointName": endpoint.name},
            agent_id=None,
            camera_id=None,
            workspace_id=workspace_id,
            created=now,
        )
        message = WebhookMessage.first(workspace_id, endpoint_id, event.id, format_date(now), None, event.as_json())
        batch = Batch(snapshot, lambda: self._attempts.deadline_seconds, DeliveryReport())
        task = Task(message, endpoint)
        answer = await self._attempts.send(batch, task, now)
        return attempt_of(1, now, answer, endpoint.url)
