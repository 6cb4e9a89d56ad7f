"""What must hold of queues, tables, APIs, alarms and outputs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from event_service.filters.matching.matcher import Matcher
from event_service.observability import KEYS, Metric
from local.tools import ROOT
from tests.template.test_alarms import OWN_NAMESPACE, metrics_of
from tests.template_file import monitoring, resources, template

QUEUES = resources("AWS::SQS::Queue")
TABLES = resources("AWS::DynamoDB::Table")
RESTORABLE = {"TokensTable", "ChangesTable", "EndpointsTable", "EndpointsByIdTable", "SecretsTable", "EventFiltersTable", "LinksTable"}
"""Configuration and tokens. Events and what follows from them expire by themselves."""

SHARED_DLQ = {"SocketBacklogQueue": "AsyncDlq", "JobQueue": "AsyncDlq"}
"""Queues without a dead-letter queue of their own."""

every_queue = pytest.mark.parametrize("name", sorted(QUEUES))
every_table = pytest.mark.parametrize("name", sorted(TABLES))


@every_queue
def test_a_queue_has_a_dead_letter_queue_of_its_kind_or_is_one(name: str) -> None:
    properties = QUEUES[name]["Properties"]
    if name.endswith("Dlq"):
        assert properties["MessageRetentionPeriod"] == 14 * 86_400
        return

    target = properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]

    assert target == SHARED_DLQ.get(name, name.removesuffix("Queue") + "Dlq")
    assert QUEUES[target]["Properties"].get("FifoQueue") == properties.get("FifoQueue")
    # a message's age counts from its first sending, so the dead-letter queue must keep longer
    assert properties["MessageRetentionPeriod"] < QUEUES[target]["Properties"]["MessageRetentionPeriod"]


@every_queue
def test_a_queue_is_encrypted_and_takes_nothing_without_tls(name: str) -> None:
    policies = [
        policy["Properties"] for policy in resources("AWS::SQS::QueuePolicy").values() if {"Ref": name} in policy["Properties"]["Queues"]
    ]
    assert len(policies) == 1, "SQS keeps one policy of a queue: a second would replace the first"
    refusal = policies[0]["PolicyDocument"]["Statement"][0]

    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", "sqs:*")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert refusal["Resource"] in ("*", {"Fn::GetAtt": [name, "Arn"]})
    assert QUEUES[name]["Properties"]["SqsManagedSseEnabled"] == {"Fn::If": ["HasKmsKey", {"Ref": "AWS::NoValue"}, True]}
    assert QUEUES[name]["Properties"]["KmsMasterKeyId"] == {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}


def test_each_index_is_read_by_storage() -> None:
    storage = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "layers").rglob("storage/*.py"))
    indexes = [
        (name, index["IndexName"])
        for name, table in TABLES.items()
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        for index in table["Properties"].get(kind, [])
    ]

    assert len(indexes) > 8
    assert [one for one in indexes if f'"{one[1]}"' not in storage] == []


@every_table
def test_a_table_costs_nothing_when_idle_and_can_be_protected(name: str) -> None:
    properties = TABLES[name]["Properties"]

    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsProtected", True, False]}
    assert "HasKmsKey" in properties["SSESpecification"]["Fn::If"]
    assert "TableName" not in properties, "a fixed name allows one stack an account only"


@every_table
def test_configuration_and_tokens_can_be_restored(name: str) -> None:
    restorable = TABLES[name]["Properties"].get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False)

    assert restorable == (name in RESTORABLE)


def test_everything_that_holds_data_says_what_becomes_of_it() -> None:
    stateful = TABLES | QUEUES | resources("AWS::Logs::LogGroup")

    undecided = [name for name, one in stateful.items() if "DeletionPolicy" not in one or "UpdateReplacePolicy" not in one]

    assert undecided == []
    assert all(TABLES[name]["DeletionPolicy"] == "RetainExceptOnCreate" for name in RESTORABLE)


def test_apis_are_throttled_and_log_without_headers_and_queries() -> None:
    stage = resources("AWS::ApiGatewayV2::Stage")["HttpApiStage"]["Properties"]
    socket = resources("AWS::Serverless::WebSocketApi")["WebSocketApi"]["Properties"]

    for settings in (stage["DefaultRouteSettings"], socket["DefaultRouteSettings"]):
        assert set(settings) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    for logged in (stage["AccessLogSettings"]["Format"], socket["AccessLogSettings"]["Fn::If"][1]["Format"]):
        assert logged.startswith("{")
        assert not re.search(r"header|querystring|authorizer|\$context\.path", logged)


def test_the_web_socket_stage_has_no_dash() -> None:
    # the local AWS takes what follows a dash for another part of the URL
    assert "-" not in resources("AWS::Serverless::WebSocketApi")["WebSocketApi"]["Properties"]["StageName"]


def test_nested_stack_is_given_what_it_watches() -> None:
    given: dict[str, Any] = dict(template()["Resources"]["Monitoring"]["Properties"]["Parameters"])
    assert set(given) == set(monitoring()["Parameters"])

    assert given.pop("ServiceName") == {"Ref": "AWS::StackName"}
    assert given.pop("InAws") == {"Fn::If": ["IsLocal", "false", "true"]}
    assert given.pop("EventBusFunction") == {"Fn::If": ["HasEventBus", {"Ref": "EventBusFunction"}, ""]}
    for name, value in given.items():
        assert value == ({"Fn::GetAtt": [name, "QueueName"]} if name in QUEUES else {"Ref": name})


def test_the_one_file_that_shows_the_service_stays_readable() -> None:
    assert len((ROOT / "template.yaml").read_text(encoding="utf-8").splitlines()) <= 1600


def test_alarms_and_dashboard_look_at_metrics_that_are_written() -> None:
    """Of a name that nobody writes an alarm would never go off, and a chart would stay empty."""
    body = resources("AWS::CloudWatch::Dashboard")["ServiceDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(re.sub(r"\$\{[^}]+\}", "x", body))["widgets"]
    shown = {
        row[1] for widget in widgets for row in widget["properties"]["metrics"] if widget["properties"]["metrics"][0][0] == "EventService/x"
    }
    alarmed = {
        name
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        for namespace, name, _ in metrics_of(alarm)
        if namespace == OWN_NAMESPACE
    }

    assert shown >= {"Published", "Routed", "Delivered", "Failed"}
    assert alarmed
    assert shown | alarmed <= {metric.value for metric in Metric}
    assert resources("AWS::CloudWatch::Dashboard")["ServiceDashboard"]["Condition"] == "HasDashboard"


def test_a_key_of_ones_own_encrypts_everything_that_holds_data() -> None:
    key = {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}

    for table in TABLES.values():
        own, nothing = table["Properties"]["SSESpecification"]["Fn::If"][1:]
        assert own == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}
        assert nothing == {"Ref": "AWS::NoValue"}  # the key that AWS owns: encrypted as well, at no cost
    for queue in QUEUES.values():
        assert queue["Properties"]["KmsMasterKeyId"] == key
    for group in resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == key
    for topic in resources("AWS::SNS::Topic").values():
        assert topic["Properties"]["KmsMasterKeyId"] == key
    assert template()["Globals"]["Function"]["KmsKeyArn"] == key


def test_snapshots_and_traces_are_off_until_a_parameter_turns_them_on() -> None:
    common = template()["Globals"]["Function"]
    rule = template()["Rules"]["SnapStartNeedsItsRuntime"]

    assert common["SnapStart"] == {"ApplyOn": {"Fn::If": ["HasSnapStart", "PublishedVersions", "None"]}}
    assert common["Tracing"] == {"Ref": "Tracing"}
    assert (template()["Parameters"]["SnapStart"]["Default"], template()["Parameters"]["Tracing"]["Default"]) == ("none", "PassThrough")
    assert template()["Conditions"]["HasSnapStart"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "all"]}
    # "api" restores only what a caller waits for: each snapshot is billed for every version that exists.
    functions = resources("AWS::Serverless::Function")
    chosen = {name for name, one in functions.items() if "SnapStart" in one["Properties"]}
    assert chosen == {"GraphqlApiFunction", "WebsocketFunction"}
    for name in chosen:
        assert functions[name]["Properties"]["SnapStart"] == {"ApplyOn": {"Fn::If": ["HasApiSnapStart", "PublishedVersions", "None"]}}
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SnapStart"}, "none"]}]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "PythonRuntime"}, "python3.11"]}]}


def test_parameters_are_described_bounded_and_grouped() -> None:
    parameters: dict[str, dict[str, Any]] = template()["Parameters"]
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    grouped = [name for group in groups for name in group["Parameters"]]

    assert sorted(grouped) == sorted(parameters)
    for name, parameter in parameters.items():
        assert parameter["Description"], name
        assert "Default" in parameter, f"{name}: a first deployment must need no answer"
        bounded = {"AllowedValues", "AllowedPattern"} & set(parameter) or {"MinValue", "MaxValue"} <= set(parameter)
        assert bounded or parameter["Type"] == "CommaDelimitedList", name


def test_outputs_are_described() -> None:
    assert all(output["Description"] for output in template()["Outputs"].values())


def test_no_account_region_or_partition_is_written_down() -> None:
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("template.yaml", "monitoring.yaml", "console.yaml"))

    assert not re.search(r"\b\d{12}\b|\b(us|eu|ap|sa|ca|me|af)-[a-z]+-\d\b|arn:aws:", text)


SAFE_IN_JSON = {
    "requestId", "requestTime", "httpMethod", "routeKey", "status", "responseLength", "responseLatency", "integrationLatency",
    "error.responseType", "integrationStatus", "identity.sourceIp", "eventType", "connectionId",
}  # fmt: skip
"""Variables of API Gateway whose values hold no quote. ``error.message`` and ``integrationErrorMessage`` do."""


def test_access_logs_are_json_whatever_happens() -> None:
    http = template()["Resources"]["HttpApiStage"]["Properties"]["AccessLogSettings"]
    web_socket = template()["Resources"]["WebSocketApi"]["Properties"]["AccessLogSettings"]["Fn::If"][1]
    for settings in (http, web_socket):
        variables = re.findall(r"\$context\.([\w.]+)", settings["Format"])
        assert variables
        assert set(variables) <= SAFE_IN_JSON
        assert json.loads(re.sub(r"\$context\.[\w.]+", "-", settings["Format"]))


def test_a_paused_stack_takes_nothing_in_and_hands_nothing_on() -> None:
    for name, function in resources("AWS::Serverless::Function").items():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "SQS":
                assert event["Properties"]["Enabled"] == {"Fn::If": ["IsRunning", True, False]}, name
            else:
                assert event["Properties"]["State"] == {"Fn::If": ["IsPaused", "DISABLED", "ENABLED"]}, name
        if not function["Properties"].get("Events"):
            # Called by API Gateway: no execution at all is allowed.
            assert function["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][:2] == ["IsPaused", 0], name


def test_a_partner_s_events_are_taken_and_awss_own_are_not() -> None:
    (rule,) = template()["Resources"]["EventBusFunction"]["Properties"]["Events"].values()
    # Our matcher reads EventBridge patterns as EventBridge does.
    matcher = Matcher()
    condition, named, by_default = rule["Properties"]["Pattern"]["source"]["Fn::If"]
    assert (condition, named) == ("HasEventBusSources", {"Ref": "EventBusSources"})
    matcher.add("rule", {"pattern": {"data": {"source": by_default}}})

    def takes(source: str) -> bool:
        return bool(set(matcher.matches({"data": {"source": source}})))

    assert takes("aws.partner/example.com/123/orders")
    assert takes("my.shop")
    assert not takes("aws.ec2")


def test_events_of_the_bus_come_from_the_stacks_account_or_named_ones() -> None:
    (rule,) = template()["Resources"]["EventBusFunction"]["Properties"]["Events"].values()

    accounts = rule["Properties"]["Pattern"]["account"]

    assert accounts == {"Fn::If": ["HasEventBusAccounts", {"Ref": "EventBusAccounts"}, [{"Ref": "AWS::AccountId"}]]}


RULE_FUNCTIONS = {
    *("Fn::And", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::Equals", "Fn::Not", "Fn::Or", "Fn::RefAll"),
    *("Fn::ValueOf", "Fn::ValueOfAll", "Ref"),
}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html"""


