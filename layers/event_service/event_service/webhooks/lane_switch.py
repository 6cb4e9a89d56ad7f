"""When an endpoint leaves the shared lane: early, cheaply, and never for one blip.

* It answers 429, or 503 with ``Retry-After``: at once.
* A request is open for 2 s: at once, unless this process has just seen the endpoint answer quickly several times. Then a second
  one within some seconds, seen by any worker, is needed.
* Half of at least ten answers that this process saw lately were failures.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.base.threads import InThread
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery.lane import Look, Trouble
from event_service.delivery.lanes import Looks
from event_service.delivery.receiver_health import in_lane
from event_service.webhooks.batch import Batch
from event_service.webhooks.ports import EndpointState
from event_service.webhooks.verdict import Outcome, Verdict

_LOG = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 30.0
QUICK_ANSWERS: Final = 5
"""So many in the window make one slow request a blip."""
SECOND_SLOW_SECONDS: Final = 3.0
LEAST_ANSWERS: Final = 10
FAILURE_SHARE: Final = 0.5
ENDPOINTS_REMEMBERED: Final = 1_000
SAID_SECONDS: Final = 5.0
"""What this process has said of an endpoint is not said again for so long, unless the wish is a longer one."""


@dataclass(slots=True)
class _Seen:
    """Answers of an endpoint that this process saw: when, and whether it was a success."""

    answers: deque[tuple[datetime, bool]] = field(default_factory=lambda: deque(maxlen=50))

    def lately(self, now: datetime) -> list[bool]:
        return [succeeded for at, succeeded in self.answers if now - at <= timedelta(seconds=WINDOW_SECONDS)]


class LaneSwitch:
    """Moves endpoints from the shared lane to their own, and asks for the lanes to be served that got something."""

    def __init__(
        self,
        state: EndpointState,
        looks: Looks,
        clock: Clock,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._lanes = state.lanes
        self._health = state.health
        self._snapshots = state.snapshots
        self._looks = looks
        self._clock = clock
        self._in_thread = in_thread
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._said: OrderedDict[str, datetime] = OrderedDict()

    async def limited(self, batch: Batch, endpoint: Endpoint, wish_seconds: float) -> None:
        """The receiver said that it is asked too often, and for how long it wants to be left alone."""
        not_before = self._clock() + timedelta(seconds=wish_seconds) if wish_seconds else None
        await self._begin(batch, endpoint, Trouble.LIMITED, not_before)

    async def count(self, batch: Batch, endpoint: Endpoint, verdicts: Sequence[Verdict]) -> None:
        """Counts answers of the shared lane."""
        if endpoint.id in batch.stopped:
            return
        now = self._clock()
        seen = self._seen.setdefault(endpoint.id, _Seen())
        self._seen.move_to_end(endpoint.id)
        if len(self._seen) > ENDPOINTS_REMEMBERED:
            self._seen.popitem(last=False)
        seen.answers.extend((now, verdict.outcome is Outcome.DELIVERED) for verdict in verdicts)
        if all(verdict.outcome is Outcome.DELIVERED for verdict in verdicts):
            return
        lately = seen.lately(now)
        if len(lately) >= LEAST_ANSWERS and lately.count(False) >= FAILURE_SHARE * len(lately):
            await self._begin(batch, endpoint, Trouble.FAILING, None)

    async def slow(self, batch: Batch, endpoint: Endpoint) -> None:
        """A request has been open for long."""
        if endpoint.id in batch.stopped:
            return
        now = self._clock()
        seen = self._seen.get(endpoint.id)
        quick = sum(seen.lately(now)) if seen is not None else 0
        try:
            if quick >= QUICK_ANSWERS:
                since = now - timedelta(seconds=SECOND_SLOW_SECONDS)
                if await self._in_thread(self._lanes.note_slow, endpoint.workspace_id, endpoint.id, now, since):
                    return
            await self._begin(batch, endpoint, Trouble.SLOW, None)
        except (DomainError, Unavailable) as error:
            # Nothing depends on it but how long others wait: the next slow request says so again.
            _LOG.warning("endpoint %s is slow, which could not be noted: %s", endpoint.id, error)

    async def _begin(self, batch: Batch, endpoint: Endpoint, trouble: Trouble, not_before: datetime | None) -> None:
        now = self._clock()
        was_stopped = endpoint.id in batch.stopped
        batch.stopped.add(endpoint.id)
        said = self._said.get(endpoint.id)
        if said is not None and said > max(now, not_before or now):
            return
        said_first = await self._in_thread(self._lanes.note_trouble, endpoint.workspace_id, endpoint.id, trouble, not_before)
        known = batch.health.get(endpoint.id)
        # Of many workers that see the trouble at once, one writes it into the record that the shared lane reads; the owner
        # makes up for one that dies in between.
        if said_first and (known is None or not known.own_lane):
            fresh = in_lane(known, endpoint.id, own_lane=True)
            if fresh is not None and await self._in_thread(self._health.put, endpoint.workspace_id, fresh, known):
                batch.health[endpoint.id] = fresh
                batch.report.lanes_begun += not was_stopped
        self._said[endpoint.id] = max(now + timedelta(seconds=SAID_SECONDS), not_before or now)
        if len(self._said) > ENDPOINTS_REMEMBERED:
            self._said.popitem(last=False)

    async def ask_for_looks(self, batch: Batch) -> None:
        """After something was added to backlogs: asks for a look where no owner will find it, and where the endpoint is on.

        Raises:
            RateLimited, Unavailable: it may not have been asked for; the messages must come again.
        """
        if not batch.added_to:
            return
        now = self._clock()
        lanes = await self._in_thread(self._lanes.read, [endpoint_id for _, endpoint_id in sorted(batch.added_to)])
        wanted = [key for key in sorted(batch.added_to) if key[1] not in lanes or lanes[key[1]].needs_look(now)]
        off = [key for key in wanted if (found := batch.endpoints.get(key[1])) is None or found.status is not EndpointStatus.ENABLED]
        if off:
            # It may have been resumed meanwhile, by somebody who did not see what was added.
            snapshot = await self._in_thread(self._snapshots.read, off, [])
            still = {one.id for one in snapshot.endpoints.values() if one.status is not EndpointStatus.ENABLED}
            wanted = [key for key in wanted if key[1] not in still]
        if wanted:
            await self._in_thread(self._looks.ask, [Look(*key) for key in wanted])
