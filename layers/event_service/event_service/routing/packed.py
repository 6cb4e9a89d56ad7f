"""How many routers that start at once read a large workspace: one reads its rows, the others what that one packed.

All rows of a workspace are in one partition of DynamoDB, which gives 3,000 read units a second
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html): 100,000 event filters take one router five
seconds of it, and the fifty that a deployment starts at once more than four minutes. Packed, they are a
fifth as large, and each part has a key of its own.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.ports import RoutingRows

_LOG = logging.getLogger(__name__)

MOST_CHANGES_BEHIND: Final = 800
"""Older ones are not used: the chain keeps 1,000 change sets."""
RENEWED_BEHIND: Final = 400
"""From so many changes on somebody packs anew, while the others still use what there is."""
CLAIM_SECONDS: Final = 60
"""How long the others leave the rows to one router: as long as Lambda lets an invocation run."""
WAIT_SECONDS: Final = 25.0
"""For the router that packs. The rest of an invocation (60 s) is for compiling the event filters, 8 s for 100,000."""
PAUSE_SECONDS: Final = 1.0
CLAIM_AGAIN_SECONDS: Final = 10.0
"""A look for the result costs half a read unit, a refused claim a whole write unit on a key that all ask for."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was packed last for a workspace: rows that show at least ``version``."""

    workspace_id: str
    version: int
    generation: str
    parts: int


class PackedStore(Protocol):
    """Where packed rows are kept."""

    def newest(self, workspace_id: str) -> Packed | None:
        """What was packed last, strongly consistent."""

    def claim(self, workspace_id: str, seconds: int) -> bool:
        """Whether the caller shall pack; then nobody else shall for so long."""

    def read(self, packed: Packed) -> RoutingRows | None:
        """The rows; ``None`` when a part is missing or of a newer release."""

    def write(self, workspace_id: str, version: int, rows: RoutingRows) -> None:
        """Packs them: whole or not at all."""


class PackedReading:
    """Reads the rows of large workspaces."""

    def __init__(
        self,
        store: PackedStore,
        newest_version: Callable[[str], int],
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        """
        Args:
            store: holds what is packed.
            newest_version: of a workspace's chain.
            sleep: waits, in seconds.
            monotonic: seconds, from wherever.
        """
        self._store = store
        self._newest_version = newest_version
        self._sleep = sleep
        self._monotonic = monotonic

    def load(self, workspace_id: str, version: int, read_rows: Callable[[str], RoutingRows]) -> tuple[int, RoutingRows]:
        """Rows, and the version that they show for certain.

        Args:
            workspace_id: whose they are.
            version: what the rows show for certain by now.
            read_rows: reads them one by one.

        Raises:
            RateLimited: another router packs, and has not ended in time; or the rows could not be read.
        """
        end = self._monotonic() + WAIT_SECONDS
        broken: str | None = None
        claim_from = self._monotonic()
        while True:
            try:
                packed = self._store.newest(workspace_id)
            except RateLimited:
                self._wait_until(end)
                continue
            behind = None if packed is None or packed.generation == broken else self._behind(packed, version)
            if (behind is None or behind > RENEWED_BEHIND) and self._monotonic() >= claim_from:
                claim_from = self._monotonic() + CLAIM_AGAIN_SECONDS
                if self._store.claim(workspace_id, CLAIM_SECONDS):
                    rows = read_rows(workspace_id)
                    self._pack(workspace_id, version, rows)
                    return version, rows
            if packed is not None and behind is not None:
                found = self._store.read(packed)
                if found is not None:
                    return packed.version, found
                broken = packed.generation
                continue
            self._wait_until(end)

    def _wait_until(self, end: float) -> None:
        """Waits a little, with jitter: those that wait must not ask together."""
        if self._monotonic() > end:
            raise RateLimited("Another process reads this workspace's configuration; this one waits for it.")
        self._sleep(random.uniform(PAUSE_SECONDS / 2, PAUSE_SECONDS))  # noqa: S311 - spreads load, guards nothing

    def _behind(self, packed: Packed, version: int) -> int | None:
        """By how many changes; ``None``: it cannot be used. One ahead of the chain is from before a restore."""
        if packed.version > version:
            version = self._newest_version(packed.workspace_id)
        behind = version - packed.version
        return behind if 0 <= behind <= MOST_CHANGES_BEHIND else None

    def _pack(self, workspace_id: str, version: int, rows: RoutingRows) -> None:
        try:
            self._store.write(workspace_id, version, rows)
        except (RateLimited, Unavailable):
            # This router has what it needs; another one packs when the claim has ended.
            _LOG.warning("the configuration could not be packed", exc_info=True, extra={"workspace_id": workspace_id})
