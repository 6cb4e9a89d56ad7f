"""The chain of change sets of a workspace: committing, and everything that follows a commit.

A mutation is planned against rows that show the head of the chain and committed by one conditional write. Of two that
race one wins; the other plans again. After the commit the answer is success, whatever fails then: the rows, and what
observers must be told, are brought up to date before the answer if that is possible, and otherwise by whoever looks at
the workspace next.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from event_service.base.actor import current_actor
from event_service.base.clock import Clock
from event_service.base.errors import Conflict, DomainError, Unavailable
from event_service.configuration.change_note import Named, note_of
from event_service.configuration.changes import ChangeSet, Counts, Head, Operation
from event_service.configuration.effects import Effects
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.ports import Beside, ChangeLog, ConfigurationRows

_LOG = logging.getLogger(__name__)

COMMIT_SECONDS: Final = 12.0
"""How long a mutation tries to win: less than half of :data:`~event_service.base.allowance.GATEWAY_SECONDS`."""
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 1.0
"""Between two tries, seconds; each real pause is drawn between nothing and that, so that losers do not meet again."""
PATIENCE: Final = 5
"""Looks at a head whose maker is probably about to finish, before somebody else writes the rows beside it."""
TRIES_AFTER_COMMIT: Final = 3
SECONDS_AFTER_COMMIT: Final = 8.0
"""No further try is begun after that: the answer must not come too late for what was done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a mutation will commit: nothing, when there are no operations.

    Attributes:
        operations: in the order in which rows are written.
        counts: what the workspace holds afterwards.
        resuming: endpoints, as they are, of which observers are told before the commit.
        beside: stored by the same commit.
        touched: what the change is about, as it is now, for the names in its note.
        before: stored fields of what it changes, by id, as they are now, for its note.
    """

    operations: tuple[Operation, ...]
    counts: Counts
    resuming: Sequence[Endpoint] = ()
    beside: Beside | None = None
    touched: Sequence[Named] = ()
    before: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Waiting:
    """How time passes; tests give others."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random
    """A number from 0 to 1."""

    def pause(self, number: int) -> None:
        """Waits before try ``number`` (0, 1, …): longer each time, with full jitter."""
        self.sleep(self.draw() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(number, 10)))


class Chain:
    """Commits changes and brings the rows to the head of the chain."""

    def __init__(self, log: ChangeLog, rows: ConfigurationRows, effects: Effects, clock: Clock, waiting: Waiting | None = None) -> None:
        self._log = log
        self._clock = clock
        self._rows = rows
        self._effects = effects
        self._waiting = waiting or Waiting()
        # Workspaces whose rows do not show what this process committed.
        self._late: set[str] = set()

    def commit(self, workspace_id: str, plan: Callable[[Counts], Plan], operation: str) -> None:
        """Plans and commits until one commit wins.

        Args:
            workspace_id: whose configuration.
            plan: checks the change against the rows as they are; called again after each lost race. What it raises ends
                the mutation with nothing changed.
            operation: the mutation, or the service's own reason, for the note of the change.

        Raises:
            Conflict: other changes kept winning for 12 s; nothing was changed.
            RateLimited, Unavailable: before the commit: nothing was changed, or it is not known whether it was.
        """
        end = self._waiting.monotonic() + COMMIT_SECONDS
        number = 0
        while True:
            head = self.catch_up(workspace_id)
            planned = plan(head.counts if head else Counts())
            if not planned.operations:
                return
            self._effects.resuming(planned.resuming)
            note = note_of(self._clock(), operation, current_actor(), planned.touched, planned.before)
            change = ChangeSet(workspace_id, head.version + 1 if head else 1, planned.operations, planned.counts, note=note)
            if self._log.append(change, planned.beside):
                self._finish(change, in_order=head is None or head.applied)
                return
            if self._waiting.monotonic() >= end:
                raise Conflict(
                    f"Other changes to this workspace were faster for {COMMIT_SECONDS:.0f} seconds; nothing was changed. Try again.",
                    retry_after_seconds=1,
                )
            self._waiting.pause(number)
            number += 1

    def catch_up(self, workspace_id: str) -> Head | None:
        """Brings the rows to the head of the chain if a mutation died, or failed, before it had done so.

        Returns:
            The head; not ``applied`` when the rows show it, but something that follows from it could not be done.

        Raises:
            RateLimited, Unavailable: the rows could not be brought up to date.
        """
        head = self._log.head(workspace_id)
        for number in range(PATIENCE):
            if head is None or head.applied:
                return head
            self._waiting.pause(number)
            head = self._log.head(workspace_id)
        if head is None or head.applied:
            return head
        return replace(head, applied=self._repair(workspace_id))

    def refresh(self, workspace_id: str) -> None:
        """Before reading: lets a caller see what this process committed, when its rows could not be written before the
        answer. It reads nothing otherwise. When the rows still cannot be written, the caller sees what there is."""
        if workspace_id not in self._late:
            return
        try:
            self.catch_up(workspace_id)
            self._late.discard(workspace_id)
        except (DomainError, Unavailable) as error:
            _LOG.warning("the rows of workspace %s do not show its last changes yet: %s", workspace_id, error)

    def counts(self, workspace_id: str) -> Counts:
        """How much the workspace holds: one read, however much it is."""
        head = self._log.head(workspace_id)
        return head.counts if head else Counts()

    def _repair(self, workspace_id: str) -> bool:
        done = self._effects.tells_everyone
        for change in self._log.unapplied(workspace_id):
            self._rows.apply(change, repair=True)
            # In order: an applied change says that all before it are.
            done = done and self._effects.follow(change)
            if done:
                self._log.mark_applied(workspace_id, change.version)
        return done

    def _finish(self, change: ChangeSet, *, in_order: bool) -> None:
        """Never raises for what AWS did: the change is committed. ``in_order``: all changes before it are applied."""
        end = self._waiting.monotonic() + SECONDS_AFTER_COMMIT
        for number in range(TRIES_AFTER_COMMIT):
            try:
                self._rows.apply(change, repair=number > 0)
                if self._effects.follow(change) and in_order:
                    self._log.mark_applied(change.workspace_id, change.version)
            except (DomainError, Unavailable) as error:
                _LOG.warning("change %d of workspace %s is committed, its rows are late: %s", change.version, change.workspace_id, error)
                if self._waiting.monotonic() >= end:
                    break
                self._waiting.pause(number + 1)
            else:
                return
        self._late.add(change.workspace_id)
