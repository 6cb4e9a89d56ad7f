"""Lists of deliveries by status, against the tables of the template and against the fakes: what they find, what they cost, and that
nothing is missing in them whenever a writer dies."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.dates import format_date
from event_service.base.errors import Unavailable
from event_service.base.identifiers import new_id
from event_service.delivery.attempt import (
    UNFINISHED,
    WIDE_SHARDS,
    Attempt,
    DeliveryKey,
    DeliveryStatus,
    LogRecord,
    PendingAttempt,
    cancelled_record,
    discarded_record,
)
from event_service.delivery.ports import DeliveryLog, DeliveryPlace, UnfinishedDeliveries
from event_service.delivery.storage.lists_by_status import DynamoUnfinishedDeliveries
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.wide_events import DynamoWideEvents
from tests.builders import START, WORKSPACE, SettableClock
from tests.fakes.delivery import Aws, FakeDeliveryLog
from tests.support.metering import Ledger, MeteredConnection
from tests.world import table_shapes

PENDING, FAILED, DISCARDED, DELIVERED = (DeliveryStatus(one) for one in ("PENDING", "FAILED", "DISCARDED", "DELIVERED"))
RETENTION_DAYS = 14
FOREIGN = new_id()
ENDPOINTS = [f"357fe643-2396-4919-bd9e-a30f0ac2881{number}" for number in range(4)]
"""The same in each run: a hash of them spreads entries over parts of a list."""


@dataclass
class Lists:
    """The log and its lists."""

    clock: SettableClock
    log: DeliveryLog
    unfinished: UnfinishedDeliveries

    def found(self, *statuses: DeliveryStatus, **options: Any) -> list[DeliveryPlace]:
        """What a list shows: those that have the status indeed."""
        places = list(self.unfinished.places(WORKSPACE, statuses, **options))
        deliveries = self.log.deliveries(WORKSPACE, [(one.endpoint_id, one.event_id) for one in places])
        there = {key for key, one in deliveries.items() if one.status in statuses}
        return [one for one in places if (one.endpoint_id, one.event_id) in there]


@pytest.fixture(params=["dynamodb", "fakes"])
def lists(request: pytest.FixtureRequest) -> Lists:
    clock = SettableClock()
    if request.param == "fakes":
        fake = FakeDeliveryLog(Aws(), clock, RETENTION_DAYS)
        return Lists(clock, fake, fake)
    return over(request.getfixturevalue("database"), clock)


def over(database: Database, clock: SettableClock) -> Lists:
    return Lists(clock, DynamoDeliveryLog(database, clock, RETENTION_DAYS), DynamoUnfinishedDeliveries(database, clock, RETENTION_DAYS))


def key(event_id: str = "e", endpoint_id: str = ENDPOINTS[0], accepted: datetime = START, shards: int = 0) -> DeliveryKey:
    return DeliveryKey(WORKSPACE, endpoint_id, event_id, format_date(accepted), log_shards=shards)


def made(pending: PendingAttempt, status: DeliveryStatus, text: str = "") -> LogRecord:
    """That an attempt was made, as webhook delivery records it."""
    code = 200 if status is DELIVERED else 500
    attempt = Attempt(pending.number, START, 5, code, None, None, text)
    return LogRecord(pending.delivery, status, START, attempt=attempt, listed=not pending.listed, lists=pending.lists)


def in_backlog(pending: PendingAttempt) -> LogRecord:
    return LogRecord(pending.delivery, PENDING, START, waits_for=pending.number, listed=True, lists=pending.lists)


def again(pending: PendingAttempt) -> PendingAttempt:
    """Started again by hand."""
    return replace(pending, schedule_start=pending.number, begun=pending.number, listed=True)


def places(*keys: DeliveryKey) -> list[DeliveryPlace]:
    return sorted(DeliveryPlace(one.accepted_at, one.event_id, one.endpoint_id) for one in keys)


def test_a_delivery_goes_from_list_to_list(lists: Lists) -> None:
    one = PendingAttempt(key())

    def stands_in() -> list[DeliveryStatus]:
        return [status for status in UNFINISHED if list(lists.unfinished.places(WORKSPACE, [status]))]

    lists.log.write([in_backlog(one)])
    assert stands_in() == [PENDING]
    one = replace(one, listed=True)
    lists.log.write([made(one, PENDING)])
    assert stands_in() == [PENDING]
    one = one.following()
    lists.log.write([made(one, FAILED)])
    assert stands_in() == [FAILED]
    one = again(one.following())
    lists.log.write([made(one, PENDING)])
    assert stands_in() == [PENDING]
    one = one.following()
    lists.log.write([cancelled_record(one.delivery, one.number, START)])
    assert stands_in() == [DISCARDED]
    one = again(one.following())
    lists.log.write([made(one, DELIVERED)])
    assert stands_in() == []


def test_a_success_at_once_is_in_no_list(lists: Lists) -> None:
    lists.log.write([made(PendingAttempt(key()), DELIVERED)])
    assert list(lists.unfinished.places(WORKSPACE, UNFINISHED)) == []


def test_a_success_after_all_takes_the_delivery_from_the_list(lists: Lists) -> None:
    one = PendingAttempt(key())
    lists.log.write([made(one, PENDING)])
    lists.log.write([made(one.following(), DELIVERED)])
    waited = PendingAttempt(key("waited"))
    lists.log.write([in_backlog(waited)])
    lists.log.write([made(replace(waited, listed=True), DELIVERED)])
    assert list(lists.unfinished.places(WORKSPACE, UNFINISHED)) == []


@pytest.mark.parametrize(("recorded", "expected"), [(PENDING, DISCARDED), (FAILED, FAILED), (DELIVERED, DELIVERED)])
def test_a_discarded_row_of_a_recorded_attempt_ends_what_still_waits(
    recorded: DeliveryStatus, expected: DeliveryStatus, lists: Lists
) -> None:
    """Whoever made the attempt died before the row was deleted, and the endpoint was deleted then."""
    one = PendingAttempt(key())
    lists.log.write([made(one, FAILED)])
    one = again(one.following())
    lists.log.write([made(one, recorded)])
    lists.log.write([discarded_record(one, START)])
    delivery = lists.log.delivery(WORKSPACE, ENDPOINTS[0], "e")
    assert delivery is not None
    assert delivery.status is expected
    assert lists.found(*UNFINISHED) == ([] if expected is DELIVERED else places(key()))
    assert [status for status in UNFINISHED if lists.found(status)] == ([] if expected is DELIVERED else [expected])


def test_a_foreign_workspace_lists_nothing(lists: Lists) -> None:
    lists.log.write([made(PendingAttempt(key()), FAILED)])
    assert list(lists.unfinished.places(FOREIGN, UNFINISHED)) == []


def test_what_waits_past_the_end_of_its_event_is_listed_as_discarded(lists: Lists) -> None:
    lists.log.write([in_backlog(PendingAttempt(key())), made(PendingAttempt(key("failed")), FAILED)])
    lists.clock.advance(days=RETENTION_DAYS, seconds=-1)
    assert lists.found(PENDING) == lists.found(PENDING, DISCARDED) == places(key())
    assert list(lists.unfinished.places(WORKSPACE, [DISCARDED])) == []
    lists.clock.advance(seconds=1)
    assert lists.found(DISCARDED) == lists.found(PENDING, DISCARDED) == places(key())
    assert list(lists.unfinished.places(WORKSPACE, [PENDING])) == []


@pytest.mark.parametrize("descending", [False, True])
def test_a_list_goes_on_behind_any_place(lists: Lists, descending: bool) -> None:
    long = "\U0001f600" * 255
    ids = ["a", "b", "b#1", "ab", f"{long}x", f"{long}y", "c"]
    dates = [START + timedelta(seconds=number // 3) for number in range(len(ids))]
    keys = [key(event_id, one, date) for event_id, date in zip(ids, dates, strict=True) for one in ENDPOINTS[:2]]
    lists.log.write([made(PendingAttempt(one), FAILED) for one in keys])
    everything = lists.found(FAILED, descending=descending)
    assert sorted(everything) == places(*keys)
    short = [one for one in everything if len(one.event_id) < 200]
    assert short == sorted(short, reverse=descending)
    for number, place in enumerate(everything):
        assert lists.found(FAILED, descending=descending, after=place, expected=1) == everything[number + 1 :]


def test_a_range_takes_its_beginning_and_not_its_end(lists: Lists) -> None:
    keys = [key(f"e{number}", accepted=START + timedelta(seconds=number)) for number in range(5)]
    lists.log.write([made(PendingAttempt(one), FAILED) for one in keys])
    bounds = {"since": START + timedelta(seconds=1), "until": START + timedelta(seconds=3)}
    assert lists.found(FAILED, descending=False, **bounds) == places(*keys[1:3])
    assert lists.found(FAILED, descending=True, after=places(*keys)[2], **bounds) == places(keys[1])
    assert lists.found(FAILED, since=START, until=START) == []


class History:
    """Deliveries with anything that happens to them, as webhook delivery and its users cause it."""

    def __init__(self, seed: int, *, shards: int = 0) -> None:
        self.draw = random.Random(seed)
        accepted = [START + timedelta(seconds=self.draw.randrange(3)) for _ in range(5)]
        keys = [key(f"e{number}", one, date, shards) for number, date in enumerate(accepted) for one in ENDPOINTS]
        self.next = {(one.endpoint_id, one.event_id): PendingAttempt(one) for one in keys}
        self.status: dict[tuple[str, str], DeliveryStatus] = {}

    def steps(self, number: int) -> Iterator[list[LogRecord]]:
        """Batches of records."""
        for _ in range(number):
            some = self.draw.sample(sorted(self.next), self.draw.choice([1, 1, 3, 7]))
            yield [record for record in map(self._record, some) if record is not None]

    def _record(self, which: tuple[str, str]) -> LogRecord | None:
        one, status = self.next[which], self.status.get(which)
        text = self.draw.choice(["", "x" * 600])
        if status in (DELIVERED, FAILED, DISCARDED):
            one = again(one)
        elif not one.listed and self.draw.random() < 0.3:
            self.next[which], self.status[which] = replace(one, listed=True), PENDING
            return in_backlog(one)
        elif one.listed and self.draw.random() < 0.1:
            self.status[which] = DISCARDED
            self.next[which] = one.following()
            return cancelled_record(one.delivery, one.number, START)
        elif one.listed and self.draw.random() < 0.1:
            # The endpoint is gone, and with it the delivery.
            self.status[which] = DISCARDED
            del self.next[which]
            return discarded_record(one, START)
        after = self.draw.choice([PENDING, PENDING, FAILED, DELIVERED])
        self.next[which], self.status[which] = one.following(), after
        return made(one, after, text)


@pytest.mark.parametrize("shards", [0, WIDE_SHARDS])
@pytest.mark.parametrize("seed", range(3))
def test_each_list_is_what_a_look_at_all_deliveries_finds(seed: int, shards: int, lists: Lists, request: pytest.FixtureRequest) -> None:
    history = History(seed, shards=shards)
    every = dict(history.next)
    if shards:
        wide = (
            lists.log if isinstance(lists.log, FakeDeliveryLog) else DynamoWideEvents(request.getfixturevalue("database"), RETENTION_DAYS)
        )
        wide.mark([one.delivery for one in every.values()])
    for batch in history.steps(40):
        lists.log.write(batch)
    assert_equal_to_a_scan(lists, every)
    # The order of this history is that of one worker: nothing stands where it does not belong.
    stale = [status for status in UNFINISHED if len(list(lists.unfinished.places(WORKSPACE, [status]))) != len(lists.found(status))]
    assert stale == []


def assert_equal_to_a_scan(lists: Lists, every: dict[tuple[str, str], PendingAttempt], *, backwards: bool = True) -> None:
    deliveries = lists.log.deliveries(WORKSPACE, list(every))
    for statuses in ((PENDING,), (FAILED,), (DISCARDED,), *([UNFINISHED] if backwards else [])):
        expected = places(*(every[which].delivery for which, one in deliveries.items() if one.status in statuses))
        assert lists.found(*statuses, descending=False) == expected
        if backwards:
            assert lists.found(*statuses, descending=True) == expected[::-1]


# -- in DynamoDB only ------------------------------------------------------------------------------------------------


class Dies:
    """Ends the process at one call of the SDK, before or after it acted."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.after = False
        plain = database._call

        def call(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            if self.left is None or operation not in ("BatchWriteItem", "PutItem"):
                return plain(operation, arguments)
            self.left -= 1
            if self.left >= 0:
                return plain(operation, arguments)
            if self.left == -1 and self.after:
                plain(operation, arguments)
            raise Unavailable("dead")

        monkeypatch.setattr(database, "_call", call)


@pytest.mark.parametrize("after", [False, True])
def test_nothing_is_missing_in_a_list_whenever_its_writer_dies(after: bool, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even until the writer's message comes again."""
    lists, dies = over(database, SettableClock()), Dies(database, monkeypatch)
    dies.after = after
    history = History(11)
    every = dict(history.next)
    deaths = 0
    for batch in history.steps(8):
        for calls in range(8):
            dies.left = calls
            try:
                lists.log.write(batch)
            except Unavailable:
                deaths += 1
            else:
                break
            finally:
                dies.left = None
            assert_equal_to_a_scan(lists, every, backwards=False)
    assert deaths > 15


class Costs:
    """Units and calls of the lists, by the project's meter."""

    def __init__(self, database: Database) -> None:
        self.ledger = Ledger()
        connection: Any = MeteredConnection(database._connection, table_shapes(), self.ledger)
        self.lists = over(Database(connection, database._table_name), SettableClock())

    def write(self, *records: LogRecord) -> tuple[int, float]:
        """SDK calls, and write units."""
        self.ledger.take()
        self.lists.log.write(records)
        cost = self.ledger.take()
        return len(cost), cost.writes

    def read(self, statuses: Collection[DeliveryStatus], expected: int) -> tuple[int, float]:
        """SDK calls, and read units."""
        self.ledger.take()
        list(zip(range(expected), self.lists.unfinished.places(WORKSPACE, statuses, expected=expected), strict=False))
        cost = self.ledger.take()
        return len(cost), cost.reads


@pytest.fixture
def costs(database: Database) -> Costs:
    return Costs(database)


def test_a_success_at_once_pays_nothing_for_lists(costs: Costs) -> None:
    """One item and its place in the list of its endpoint."""
    assert costs.write(made(PendingAttempt(key()), DELIVERED)) == (1, 2)


def test_a_failure_pays_a_unit_and_no_call_beside_its_page(costs: Costs) -> None:
    page = "x" * 600
    first = PendingAttempt(key())
    # The page, the entry, the record and its place in the list of the endpoint: one batch and one conditional write.
    assert costs.write(made(first, PENDING, page)) == (2, 4)
    # The page and the record, as ever.
    assert costs.write(made(first.following(), PENDING, page)) == (2, 2)
    # The record, and the entry that goes.
    assert costs.write(made(first.following().following(), DELIVERED)) == (2, 2)


def test_giving_up_pays_two_units_in_a_call_more(costs: Costs) -> None:
    page = "x" * 600
    first = PendingAttempt(key())
    costs.write(made(first, PENDING, page))
    # The page, the new entry and the record; and the old entry that goes.
    assert costs.write(made(first.following(), FAILED, page)) == (3, 4)
    # Given up at once: there is no old one.
    assert costs.write(made(PendingAttempt(key("refused")), FAILED, page)) == (2, 4)


def test_a_batch_of_failures_has_one_call_for_all_entries(costs: Costs) -> None:
    records = [made(PendingAttempt(key(f"e{number}")), PENDING) for number in range(10)]
    # Ten conditional writes as ever; without pages, the entries have a call of their own.
    assert costs.write(*records) == (11, 30)
    waiting = [in_backlog(PendingAttempt(key(f"w{number}"))) for number in range(10)]
    assert costs.write(*waiting) == (1, 30)


@pytest.mark.parametrize("others", [0, 100])
def test_a_page_of_one_reads_the_same_few_units_among_many(others: int, costs: Costs) -> None:
    """Sixteen parts, a unit each, whatever succeeded, waits, or failed beside."""
    costs.write(made(PendingAttempt(key("failed")), FAILED))
    costs.lists.log.write([made(PendingAttempt(key(f"e{number}")), DELIVERED) for number in range(others)])
    costs.lists.log.write([in_backlog(PendingAttempt(key(f"w{number}"))) for number in range(others)])
    assert costs.read([FAILED], 2) == (16, 16)
    assert costs.read([PENDING], 2) == (16, 16)


def test_a_full_page_reads_little_more(costs: Costs) -> None:
    costs.lists.log.write([in_backlog(PendingAttempt(key(f"w{number:04d}"))) for number in range(320)])
    assert costs.read([PENDING], 101) == (16, 16)


def test_a_long_id_costs_two_units(costs: Costs) -> None:
    long = key("\U0001f600" * 256)
    plain = costs.write(made(PendingAttempt(long), DELIVERED))
    assert costs.write(made(PendingAttempt(replace(long, endpoint_id=ENDPOINTS[1])), FAILED))[1] <= plain[1] + 3
