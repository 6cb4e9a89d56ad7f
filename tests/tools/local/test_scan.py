"""What checkov finds is repaired, or listed with a reason; and the list does not outlive what it is about."""

from __future__ import annotations

from local.scan import ALLOWED, allowed, failures, judge
from tests.template_file import console, monitoring, template


def test_the_list_alone_passes() -> None:
    assert judge(allowed()) == []


def test_a_finding_that_is_not_listed_fails() -> None:
    assert judge([*allowed(), ("CKV_AWS_158", "GraphqlApiLogGroup")]) == [
        "CKV_AWS_158 GraphqlApiLogGroup: repair it, or say in local/scan.py why not"
    ]


def test_an_entry_that_nothing_fails_has_to_go() -> None:
    gone = ("CKV_AWS_28", "EventsTable")

    assert judge(allowed() - {gone}) == ["CKV_AWS_28 EventsTable: nothing fails any more; remove it from local/scan.py"]


def test_reports_of_one_and_of_several_frameworks_are_read() -> None:
    part = {"results": {"failed_checks": [{"check_id": "CKV_AWS_28", "resource": "AWS::DynamoDB::Table.EventsTable"}]}}

    assert failures(part) == failures([part]) == [("CKV_AWS_28", "EventsTable")]


def test_every_entry_names_resources_that_there_are_and_a_reason() -> None:
    made = {*template()["Resources"], *monitoring()["Resources"], *console()["Resources"], "WebSocketApiliveStage"}  # the last one by SAM

    assert {resource for _, resource in allowed()} <= made
    assert all(len(reason) > 40 for reason in ALLOWED.values())
