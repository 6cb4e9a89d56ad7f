"""Reads ``template.yaml`` and the stacks that are nested in it, so that tests use what is deployed and the two cannot drift."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: ``!Ref x`` becomes ``{"Ref": "x"}`` and so on."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    return {name: value.split(".") if name == "Fn::GetAtt" and isinstance(value, str) else value}


_Loader.add_multi_constructor("!", _short_tag)


@cache
def template() -> dict[str, Any]:
    """All of ``template.yaml``; treat it as read-only."""
    return _load("template.yaml")


@cache
def monitoring() -> dict[str, Any]:
    """All of ``monitoring.yaml``, the nested stack of alarms and dashboard; treat it as read-only."""
    return _load("monitoring.yaml")


@cache
def console() -> dict[str, Any]:
    """All of ``console.yaml``, the nested stack of the console; treat it as read-only."""
    return _load("console.yaml")


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((ROOT / name).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader of our own
    return loaded


def resources(of_type: str) -> dict[str, dict[str, Any]]:
    """The resources of one type, by logical id, those of the nested stack included."""
    return {name: one for name, one in (template()["Resources"] | monitoring()["Resources"]).items() if one["Type"] == of_type}


def statements_of(role: str) -> list[tuple[dict[str, Any], str | None]]:
    """The statements of a role's own and managed policies, each with the condition under which it is there."""
    properties = template()["Resources"][role]["Properties"]
    managed = properties.get("ManagedPolicyArns", [])
    if isinstance(managed, dict):
        _, managed, _ = managed["Fn::If"]
    documents = [template()["Resources"][one["Ref"]]["Properties"]["PolicyDocument"] for one in managed]
    documents += [policy["PolicyDocument"] for policy in properties["Policies"]]
    found: list[tuple[dict[str, Any], str | None]] = []
    for statement in (one for document in documents for one in document["Statement"]):
        if "Fn::If" in statement:
            condition, present, absent = statement["Fn::If"]
            assert absent == {"Ref": "AWS::NoValue"}
            found.append((present, condition))
        else:
            found.append((statement, None))
    return found


def variable_of(table: str) -> str:
    """The environment variable that names a table: ``EventFiltersTable`` is in ``EVENT_FILTERS_TABLE``."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in table).strip("_").upper()


def create_tables(dynamodb: Any) -> dict[str, str]:
    """Creates every table of the template.

    Args:
        dynamodb: a boto3 client.

    Returns:
        The environment variables that name them.
    """
    taken = (
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "BillingMode",
    )
    names: dict[str, str] = {}
    for logical_id, table in resources("AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        dynamodb.create_table(TableName=logical_id, **{key: properties[key] for key in taken if key in properties})
        # dynalite (see tests/dynalite) has no such operation, and no test waits for DynamoDB to remove something.
        if "TimeToLiveSpecification" in properties and "DYNALITE_URL" not in os.environ:
            dynamodb.update_time_to_live(TableName=logical_id, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        names[variable_of(logical_id)] = logical_id
    return names
