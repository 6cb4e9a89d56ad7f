"""Old versions go, what an alias or a recent version needs stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.prune import KEPT_VERSIONS, Pruned, prune

LAYER = "arn:aws:lambda:eu-west-1:1:layer:shop-dependencies"


class Paginator:
    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **arguments: str) -> Iterator[dict[str, Any]]:
        yield from self._pages


class CloudFormation:
    def get_paginator(self, operation: str) -> Paginator:
        assert operation == "list_stack_resources"
        types = {"router": "AWS::Lambda::Function", f"{LAYER}:9": "AWS::Lambda::LayerVersion", "table": "AWS::DynamoDB::Table"}
        found = [{"ResourceType": kind, "PhysicalResourceId": name} for name, kind in types.items()]
        return Paginator([{"StackResourceSummaries": found[:1]}, {"StackResourceSummaries": found[1:]}])


class Lambda:
    """Nine versions of one function, each with its own version of one layer; the alias splits between 3 and 9."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.deleted_layers: list[int] = []

    def get_paginator(self, operation: str) -> Paginator:
        versions = [{"Version": str(number), "Layers": [{"Arn": f"{LAYER}:{number}"}]} for number in range(1, 10)]
        pages: dict[str, list[dict[str, Any]]] = {
            "list_versions_by_function": [{"Versions": [{"Version": "$LATEST"}, *versions[5:]]}, {"Versions": versions[:5]}],
            "list_aliases": [{"Aliases": [{"FunctionVersion": "9", "RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}}]}],
            "list_layer_versions": [
                {"LayerVersions": [{"LayerVersionArn": f"{LAYER}:{number}", "Version": number} for number in range(1, 11)]}
            ],
        }
        return Paginator(pages[operation])

    def get_function_configuration(self, **arguments: str) -> dict[str, Any]:
        return {"Layers": [{"Arn": f"{LAYER}:10"}]}

    def delete_function(self, **arguments: str) -> None:
        self.deleted.append(arguments["Qualifier"])

    def delete_layer_version(self, **arguments: Any) -> None:
        self.deleted_layers.append(arguments["VersionNumber"])


def test_prune_keeps_what_aliases_name_and_the_newest_versions() -> None:
    client = Lambda()

    pruned = prune("shop", CloudFormation(), client)

    assert KEPT_VERSIONS == 3
    assert client.deleted == ["1", "2", "4", "5", "6"]
    assert client.deleted_layers == [1, 2, 4, 5, 6]
    assert pruned == Pruned(5, 5)
