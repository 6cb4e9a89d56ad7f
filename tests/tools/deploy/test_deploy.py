"""The steps of `make deploy`: a first deployment can be undone, and afterwards the stack is guarded."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import build, deploy
from local.account import Account
from local.build import Built
from local.deployed import DeployedStack
from local.prune import Pruned


class Steps:
    """Notes the commands and the calls, and makes none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stack: DeployedStack | None, statuses: list[int]) -> None:
        self.commands: list[list[str]] = []
        self.after: list[str] = []

        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            self.commands.append(command)
            return subprocess.CompletedProcess(command, statuses.pop(0))

        monkeypatch.setattr(deploy, "read_account", lambda profile: Account("1", "eu-west-1", concurrency_limit=1_000, unreserved=1_000))
        monkeypatch.setattr(deploy, "describe", lambda *given, **options: stack)
        monkeypatch.setattr(deploy, "interpreter_for", lambda runtime: Path("python"))
        monkeypatch.setattr(deploy, "build", lambda *given, **options: Built(Path("template.yaml"), "python3.13", "f"))
        monkeypatch.setattr("local.deploy.subprocess.run", run)
        monkeypatch.setattr(deploy, "guard_stack", lambda *given, protected: self.after.append(f"guard {protected}"))
        monkeypatch.setattr(deploy, "smoke_stack", lambda *given: self.after.append("smoke"))
        monkeypatch.setattr(deploy, "prune_stack", self._prune)

    def _prune(self, *_: str) -> Pruned:
        self.after.append("prune")
        return Pruned(0, 0)

    def deploy(self, parameters: str = "") -> int:
        options = argparse.Namespace(stack="shop", profile="", config="default", parameters=parameters, yes=True)
        return deploy._deploy(options)

    def parameters(self, number: int) -> dict[str, str]:
        command = self.commands[number]
        return dict(pair.split("=", 1) for pair in command[command.index("--parameter-overrides") + 1].split(" "))


def test_tables_are_protected_once_the_stack_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch, None, [0, 0])

    assert steps.deploy("DeletionProtection=true") == 0

    assert [steps.parameters(number)["DeletionProtection"] for number in (0, 1)] == ["false", "true"]
    assert ["DELETE" in command for command in steps.commands] == [True, False]
    assert steps.after == ["guard True", "smoke", "prune"]


def test_a_first_deployment_that_fails_leaves_nothing_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch, None, [1])

    assert steps.deploy("DeletionProtection=true") == 1

    assert steps.commands[0][steps.commands[0].index("--on-failure") + 1] == "DELETE"
    assert steps.after == []


def test_an_update_is_one_step_without_tags_that_change_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = DeployedStack("shop", "UPDATE_COMPLETE", {}, {}, {"DeletionProtection": "true"}, {})
    steps = Steps(monkeypatch, stack, [0])

    assert steps.deploy() == 0

    assert len(steps.commands) == 1
    assert not {"--tags", "--on-failure"} & set(steps.commands[0])
    assert steps.after == ["guard True", "smoke", "prune"]


def test_guards_are_the_policy_and_for_production_the_protection(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Client:
        def set_stack_policy(self, **arguments: str) -> None:
            calls.append(f"policy of {arguments['StackName']}")

        def update_termination_protection(self, **arguments: Any) -> None:
            calls.append(f"protection {arguments['EnableTerminationProtection']}")

    class Session:
        def __init__(self, **_: Any) -> None:
            pass

        def create_client(self, *_: Any, **__: Any) -> Client:
            return Client()

    monkeypatch.setattr("local.deploy.botocore.session.Session", Session)
    monkeypatch.setattr(deploy, "restrict_dead_letter_queues", lambda *given: calls.append("dead letters"))

    deploy.guard_stack("shop", "eu-west-1", "", protected=False)
    deploy.guard_stack("shop", "eu-west-1", "", protected=True)

    assert calls == ["policy of shop", "dead letters"] * 2 + ["protection True"]


def test_a_commit_has_one_fingerprint_wherever_python_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_minor", lambda python: "python3.13")

    here, there = build._fingerprint(Path("/usr/bin/python3.13"), "arm64"), build._fingerprint(Path("/opt/python"), "arm64")

    assert here == there != build._fingerprint(Path("/opt/python"), "x86_64")
