"""An upgrade really changes what runs: callers reach a function through its alias, and the alias points at a version."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from local.build import defaults_of
from local.deploy import parameters_of, release_of
from local.tools import ROOT, SAM_PYTHON, ToolError, quiet_environment
from tests.template_file import resources, template

TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")


def _versions(directory: Path, template: str, *parameters: str) -> set[str]:
    """The logical ids of the function versions that a deployment would publish; a new id is a new version."""
    path = directory / "template.yaml"
    path.write_text(template, encoding="utf-8")
    command = [str(SAM_PYTHON), str(ROOT / "local" / "translate_template.py"), str(path), *parameters]
    environment = quiet_environment({"AWS_DEFAULT_REGION": "us-east-1"})
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    expanded = json.loads(answer.stdout)["Resources"]
    return {name for name, resource in expanded.items() if resource["Type"] == "AWS::Lambda::Version"}


def test_the_same_release_publishes_nothing_new(tmp_path: Path) -> None:
    versions = _versions(tmp_path, TEMPLATE)

    assert len(versions) == len(resources("AWS::Serverless::Function"))
    assert _versions(tmp_path, TEMPLATE) == versions


@pytest.mark.parametrize("layer", ["layers/event_service", "layers/dependencies"])
def test_a_changed_layer_alone_publishes_a_new_version_of_every_function(layer: str, tmp_path: Path) -> None:
    before = _versions(tmp_path, TEMPLATE)
    changed = TEMPLATE.replace(f"ContentUri: {layer}\n", f"ContentUri: {layer}-changed\n")

    after = _versions(tmp_path, changed)

    assert changed != TEMPLATE
    assert after.isdisjoint(before)


def test_changed_parameter_publishes_every_function_anew(tmp_path: Path) -> None:
    before = _versions(tmp_path, TEMPLATE, f"Release={release_of('0' * 64, {'LogLevel': 'INFO'})}")

    after = _versions(tmp_path, TEMPLATE, f"Release={release_of('0' * 64, {'LogLevel': 'DEBUG'})}")

    assert after.isdisjoint(before)


def test_what_is_given_to_make_deploy_wins_over_what_is_written() -> None:
    parameters = parameters_of("production", "EventRetentionDays=90 AllowedNetworks='10.0.0.0/8,10.1.0.0/16'")

    assert parameters["EventRetentionDays"] == "90"
    assert parameters["AllowedNetworks"] == "10.0.0.0/8,10.1.0.0/16"
    assert parameters["DeletionProtection"] == "true"


@pytest.mark.parametrize(
    ("config", "given", "said"), [("staging", "", "has the environments default, dev, production"), ("default", "Odd", "'Odd'")]
)
def test_a_mistake_in_the_parameters_is_named(config: str, given: str, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        parameters_of(config, given)


def test_a_local_deployment_gives_every_parameter_and_keeps_no_old_value() -> None:
    declared = template()["Parameters"]

    defaults = defaults_of(ROOT / "template.yaml")

    assert defaults == {name: str(one["Default"]) for name, one in declared.items() if one["Default"] != ""}
