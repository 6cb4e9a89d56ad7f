"""One step of each kind of job: what one call of its mutation does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from event_service.base.dates import format_date, from_stored
from event_service.base.page import read_place
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.cancelling import Cancelling
from event_service.delivery.lists import DeliveryQuery
from event_service.jobs.job import Job, JobKind, StepDone
from event_service.jobs.ports import Step
from event_service.routing.bulk_retry import BulkRetry
from event_service.routing.replay import Replay


def steps(
    replay: Callable[[], Replay], bulk_retry: Callable[[], BulkRetry], cancelling: Callable[[], Cancelling]
) -> Mapping[JobKind, Step]:
    """What a job of each kind does in one step.

    Args:
        replay, bulk_retry, cancelling: make the use cases when one is needed.
    """

    def replay_events(job: Job, time_left: Callable[[], float]) -> StepDone:
        given, since = job.given, from_stored(job.place)
        count, further = replay().replay(
            job.workspace_id,
            given["endpointId"],
            since,
            from_stored(given["until"]),
            given["missingOnly"],
            time_left,
            dry_run=given["dryRun"],
            run_id=f"{job.id}#{job.step}",
        )
        return replayed(given, count, further)

    def retry_deliveries(job: Job, time_left: Callable[[], float]) -> StepDone:
        query, given = _query_at(job), job.given
        done = bulk_retry().retry(
            job.workspace_id, query, dry_run=given["dryRun"], unmatched_too=given["unmatchedToo"], time_left=time_left
        )
        return walked(query, done.count, done.skipped, done.end)

    def cancel_deliveries(job: Job, time_left: Callable[[], float]) -> StepDone:
        query = _query_at(job)
        done = cancelling().cancel(job.workspace_id, query, dry_run=job.given["dryRun"], time_left=time_left)
        return walked(query, done.count, 0, done.end)

    return {
        JobKind.REPLAY_EVENTS: replay_events,
        JobKind.RETRY_DELIVERIES: retry_deliveries,
        JobKind.CANCEL_DELIVERIES: cancel_deliveries,
    }


def replay_given(endpoint_id: str, since: datetime, until: datetime, *, missing_only: bool, dry_run: bool) -> dict[str, Any]:
    """What a job that replays is asked to do."""
    return {
        "endpointId": endpoint_id,
        "since": format_date(since),
        "until": format_date(until),
        "missingOnly": missing_only,
        "dryRun": dry_run,
    }


def replayed(given: Mapping[str, Any], count: int, further: datetime | None) -> StepDone:
    """What a step of a replay did, which goes on at ``further``."""
    if further is None:
        return StepDone(count)
    since, until = from_stored(given["since"]), from_stored(given["until"])
    return StepDone(count, 0, format_date(further), min(1.0, (further - since) / (until - since)))


_DATES = ("since", "until")
_TEXTS = ("id", "event_id", "endpoint_id", "status_code", "descending")


def query_given(query: DeliveryQuery, **more: bool) -> dict[str, Any]:
    """What a job on many deliveries is asked to do."""
    given: dict[str, Any] = {name: getattr(query, name) for name in _TEXTS if getattr(query, name) is not None}
    given |= {name: format_date(value) for name in _DATES if (value := getattr(query, name)) is not None}
    statuses = query.statuses if query.status is None else (query.status,)
    if statuses is not None:
        given["statuses"] = [one.value for one in statuses]
    if query.event_types is not None:
        given["eventTypes"] = list(query.event_types)
    return {**given, **more}


def walked(query: DeliveryQuery, count: int, skipped: int, end: str | None) -> StepDone:
    """What a step through a list of deliveries did, which goes on behind ``end``."""
    if end is None:
        return StepDone(count, skipped)
    part = None
    if query.since is not None and query.until is not None:
        reached = from_stored(read_place(end)[0])
        part = (reached - query.since) / (query.until - query.since)
        part = max(0.0, min(1.0, 1 - part if query.descending else part))
    return StepDone(count, skipped, end, part)


def _query_at(job: Job) -> DeliveryQuery:
    """The list that :func:`query_given` wrote, from the job's place on."""
    given = job.given
    statuses = tuple(DeliveryStatus(one) for one in given["statuses"]) if "statuses" in given else None
    query = DeliveryQuery(statuses=statuses, after=job.place or None, limit=0, may_end_early=True)
    fields: dict[str, Any] = {name: given[name] for name in _TEXTS if name in given}
    if "eventTypes" in given:
        fields["event_types"] = tuple(given["eventTypes"])
    fields |= {name: from_stored(given[name]) for name in _DATES if name in given}
    return replace(query, **fields)
