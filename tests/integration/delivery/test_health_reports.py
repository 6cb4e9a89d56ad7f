"""What is stored of endpoints that fail, read for their owner."""

from __future__ import annotations

from datetime import UTC, datetime

from event_service.aws.dynamodb import Database
from event_service.base.identifiers import new_id
from event_service.configuration.changes import ChangeSet, Counts, DeleteEndpoints, PutEndpoint
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.health_reports import DynamoKnownHealth
from tests import builders
from tests.support.filled import filled

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_health_of_several_is_read_in_one_go_and_only_for_its_owner(database: Database) -> None:
    workspace, failing, fine, deleted = (new_id() for _ in range(4))
    rows, store = DynamoConfigurationRows(database, lambda: NOW, lambda: 0.0), DynamoHealthStore(database)
    for version, one in enumerate((failing, fine, deleted), 1):
        endpoint = builders.a_webhook(id=one, workspace_id=workspace, name="n", url="https://a", created=NOW, modified=NOW)
        rows.apply(ChangeSet(workspace, version, (PutEndpoint(endpoint),), Counts()))
    known = {one: filled(EndpointHealth, endpoint_id=one) for one in (failing, deleted)}
    for health in known.values():
        assert store.put(workspace, health, None)
    rows.apply(ChangeSet(workspace, 4, (DeleteEndpoints((deleted,), (EndpointType.WEB_HOOK,)),), Counts()))
    reader = DynamoKnownHealth(database)

    assert reader.of(workspace, [failing, fine, deleted, new_id()]) == {failing: known[failing]}
    assert reader.of(new_id(), [failing]) == {}
