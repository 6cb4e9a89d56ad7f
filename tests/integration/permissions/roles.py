"""What a role of ``template.yaml`` allows, and what Lambda itself does in a function's name.

A resource is written by its logical id: ``EventsTable``, ``EventsTable/index/by_date``, ``RoutingQueue``,
``WebhookDeliveryFunction:live``, ``WebSocketApi/live/POST/@connections/*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests.template_file import resources, statements_of

FUNCTIONS = resources("AWS::Serverless::Function")
NETWORK_INTERFACES = (
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
)
"""What Lambda does with the role of a function in a VPC (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html)."""


class Permission(NamedTuple):
    """One action on one resource."""

    action: str
    resource: str

    def covers(self, other: Permission) -> bool:
        """Whether a role that has this one may do the other."""
        return self.action == other.action and fnmatchcase(other.resource, self.resource)


def statements(function: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The statements of a function's role, each with the condition under which it is there."""
    yield from statements_of(f"{function}Role")


def granted(function: str) -> set[Permission]:
    """Every action on every resource that the role allows, those under a condition included."""
    found: set[Permission] = set()
    for statement, _ in statements(function):
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        for action in _list(statement["Action"]):
            found.update(Permission(action, resource_name(one)) for one in _list(statement["Resource"]))
    return found


def resource_name(written: Any) -> str:
    """The name, in this module's form, of a resource as a policy writes it."""
    match written:
        case str():
            return written
        case {"Fn::GetAtt": [logical_id, "Arn"]}:
            return str(logical_id)
        case {"Ref": parameter}:
            return str(parameter)
        case {"Fn::Sub": text}:
            rest = re.sub(r"^arn:\$\{AWS::Partition\}:[a-z-]+:\$\{AWS::Region\}:\$\{AWS::AccountId\}:", "", text)
            return re.sub(r"\$\{(\w+)(\.Arn)?\}", r"\1", rest)
    raise AssertionError(f"a policy names a resource in a form that this test does not know: {written}")


def done_by_lambda(function: str) -> set[Permission]:
    """What Lambda does with the function's role, outside of its code: it writes logs and traces, polls queues, keeps what
    failed, and uses the key of the tables, of the queues and of the environment."""
    properties = FUNCTIONS[function]["Properties"]
    done = {Permission(f"logs:{action}", function.removesuffix("Function") + "LogGroup") for action in ("CreateLogStream", "PutLogEvents")}
    done |= {Permission(f"xray:{action}", "*") for action in ("PutTraceSegments", "PutTelemetryRecords")}
    done.add(Permission("kms:Decrypt", "KmsKeyArn"))
    for event in properties.get("Events", {}).values():
        if event["Type"] == "SQS":
            queue = event["Properties"]["Queue"]["Fn::GetAtt"][0]
            done |= {Permission(f"sqs:{action}", queue) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}
    on_failure = properties.get("EventInvokeConfig", {}).get("DestinationConfig", {}).get("OnFailure")
    if on_failure:
        done.add(Permission("sqs:SendMessage", on_failure["Destination"]["Fn::GetAtt"][0]))
    if "VpcConfig" in properties:
        done |= {Permission(f"ec2:{action}", "*") for action in NETWORK_INTERFACES}
    return done


def with_keys(performed: set[Permission]) -> set[Permission]:
    """With what a message to an encrypted queue needs."""
    sends = any(one.action == "sqs:SendMessage" for one in performed)
    return performed | ({Permission("kms:GenerateDataKey", "KmsKeyArn")} if sends else set())


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
