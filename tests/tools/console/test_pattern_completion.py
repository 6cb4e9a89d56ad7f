"""The editor of patterns proposes what the pattern language has."""

from __future__ import annotations

import re

from event_service.filters.patterns.operators import OPERATORS
from local.tools import ROOT
from tests.builders import an_event

SOURCE = (ROOT / "console" / "src" / "parts" / "pattern-completion.ts").read_text(encoding="utf-8")


def _proposed(name: str) -> list[str]:
    listed = re.search(rf"^const {name}: Completion\[\] = \[(.*?)^\]\.map", SOURCE, re.MULTILINE | re.DOTALL)
    assert listed
    return re.findall(r"""\["([^"]+)", ["']""", listed[1])


def test_every_operator_is_proposed_and_no_other() -> None:
    assert sorted(_proposed("OPERATORS")) == sorted(OPERATORS)


def test_every_field_of_an_event_but_its_own_dates_is_proposed() -> None:
    assert {*_proposed("FIELDS"), "creationDate", "lastModified"} == {*an_event().as_delivered(), "$or"}
