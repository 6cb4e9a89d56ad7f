"""What targets of make pass on to the programs behind them."""

from __future__ import annotations

import subprocess

import pytest

from local.tools import ROOT


def _command(*arguments: str) -> str:
    printed = subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return " ".join(printed.replace("\\\n", " ").split())


@pytest.mark.parametrize("target", ["token", "listen"])
def test_who_deployed_with_a_profile_reaches_the_stack_with_it(target: str) -> None:
    deployed = _command(target, "STACK=events", "PROFILE=mine", "REGION=eu-west-1")

    assert f'cli.main {"--json " if target == "token" else ""}--stack "events" --profile "mine" --region "eu-west-1" {target}' in deployed


def test_the_stack_is_the_local_one_whatever_the_profile() -> None:
    assert "--stack" not in _command("token", "PROFILE=mine")
    assert "--profile" not in _command("token", "PROFILE=mine")


def test_a_stack_without_a_terminal_gets_its_port_and_its_folder() -> None:
    assert '-m local.background start --port "4570" --directory "/tmp/state"' in _command("start", "PORT=4570", "DIRECTORY=/tmp/state")
    assert '-m local.background stop --directory "/tmp/state"' in _command("stop", "DIRECTORY=/tmp/state")
