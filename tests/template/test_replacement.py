"""What CloudFormation would replace, and the data in it lose, stays as it is.

A table whose key or local index changes is replaced: the functions move to an empty one, tokens included. A change here needs a
migration: a new table beside the old one, both written to, the old one read until the new one is filled.
"""

from __future__ import annotations

from tests.template_file import resources

KEYS = {
    "TokensTable": ("tokenHash", {}),
    "ChangesTable": ("workspaceId version", {"heads": "head INCLUDE"}),
    "EndpointsTable": ("workspaceId id", {"by_creation": "creationKey ALL", "by_type": "typeKey ALL", "by_key": "key KEYS_ONLY"}),
    "EndpointsByIdTable": ("id", {}),
    "SecretsTable": ("id", {}),
    "EventFiltersTable": (
        "workspaceId id",
        {"by_creation": "creationKey KEYS_ONLY", "by_modification": "modificationKey KEYS_ONLY", "by_key": "key KEYS_ONLY"},
    ),
    "LinksTable": ("workspaceId side", {}),
    "EventsTable": ("key", {}),
    "EventIndexTable": ("subject dateKey", {}),
    "DeliveriesTable": ("eventKey attemptKey", {}),
    "DueTable": ("bucket dueKey", {}),
    "ConnectionsTable": ("endpointId connectionId", {}),
    "SocketLogTable": ("endpointId sequence", {}),
}
"""Of each table: its key, and the sort key and the projection of each local index."""


def test_no_table_gets_another_key_or_local_index() -> None:
    found = {}
    for name, table in resources("AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        indexes = {
            index["IndexName"]: f"{index['KeySchema'][1]['AttributeName']} {index['Projection']['ProjectionType']}"
            for index in properties.get("LocalSecondaryIndexes", [])
        }
        found[name] = (" ".join(one["AttributeName"] for one in properties["KeySchema"]), indexes)

    assert found == KEYS


def test_no_queue_is_replaced_by_a_name_or_another_kind() -> None:
    queues = resources("AWS::SQS::Queue")

    assert not [name for name, queue in queues.items() if "QueueName" in queue["Properties"]]
    assert {name for name, queue in queues.items() if queue["Properties"].get("FifoQueue")} == {"SocketQueue", "SocketDlq"}
