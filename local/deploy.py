"""`make deploy`: build, say what will happen, and let `sam deploy` do it.

The parameters come from samconfig.toml's environment and from PARAMETERS; to them this adds the architecture and the
runtime that were built for, and ``Release``, a hash of all of it. AWS publishes no new function version when nothing but
the value of a parameter changed; through the hash it does.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from local.account import Account, read_account
from local.build import build, interpreter_for
from local.concurrency import POLLERS, RESERVATIONS, fit
from local.dead_letters import restrict_dead_letter_queues
from local.deployed import describe
from local.prune import prune_stack
from local.smoke import smoke_stack
from local.stack_state import STACK_POLICY, effective_parameters, needs_a_new_release, obstacle
from local.tools import ROOT, SAM, ToolError

CONFIGURATION = ROOT / "samconfig.toml"


def parameters_of(config: str, given: str) -> dict[str, str]:
    """The template parameters of an environment of samconfig.toml, with those given on top.

    Args:
        config: the environment, such as ``production``.
        given: ``Name=value`` pairs as a shell would take them.

    Raises:
        ToolError: there is no such environment, or a pair is none.
    """
    environments = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    if config not in environments or not isinstance(environments[config], dict):
        known = ", ".join(name for name, value in environments.items() if isinstance(value, dict))
        raise ToolError(f"CONFIG={config}: {CONFIGURATION.name} has the environments {known}.")
    written = environments[config].get("deploy", {}).get("parameters", {}).get("parameter_overrides", "")
    pairs = {}
    for text in [*shlex.split(written), *shlex.split(given)]:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ToolError(f"PARAMETERS: {text!r} is not of the form Name=value.")
        pairs[name] = value
    return pairs


def release_of(fingerprint: str, parameters: dict[str, str], nonce: str = "") -> str:
    """What changes whenever anything that is deployed does.

    Args:
        fingerprint: of the artifacts.
        parameters: of the template, without ``Release``.
        nonce: makes it differ from an equal deployment that was undone.
    """
    return hashlib.sha256(f"{fingerprint} {sorted(parameters.items())} {nonce}".encode()).hexdigest()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make deploy")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--profile", default="")
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--parameters", default="", help="template parameters: 'Name=value Other=value'")
    parser.add_argument("--yes", action="store_true", help="do not ask before the change set is carried out")
    options = parser.parse_args()
    if not options.stack:
        print(
            "Name the stack: make deploy STACK=event-service [PROFILE=...] [CONFIG=production] [PARAMETERS='Name=value']", file=sys.stderr
        )
        return 2
    try:
        return _deploy(options)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1


def _deploy(options: argparse.Namespace) -> int:
    parameters = parameters_of(options.config, options.parameters)
    account = read_account(options.profile)
    stack = describe(options.stack, {"region_name": account.region}, profile=options.profile or None)
    if stack is not None and (why := obstacle(options.stack, stack.status)) is not None:
        raise ToolError(why)
    before = stack.parameters if stack else {}
    parameters, advice = fit_account(account, parameters, before)
    python = interpreter_for(parameters.get("PythonRuntime"))
    processor = parameters.get("Architecture", "arm64")
    built = build(ROOT / ".aws-sam" / "build", python=python, processor=processor, say=print)
    parameters |= {"Architecture": processor, "PythonRuntime": built.runtime}
    nonce = str(time.time()) if stack is not None and needs_a_new_release(stack.status) else ""
    parameters["Release"] = release_of(built.fingerprint, {**before, **parameters, "Release": ""}, nonce)
    protected = parameters.get("DeletionProtection", before.get("DeletionProtection")) == "true"

    print(f"\n  {'Update' if stack else 'Create'} the stack {options.stack!r} in account {account.number}, Region {account.region}")
    if stack:
        print(
            f"  It is {stack.status}; what is deployed is release {(stack.release or 'unknown')[:12]}, this is {parameters['Release'][:12]}"
        )
    _say_parameters(parameters, before)
    for sentence in (*advice, *(f"Not known, {one}" for one in account.unknown)):
        print(f"  ! {sentence}")
    print("  SAM may create roles (CAPABILITY_IAM) and expands the template (CAPABILITY_AUTO_EXPAND).")
    print(f"  It {'makes the changes without asking' if options.yes else 'shows the changes and asks before it makes them'}.\n")
    if stack is None and protected:
        # A protected table cannot be deleted, so a first deployment that fails could not be undone.
        status = _sam_deploy(options, built.template, account.region, {**parameters, "DeletionProtection": "false"}, create=True)
        if status == 0:
            print("\n  The stack is there. Now the tables are protected against deletion.\n")
            status = _sam_deploy(options, built.template, account.region, parameters, create=False)
    else:
        status = _sam_deploy(options, built.template, account.region, parameters, create=stack is None)
    if status != 0:
        return status
    guard_stack(options.stack, account.region, options.profile, protected=protected)
    print("\n  Trying the stack as its users do:")
    smoke_stack(options.stack, options.profile or None, lambda line: print(f"    {line}"))
    pruned = prune_stack(options.stack, account.region, options.profile)
    print(f"\n  Removed {pruned.functions} function versions and {pruned.layers} layer versions that no alias needs.")
    return 0


def fit_account(account: Account, parameters: dict[str, str], before: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The parameters with pollers that fit the account, and what to tell the person.

    Raises:
        ToolError: the deployment would fail late.
    """
    advice = account.advice({**before, **parameters})
    if account.concurrency_limit is None or account.unreserved is None:
        return parameters, advice
    # What this stack has reserved already is free to be reserved again.
    unreserved = account.unreserved + sum(max(0, int(before.get(name, "-1"))) for name in RESERVATIONS)
    kept = {name: value for name, value in before.items() if name in (*POLLERS, *RESERVATIONS) and name not in parameters}
    fitted = fit(account.concurrency_limit, unreserved, {**kept, **parameters})
    if fitted.refusal is not None:
        raise ToolError(fitted.refusal)
    possible = fit(account.concurrency_limit, unreserved, {**kept, **parameters}, keep=RESERVATIONS)
    raised = {name: value for name, value in possible.parameters.items() if name in kept and int(value) > int(kept[name])}
    if raised:
        pairs = " ".join(f"{name}={value}" for name, value in raised.items())
        advice.append(f"The account's limit allows more than the stack has from before: PARAMETERS='{pairs}'.")
    chosen = {name: value for name, value in fitted.parameters.items() if name not in kept}
    chosen.setdefault("ConcurrencyThreshold", str(account.concurrency_limit * 8 // 10))
    return chosen, [*advice, *fitted.advice]


def template_defaults(template: Path) -> dict[str, str]:
    """The default of each parameter of a template."""

    class Loader(yaml.SafeLoader):
        """Reads ``!Ref`` and its like as nothing."""

    Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    parameters = yaml.load(template.read_text(encoding="utf-8"), Loader=Loader)["Parameters"]  # noqa: S506 - a SafeLoader
    return {name: str(one.get("Default", "")) for name, one in parameters.items()}


def _say_parameters(parameters: dict[str, str], before: dict[str, str]) -> None:
    for one in effective_parameters(parameters, before, template_defaults(ROOT / "template.yaml")):
        if one.note != "default":
            print(f"    {one.name} = {one.value or '(empty)'}  ({one.note})")
    print("    All others have the template's defaults.")


def _sam_deploy(options: argparse.Namespace, template: Path, region: str, parameters: dict[str, str], *, create: bool) -> int:
    command = [
        *(str(SAM), "deploy", "--template-file", str(template), "--config-file", str(CONFIGURATION), "--config-env", options.config),
        *("--stack-name", options.stack, "--region", region),
        # A stack that was never there leaves nothing behind; CloudFormation could not update what a rollback leaves.
        *(["--on-failure", "DELETE"] if create else []),
        *("--parameter-overrides", " ".join(f"{name}={shlex.quote(value)}" for name, value in parameters.items())),
        *(["--profile", options.profile] if options.profile else []),
        *(["--no-confirm-changeset"] if options.yes else []),
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def guard_stack(stack: str, region: str, profile: str, *, protected: bool) -> None:
    """Refuses updates that would replace or delete a table or a queue, lets only the stack's own queues use its dead-letter
    queues, and refuses, where it is ``protected``, the deletion of the stack.

    Raises:
        ToolError: AWS refused.
    """
    try:
        session = botocore.session.Session(profile=profile or None)
        client: Any = session.create_client("cloudformation", region_name=region)
        client.set_stack_policy(StackName=stack, StackPolicyBody=STACK_POLICY)
        restrict_dead_letter_queues(stack, client, session.create_client("sqs", region_name=region))
        if protected:
            client.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"The stack is deployed, but could not be guarded against losing its tables and queues: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
