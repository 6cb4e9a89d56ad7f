"""The first calls to a stack that has just been deployed: they start its functions and tell whether it answers."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import botocore.session

from local.tools import ToolError, tail

WAKING_CONNECTION: Final = "none"
"""A connection that there is not: what the log says of it is no news to anybody."""
WAKE_UP: Final[Mapping[str, Mapping[str, Any]]] = {
    "EventRouterFunction": {"Records": []},
    "WebhookDeliveryFunction": {"Records": []},
    "SocketDeliveryFunction": {"Records": []},
    "WebsocketFunction": {"requestContext": {"eventType": "MESSAGE", "connectionId": WAKING_CONNECTION}, "body": '{"action": "ping"}'},
}
"""An event for each function that finds nothing to do."""


def environments(stack_name: str, clients: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The environment of each function as deployed, for `sam local invoke --env-vars`: SAM itself knows no table's name."""
    session = botocore.session.get_session()
    cloudformation: Any = session.create_client("cloudformation", **clients)
    lambda_: Any = session.create_client("lambda", **clients)
    resources = cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
    names = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources if one["ResourceType"] == "AWS::Lambda::Function"}
    return {function: lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"] for function, name in names.items()}


def wake_functions(stack_name: str, clients: Mapping[str, Any]) -> None:
    """Has each function of an event's way started once, so that the first event need not wait for four cold starts in a row."""
    session = botocore.session.get_session()
    cloudformation: Any = session.create_client("cloudformation", **clients)
    lambda_: Any = session.create_client("lambda", **clients)

    def wake(function: str, event: Mapping[str, Any]) -> None:
        resource = cloudformation.describe_stack_resource(StackName=stack_name, LogicalResourceId=function)
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        answer = lambda_.invoke(FunctionName=name, Qualifier="live", Payload=json.dumps(event))
        if "FunctionError" in answer:
            raise ToolError(f"{function} does not start: {answer['Payload'].read().decode(errors='replace')[:4000]}")

    with ThreadPoolExecutor() as pool:
        for woken in [pool.submit(wake, function, event) for function, event in WAKE_UP.items()]:
            woken.result()


def require_answer(url: str, token: str, *, log: Path) -> None:
    """Asks the GraphQL API once.

    Raises:
        ToolError: it does not answer, or not with data; the message holds the end of the log.
    """
    request = urllib.request.Request(  # noqa: S310 - a URL of our own
        url,
        data=b'{"query": "{ __typename }"}',
        headers={"content-type": "application/json", "token": token},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
            body = response.read()
    except urllib.error.URLError as error:
        detail = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else ""
        raise ToolError(f"The GraphQL API does not answer: {error} {detail}\n\n{tail(log)}") from error
    if not re.search(rb'"data":\s*\{', body):
        raise ToolError(f"The GraphQL API answers something else than data: {body[:2000].decode(errors='replace')}")
