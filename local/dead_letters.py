"""Lets only the queues that belong to a dead-letter queue use it.

The template cannot say so: a queue names its dead-letter queue, which would have to name the queue, and CloudFormation makes
neither first. A name that is written out would end that circle, but a queue whose name changes is replaced, and its messages
are gone. So `make deploy` sets it afterwards, on what is there. Without it any queue of the account may use these.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any


def restrict_dead_letter_queues(stack: str, cloudformation: Any, client: Any) -> int:
    """Sets ``RedriveAllowPolicy`` of each dead-letter queue of a stack; returns how many there are.

    Args:
        stack: its name.
        cloudformation: botocore's client of CloudFormation.
        client: botocore's client of SQS.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    urls: dict[str, str] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::SQS::Queue":
                url = resource["PhysicalResourceId"]
                attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "RedrivePolicy"])["Attributes"]
                urls[attributes["QueueArn"]] = url
                if "RedrivePolicy" in attributes:
                    sources[json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]].append(attributes["QueueArn"])
    for target, arns in sources.items():
        policy = {"redrivePermission": "byQueue", "sourceQueueArns": sorted(arns)}
        client.set_queue_attributes(QueueUrl=urls[target], Attributes={"RedriveAllowPolicy": json.dumps(policy)})
    return len(sources)
