"""What a function did, gathered in its memory and written at most once a minute for each workspace.

A write for each invocation would cost more than the chart is worth. The first counts of a workspace are written at once, so that a
workspace with few events is not counted by a function that ends before it is invoked again. What comes within the next minute is
gathered, and written with the first invocation after it. Lambda tells a function without extensions nothing
before it ends (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html), so what was gathered last may be missing, and
what could not be written is.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.counting.ports import Counted, Counts, CountWriter

GATHERED: Final = timedelta(minutes=1)
WORKSPACES: Final = 1_000
"""Of which a function remembers counts, about 500 bytes each."""
WRITES_PER_INVOCATION: Final = 10
"""One takes some 5 ms. The others follow with the next invocation."""
SECONDS_NEEDED: Final = 15.0
"""With less time left nothing is written: a call takes up to 6 s, and the invocation still has to answer."""

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Gathered:
    """Of one workspace: the counts since the last write, when they were last added to, and before when none is made."""

    not_before: datetime
    at: datetime
    counts: dict[Counted, int] = field(default_factory=dict)


class Counters:
    """The counts of one function's process. No delivery fails by it."""

    def __init__(self, store: CountWriter, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._gathered: OrderedDict[str, _Gathered] = OrderedDict()

    def add(self, counts: Mapping[str, Counts], time_left: Callable[[], float]) -> None:
        """Adds what an invocation did.

        Args:
            counts: by workspace.
            time_left: seconds until this process is stopped.
        """
        now = self._clock()
        for workspace_id, of_workspace in counts.items():
            gathered = self._gathered.setdefault(workspace_id, _Gathered(now, now))
            gathered.at = now
            for name, number in of_workspace.items():
                gathered.counts[name] = gathered.counts.get(name, 0) + number
            self._gathered.move_to_end(workspace_id)
        self._write_due(now, time_left)
        while len(self._gathered) > WORKSPACES:
            self._gathered.popitem(last=False)

    def _write_due(self, now: datetime, time_left: Callable[[], float]) -> None:
        due = [one for one, gathered in self._gathered.items() if gathered.counts and gathered.not_before <= now]
        for workspace_id in due[:WRITES_PER_INVOCATION]:
            if time_left() < SECONDS_NEEDED:
                return
            gathered = self._gathered[workspace_id]
            gathered.not_before = now + GATHERED
            try:
                self._store.add(workspace_id, gathered.at, gathered.counts)
            except RateLimited as error:
                # Nothing was added: it is tried again in a minute, not by the next invocation of a busy function.
                _LOG.info("counts were not written: %s", error, extra={"workspace_id": workspace_id})
                return
            except Unavailable as error:
                # Perhaps they were written. What may be missing is better than what may be there twice.
                _LOG.warning("counts may not have been written: %s", error, extra={"workspace_id": workspace_id})
                gathered.counts = {}
                return
            except Exception:  # noqa: BLE001 - the deliveries are made, and must not be made again because of a chart
                _LOG.exception("counts were not written by a fault of the service", extra={"workspace_id": workspace_id})
                gathered.counts = {}
                return
            gathered.counts = {}
