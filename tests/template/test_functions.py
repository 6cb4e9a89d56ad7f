"""What must hold of every function of the template, whoever adds one."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.tools import ROOT
from tests.template_file import console, resources, statements_of, template

FUNCTIONS = resources("AWS::Serverless::Function")
GLOBALS: dict[str, Any] = template()["Globals"]["Function"]
SET_BY_LAMBDA = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_LAMBDA_RUNTIME_API"}

every_function = pytest.mark.parametrize("name", sorted(FUNCTIONS))


def _variables(name: str) -> dict[str, Any]:
    common: dict[str, Any] = GLOBALS["Environment"]["Variables"]
    own: dict[str, Any] = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]
    return common | own


def _statements(name: str) -> list[dict[str, Any]]:
    """The role's statements, those under a condition included."""
    return [statement for statement, _ in statements_of(f"{name}Role")]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_folder_of_functions_is_deployed() -> None:
    folders = {path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and (path / "__init__.py").exists()}

    deployed = {Path(function["Properties"]["CodeUri"]).name for function in FUNCTIONS.values()}
    deployed |= {Path(one["Properties"]["Code"]).name for one in console()["Resources"].values() if one["Type"] == "AWS::Lambda::Function"}

    assert deployed == folders


@every_function
def test_a_function_is_called_what_its_folder_is_called(name: str) -> None:
    properties = FUNCTIONS[name]["Properties"]

    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Function")).lower()

    assert properties["CodeUri"] == f"functions/{folder}"
    assert properties["Handler"] == f"functions.{folder}.handler.lambda_handler"
    assert FUNCTIONS[name]["Metadata"]["BuildProperties"]["ParentPackages"] == f"functions.{folder}"
    assert _variables(name)["POWERTOOLS_SERVICE_NAME"] == folder


@every_function
def test_a_function_has_a_log_group_that_forgets(name: str) -> None:
    logical_id = name.removesuffix("Function") + "LogGroup"
    group = template()["Resources"][logical_id]
    folder = FUNCTIONS[name]["Properties"]["CodeUri"].removeprefix("functions/")

    # Not by the function's name: CloudFormation makes that up, so no role could name the group exactly.
    assert group["Properties"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{folder}"}
    assert FUNCTIONS[name]["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": logical_id}}
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group.get("Condition") == FUNCTIONS[name].get("Condition")


@every_function
def test_alias_moves_when_layer_parameter_or_property_changes(name: str) -> None:
    properties = FUNCTIONS[name]["Properties"]

    assert GLOBALS["AutoPublishAlias"] == "live"
    assert properties["AutoPublishAliasAllProperties"] is True
    assert properties["AutoPublishCodeSha256"] == {"Ref": "Release"}


def test_layers_publish_versions_of_the_functions_that_use_them() -> None:
    layers = resources("AWS::Serverless::LayerVersion")

    assert {"Ref": "DependenciesLayer"} in GLOBALS["Layers"]
    assert {"Ref": "EventServiceLayer"} in GLOBALS["Layers"]
    assert {name: layer["Properties"]["PublishLambdaVersion"] for name, layer in layers.items()} == {
        "DependenciesLayer": True,
        "EventServiceLayer": True,
    }


def test_every_caller_goes_through_the_alias() -> None:
    permissions = resources("AWS::Lambda::Permission")
    integrations = resources("AWS::ApiGatewayV2::Integration")
    routes = resources("AWS::Serverless::WebSocketApi")["WebSocketApi"]["Properties"]["Routes"]

    called = [permission["Properties"]["FunctionName"] for permission in permissions.values()]
    called += [route["FunctionArn"] for route in routes.values()]

    assert called
    assert all(re.fullmatch(r"[A-Za-z]+Function\.Alias", target["Ref"]) for target in called)
    assert integrations
    for integration in integrations.values():
        assert re.search(r"/functions/\$\{[A-Za-z]+Function\.Alias\}/invocations$", integration["Properties"]["IntegrationUri"]["Fn::Sub"])


