"""Changes that touch many rows, and rows that DynamoDB refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from event_service.aws.dynamodb import Database, Key
from event_service.base.errors import DomainError, RateLimited, TooLarge, Unavailable
from event_service.base.identifiers import new_id
from event_service.base.marks import (
    MAXIMUM_DESCRIPTION_CHARACTERS,
    MAXIMUM_KEY_CHARACTERS,
    MAXIMUM_LABEL_NAME_CHARACTERS,
    MAXIMUM_LABEL_VALUE_CHARACTERS,
    MAXIMUM_LABELS,
    Marks,
)
from event_service.configuration.chain import Waiting
from event_service.configuration.changes import ChangeSet, Counts, DeleteEndpoints, Link, PutEndpoint, PutEventFilter
from event_service.configuration.configuration import Configuration, ConfigurationStores, assemble
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import MAXIMUM_ROWS, Quotas, refuse_too_many_rows
from event_service.configuration.ports import EventFilterPage
from event_service.configuration.storage.change_log import DynamoChangeLog
from event_service.configuration.storage.items import LinksItem, event_filter_item
from event_service.configuration.storage.row_writer import WRITE_SECONDS, WRITERS
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import DynamoSecretStore
from event_service.filters.event_filter import MAXIMUM_CONDITION_BYTES, EventFilter
from event_service.filters.matching.size import index_entries
from tests import builders
from tests.support.metering import item_size
from tests.template_file import template
from tests.wiring import destinations

WORKSPACE = new_id()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_endpoint(endpoint_id: str) -> Endpoint:
    return builders.a_socket(id=endpoint_id, workspace_id=WORKSPACE, name="n", created=NOW, modified=NOW)


def a_filter(filter_id: str) -> EventFilter:
    return EventFilter(filter_id, WORKSPACE, "n", {"in": {"eventTypes": ["A"]}}, NOW, NOW)


class Calls:
    """The calls of a database, counted, with time that passes at each of them."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.seconds_a_call = 0.0
        self.made: Counter[str] = Counter()
        self.refuse: Callable[[str, dict[str, Any]], Exception | None] = lambda operation, arguments: None
        dispatch = database._connection.dispatch

        def counted(operation: str, arguments: dict[str, Any]) -> Any:
            self.made[operation] += 1
            self.seconds += self.seconds_a_call
            refusal = self.refuse(operation, arguments)
            if refusal is not None:
                raise refusal
            return dispatch(operation, arguments)

        monkeypatch.setattr(database._connection, "dispatch", counted)


