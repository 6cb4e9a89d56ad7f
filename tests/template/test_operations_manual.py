"""``docs/operations.md`` says what a person on call needs, and says it of what is deployed."""

from __future__ import annotations

import ast
import re

import pytest

from event_service.observability import Metric
from local.tools import ROOT
from tests.template_file import monitoring, resources, template

MANUAL = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALARMS = resources("AWS::CloudWatch::Alarm")
LEAST_CHARACTERS = 80
"""Of a paragraph that says both what an alarm means and what to do."""


def _section(title: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[1]


def _paragraphs() -> dict[str, str]:
    """The paragraph of each alarm."""
    _, *parts = re.split(r"^### (\w+)\n", _section("Alarms"), flags=re.MULTILINE)
    return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))


def test_alarms_and_their_paragraphs_agree() -> None:
    assert sorted(_paragraphs()) == sorted(ALARMS)


@pytest.mark.parametrize("alarm", sorted(ALARMS))
def test_a_paragraph_about_an_alarm_says_enough(alarm: str) -> None:
    assert len(_paragraphs()[alarm]) >= LEAST_CHARACTERS


def test_names_of_the_template_in_the_manual_are_names_that_it_has() -> None:
    known = set(template()["Resources"]) | set(monitoring()["Resources"]) | set(template()["Parameters"]) | set(template()["Outputs"])
    mentioned = set(re.findall(r"\b[A-Z][A-Za-z]+(?:Table|Queue|Dlq|Alarm|Function|Concurrency)\b", MANUAL))

    assert mentioned - known == set()


def test_the_manual_lists_every_metric_and_no_other() -> None:
    _, _, table = _section("Metrics").partition("| metric | counts |")
    named = {name for row in table.splitlines() if row.startswith("| ") for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}

    assert named == {metric.value for metric in Metric}


def _faults() -> list[list[str]]:
    rows = [line for line in _section("Faults").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_fault_says_what_is_lost_for_how_long_and_its_test() -> None:
    faults = _faults()
    notes = dict(re.findall(r"^(\[\^\d+\]): (.+)$", _section("Faults"), re.MULTILINE))

    assert len(faults) >= 15
    assert {note for *_, note in faults} == set(notes)
    for fault, happens, lost, until_normal, note in faults:
        assert fault
        assert happens
        assert lost.startswith("nothing"), fault
        assert until_normal, fault
        shown_by = notes[note]
        path, name = re.fullmatch(r"`(tests/\S+\.py)::(\w+)`", shown_by).groups()  # type: ignore[union-attr]
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}, shown_by


@pytest.mark.parametrize("kind", ["DynamoDB throttles", "SQS", "times out", "is killed", "out of memory", "twice", "late"])
def test_the_faults_that_a_service_on_aws_meets_are_all_there(kind: str) -> None:
    assert any(kind in fault for fault, *_ in _faults())


def test_the_times_of_the_faults_are_those_of_the_template() -> None:
    queues = resources("AWS::SQS::Queue")
    minutes = {name: queues[name]["Properties"]["VisibilityTimeout"] / 60 for name in ("RoutingQueue", "WebhookQueue", "SocketQueue")}
    tries = {queues[name]["Properties"]["RedrivePolicy"]["maxReceiveCount"] for name in minutes}

    assert minutes == {"RoutingQueue": 6, "WebhookQueue": 6, "SocketQueue": 3}
    assert "6 minutes (3 for sockets)" in _section("Faults")
    assert tries == {10}
    assert "after ten tries" in _section("Faults")
