"""The stores of deliveries: the same tests against the tables of the template and against the fakes of the other tests, so that
what a fake does is what DynamoDB does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id, shard_of
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.delivery.attempt import WIDE_SHARDS, Attempt, DeliveryKey, DeliveryStatus, FailureClass, LogRecord, PendingAttempt
from event_service.delivery.lane import Lane, Trouble
from event_service.delivery.ports import (
    REMINDER_SHARDS,
    BacklogRow,
    BacklogStore,
    DeliveryLog,
    HealthStore,
    LaneStore,
    Reminder,
    ReminderStore,
    WideEvents,
)
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.lanes import DynamoLaneStore
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.reminders import DynamoReminderStore
from event_service.delivery.storage.wide_events import DynamoWideEvents
from tests.builders import ENDPOINT, START, WORKSPACE, SettableClock, a_webhook
from tests.fakes.delivery import Aws, FakeBacklogStore, FakeDeliveryLog, FakeHealthStore, FakeLaneStore, FakeReminderStore

RETENTION_DAYS = 14
FOREIGN = new_id()


@dataclass
class Stores:
    """All stores over one database, or in memory, with one endpoint."""

    clock: SettableClock
    log: DeliveryLog
    wide: WideEvents
    backlog: BacklogStore
    reminders: ReminderStore
    lanes: LaneStore
    health: HealthStore


@pytest.fixture(params=["dynamodb", "fakes"])
def stores(request: pytest.FixtureRequest) -> Stores:
    clock = SettableClock()
    if request.param == "fakes":
        aws = Aws()
        health = FakeHealthStore(aws, exists=lambda workspace_id, endpoint_id: (workspace_id, endpoint_id) == (WORKSPACE, ENDPOINT))
        log, lanes = FakeDeliveryLog(aws, clock, RETENTION_DAYS), FakeLaneStore(aws, clock)
        return Stores(clock, log, log, FakeBacklogStore(aws), FakeReminderStore(aws), lanes, health)
    database: Database = request.getfixturevalue("database")
    DynamoConfigurationRows(database, clock, monotonic=lambda: 0.0).apply(ChangeSet(WORKSPACE, 1, (PutEndpoint(a_webhook()),), Counts()))
    return Stores(
        clock,
        DynamoDeliveryLog(database, clock, RETENTION_DAYS),
        DynamoWideEvents(database, RETENTION_DAYS),
        DynamoBacklogStore(database, RETENTION_DAYS),
        DynamoReminderStore(database),
        DynamoLaneStore(database),
        DynamoHealthStore(database),
    )


def record(number: int, event_id: str = "e", **changes: Any) -> LogRecord:
    """That attempt ``number`` failed; 0: that the delivery waits."""
    accepted = changes.pop("accepted", START)
    attempt = Attempt(number, accepted, 12, 500, FailureClass.RESET, "It broke off.", "what it said \u0001 é")
    given = LogRecord(
        delivery=DeliveryKey(WORKSPACE, changes.pop("endpoint_id", ENDPOINT), event_id, format_date(accepted)),
        status=DeliveryStatus.PENDING,
        date=accepted,
        next_attempt=START + timedelta(minutes=5),
        attempt=attempt if number else None,
        listed=number <= 1,
    )
    return replace(given, **changes)


def status(stores: Stores, event_id: str = "e") -> DeliveryStatus | None:
    found = stores.log.delivery(WORKSPACE, ENDPOINT, event_id)
    return None if found is None else found.status


# -- the log ---------------------------------------------------------------------------------------------------------


def test_a_delivery_comes_back_as_it_was_written(stores: Stores) -> None:
    first, second = record(1), record(2, status=DeliveryStatus.FAILED, next_attempt=None, disable_reason="gone")
    stores.log.write([second, first])
    delivery = stores.log.delivery(WORKSPACE, ENDPOINT, "e")
    assert delivery is not None
    assert (delivery.status, delivery.next_attempt) == (DeliveryStatus.FAILED, None)
    assert delivery.attempts == (first.attempt, second.attempt)
    assert delivery.created == START
    assert delivery.modified == START + timedelta(milliseconds=12)


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("page", ["short", "x" * 1_000])
def test_a_failure_never_takes_the_place_of_a_success(stores: Stores, others: int, page: str) -> None:
    """Of two copies of a message in flight at once one may fail and the other succeed, in any order."""
    success = record(1, status=DeliveryStatus.DELIVERED, next_attempt=None)
    failure = record(1, attempt=Attempt(1, START, 5, 500, None, None, page))
    stores.log.write([success])
    stores.log.write([failure, *(record(number, "other") for number in range(1, others + 1))])
    delivery = stores.log.delivery(WORKSPACE, ENDPOINT, "e")
    assert delivery is not None
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, (success.attempt,))
    assert (status(stores, "other") is not None) == bool(others)


def test_a_success_takes_the_place_of_a_failure(stores: Stores) -> None:
    success = record(1, status=DeliveryStatus.DELIVERED, next_attempt=None)
    stores.log.write([record(1, attempt=Attempt(1, START, 5, 500, None, None, "x" * 1_000))])
    stores.log.write([success])
    delivery = stores.log.delivery(WORKSPACE, ENDPOINT, "e")
    assert delivery is not None
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, (success.attempt,))


def test_a_foreign_workspace_has_no_such_delivery(stores: Stores) -> None:
    stores.log.write([record(1)])
    assert stores.log.delivery(FOREIGN, ENDPOINT, "e") is None
    assert stores.log.of_event(FOREIGN, "e", None, 10) == []
    assert stores.log.of_endpoint(FOREIGN, ENDPOINT).refs == []


def test_backlog_delivery_is_pending_without_a_next_date(stores: Stores) -> None:
    stores.log.write([record(1), record(0, next_attempt=None, waits_for=2)])
    delivery = stores.log.delivery(WORKSPACE, ENDPOINT, "e")
    assert delivery is not None
    assert (delivery.status, delivery.next_attempt, len(delivery.attempts)) == (DeliveryStatus.PENDING, None, 1)
    stores.log.write([record(2, status=DeliveryStatus.DELIVERED, next_attempt=None)])
    delivery = stores.log.delivery(WORKSPACE, ENDPOINT, "e")
    assert delivery is not None
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 2)


def test_pending_delivery_of_an_expired_event_is_discarded(stores: Stores) -> None:
    stores.log.write([record(0, waits_for=1)])
    stores.clock.advance(days=RETENTION_DAYS, seconds=-1)
    assert status(stores) is DeliveryStatus.PENDING
    stores.clock.advance(seconds=1)
    assert status(stores) is DeliveryStatus.DISCARDED


def test_expired_records_are_absent_although_the_table_still_has_them(stores: Stores) -> None:
    stores.log.write([record(1)])
    stores.clock.advance(days=RETENTION_DAYS, hours=23)
    assert status(stores) is not None
    stores.clock.advance(hours=2)
    assert status(stores) is None
    assert stores.log.of_event(WORKSPACE, "e", None, 10) == []


@pytest.mark.parametrize("descending", [False, True])
def test_an_event_lists_its_deliveries_by_endpoint_page_by_page(stores: Stores, descending: bool) -> None:
    endpoints = sorted(new_id() for _ in range(25))
    stores.log.write([record(number, endpoint_id=endpoint) for endpoint in endpoints for number in (1, 2)])
    found: list[str] = []
    after = None
    while page := stores.log.of_event(WORKSPACE, "e", after, 10, descending=descending):
        assert all(len(delivery.attempts) == 2 for delivery in page)
        found.extend(delivery.endpoint_id for delivery in page)
        after = found[-1]
    assert found == sorted(endpoints, reverse=descending)


def wide_key(endpoint_id: str, event_id: str = "e") -> DeliveryKey:
    return DeliveryKey(WORKSPACE, endpoint_id, event_id, format_date(START), log_shards=WIDE_SHARDS)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("plain", [0, 3, 9])
def test_a_wide_event_lists_its_deliveries_as_any_other(stores: Stores, plain: int, descending: bool) -> None:
    """Some may have been recorded before it was marked: a replay can be faster than the router."""
    ids = sorted(new_id() for _ in range(9))
    stores.log.write([record(1, endpoint_id=one) for one in ids[:plain]])
    stores.wide.mark([wide_key(ids[0])])
    stores.wide.mark([wide_key(ids[1])])
    for number in (1, 2):
        stores.log.write([record(number, delivery=wide_key(one)) for one in ids[plain:]])
    read: list[str] = []
    while page := stores.log.of_event(WORKSPACE, "e", read[-1] if read else None, 4, descending=descending):
        assert [one.log_shards for one in page] == [0 if one.endpoint_id in ids[:plain] else WIDE_SHARDS for one in page]
        assert all(len(one.attempts) == (1 if one.endpoint_id in ids[:plain] else 2) for one in page)
        read += [one.endpoint_id for one in page]
    assert read == sorted(ids, reverse=descending)


def test_deliveries_of_wide_events_are_found_by_id_and_by_endpoint(stores: Stores) -> None:
    other = new_id()
    stores.wide.mark([wide_key(ENDPOINT), wide_key(ENDPOINT, "e#1")])
    stores.log.write([record(1, delivery=wide_key(ENDPOINT)), record(1, delivery=wide_key(ENDPOINT, "e#1")), record(1, "plain")])
    found = stores.log.deliveries(WORKSPACE, [(ENDPOINT, "e"), (ENDPOINT, "plain"), (other, "e"), (ENDPOINT, "none"), (ENDPOINT, "e#1")])
    shards = {key: one.log_shards for key, one in found.items()}
    assert shards == {(ENDPOINT, "e"): WIDE_SHARDS, (ENDPOINT, "plain"): 0, (ENDPOINT, "e#1"): WIDE_SHARDS}
    assert status(stores) is DeliveryStatus.PENDING
    assert {ref.event_id for ref in stores.log.of_endpoint(WORKSPACE, ENDPOINT).refs} == {"e", "e#1", "plain"}
    assert stores.wide.log_shards(WORKSPACE, ["e", "plain", "e#1"]) == {"e": WIDE_SHARDS, "e#1": WIDE_SHARDS}
    assert stores.wide.log_shards(FOREIGN, ["e"]) == {}


@pytest.mark.parametrize("descending", [False, True])
def test_an_endpoint_lists_its_deliveries_in_order_each_once(stores: Stores, descending: bool) -> None:
    accepted = {f"event {number}": START - timedelta(seconds=number // 2) for number in range(75)}
    stores.log.write([record(1, event_id, accepted=date) for event_id, date in accepted.items()])
    # The trace of a worker that died: a second record that lists the same delivery. Later attempts list nothing.
    stores.log.write([record(0, "event 3", accepted=accepted["event 3"], waits_for=1), record(2, "event 4", accepted=accepted["event 4"])])
    found: list[str] = []
    position = None
    while True:
        page = stores.log.of_endpoint(WORKSPACE, ENDPOINT, descending=descending, limit=20, position=position)
        found.extend(ref.event_id for ref in page.refs)
        position = page.position
        if position is None:
            break
    assert found == sorted(accepted, key=lambda event_id: (accepted[event_id], event_id), reverse=descending)


def test_a_range_of_acceptance_takes_its_beginning_and_not_its_end(stores: Stores) -> None:
    dates = [START + timedelta(seconds=number) for number in range(5)]
    stores.log.write([record(1, f"e{number}", accepted=date) for number, date in enumerate(dates)])
    page = stores.log.of_endpoint(WORKSPACE, ENDPOINT, since=dates[1], until=dates[3], descending=False)
    assert [(ref.event_id, ref.accepted_at) for ref in page.refs] == [("e1", format_date(dates[1])), ("e2", format_date(dates[2]))]


def test_many_deliveries_are_read_at_once(stores: Stores) -> None:
    stores.log.write([record(1, f"e{number}") for number in range(40)])
    keys = [(ENDPOINT, f"e{number}") for number in range(45)]
    assert sorted(stores.log.deliveries(WORKSPACE, keys)) == sorted(keys[:40])


# -- the backlog -----------------------------------------------------------------------------------------------------


def waiting(number: int, endpoint_id: str = ENDPOINT, *, live: bool = False) -> BacklogRow:
    """The row of a delivery whose third attempt waits."""
    at = format_date(START + timedelta(seconds=number))
    key = DeliveryKey(WORKSPACE, endpoint_id, f"event {number}", at)
    return BacklogRow(PendingAttempt(key, 3, 2, True, "00-trace", 10, 2), at, live=live)


def test_a_backlog_comes_back_oldest_first_live_rows_apart(stores: Stores) -> None:
    rows = [waiting(number) for number in range(60)]
    live = [waiting(number, live=True) for number in range(100, 110)]
    stores.backlog.add([*reversed(rows), *live, waiting(0, FOREIGN)])
    stores.backlog.add(rows[:1])
    assert stores.backlog.oldest(ENDPOINT, 25) == [*live, *rows[:25]]
    stores.backlog.delete(rows[:25])
    stores.backlog.delete(rows[:1])
    assert stores.backlog.oldest(ENDPOINT, 100) == [*live, *rows[25:]]


def test_a_backlog_is_counted_up_to_a_number(stores: Stores) -> None:
    assert stores.backlog.count(ENDPOINT, 100) == 0
    stores.backlog.add([*(waiting(number) for number in range(30)), waiting(100, live=True), waiting(0, FOREIGN)])
    assert stores.backlog.count(ENDPOINT, 100) == 31
    assert stores.backlog.count(ENDPOINT, 20) == 20


# -- reminders -------------------------------------------------------------------------------------------------------


def test_reminders_come_when_their_minute_has_come_oldest_first(stores: Stores) -> None:
    shard = shard_of(ENDPOINT, REMINDER_SHARDS)
    other = next(one for one in iter(new_id, "") if shard_of(one, REMINDER_SHARDS) != shard)
    first, second, later = (Reminder(WORKSPACE, ENDPOINT, START + timedelta(minutes=minutes)) for minutes in (1, 2, 30))
    stores.reminders.put([later, second, first, Reminder(WORKSPACE, other, START)])
    stores.reminders.put([first])
    assert stores.reminders.due(shard, first.at, 10) == [first]
    assert stores.reminders.due(shard, second.at, 10) == [first, second]
    assert stores.reminders.due(shard, second.at, 1) == [first]
    stores.reminders.delete([first])
    stores.reminders.delete([first])
    assert stores.reminders.due(shard, later.at, 10) == [second, later]


# -- lanes -----------------------------------------------------------------------------------------------------------


def lane_of(stores: Stores) -> Lane:
    return stores.lanes.read([ENDPOINT])[ENDPOINT]


def test_one_of_two_that_claim_a_lane_owns_it(stores: Stores) -> None:
    unknown, until = Lane(WORKSPACE, ENDPOINT), START + timedelta(seconds=90)
    assert stores.lanes.read([ENDPOINT]) == {}
    owned = stores.lanes.claim(unknown, "a", until)
    assert owned == replace(unknown, token="a", lease_until=until)
    assert stores.lanes.claim(unknown, "b", until) is None
    assert lane_of(stores) == owned
    # the lease has ended, and two see it
    again = stores.lanes.claim(owned, "c", until + timedelta(minutes=5))
    assert again is not None
    assert stores.lanes.claim(owned, "d", until + timedelta(minutes=5)) is None
    assert not stores.lanes.set_ending(owned, True)
    assert not stores.lanes.release(owned, None)
    assert lane_of(stores) == again


def test_an_owner_that_is_asked_again_does_not_let_go(stores: Stores) -> None:
    owned = stores.lanes.claim(Lane(WORKSPACE, ENDPOINT), "a", START + timedelta(seconds=90))
    assert owned is not None
    assert stores.lanes.set_ending(owned, True)
    assert lane_of(stores).ending
    assert stores.lanes.ask_again(owned)
    left = replace(owned, open_rows=(("mark", 1_772_366_400),), look_at=START, pace="p")
    assert not stores.lanes.release(left, START)
    assert lane_of(stores) == replace(owned, ending=True, again=True)
    assert stores.lanes.release(replace(left, again=True), START)
    free = lane_of(stores)
    assert (free.lease_until, free.ending, free.next_at) == (None, False, START)
    assert (free.open_rows, free.look_at, free.pace) == (left.open_rows, left.look_at, "p")
    assert not stores.lanes.ask_again(owned)
    # the next owner begins with what was left
    claimed = stores.lanes.claim(free, "b", START + timedelta(seconds=180))
    assert claimed == replace(free, token="b", lease_until=START + timedelta(seconds=180), again=False)


def test_trouble_is_noted_once_and_a_later_wish_again(stores: Stores) -> None:
    def note(trouble: Trouble, seconds: int | None = None) -> bool:
        return stores.lanes.note_trouble(WORKSPACE, ENDPOINT, trouble, None if seconds is None else START + timedelta(seconds=seconds))

    assert [note(Trouble.SLOW), note(Trouble.SLOW), note(Trouble.FAILING)] == [True, False, False]
    assert [note(Trouble.LIMITED), note(Trouble.LIMITED)] == [True, False]
    assert [note(Trouble.LIMITED, 10), note(Trouble.LIMITED, 10), note(Trouble.LIMITED, 5), note(Trouble.LIMITED, 20)] == [
        True,
        False,
        False,
        True,
    ]
    lane = lane_of(stores)
    assert (lane.trouble, lane.not_before) == (Trouble.LIMITED, START + timedelta(seconds=20))
    stores.lanes.calm(lane)  # nobody owns it
    assert lane_of(stores) == lane
    owned = stores.lanes.claim(lane, "a", START + timedelta(seconds=90))
    assert owned is not None
    stores.lanes.calm(owned)
    assert (lane_of(stores).trouble, lane_of(stores).not_before) == (None, None)


def test_a_slow_request_is_noted_once_in_a_while(stores: Stores) -> None:
    assert stores.lanes.note_slow(WORKSPACE, ENDPOINT, START, START - timedelta(seconds=60))
    assert not stores.lanes.note_slow(WORKSPACE, ENDPOINT, START + timedelta(seconds=30), START - timedelta(seconds=30))
    assert stores.lanes.note_slow(WORKSPACE, ENDPOINT, START + timedelta(seconds=61), START + timedelta(seconds=1))
    assert lane_of(stores).slow_at == START + timedelta(seconds=61)


def test_a_reset_forgets_what_is_known_and_makes_no_lane(stores: Stores) -> None:
    stores.lanes.reset(ENDPOINT)
    assert stores.lanes.read([ENDPOINT]) == {}
    stores.lanes.note_trouble(WORKSPACE, ENDPOINT, Trouble.LIMITED, START)
    owned = stores.lanes.claim(lane_of(stores), "a", START + timedelta(seconds=90))
    assert owned is not None
    assert stores.lanes.release(replace(owned, pace="p"), START)
    stores.lanes.reset(ENDPOINT)
    lane = lane_of(stores)
    assert (lane.next_at, lane.not_before, lane.pace, lane.trouble) == (None, None, "", Trouble.LIMITED)


# -- health ----------------------------------------------------------------------------------------------------------


def test_one_of_two_workers_that_note_the_same_failure_wins(stores: Stores) -> None:
    first = EndpointHealth(ENDPOINT, 1, failing_since=START, last_failure=START)
    assert stores.health.put(WORKSPACE, first, None)
    assert not stores.health.put(WORKSPACE, replace(first, version=3), None)
    second = replace(first, version=2, own_lane=True, warned=1)
    assert stores.health.put(WORKSPACE, second, first)
    assert stores.health.get(WORKSPACE, ENDPOINT) == second
    assert not stores.health.clear(WORKSPACE, first)
    assert stores.health.get(WORKSPACE, ENDPOINT) == second
    assert stores.health.clear(WORKSPACE, second)
    assert stores.health.clear(WORKSPACE, second)
    assert stores.health.get(WORKSPACE, ENDPOINT) is None


def test_health_of_a_deleted_or_foreign_endpoint_is_not_kept(stores: Stores) -> None:
    health = EndpointHealth(ENDPOINT, 1, failing_since=START, last_failure=START)
    assert not stores.health.put(WORKSPACE, replace(health, endpoint_id=FOREIGN), None)
    assert not stores.health.put(FOREIGN, health, None)
    assert stores.health.put(WORKSPACE, health, None)
    assert stores.health.get(FOREIGN, ENDPOINT) is None