@pytest.fixture
def calls(database: Database, monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(database, monkeypatch)


@pytest.fixture
def rows(database: Database, calls: Calls) -> DynamoConfigurationRows:
    return DynamoConfigurationRows(database, lambda: NOW, lambda: calls.seconds)


@pytest.fixture
def configuration(database: Database, rows: DynamoConfigurationRows) -> Configuration:
    secrets = DynamoSecretStore(database)
    return assemble(
        stores=ConfigurationStores(DynamoChangeLog(database), rows, secrets, secrets),
        observers=(),
        destinations=destinations(),
        quotas=Quotas(1_000, 1_000),
        reading=ConditionReading(lambda pattern: pattern, index_entries),
        clock=lambda: NOW,
        waiting=Waiting(sleep=lambda seconds: None),
    )


def test_a_repair_reads_what_is_written_and_writes_only_the_rest(database: Database, rows: DynamoConfigurationRows, calls: Calls) -> None:
    # given an endpoint with 60 filters whose deletion ended in the middle
    endpoint, filters = new_id(), [new_id() for _ in range(60)]
    rows.apply(ChangeSet(WORKSPACE, 1, (PutEndpoint(an_endpoint(endpoint)), Link((endpoint,), tuple(filters))), Counts()))
    deletion = ChangeSet(WORKSPACE, 2, (DeleteEndpoints((endpoint,), (EndpointType.WEB_SOCKET,)),), Counts())
    left = [40]

    def end_in_the_middle(operation: str, _: dict[str, Any]) -> Exception | None:
        left[0] -= operation == "UpdateItem"
        return None if left[0] > 0 else _refusal("InternalServerError")

    calls.refuse = end_in_the_middle
    with pytest.raises(Unavailable):
        rows.apply(deletion)
    calls.refuse = lambda operation, arguments: None
    calls.made.clear()
    # when it is completed
    rows.apply(deletion, repair=True)
    # then what was written is not written again, and all of it is there
    assert calls.made["UpdateItem"] <= 60 - 39 + WRITERS
    assert calls.made["BatchGetItem"] <= 5
    assert rows.endpoint_ids_of(WORKSPACE, filters) == {one: set() for one in filters}
    assert rows.endpoints(WORKSPACE, [endpoint]) == {}
    # and once more it costs reads alone
    calls.made.clear()
    rows.apply(deletion, repair=True)
    assert set(calls.made) == {"BatchGetItem"}


def test_writing_rows_ends_in_time_and_goes_on_where_it_ended(rows: DynamoConfigurationRows, calls: Calls) -> None:
    endpoint, filters = new_id(), [new_id() for _ in range(60)]
    change = ChangeSet(WORKSPACE, 1, (PutEndpoint(an_endpoint(endpoint)), Link((endpoint,), tuple(filters))), Counts())
    calls.seconds_a_call = WRITE_SECONDS / 20
    tries = 0
    while True:
        tries += 1
        try:
            rows.apply(change, repair=tries > 1)
        except RateLimited:
            continue
        break
    assert 3 <= tries <= 6
    assert rows.event_filter_ids_of(WORKSPACE, [endpoint]) == {endpoint: set(filters)}
    assert rows.endpoint_ids_of(WORKSPACE, filters) == {one: {endpoint} for one in filters}


def test_a_change_of_too_many_rows_is_refused_with_the_number_that_fits() -> None:
    refuse_too_many_rows("ids", "endpoints", [100] * 105)
    # what has as many links as it may have can always be deleted by itself
    refuse_too_many_rows("ids", "endpoints", [10_003])
    refuse_too_many_rows("ids", "event filters", [30_002])
    with pytest.raises(TooLarge, match=r"these 100 endpoints are 45,300 rows; at most 10,500 .* The first 23 of them fit"):
        refuse_too_many_rows("ids", "endpoints", [453] * 100)
    with pytest.raises(TooLarge, match="The first 1 of them fit"):
        refuse_too_many_rows("ids", "event filters", [30_002, 2])


def test_a_deletion_of_too_many_rows_is_refused_and_changes_nothing(configuration: Configuration, database: Database) -> None:
    endpoints = [configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, f"s{number}") for number in range(2)]
    event_filter = configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["A"]}}, None, [one.id for one in endpoints])
    # given more links than it would be quick to make
    for one in endpoints:
        many = {number.to_bytes(16, "big") for number in range(MAXIMUM_ROWS // 2)}
        database.update(Key(LinksItem, WORKSPACE, f"endpoint#{one.id}"), [LinksItem.ids.add(many)])

    with pytest.raises(TooLarge, match="The first 1 of them fit"):
        configuration.endpoints.delete(WORKSPACE, [one.id for one in endpoints])

    assert configuration.endpoints.count(WORKSPACE) == 2
    linked = configuration.endpoints.of_event_filters(WORKSPACE, [event_filter.id])[event_filter.id]
    assert {one.id for one in linked} == {one.id for one in endpoints}


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "PutItem")


def test_a_full_item_collection_undoes_no_commit_and_heals_with_room(configuration: Configuration, calls: Calls) -> None:
    """DynamoDB gives the items of one workspace in a table with local indexes 10 GB together
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.ItemCollections.SizeLimit)."""
    old = configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["OLD"]}})

    def full(operation: str, arguments: dict[str, Any]) -> Exception | None:
        grows = operation == "PutItem" and "condition" in arguments["Item"]
        return _refusal("ItemCollectionSizeLimitExceededException") if grows else None

    calls.refuse = full
    # when one more is created, the commit stands: it is answered, routed by the chain, and its row is late
    configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["NEW"]}})
    with pytest.raises((DomainError, Unavailable)):
        configuration.event_filters.create(WORKSPACE, {"in": {"eventTypes": ["NEXT"]}})
    # and when there is room again, everything goes on
    calls.refuse = lambda operation, arguments: None
    configuration.event_filters.delete(WORKSPACE, [old.id])
    page = EventFilterPage(by_modification=False, descending=False, offset=0, limit=10)
    assert [one.condition["in"]["eventTypes"] for one in configuration.event_filters.page(WORKSPACE, page)] == [["NEW"]]


def test_the_templates_most_event_filters_fit_into_an_item_collection() -> None:
    # given the largest row: each character of four bytes
    labels = tuple(
        (f"{number:03d}" + "😀" * (MAXIMUM_LABEL_NAME_CHARACTERS - 3), "😀" * MAXIMUM_LABEL_VALUE_CHARACTERS)
        for number in range(MAXIMUM_LABELS)
    )
    marks = Marks("😀" * MAXIMUM_KEY_CHARACTERS, "😀" * MAXIMUM_DESCRIPTION_CHARACTERS, labels)
    condition: dict[str, Any] = {"in": {"cameraIds": []}}
    largest = event_filter_item(EventFilter(new_id(), WORKSPACE, "😀" * 256, condition, NOW, NOW, 10**6, marks), 10**12)
    row = item_size(largest) + MAXIMUM_CONDITION_BYTES
    # each index holds the table's key and its own, with what DynamoDB takes for an entry (100 bytes)
    entry = 100 + 60 + sum(len(largest[name]["S"].encode()) for name in ("workspaceId", "id", "key"))
    indexes = template()["Resources"]["EventFiltersTable"]["Properties"]["LocalSecondaryIndexes"]
    assert [one["Projection"]["ProjectionType"] for one in indexes] == ["KEYS_ONLY"] * 3
    most = template()["Parameters"]["MaxEventFilters"]["MaxValue"]
    assert most * (100 + row + len(indexes) * entry) < 10 * 10**9


def test_pages_of_event_filters_come_in_order_from_indexes_of_keys(rows: DynamoConfigurationRows) -> None:
    filters = [a_filter(new_id()) for _ in range(5)]
    for version, one in enumerate(filters, start=1):
        rows.apply(ChangeSet(WORKSPACE, version, (PutEventFilter(one),), Counts()))
    page = EventFilterPage(by_modification=True, descending=True, offset=1, limit=3)
    assert rows.event_filter_page(WORKSPACE, page) == sorted(filters, key=lambda one: one.id, reverse=True)[1:4]