@every_function
def test_a_function_has_a_role_of_its_own(name: str) -> None:
    users = [other for other, function in FUNCTIONS.items() if function["Properties"]["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}]

    assert users == [name]


@every_function
def test_lambda_takes_a_role_for_this_account_alone(name: str) -> None:
    trust = template()["Resources"][f"{name}Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert [one["Principal"] for one in trust] == [{"Service": "lambda.amazonaws.com"}]
    assert trust[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@every_function
def test_role_reaches_what_its_environment_names_and_no_more(name: str) -> None:
    named = {
        value["Ref"]
        for value in _variables(name).values()
        if isinstance(value, dict) and str(value.get("Ref", "")).endswith(("Table", "Queue"))
    }

    reached = set()
    for statement in _statements(name):
        for resource in _list(statement["Resource"]):
            if isinstance(resource, dict) and "Fn::GetAtt" in resource:
                reached.add(resource["Fn::GetAtt"][0])
            elif isinstance(resource, dict) and "Fn::Sub" in resource:
                reached.update(re.findall(r"\$\{(\w+Table)\.Arn\}", resource["Fn::Sub"]))
    reached -= {"AsyncDlq", f"{name.removesuffix('Function')}LogGroup"}  # Lambda itself writes to them, in the function's name
    reached -= {event["Properties"]["Queue"]["Fn::GetAtt"][0] for event in _queue_events(name) if event} - named

    assert reached == named


def _queue_events(name: str) -> list[dict[str, Any]]:
    return [event for event in FUNCTIONS[name]["Properties"].get("Events", {}).values() if event["Type"] == "SQS"]


@every_function
def test_a_queue_shows_a_message_again_only_after_six_times_the_time_out(name: str) -> None:
    queues = resources("AWS::SQS::Queue")
    for event in _queue_events(name):
        queue = queues[event["Properties"]["Queue"]["Fn::GetAtt"][0]]["Properties"]

        assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS[name]["Properties"]["Timeout"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "MaximumConcurrency" in event["Properties"]["ScalingConfig"]


@every_function
def test_function_that_feeds_its_queue_allows_recursion(name: str) -> None:
    properties = FUNCTIONS[name]["Properties"]
    read = {event["Properties"]["Queue"]["Fn::GetAtt"][0] for event in _queue_events(name)}
    written = {
        resource["Fn::GetAtt"][0]
        for statement in _statements(name)
        if "sqs:SendMessage" in _list(statement["Action"])
        for resource in _list(statement["Resource"])
        if "Fn::GetAtt" in resource
    }

    if read & written:
        assert properties["RecursiveLoop"] == "Allow"


@every_function
def test_a_function_that_is_called_asynchronously_keeps_what_failed(name: str) -> None:
    properties = FUNCTIONS[name]["Properties"]
    asynchronous = [event for event in properties.get("Events", {}).values() if event["Type"] in ("Schedule", "EventBridgeRule")]

    for event in asynchronous:
        assert event["Properties"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["AsyncDlq", "Arn"]}}
    if asynchronous:
        assert properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"] == {
            "Type": "SQS",
            "Destination": {"Fn::GetAtt": ["AsyncDlq", "Arn"]},
        }


@every_function
def test_a_function_behind_an_api_answers_before_the_api_gives_up(name: str) -> None:
    if name in ("GraphqlApiFunction", "WebsocketFunction"):
        assert FUNCTIONS[name]["Properties"]["Timeout"] < 30


def test_the_environment_is_what_the_settings_read() -> None:
    source = (ROOT / "layers/event_service/event_service/settings.py").read_text(encoding="utf-8")
    read = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", node.value)
    }

    given = {variable for name in FUNCTIONS for variable in _variables(name)}

    assert given == read - SET_BY_LAMBDA


def test_secrets_are_open_to_graphql_and_webhook_delivery_alone() -> None:
    allowed = {
        name: {action for one in _statements(name) if "SecretsTable" in json.dumps(one) for action in one["Action"]} for name in FUNCTIONS
    }
    assert {name for name, actions in allowed.items() if actions} == {"GraphqlApiFunction", "WebhookDeliveryFunction"}
    assert allowed["WebhookDeliveryFunction"] == {"dynamodb:BatchGetItem"}


def test_no_secret_is_in_the_environment() -> None:
    for name in FUNCTIONS:
        for variable, value in _variables(name).items():
            assert isinstance(value, dict) or variable == "POWERTOOLS_SERVICE_NAME", f"{name}: {variable} is a literal"
            # The name of a table is no secret, whatever stands in it.
            named = variable.removesuffix("S_TABLE")
            assert named == "SECRET" or not re.search("SECRET|PASSWORD|CREDENTIAL|PRIVATE", named), f"{name}: {variable}"
