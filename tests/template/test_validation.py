"""The template is right in the eyes of SAM and of cfn-lint: three gates, since each overlooks what another sees."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.tools import ROOT, SAM, quiet_environment
from tests.template.translation import translations

ENVIRONMENT = quiet_environment({"AWS_DEFAULT_REGION": "us-east-1"})
CFN_LINT = [str(Path(sys.executable).parent / "cfn-lint"), "--append-rules", "cfn_lint_serverless.rules"]
IN_EXPANDED_TEMPLATES = {
    "WS1000": "as in the template's own metadata, which is gone: tracing is a parameter",
    "WS1004": "as in the template's own metadata, which is gone: log groups are set by LoggingConfig",
    "W2001": "the parameter Release is read by SAM and gone afterwards",
    "ES1001": "a queue that is an event source sends to its own dead-letter queue; in the template as written the rule knows that",
    "ES1007": "compares the permission with the function, where both the permission and the invoke configuration have the alias",
    "ES2000": "the access logs of the WebSocket API are under a condition: they need a setting of the whole account",
}
"""Findings that are wrong once SAM has expanded the template, each with its reason."""

WRITTEN = ["template.yaml", "monitoring.yaml", "console.yaml", "deploy-role.yaml"]
AS_WRITTEN = "as written"
MISTAKES = [
    ("!Ref TokensTable", "!Ref TokenTable"),
    ("Queue: !GetAtt RoutingQueue.Arn", "Queue: !GetAtt RoutingQueu.Arn"),
    ("Default: python3.13", "Default: python3.99"),
    ("BatchSize: 10", "BatchSize: many"),
    ("HttpApi: !Ref HttpApi\n", "HttpApi: !Ref HttpApy\n"),
]


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=110
    )


@pytest.mark.parametrize("option", [[], ["--lint"]], ids=["validate", "validate --lint"])
def test_sam_validates_it(option: list[str], tmp_path: Path) -> None:
    # without the project's samconfig.toml, which asks for --lint as well
    config = tmp_path / "samconfig.toml"
    config.write_text("version = 0.1\n", encoding="utf-8")

    answer = _run(SAM, "validate", "--template", ROOT / "template.yaml", "--config-file", config, *option)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_cfn_lint_with_the_serverless_rules_finds_nothing_in_what_is_written() -> None:
    """Nor does it meet an action of the role that deploys that it does not know."""
    answer = _run(*CFN_LINT, "--template", *(ROOT / name for name in WRITTEN))

    assert answer.stdout + answer.stderr == ""
    assert answer.returncode == 0


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the translator, or cfn-lint in what the translator made, says of the template and of each mistake in it."""
    directory = tmp_path_factory.mktemp("expanded")
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    broken = {wrong: text.replace(right, wrong, 1) for right, wrong in MISTAKES}
    templates = {AS_WRITTEN: text, **broken}
    made = dict(zip(templates, translations((one, {}) for one in templates.values()), strict=True))
    paths: dict[Path, str] = {}
    for number, (name, translation) in enumerate(made.items()):
        if translation.expanded:
            path = directory / f"{number}.json"
            path.write_text(json.dumps(translation.expanded, indent=1), encoding="utf-8")
            paths[path] = name
    answer = _run(*CFN_LINT, "--format", "json", "--ignore-checks", *IN_EXPANDED_TEMPLATES, "--template", *paths)
    assert answer.stderr == ""
    for finding in json.loads(answer.stdout):
        name = paths[Path(finding["Filename"])]
        made[name] = replace(made[name], error=made[name].error + finding["Message"] + "\n")
    return {name: translation.error for name, translation in made.items()}


def test_cfn_lint_finds_nothing_in_the_template_as_deployed(found: dict[str, str]) -> None:
    assert found[AS_WRITTEN] == ""


@pytest.mark.parametrize(("right", "wrong"), MISTAKES)
def test_the_gates_see_mistakes_that_single_validators_overlook(right: str, wrong: str, found: dict[str, str]) -> None:
    assert right in (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert found[wrong], f"{wrong} went through"
