"""What must hold of the console's nested stack."""

from __future__ import annotations

import ast
import re
import sys
from typing import Any

from local.tools import ROOT
from tests.template_file import console, template

RESOURCES: dict[str, dict[str, Any]] = console()["Resources"]


def test_the_nested_stack_is_given_what_it_declares() -> None:
    stack = template()["Resources"]["ConsoleStack"]

    assert set(stack["Properties"]["Parameters"]) == set(console()["Parameters"])
    assert stack["Condition"] == "HasConsole"
    assert template()["Conditions"]["HasConsole"] == {"Fn::Equals": [{"Ref": "Console"}, "true"]}
    assert template()["Parameters"]["Console"]["Default"] == "true"
    assert template()["Outputs"]["ConsoleUrl"]["Condition"] == "HasConsole"


def test_the_page_is_told_the_limits_that_the_parameters_set() -> None:
    text, names = template()["Resources"]["ConsoleStack"]["Properties"]["Parameters"]["Settings"]["Fn::Sub"]
    typescript = (ROOT / "console/src/state/session.ts").read_text(encoding="utf-8")
    declared = re.findall(r"^  (\w+): (?:string|number);$", typescript, re.MULTILINE)

    assert re.findall(r'"(\w+)":', text) == declared
    for name in re.findall(r"\$\{(\w+)\}", text):
        assert name in template()["Parameters"] or name in names


def test_two_routes_lead_to_the_function_and_only_get() -> None:
    routes = {one["Properties"]["RouteKey"] for one in RESOURCES.values() if one["Type"] == "AWS::ApiGatewayV2::Route"}

    assert routes == {"GET /console", "GET /console/{proxy+}"}
    assert RESOURCES["ConsoleHttpPermission"]["Properties"]["SourceArn"]["Fn::Sub"].endswith("${HttpApi}/*/*/console*")


def test_the_function_may_write_its_log_and_nothing_else() -> None:
    role = RESOURCES["ConsoleFunctionRole"]["Properties"]
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]

    assert "ManagedPolicyArns" not in role
    assert statements[0]["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statements[0]["Resource"] == {"Fn::GetAtt": ["ConsoleLogGroup", "Arn"]}
    assert [one["Fn::If"][1]["Action"] for one in statements[1:]] == [["kms:Decrypt"]]


def test_the_log_group_forgets_and_is_encrypted_as_the_others() -> None:
    group = RESOURCES["ConsoleLogGroup"]

    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group["Properties"]["KmsKeyId"] == {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
    assert group["DeletionPolicy"] == "Delete"
    assert RESOURCES["ConsoleFunction"]["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": "ConsoleLogGroup"}


def test_the_function_is_the_standard_library_alone() -> None:
    function = RESOURCES["ConsoleFunction"]["Properties"]
    tree = ast.parse((ROOT / "functions/console/handler.py").read_text(encoding="utf-8"))
    imported = {alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module).partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert "Layers" not in function
    assert not list((ROOT / "functions/console").glob("requirements*"))
    assert imported <= sys.stdlib_module_names
    assert function["Code"] == "functions/console"
    assert function["Handler"] == "functions.console.handler.lambda_handler"
