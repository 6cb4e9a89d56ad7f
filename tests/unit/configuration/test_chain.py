"""Committing beside others, and what follows a commit when calls fail."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.base.errors import Conflict, DomainError, RateLimited, Unavailable
from event_service.configuration.chain import COMMIT_SECONDS, Waiting
from event_service.configuration.configuration import Configuration, ConfigurationStores, assemble
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType, Settings
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import Quotas
from event_service.configuration.ports import EndpointPage, EndpointReference
from event_service.filters.matching.size import index_entries
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows, FakeSecretStore
from tests.support.virtual_threads import VirtualThreads
from tests.wiring import destinations

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOOK = Settings("https://x.example.com")
ALL = EndpointPage(type=None, descending=False, offset=0, limit=1_000)


class Race:
    """Clients that change one workspace side by side, with 4 to 8 ms a call."""

    def __init__(self, seed: int) -> None:
        self.time = VirtualThreads()
        self._random = random.Random(seed)
        self.calls: Counter[str] = Counter()
        self.secrets = FakeSecretStore()
        self.log = FakeChangeLog(self._call, self.secrets)
        self.rows = FakeConfigurationRows(self.now, self._call)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time.now)

    def _call(self, operation: str) -> None:
        self.calls[operation] += 1
        self.time.sleep(self._random.uniform(0.004, 0.008))

    def client(self) -> Configuration:
        """A process of its own."""
        return assemble(
            stores=ConfigurationStores(self.log, self.rows, self.secrets, self.secrets),
            observers=(),
            destinations=destinations(),
            quotas=Quotas(10_000, 10_000),
            reading=ConditionReading(lambda pattern: pattern, index_entries),
            clock=self.now,
            waiting=Waiting(self.time.sleep, self.time.monotonic, self._random.random),
        )

    def run(self, number: int, act: Callable[[Configuration, int], object]) -> list[object]:
        clients = [self.client() for _ in range(number)]
        return list(self.time.run([lambda at=at, one=one: act(one, at) for at, one in enumerate(clients)]))  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(5))
def test_fifty_creates_at_once_all_succeed(seed: int) -> None:
    race = Race(seed)

    made = race.run(50, lambda client, number: client.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, f"w{number}", HOOK))

    assert [one for one in made if not isinstance(one, Endpoint)] == []
    assert sorted(one.id for one in made if isinstance(one, Endpoint)) == sorted(one for _, one in race.rows.endpoint_rows)
    # nobody who lost a race left a secret behind, and nobody wrote the rows of another who was about to
    assert {one for _, one in race.secrets.stored} == {one for _, one in race.rows.endpoint_rows}
    assert race.calls["rows.apply"] < 100
    assert race.time.now < COMMIT_SECONDS


def test_who_loses_for_all_its_time_is_told_so_and_left_nothing() -> None:
    race = Race(1)
    client = race.client()
    race.log.append = lambda change, beside=None: False  # type: ignore[method-assign]

    (refused,) = race.time.run([lambda: client.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK)])

    assert isinstance(refused, Conflict)
    assert "nothing was changed" in refused.message
    assert COMMIT_SECONDS <= race.time.now < COMMIT_SECONDS + 2
    assert race.secrets.stored == {}


def test_calls_side_by_side_with_one_key_make_one_endpoint() -> None:
    race = Race(2)

    made = race.run(10, lambda client, _: client.endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK, None, "key"))

    assert len(race.rows.endpoint_rows) == 1
    ((_, endpoint_id),) = race.rows.endpoint_rows
    assert {one.id for one in made if isinstance(one, Endpoint)} == {endpoint_id}
    assert all(isinstance(one, Endpoint) for one in made)
    assert list(race.secrets.stored) == [(WORKSPACE, endpoint_id)]


class Recorder:
    """An observer whose calls fail as often as it is told."""

    def __init__(self, failures: int = 0, error: type[Exception] = RateLimited) -> None:
        self.failures = failures
        self.error = error
        self.told: list[tuple[str, tuple[str, ...]]] = []

    def _tell(self, what: str, endpoints: Sequence[EndpointReference]) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error("busy")
        self.told.append((what, tuple(one.id for one in endpoints)))

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        self._tell("resuming", endpoints)

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        self._tell("changed", endpoints)

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        self._tell("deleted", endpoints)


class Service:
    """A configuration with observers, where operations of the stores fail as often as they are told."""

    def __init__(self, *observers: Recorder) -> None:
        self.failing: Counter[str] = Counter()
        self.secrets = FakeSecretStore()
        self.log = FakeChangeLog(self._before, self.secrets)
        self.rows = FakeConfigurationRows(lambda: START, self._before)
        self.observers = observers

    def _before(self, operation: str) -> None:
        if self.failing[operation]:
            self.failing[operation] -= 1
            raise Unavailable(f"{operation} timed out")

    def process(self) -> Configuration:
        return assemble(
            stores=ConfigurationStores(self.log, self.rows, self.secrets, self.secrets),
            observers=self.observers,
            destinations=destinations(),
            quotas=Quotas(100, 100),
            reading=ConditionReading(lambda pattern: pattern, index_entries),
            clock=lambda: START,
            waiting=Waiting(sleep=lambda seconds: None),
        )


def mutate(configuration: Configuration, what: str, endpoint_id: str) -> None:
    acts: dict[str, Callable[..., Any]] = {
        "pause": configuration.endpoints.pause,
        "resume": configuration.endpoints.resume,
        "delete": configuration.endpoints.delete,
    }
    acts[what](WORKSPACE, [endpoint_id])


@pytest.mark.parametrize("what", ["pause", "delete"])
@pytest.mark.parametrize("error", [RateLimited, Unavailable])
@pytest.mark.parametrize("failures", [1, 2, 5])
def test_what_follows_a_commit_is_done_although_calls_fail(what: str, error: type[Exception], failures: int) -> None:
    # given an observer that fails, before one that does not
    failing, healthy = Recorder(), Recorder()
    service = Service(failing, healthy)
    made = service.process().endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK)
    failing.failures, failing.error = failures, error
    # when endpoints are changed / then the answer is success, and the others are told at once
    mutate(service.process(), what, made.id)
    told = "deleted" if what == "delete" else "changed"
    assert (told, (made.id,)) in healthy.told
    # and whoever repeats the mutation, or makes another one, lets the rest be told
    for _ in range(3):
        mutate(service.process(), what, made.id)
    assert (told, (made.id,)) in failing.told
    head = service.log.head(WORKSPACE)
    assert head is not None
    assert head.applied


def test_secrets_of_a_deleted_endpoint_go_although_the_first_try_failed() -> None:
    service = Service()
    made = service.process().endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK)
    delete, left = service.secrets.delete, [3]

    def throttled(endpoint_ids: Sequence[str]) -> None:
        if left[0]:
            left[0] -= 1
            raise RateLimited("busy")
        delete(endpoint_ids)

    service.secrets.delete = throttled  # type: ignore[method-assign]
    service.process().endpoints.delete(WORKSPACE, [made.id])
    assert service.secrets.stored

    service.process().endpoints.delete(WORKSPACE, [made.id])
    assert service.secrets.stored == {}


@pytest.mark.parametrize("operation", ["rows.apply", "changes.mark_applied", "rows.endpoints"])
@pytest.mark.parametrize("failures", [1, 10])
def test_no_error_is_answered_once_a_change_is_committed(operation: str, failures: int) -> None:
    observer = Recorder()
    service = Service(observer)
    made = service.process().endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK)
    before = service.log.append

    def fail_from_here(change: Any, beside: Any = None) -> bool:
        done = before(change, beside)
        service.failing[operation] = failures
        return done

    service.log.append = fail_from_here  # type: ignore[method-assign]
    service.process().endpoints.pause(WORKSPACE, [made.id])
    service.log.append = before  # type: ignore[method-assign]
    service.failing.clear()

    service.process().endpoints.pause(WORKSPACE, [made.id])
    assert service.rows.endpoints(WORKSPACE, [made.id])[made.id].status is EndpointStatus.PAUSED
    assert ("changed", (made.id,)) in observer.told
    assert len(service.log.chains[WORKSPACE]) == 2


def test_an_error_before_the_commit_says_that_nothing_was_done() -> None:
    service = Service()
    service.failing["changes.head"] = 1
    with pytest.raises(Unavailable):
        service.process().endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK)
    assert service.log.chains == {}
    assert service.secrets.stored == {}


def test_a_process_that_tells_not_all_observers_leaves_it_to_one_that_does() -> None:
    # given a deletion whose observers could not be told
    observer = Recorder()
    service = Service(observer)
    made = service.process().endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "s")
    other = service.process().endpoints.create(WORKSPACE, EndpointType.WEB_HOOK, "w", HOOK)
    observer.failures = 2
    service.process().endpoints.delete(WORKSPACE, [made.id])
    assert observer.told == []
    # when webhook delivery, which knows only webhooks, disables one
    partial = assemble(
        stores=ConfigurationStores(service.log, service.rows, service.secrets, service.secrets),
        observers=(),
        destinations=destinations(),
        quotas=Quotas(100, 100),
        reading=ConditionReading(lambda pattern: pattern, index_entries),
        clock=lambda: START,
        tells_everyone=False,
        waiting=Waiting(sleep=lambda seconds: None),
    )
    assert partial.endpoints.disable_endpoint(WORKSPACE, other.id, "410")
    # then the sockets are closed by the next mutation
    service.process().endpoints.pause(WORKSPACE, [other.id])
    assert observer.told == [("deleted", (made.id,)), ("changed", (other.id,))]


def test_domain_errors_of_a_plan_are_answered_as_they_are() -> None:
    service = Service()
    with pytest.raises(DomainError):
        service.process().endpoints.delete(WORKSPACE, ["not an id"])
    assert service.log.chains == {}
