"""The template is right in the eyes of SAM and of cfn-lint: three gates, since each overlooks what another sees."""

from __future__ import annotations

import json
import subprocess
import sys
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
MISTAKES = [
    ("!Ref TokensTable", "!Ref TokenTable", "'TokenTable'"),
    ("Queue: !GetAtt RoutingQueue.Arn", "Queue: !GetAtt RoutingQueu.Arn", "'RoutingQueu'"),
    ("Default: python3.13", "Default: python3.99", "Default should be a value within AllowedValues"),
    ("HttpApi: !Ref HttpApi\n", "HttpApi: !Ref HttpApy\n", "'HttpApy'"),
]
"""What is right, what is wrong, and what cfn-lint says of it. All are in one template: checking one takes seconds."""


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


def test_cfn_lint_with_serverless_rules_finds_nothing_in_what_is_written() -> None:
    """Nor does it meet an action of the role that deploys that it does not know."""
    answer = _run(*CFN_LINT, "--template", *(ROOT / name for name in WRITTEN))

    assert answer.stdout + answer.stderr == ""
    assert answer.returncode == 0


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What cfn-lint finds in the template as it is expanded, without mistakes and with them."""
    directory = tmp_path_factory.mktemp("expanded")
    right = wrong = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for before, after, _ in MISTAKES:
        wrong = wrong.replace(before, after, 1)
    paths = {name: directory / f"{name}.json" for name in ("right", "wrong")}
    for path, translation in zip(paths.values(), translations([(right, {}), (wrong, {})]), strict=True):
        assert translation.error == ""
        path.write_text(json.dumps(translation.expanded, indent=1), encoding="utf-8")
    answer = _run(*CFN_LINT, "--format", "json", "--ignore-checks", *IN_EXPANDED_TEMPLATES, "--template", *paths.values())
    assert answer.stderr == ""
    findings = json.loads(answer.stdout)
    return {name: [one["Message"] for one in findings if one["Filename"] == str(path)] for name, path in paths.items()}


def test_cfn_lint_finds_nothing_in_the_template_as_deployed(found: dict[str, list[str]]) -> None:
    assert found["right"] == []


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES)
def test_the_gates_see_mistakes_that_single_validators_overlook(right: str, wrong: str, said: str, found: dict[str, list[str]]) -> None:
    assert right in (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert [message for message in found["wrong"] if said in message], f"{wrong} went through"


def test_a_template_that_cannot_be_expanded_is_refused() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    broken = text.replace("BatchSize: 10", "BatchSize: many", 1)
    assert broken != text

    (translation,) = translations([(broken, {})])

    assert translation.expanded == {}
    assert translation.error
