"""The role that deploys may do what the templates need, on resources of its stack, and says so in a file that is up to date."""

from __future__ import annotations

import pytest

from local.deploy_role import FILE, FOR_TYPE, MOST_BYTES, policies, size, statements, template, types
from local.tools import ToolError

CHANGES_WITHOUT_NAME = {
    "lambda:CreateEventSourceMapping",
    "lambda:UpdateEventSourceMapping",
    "lambda:DeleteEventSourceMapping",
    "logs:CreateLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:PutResourcePolicy",
    "logs:PutQueryDefinition",
    "logs:DeleteQueryDefinition",
}
"""What changes something and knows no resource by name: mappings are bound to the stack's functions by a condition."""


@pytest.fixture(scope="module")
def of_templates() -> set[str]:
    return types()


def test_the_file_is_what_the_templates_need(of_templates: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.deploy_role.types", lambda: of_templates)  # expanding the templates takes seconds

    assert FILE.read_text(encoding="utf-8") == template(), "python -m local.deploy_role"


def test_no_type_is_listed_that_the_templates_do_not_hold(of_templates: set[str]) -> None:
    assert set(FOR_TYPE) == of_templates
    assert {"AWS::CodeDeploy::DeploymentGroup", "AWS::DynamoDB::Table"} <= of_templates


def test_a_new_type_of_resource_must_be_listed() -> None:
    with pytest.raises(ToolError, match="AWS::Kinesis::Stream"):
        statements({"AWS::SQS::Queue", "AWS::Kinesis::Stream"})


def test_policies_fit_into_iam(of_templates: set[str]) -> None:
    assert all(size(part) <= MOST_BYTES for part in policies(statements(of_templates)))


def test_the_role_changes_only_what_has_the_stacks_name(of_templates: set[str]) -> None:
    reading = ("Get", "List", "Describe", "Validate")
    everywhere = [one for one in statements(of_templates) if one["Resource"] == ["*"]]

    actions = {action for one in everywhere for action in one["Action"] if not action.partition(":")[2].startswith(reading)}

    assert actions == CHANGES_WITHOUT_NAME
    assert all(one.get("Condition") for one in everywhere if "lambda:CreateEventSourceMapping" in one["Action"])
    assert all(one.get("Condition") for one in statements(of_templates) if "iam:PassRole" in one["Action"])
