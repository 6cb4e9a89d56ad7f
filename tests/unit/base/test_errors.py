"""Every error code has its statuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cli.errors import ApiError, ExitStatus
from event_service.base import errors
from event_service.base.errors import STATUSES, DomainError, ErrorCode
from functions.websocket.handler import create_handler
from local.tools import ROOT


def kinds(of: type[DomainError] = DomainError) -> list[type[DomainError]]:
    return [one for kind in of.__subclasses__() for one in (kind, *kinds(kind)) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_row_of_statuses(code: ErrorCode) -> None:
    status = STATUSES[code]
    assert status.meaning.endswith(".")
    assert 400 <= status.http < 600
    assert 400 <= status.web_socket < 600
    assert ExitStatus(status.exit) in (ExitStatus.FAILED, ExitStatus.NOT_ALLOWED)


def test_the_documented_codes_and_meanings_are_those_of_the_table() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", text.partition("| code | meaning |")[2].partition("\n\n")[0], re.MULTILINE))

    assert rows == {code.value: status.meaning for code, status in STATUSES.items()}


@pytest.mark.parametrize("code", ErrorCode)
def test_troubleshooting_has_a_row_for_every_code(code: ErrorCode) -> None:
    section = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").partition("## The API refuses a request")[2]

    assert f"| `{code.value}`" in section.partition("\n## ")[0]


def test_every_domain_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))
    assert {*codes, ErrorCode.INTERNAL} == set(ErrorCode)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_the_socket_door_answers_with_the_status_of_the_code(kind: type[DomainError]) -> None:
    class Refusing:
        def connect(self, request: Any) -> None:
            raise kind("endpoint", ["x"]) if kind is errors.NotFound else kind("no")

    handle = create_handler(Refusing)  # type: ignore[arg-type]  # only what a connect uses
    request = {"connectionId": "c", "eventType": "CONNECT", "connectedAt": 0}
    assert handle({"requestContext": request}, None)["statusCode"] == STATUSES[kind.code].web_socket


@pytest.mark.parametrize("code", ErrorCode)
def test_the_command_line_exits_with_the_status_of_the_code(code: ErrorCode) -> None:
    assert ApiError([{"message": "no", "extensions": {"code": code.value}}]).status == STATUSES[code].exit


def test_a_code_of_a_newer_service_is_a_failure() -> None:
    assert ApiError([{"message": "no", "extensions": {"code": "NEWER"}}]).status == ExitStatus.FAILED
