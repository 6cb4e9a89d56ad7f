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
import tomllib
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from local.build import build, interpreter_for
from local.deployed import describe
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


def release_of(fingerprint: str, parameters: dict[str, str]) -> str:
    """What changes whenever anything that is deployed does."""
    return hashlib.sha256(f"{fingerprint} {sorted(parameters.items())}".encode()).hexdigest()


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
    account, region = _account(options.profile)
    stack = describe(options.stack, {"region_name": region}, profile=options.profile or None)
    python = interpreter_for(parameters.get("PythonRuntime"))
    processor = parameters.get("Architecture", "arm64")
    built = build(ROOT / ".aws-sam" / "build", python=python, processor=processor, say=print)
    parameters |= {"Architecture": processor, "PythonRuntime": built.runtime}
    release = release_of(built.fingerprint, parameters)
    parameters["Release"] = release

    print(f"\n  {'Update' if stack else 'Create'} the stack {options.stack!r} in account {account}, Region {region}")
    if stack:
        print(f"  It is {stack.status}; what is deployed is release {stack.release or 'unknown'}, this is {release[:12]}")
    for name, value in sorted(parameters.items()):
        print(f"    {name} = {value}")
    print("  SAM may create roles (CAPABILITY_IAM) and expands the template (CAPABILITY_AUTO_EXPAND).")
    print(f"  It {'makes the changes without asking' if options.yes else 'shows the changes and asks before it makes them'}.\n")
    command = [
        *(str(SAM), "deploy", "--template-file", str(built.template), "--config-file", str(CONFIGURATION), "--config-env", options.config),
        *("--stack-name", options.stack, "--region", region, "--tags", f"release={release[:12]}"),
        *("--parameter-overrides", " ".join(f"{name}={shlex.quote(value)}" for name, value in parameters.items())),
        *(["--profile", options.profile] if options.profile else []),
        *(["--no-confirm-changeset"] if options.yes else []),
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _account(profile: str) -> tuple[str, str]:
    try:
        session = botocore.session.Session(profile=profile or None)
        region = session.get_config_variable("region")
        if not region:
            raise ToolError("No AWS Region: set AWS_REGION, or give a profile that has one (PROFILE=...).")
        client: Any = session.create_client("sts", region_name=region)
        return client.get_caller_identity()["Account"], region
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"AWS does not know who asks: {error}. Log in, or name a profile with PROFILE=...") from error


if __name__ == "__main__":
    sys.exit(main())
