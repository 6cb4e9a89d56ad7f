"""What a stack's state means for the next deployment, and what a deployment will really have."""

from __future__ import annotations

import json

import pytest

from local.account import Account
from local.deploy import fit_account, release_of
from local.stack_state import STACK_POLICY, Effective, effective_parameters, needs_a_new_release, obstacle
from local.tools import ToolError


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"])
def test_a_stack_in_a_good_state_is_deployed_to(status: str) -> None:
    assert obstacle("s", status) is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name shop"),
        ("ROLLBACK_FAILED", "no-deletion-protection"),
        ("CREATE_FAILED", "delete-stack --stack-name shop"),
        ("REVIEW_IN_PROGRESS", "delete-stack --stack-name shop"),
        ("DELETE_FAILED", "protected"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name shop"),
        ("UPDATE_IN_PROGRESS", "Wait"),
    ],
)
def test_a_stack_that_cannot_be_deployed_to_says_what_to_do(status: str, said: str) -> None:
    sentence = obstacle("shop", status)

    assert sentence is not None
    assert status in sentence
    assert said in sentence


def test_an_undone_update_is_deployed_again_as_another_release() -> None:
    assert needs_a_new_release("UPDATE_ROLLBACK_COMPLETE")
    assert not needs_a_new_release("UPDATE_COMPLETE")
    assert release_of("f", {"a": "1"}, "now") != release_of("f", {"a": "1"})


def test_stack_policy_refuses_to_replace_or_delete_tables_and_queues() -> None:
    allow, deny = json.loads(STACK_POLICY)["Statement"]

    assert (allow["Effect"], allow["Action"]) == ("Allow", "Update:*")
    assert deny["Effect"] == "Deny"
    assert deny["Action"] == ["Update:Replace", "Update:Delete"]
    assert deny["Condition"] == {"StringEquals": {"ResourceType": ["AWS::DynamoDB::Table", "AWS::SQS::Queue"]}}


def test_effective_parameters_name_what_is_set_kept_and_changed() -> None:
    found = effective_parameters(
        given={"LogLevel": "WARN", "Release": "2", "Alarms": "true"},
        before={"LogLevel": "INFO", "Release": "1", "AlarmEmail": "on-call@example.com", "Alarms": "true", "Tracing": "PassThrough"},
        defaults={"LogLevel": "INFO", "AlarmEmail": "", "Tracing": "PassThrough", "Dashboard": "false", "Alarms": "true"},
    )

    assert found == [
        Effective("AlarmEmail", "on-call@example.com", "kept from an earlier deployment"),
        Effective("Alarms", "true", "as before"),
        Effective("Dashboard", "false", "default"),
        Effective("LogLevel", "WARN", "changed, was 'INFO'"),
        Effective("Release", "2", "changed, was '1'"),
        Effective("Tracing", "PassThrough", "default"),
    ]


def test_pollers_are_fitted_at_creation_and_kept_afterwards() -> None:
    small = Account("1", "eu-west-1", concurrency_limit=10, unreserved=10)
    large = Account("1", "eu-west-1", concurrency_limit=1_000, unreserved=1_000)

    created, _ = fit_account(small, {"LogLevel": "INFO"}, {})
    updated, advice = fit_account(large, {}, created)

    assert created["WebhookMaximumConcurrency"] == "2"
    assert created["ConcurrencyThreshold"] == "8"
    assert updated == {"ConcurrencyThreshold": "800"}
    assert any("WebhookMaximumConcurrency=100" in sentence for sentence in advice)


def test_a_reservation_of_this_very_stack_can_be_made_again() -> None:
    account = Account("1", "eu-west-1", concurrency_limit=1_000, unreserved=200)
    before = {"GraphqlReservedConcurrency": "800", "WebhookMaximumConcurrency": "50"}

    parameters, _ = fit_account(account, {"GraphqlReservedConcurrency": "850"}, before)

    assert parameters["GraphqlReservedConcurrency"] == "850"
    with pytest.raises(ToolError, match="reserve 901"):
        fit_account(account, {"GraphqlReservedConcurrency": "901"}, before)
