"""The template is right in the eyes of SAM and of cfn-lint: three gates, since each overlooks what another sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.tools import ROOT, SAM, SAM_PYTHON, quiet_environment

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


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=110
    )


def _lint_expanded(template: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    expanded = _run(SAM_PYTHON, ROOT / "local" / "translate_template.py", template)
    if expanded.returncode != 0:
        return expanded
    path = directory / "cloudformation.json"
    path.write_text(expanded.stdout, encoding="utf-8")
    return _run(*CFN_LINT, "--ignore-checks", *IN_EXPANDED_TEMPLATES, "--template", path)


@pytest.mark.parametrize("option", [[], ["--lint"]], ids=["validate", "validate --lint"])
def test_sam_validates_it(option: list[str], tmp_path: Path) -> None:
    # without the project's samconfig.toml, which asks for --lint as well
    config = tmp_path / "samconfig.toml"
    config.write_text("version = 0.1\n", encoding="utf-8")

    answer = _run(SAM, "validate", "--template", ROOT / "template.yaml", "--config-file", config, *option)

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("name", ["template.yaml", "monitoring.yaml", "console.yaml"])
def test_cfn_lint_with_the_serverless_rules_finds_nothing_in_it_as_written(name: str) -> None:
    answer = _run(*CFN_LINT, "--template", ROOT / name)

    assert answer.stdout + answer.stderr == ""
    assert answer.returncode == 0


def test_cfn_lint_finds_nothing_in_the_template_as_deployed(tmp_path: Path) -> None:
    answer = _lint_expanded(ROOT / "template.yaml", tmp_path)

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("!Ref TokensTable", "!Ref TokenTable"),
        ("Queue: !GetAtt RoutingQueue.Arn", "Queue: !GetAtt RoutingQueu.Arn"),
        ("Default: python3.13", "Default: python3.99"),
        ("BatchSize: 10", "BatchSize: many"),
        ("HttpApi: !Ref HttpApi\n", "HttpApi: !Ref HttpApy\n"),
    ],
)
def test_the_gates_see_mistakes_that_single_validators_overlook(right: str, wrong: str, tmp_path: Path) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "template.yaml"
    broken.write_text(text.replace(right, wrong, 1), encoding="utf-8")

    answer = _lint_expanded(broken, tmp_path)

    assert answer.returncode != 0, f"{wrong} went through"
    assert os.linesep in answer.stdout + answer.stderr
