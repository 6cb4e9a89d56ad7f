"""`make token`: a token for a workspace of the local stack or of a deployed one, as one JSON line."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from event_service.domain.errors import BadUserInput
from local.deployed import DeployedStack, describe, issue_token
from local.stack import client_settings_of
from local.tools import LOCAL, ToolError


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make token")
    parser.add_argument("--workspace", default="", help="UUID of the workspace; without it a new one is made")
    parser.add_argument("--kind", default="access", choices=["access", "agent"])
    parser.add_argument("--stack", default="", help="name of a stack in AWS; without it the local stack that is running")
    options = parser.parse_args()
    try:
        stack = _target(options.stack)
        issued = issue_token(stack, workspace_id=options.workspace or None, kind=options.kind, name="made by make token")
    except (ToolError, BadUserInput) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"workspaceId": issued.workspace_id, "token": issued.token, "kind": issued.kind}))
    return 0


def _target(stack_name: str) -> DeployedStack:
    client_settings: dict[str, Any] = {}
    if not stack_name:
        try:
            running = json.loads((LOCAL / "stack.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ToolError("No local stack is ready: start one with make run, or name a deployed one with STACK=<name>.") from None
        stack_name = running["stackName"]
        client_settings = client_settings_of(running["region"], running["awsEndpointUrl"])
    stack = describe(stack_name, client_settings)
    if stack is None:
        raise ToolError(f"There is no stack {stack_name!r} in this account and Region.")
    return stack


if __name__ == "__main__":
    sys.exit(main())
