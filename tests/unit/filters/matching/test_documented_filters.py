"""Every example of docs/filters.md is what it says, in both its forms."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import graphql
import pytest

from event_service.filters.event_filter import parse_condition
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.compile import parse_pattern
from event_service.filters.patterns.operators import OPERATORS

PAGE = Path(__file__).parents[4] / "docs" / "filters.md"
BLOCK = re.compile(r"^```(?P<kind>json (?:event|variables|matches|others)|graphql)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    title: str
    condition: dict[str, Any]
    mutation: str
    matches: list[dict[str, Any]]
    others: list[dict[str, Any]]


def _blocks(text: str) -> dict[str, str]:
    return {found["kind"]: found["text"] for found in BLOCK.finditer(text)}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


INTRODUCTION, *SECTIONS = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
EVENT: dict[str, Any] = json.loads(_blocks(INTRODUCTION)["json event"])
EXAMPLES = [
    Example(
        title=section.partition("\n")[0],
        condition=json.loads(blocks["json variables"])["eventFiltersInput"],
        mutation=blocks["graphql"],
        matches=_lines(blocks["json matches"]),
        others=_lines(blocks["json others"]),
    )
    for section in SECTIONS
    for blocks in [_blocks(section)]
]

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])


def test_there_are_ten_examples_with_events_of_both_kinds() -> None:
    assert len(EXAMPLES) == 10
    assert all(example.matches and example.others for example in EXAMPLES)


def test_the_event_has_all_nine_keys() -> None:
    keys = ["id", "type", "date", "data", "agentId", "cameraId", "workspaceId", "creationDate", "lastModified"]
    assert list(EVENT) == keys


def test_every_operator_is_explained() -> None:
    table = INTRODUCTION.partition("## Operators")[2]
    assert [name for name in (*OPERATORS, "$or") if f'"{name}"' not in table] == []


@each_example
def test_an_example_matches_what_it_says(example: Example) -> None:
    matcher = Matcher()
    matcher.add("example", parse_condition(example.condition, parse_pattern))

    for difference in example.matches:
        assert matcher.matches({**EVENT, **difference}) == {"example"}, difference
    for difference in example.others:
        assert matcher.matches({**EVENT, **difference}) == set(), difference


@each_example
def test_the_literal_of_an_example_is_the_same_condition(example: Example) -> None:
    operation = graphql.parse(example.mutation).definitions[0]
    assert isinstance(operation, graphql.OperationDefinitionNode)
    field = operation.selection_set.selections[0]
    assert isinstance(field, graphql.FieldNode)
    (argument,) = field.arguments or ()
    literal = graphql.value_from_ast_untyped(argument.value)

    assert parse_condition(literal, parse_pattern) == parse_condition(example.condition, parse_pattern)
