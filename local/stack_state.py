"""What the states of a CloudFormation stack mean for the next deployment, and what guards a stack that holds data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_DELETE: Final = "aws cloudformation delete-stack --stack-name {name}"
_BLOCKED: Final = {
    "ROLLBACK_COMPLETE": (
        "its first deployment failed and was undone; CloudFormation cannot update such a stack, and it holds nothing. "
        f"Delete it and deploy again: {_DELETE}"
    ),
    "ROLLBACK_FAILED": (
        "its first deployment failed and could not be undone, mostly because a table is protected. Turn the protection off "
        f"(aws dynamodb update-table --no-deletion-protection-enabled --table-name …), then delete the stack: {_DELETE}"
    ),
    "CREATE_FAILED": f"its first deployment failed. Delete it and deploy again: {_DELETE}",
    "REVIEW_IN_PROGRESS": f"a change set was made for it and never carried out. Delete it and deploy again: {_DELETE}",
    "DELETE_FAILED": (
        "it could not be deleted, mostly because a table is protected or holds data that the template retains. The stack's events name "
        f"the resource; then delete again: {_DELETE}"
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "an update failed and could not be undone. Repair what its events name, then: "
        "aws cloudformation continue-update-rollback --stack-name {name}"
    ),
}
_UNDONE: Final = ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED")

STACK_POLICY: Final = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": ["Update:Replace", "Update:Delete"],
                "Principal": "*",
                "Resource": "*",
                "Condition": {"StringEquals": {"ResourceType": ["AWS::DynamoDB::Table", "AWS::SQS::Queue"]}},
            },
        ]
    }
)
"""A changed key or local index makes CloudFormation replace a table: the service would come up empty, all tokens gone.
A queue that is replaced takes its messages with it."""


def obstacle(name: str, status: str) -> str | None:
    """Why a stack in this state cannot be deployed to, with what to do; ``None`` when it can."""
    if status in _BLOCKED:
        return f"The stack {name!r} is {status}: {_BLOCKED[status].format(name=name)}"
    if status.endswith("_IN_PROGRESS"):
        return f"The stack {name!r} is {status}: something else changes it. Wait until that has ended, then deploy again."
    return None


def needs_a_new_release(status: str) -> bool:
    """Whether the last update was undone.

    The function versions that it published stay, and AWS publishes no second version of the same code and settings:
    the same deployment again would fail with "A version for this Lambda function exists". A new ``Release`` helps.
    """
    return status in _UNDONE


@dataclass(frozen=True, slots=True)
class Effective:
    """One parameter as it will be."""

    name: str
    value: str
    note: str
    """Where the value comes from, and what it replaces."""


def effective_parameters(given: Mapping[str, str], before: Mapping[str, str], defaults: Mapping[str, str]) -> list[Effective]:
    """All parameters of the next deployment, sorted by name.

    Args:
        given: what this deployment sets.
        before: what the stack has; SAM keeps these where nothing is given, which nobody remembers a year later.
        defaults: of the template.
    """
    found = []
    for name in sorted({*given, *defaults}):
        if name in given:
            value = given[name]
            if name not in before:
                note = "set" if before or value != defaults.get(name) else "default"
            else:
                note = "as before" if before[name] == value else f"changed, was {before[name]!r}"
        elif name in before:
            value = before[name]
            note = "default" if value == defaults[name] else "kept from an earlier deployment"
        else:
            value, note = defaults[name], "default"
        found.append(Effective(name, value, note))
    return found