def test_rules_use_only_the_functions_that_cloudformation_allows_there() -> None:
    def functions(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {key for key in value if key.startswith("Fn::") or key == "Ref"}
            return own.union(*map(functions, value.values()))
        return set().union(*map(functions, value)) if isinstance(value, list) else set()

    assert functions(template()["Rules"]) <= RULE_FUNCTIONS


def test_saved_queries_read_logs_that_exist_and_keys_that_are_written() -> None:
    groups = {
        one["Properties"]["LogGroupName"]["Fn::Sub"].replace("AWS::StackName", "ServiceName")
        for one in resources("AWS::Logs::LogGroup").values()
    }
    queries = resources("AWS::Logs::QueryDefinition")
    words = {
        "asc",
        "desc",
        "bin",
        "count",
        "sum",
        "max",
        "pct",
        "latest",
        "in",
        "or",
        "like",
        "by",
        "as",
        "ispresent",
        "and",
        "filter",
        "fields",
        "sort",
    }
    words |= {
        "limit",
        "stats",
        "level",
        "message",
        "exception_name",
        "exception",
        "5m",
        "attempts",
        "last_error",
        "published",
        "lines",
        "invocations",
    }
    words |= {"p50", "p99", "slowest"} | {metric.value for metric in Metric}

    assert queries
    for name, query in queries.items():
        assert {one["Fn::Sub"] for one in query["Properties"]["LogGroupNames"]} <= groups, name
        text = re.sub(r'"[^"]*"', "", query["Properties"]["QueryString"])
        unknown = {word for word in re.findall(r"(?<![@\w])[A-Za-z_][\w]*", text) if word not in words and word not in KEYS}
        assert unknown == set(), name
