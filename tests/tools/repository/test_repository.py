"""The files around the code agree with it: workflows, license, changelog, pre-commit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from local.tools import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SUPPORTED = [f"3.{minor}" for minor in range(40) if SpecifierSet(PROJECT["requires-python"]).contains(f"3.{minor}.5")]

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def _workflow(path: Path) -> dict[Any, Any]:
    """Its ``on`` is read as ``True``: YAML 1.1."""
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in _workflow(path)["jobs"].values() for step in job["steps"]]


def test_ci_runs_on_every_supported_python_and_no_other() -> None:
    jobs = _workflow(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]

    assert SUPPORTED
    once = jobs.pop("once")
    assert {name: job["strategy"]["matrix"]["python"] for name, job in jobs.items()} == {"check": SUPPORTED, "build": SUPPORTED}
    assert [step["run"] for step in once["steps"] if "run" in step] == ["make dynalite", "make scan"]


def test_local_setup_looks_for_every_supported_python_and_no_other() -> None:
    found = re.search(r'minors=\$\{1:-"([0-9. ]+)"\}', (ROOT / "local" / "find-python.sh").read_text(encoding="utf-8"))

    assert found
    assert sorted(found[1].split()) == SUPPORTED


@each_workflow
def test_a_workflow_pins_actions_to_commits(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))

    assert uses
    assert [action for action in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action)] == []


@each_workflow
def test_a_workflow_states_its_permissions_and_may_write_nothing(path: Path) -> None:
    permissions = _workflow(path)["permissions"]

    assert permissions.pop("id-token", "write") == "write"
    assert permissions == {"contents": "read"}


@each_workflow
def test_a_workflow_calls_targets_that_the_makefile_has(path: Path) -> None:
    targets = re.findall(r"^([a-z0-9 -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    known = {target for line in targets for target in line.split()}
    commands = [step["run"] for step in _steps(path) if "run" in step]

    assert commands
    for command in commands:
        program, *arguments = command.split()
        assert (program == "make" and arguments[0] in known) or (ROOT / program).is_file(), command


@each_workflow
def test_a_workflow_puts_no_input_into_a_shell_command(path: Path) -> None:
    """What a person typed reaches commands through the environment only; a matrix is ours."""
    for step in _steps(path):
        assert not re.search(r"\$\{\{(?!\s*matrix\.)", step.get("run", "")), step


def test_deployment_has_no_stored_key_and_asks_for_an_identity() -> None:
    workflow = _workflow(ROOT / ".github" / "workflows" / "deploy.yml")
    credentials = [
        step["with"] for step in _steps(ROOT / ".github" / "workflows" / "deploy.yml") if "configure-aws" in step.get("uses", "")
    ]

    assert workflow["permissions"]["id-token"] == "write"
    assert [sorted(given) for given in credentials] == [["aws-region", "role-to-assume"]]


def test_license_is_the_one_that_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])


def test_pre_commit_runs_the_makefiles_lint_and_downloads_nothing() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    (hook,) = repository["hooks"]

    assert repository["repo"] == "local"
    assert hook["language"] == "system"
    assert hook["entry"].split()[0] == "make"
    assert hook["entry"].split()[-1] == "lint"


def test_changelog_begins_with_what_is_unreleased_and_names_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    sections = re.findall(r"^### (.+)$", text, re.MULTILINE)

    assert releases[0] == "Unreleased"
    assert PROJECT["version"] in text
    assert set(sections) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_deployment_offers_the_environments_that_samconfig_has() -> None:
    offered = _workflow(ROOT / ".github" / "workflows" / "deploy.yml")[True]["workflow_dispatch"]["inputs"]["config"]["options"]
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

    assert offered == [name for name, value in settings.items() if isinstance(value, dict)]
