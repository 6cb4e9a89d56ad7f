"""Jobs in DynamoDB, in the table ``due``: one item a job."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import ConditionFailed, Database, Key
from event_service.base import json_values
from event_service.base.actor import Actor
from event_service.base.dates import format_date, from_stored
from event_service.jobs.job import Job, JobKind, JobStatus

KEPT: Final = timedelta(days=30)
"""After its start."""


class JobItem(Model):
    """One job of one workspace."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    """``jobs#<workspace id>``"""
    id = UnicodeAttribute(range_key=True, attr_name="dueKey")
    kind = UnicodeAttribute()
    given = UnicodeAttribute()
    """JSON"""
    actor = UnicodeAttribute()
    actor_id = UnicodeAttribute(attr_name="actorId")
    started = UnicodeAttribute()
    changed = UnicodeAttribute()
    status = UnicodeAttribute()
    step = NumberAttribute()
    place = UnicodeAttribute()
    count = NumberAttribute()  # type: ignore[assignment]  # hides a class method of Model, which nobody calls here
    skipped = NumberAttribute()
    part = NumberAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoJobStore:
    """Implements :class:`~event_service.jobs.ports.JobStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, job: Job) -> None:
        self._database.put(_item(job))

    def get(self, workspace_id: str, job_id: str) -> Job | None:
        found = self._database.batch_get([_key(workspace_id, job_id)])
        return _job(workspace_id, found[0][1]) if found else None

    def newest(self, workspace_id: str, after: str | None, limit: int) -> list[Job]:
        condition: Condition = JobItem.bucket == _bucket(workspace_id)
        if after is not None:
            condition &= JobItem.id < after
        items = self._database.query_all(JobItem, condition, descending=True, limit=limit, consistent=True)
        return [_job(workspace_id, item) for item in islice(items, limit)]

    def advance(self, job: Job) -> bool:
        key, step = _key(job.workspace_id, job.id), JobItem.step == job.step - 1
        done = [
            JobItem.step.set(job.step),
            JobItem.place.set(job.place),
            JobItem.count.set(job.count),
            JobItem.skipped.set(job.skipped),
            JobItem.changed.set(format_date(job.changed)),
            JobItem.part.remove() if job.part is None else JobItem.part.set(job.part),
            JobItem.reason.remove() if job.reason is None else JobItem.reason.set(job.reason),
        ]
        try:
            self._database.update(key, [*done, JobItem.status.set(job.status.value)], step & (JobItem.status == JobStatus.RUNNING.value))
        except ConditionFailed:
            # Cancelled; or another copy of the message stored this step.
            with suppress(ConditionFailed):
                self._database.update(key, done, step & (JobItem.status == JobStatus.CANCELLED.value))
            return False
        return True

    def rouse(self, job: Job, now: datetime) -> bool:
        unchanged = (JobItem.changed == format_date(job.changed)) & (JobItem.status == JobStatus.RUNNING.value)
        try:
            self._database.update(_key(job.workspace_id, job.id), [JobItem.changed.set(format_date(now))], unchanged)
        except ConditionFailed:
            return False
        return True

    def cancel(self, workspace_id: str, job_id: str, now: datetime) -> bool:
        actions = [JobItem.status.set(JobStatus.CANCELLED.value), JobItem.changed.set(format_date(now))]
        try:
            self._database.update(_key(workspace_id, job_id), actions, JobItem.status == JobStatus.RUNNING.value)
        except ConditionFailed:
            return False
        return True


def _bucket(workspace_id: str) -> str:
    return f"jobs#{workspace_id}"


def _key(workspace_id: str, job_id: str) -> Key:
    return Key(JobItem, _bucket(workspace_id), job_id)


def _item(job: Job) -> JobItem:
    return JobItem(
        _bucket(job.workspace_id),
        job.id,
        kind=job.kind.value,
        given=json_values.dumps(dict(job.given)),
        actor=job.actor.name,
        actor_id=job.actor.id,
        started=format_date(job.started),
        changed=format_date(job.changed),
        status=job.status.value,
        step=job.step,
        place=job.place,
        count=job.count,
        skipped=job.skipped,
        part=job.part,
        reason=job.reason,
        expires_at=int((job.started + KEPT).timestamp()),
    )


def _job(workspace_id: str, item: dict[str, Any]) -> Job:
    def text(name: str) -> str:
        return str(item[name]["S"])

    return Job(
        workspace_id=workspace_id,
        id=text("dueKey"),
        kind=JobKind(text("kind")),
        given=json.loads(text("given")),
        actor=Actor(text("actor"), item["actorId"].get("S", "")),
        started=from_stored(text("started")),
        changed=from_stored(text("changed")),
        place=text("place"),
        status=JobStatus(text("status")),
        step=int(item["step"]["N"]),
        count=int(item["count"]["N"]),
        skipped=int(item["skipped"]["N"]),
        part=float(item["part"]["N"]) if "N" in item.get("part", {}) else None,
        reason=item["reason"]["S"] if "S" in item.get("reason", {}) else None,
    )
