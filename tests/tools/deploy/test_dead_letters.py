"""A dead-letter queue takes from the queues of its own stack only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from local.dead_letters import restrict_dead_letter_queues


class CloudFormation:
    """Lists a stack's resources, one to a page."""

    def __init__(self, queues: list[str]) -> None:
        self._pages = [{"StackResourceSummaries": [{"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": url}]} for url in queues]
        self._pages.append({"StackResourceSummaries": [{"ResourceType": "AWS::SNS::Topic", "PhysicalResourceId": "topic"}]})

    def get_paginator(self, operation: str) -> CloudFormation:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, **arguments: str) -> Iterator[dict[str, Any]]:
        assert arguments == {"StackName": "shop"}
        yield from self._pages


class Sqs:
    """Queues by URL; keeps what is set."""

    def __init__(self, dead_letters: dict[str, str]) -> None:
        self._dead_letters = dead_letters
        self.set: dict[str, Any] = {}

    def get_queue_attributes(self, **arguments: Any) -> dict[str, Any]:
        url = arguments["QueueUrl"]
        found = {"QueueArn": f"arn:{url}"}
        if target := self._dead_letters[url]:
            found["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": f"arn:{target}", "maxReceiveCount": 10})
        return {"Attributes": {name: value for name, value in found.items() if name in arguments["AttributeNames"]}}

    def set_queue_attributes(self, **arguments: Any) -> None:
        self.set[arguments["QueueUrl"]] = {name: json.loads(value) for name, value in arguments["Attributes"].items()}


def test_each_dead_letter_queue_names_the_queues_that_use_it() -> None:
    sqs = Sqs({"dead": "", "shared": "", "alone": "", "one": "dead", "two": "shared", "three": "shared"})

    assert restrict_dead_letter_queues("shop", CloudFormation(list(sqs._dead_letters)), sqs) == 2

    assert sqs.set == {
        "dead": {"RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": ["arn:one"]}},
        "shared": {"RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": ["arn:three", "arn:two"]}},
    }
