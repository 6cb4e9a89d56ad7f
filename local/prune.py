"""`make prune`: removes function versions and layer versions that nothing needs.

SAM keeps every version that was ever published, and with SnapStart each costs for its cached memory as long as it
exists. What an alias names stays, and of each function the newest versions, so that a rollback has somewhere to go.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.tools import ToolError

KEPT_VERSIONS: Final = 3
_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was removed."""

    functions: int
    layers: int


def prune(stack: str, cloudformation: Any, client: Any) -> Pruned:
    """Removes what no alias and no recent version needs.

    Args:
        stack: name of the stack.
        cloudformation: botocore's client of CloudFormation.
        client: botocore's client of Lambda.
    """
    functions, layer_names = _resources(stack, cloudformation)
    removed = 0
    used_layers: set[str] = set()
    for function in functions:
        versions = _versions(function, client)
        kept = {version["Version"] for version in versions[-KEPT_VERSIONS:]} | _named_by_aliases(function, client)
        for version in versions:
            if version["Version"] in kept:
                used_layers.update(layer["Arn"] for layer in version.get("Layers", []))
            else:
                client.delete_function(FunctionName=function, Qualifier=version["Version"])
                removed += 1
        current = client.get_function_configuration(FunctionName=function)
        used_layers.update(layer["Arn"] for layer in current.get("Layers", []))
    removed_layers = 0
    for name in layer_names:
        for version in _pages(client, "list_layer_versions", "LayerVersions", LayerName=name):
            if version["LayerVersionArn"] not in used_layers:
                client.delete_layer_version(LayerName=name, VersionNumber=version["Version"])
                removed_layers += 1
    return Pruned(removed, removed_layers)


def _resources(stack: str, cloudformation: Any) -> tuple[list[str], list[str]]:
    functions, layers = [], set()
    for resource in _pages(cloudformation, "list_stack_resources", "StackResourceSummaries", StackName=stack):
        if resource["ResourceType"] == "AWS::Lambda::Function":
            functions.append(resource["PhysicalResourceId"])
        elif resource["ResourceType"] == "AWS::Lambda::LayerVersion":
            # arn:aws:lambda:<region>:<account>:layer:<name>:<version>
            layers.add(resource["PhysicalResourceId"].rpartition(":")[0])
    return functions, sorted(layers)


def _versions(function: str, client: Any) -> list[dict[str, Any]]:
    versions = [
        one for one in _pages(client, "list_versions_by_function", "Versions", FunctionName=function) if one["Version"] != "$LATEST"
    ]
    return sorted(versions, key=lambda version: int(version["Version"]))


def _named_by_aliases(function: str, client: Any) -> set[str]:
    named: set[str] = set()
    for alias in _pages(client, "list_aliases", "Aliases", FunctionName=function):
        named.add(alias["FunctionVersion"])
        named.update(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))
    return named


def _pages(client: Any, operation: str, key: str, **arguments: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def prune_stack(stack: str, region: str | None, profile: str) -> Pruned:
    """Prunes a deployed stack.

    Raises:
        ToolError: AWS refused.
    """
    try:
        session = botocore.session.Session(profile=profile or None)
        cloudformation: Any = session.create_client("cloudformation", region_name=region, config=_CONFIG)
        return prune(stack, cloudformation, session.create_client("lambda", region_name=region, config=_CONFIG))
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"The old versions of {stack!r} could not be removed: {error}") from error


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make prune")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    if not options.stack:
        print("Name the stack: make prune STACK=event-service [PROFILE=...]", file=sys.stderr)
        return 2
    try:
        pruned = prune_stack(options.stack, None, options.profile)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Removed {pruned.functions} function versions and {pruned.layers} layer versions.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
