"""Each function may do what it does, and nothing else.

Every function runs through its handler, as it is wired and with the environment that ``template.yaml`` gives it, through
the normal life of a service and those faults that can be made to happen here. What it asks of AWS meanwhile is compared
with its role, action by action and resource by resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.integration.permissions.account import Account
from tests.integration.permissions.recording import permissions_of
from tests.integration.permissions.roles import FUNCTIONS, NETWORK_INTERFACES, Permission, done_by_lambda, granted, statements, with_keys
from tests.integration.permissions.scenarios import SCENARIOS, Client, every_operation
from tests.support.aws_in_memory import aws_in_memory

Performed = Mapping[str, set[Permission]]
READ_ON_IMPORT = {"POWERTOOLS_SERVICE_NAME"}
"""By the logger, whether or not anything is logged."""
every_function = pytest.mark.parametrize("function", sorted(FUNCTIONS))

FAULT_PATHS: dict[str, dict[Permission, str]] = {
    "EventRouterFunction": {
        Permission("sqs:SendMessage", "RoutingQueue"): (
            "events/routing_message.py, RoutingMessage.continued: a publish with more deliveries than one invocation hands over, which is "
            "thousands, goes on in a message of its own (tests/integration/events/test_crash_safety.py)"
        ),
        Permission("sqs:ChangeMessageVisibility", "RoutingQueue"): (
            "routing/router.py, Routing.route: a message that failed, or for which no time was left, comes again within seconds "
            "(tests/unit/routing/test_isolation.py)"
        ),
        Permission("sqs:SendMessage", "SocketBacklogQueue"): (
            "sockets/log.py, SocketLog.append: events that DynamoDB throttles are appended a second later "
            "(tests/integration/sockets/test_socket_delivery_function.py)"
        ),
    },
    "WebhookDeliveryFunction": {
        Permission("sqs:ChangeMessageVisibility", "OwnLaneQueue"): (
            "webhook_delivery/handler.py, _show_again: a message that failed comes again within seconds "
            "(tests/integration/webhooks/test_handlers.py)"
        ),
    },
}
"""What a role allows although no scenario needs it: each with the path that does."""

WITHOUT_NAME = {
    r"\*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords", *(f"ec2:{action}" for action in NETWORK_INTERFACES)},
    r"WebSocketApi/live/(POST|DELETE)/@connections/\*": {"execute-api:ManageConnections"},
}
"""Where a resource may hold ``*``: X-Ray knows no resources, and nobody knows the ids of connections beforehand."""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """After all scenarios."""
    with pytest.MonkeyPatch.context() as monkeypatch, aws_in_memory():
        account = Account(monkeypatch)
        with account.recorder.listening(account.answer_invoke), account.listening():
            client = Client(account)
            for scenario in SCENARIOS:
                scenario(client)
            account.end()
        assert client.asked == every_operation(), "an operation of the schema is in no scenario"
        yield account


@pytest.fixture(scope="module")
def performed(account: Account) -> Performed:
    """What each function did in all scenarios."""
    return account.recorder.performed


def missing(needed: Iterable[Permission], allowed: Iterable[Permission]) -> list[Permission]:
    """What nothing in ``allowed`` covers."""
    allowed = list(allowed)
    return sorted(one for one in needed if not any(given.covers(one) for given in allowed))


def unused(allowed: Iterable[Permission], needed: Iterable[Permission]) -> list[Permission]:
    """What covers nothing in ``needed``."""
    needed = list(needed)
    return sorted(given for given in allowed if not any(given.covers(one) for one in needed))


@every_function
def test_a_role_allows_all_that_its_function_does(function: str, performed: Performed) -> None:
    assert performed[function], "no scenario runs it"
    assert missing(with_keys(performed[function] | done_by_lambda(function)), granted(function)) == []


@every_function
def test_a_role_allows_nothing_that_its_function_does_not_do(function: str, performed: Performed) -> None:
    needed = with_keys(performed[function] | done_by_lambda(function) | set(FAULT_PATHS.get(function, {})))

    assert unused(granted(function), needed) == []


@every_function
def test_each_permission_of_a_role_is_missed_when_it_is_taken_away(function: str, performed: Performed) -> None:
    """So that no statement hides behind another, and the comparison can fail for every one of them."""
    needed = with_keys(performed[function] | done_by_lambda(function) | set(FAULT_PATHS.get(function, {})))

    for permission in granted(function):
        assert missing(needed, granted(function) - {permission}), f"{permission} is allowed twice"


@every_function
def test_a_function_reads_every_variable_that_it_is_given(function: str, account: Account) -> None:
    """What it reads and is not given has failed already: each runs with its own environment only."""
    given = set(account.environment(function)) - READ_ON_IMPORT

    assert sorted(given - account.variables_read[function]) == []


@every_function
def test_a_fault_path_is_listed_only_where_no_scenario_takes_it(function: str, performed: Performed) -> None:
    listed = FAULT_PATHS.get(function, {})

    assert set(listed) <= granted(function)
    assert not set(listed) & performed[function], "a scenario does it: the entry is not needed any more"
    assert all(re.match(r"\w+/\w+\.py, .+: .+ \(tests/\S+\.py\)$", reason) for reason in listed.values())


@every_function
def test_a_resource_is_named_wherever_aws_lets_it_be_named(function: str) -> None:
    for permission in granted(function):
        assert "*" not in permission.action
        if "*" in permission.resource or "?" in permission.resource:
            allowed = [actions for pattern, actions in WITHOUT_NAME.items() if re.fullmatch(pattern, permission.resource)]
            assert any(permission.action in actions for actions in allowed), permission


@every_function
def test_traces_keys_and_networks_are_allowed_only_where_used(function: str) -> None:
    conditions = {condition: {action.partition(":")[0] for action in statement["Action"]} for statement, condition in statements(function)}
    conditions.pop(None)

    network = {"HasVpc": {"ec2"}} if "VpcConfig" in FUNCTIONS[function]["Properties"] else {}
    assert conditions == {"IsTraced": {"xray"}, "HasKmsKey": {"kms"}, **network}


def test_the_right_action_on_another_table_is_missed_and_unused() -> None:
    needed, given = {Permission("dynamodb:GetItem", "EventsTable")}, {Permission("dynamodb:GetItem", "TokensTable")}

    assert missing(needed, given) == list(needed)
    assert unused(given, needed) == list(given)


def test_a_query_of_an_index_needs_the_index_and_a_transaction_its_parts() -> None:
    query = permissions_of("dynamodb", "Query", {"TableName": "EventsTable", "IndexName": "by_date"})
    parts = [
        {"Put": {"TableName": "A"}},
        {"Update": {"TableName": "A"}},
        {"Delete": {"TableName": "B"}},
        {"ConditionCheck": {"TableName": "B"}},
    ]
    transaction = permissions_of("dynamodb", "TransactWriteItems", {"TransactItems": parts})

    assert list(query) == [Permission("dynamodb:Query", "EventsTable/index/by_date")]
    assert list(transaction) == [
        Permission("dynamodb:PutItem", "A"),
        Permission("dynamodb:UpdateItem", "A"),
        Permission("dynamodb:DeleteItem", "B"),
        Permission("dynamodb:ConditionCheckItem", "B"),
    ]


def test_an_operation_that_nobody_has_looked_up_is_no_silent_pass() -> None:
    with pytest.raises(AssertionError):
        list(permissions_of("dynamodb", "Scan", {"TableName": "EventsTable"}))
