"""The job queue."""

from __future__ import annotations

from event_service.aws.sqs import Entry, Queues
from event_service.jobs.ports import JobMessage


class SqsJobQueue:
    """Implements :class:`~event_service.jobs.ports.JobQueue`."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, message: JobMessage) -> None:
        self._queues.send(self._url, Entry(message))
