"""Keys, descriptions and labels: what is allowed, and what giving nothing means."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.base.errors import BadUserInput
from event_service.base.marks import NO_MARKS, GivenMarks, Marks

KEPT = Marks("orders", "For the shop.", (("env", "prod"), ("team", "shop")))


def test_what_is_given_replaces_what_there_is() -> None:
    assert GivenMarks("k", "d", {"b": "2", "a": "1"}).over(KEPT) == Marks("k", "d", (("a", "1"), ("b", "2")))
    assert GivenMarks().over(KEPT) == KEPT
    assert GivenMarks(key="k").over(KEPT) == Marks("k", KEPT.description, KEPT.labels)


def test_what_is_given_empty_takes_away() -> None:
    assert GivenMarks("", "", {}).over(KEPT) == NO_MARKS
    assert GivenMarks(description="").over(KEPT) == Marks(KEPT.key, None, KEPT.labels)


def test_the_longest_of_each_is_taken() -> None:
    labels = {f"{number:02d}" + "n" * 62: "v" * 256 for number in range(20)}

    marks = GivenMarks("k" * 128, "d" * 1_024, labels).over(NO_MARKS)

    assert (len(marks.key or ""), len(marks.description or ""), len(marks.labels)) == (128, 1_024, 20)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (GivenMarks(key="k" * 129), "key: it has 129 characters; at most 128"),
        (GivenMarks(key=" k"), "key: it begins or ends with a space"),
        (GivenMarks(key="a\u0000"), "key: control characters"),
        (GivenMarks(key="a\nb"), "key: control characters"),
        (GivenMarks(description="d" * 1_025), "description: it has 1025 characters; at most 1,024"),
        (GivenMarks(description="a\u202eb"), "description: format characters"),
        (GivenMarks(labels=["a"]), "labels: it is no object"),
        (GivenMarks(labels="a"), "labels: it is no object"),
        (GivenMarks(labels={str(number): "" for number in range(21)}), "labels: it has 21 pairs; at most 20"),
        (GivenMarks(labels={"": "x"}), "labels: the name of a label is empty"),
        (GivenMarks(labels={"n" * 65: "x"}), "it has 65 characters; at most 64"),
        (GivenMarks(labels={"team": "v" * 257}), "labels.team: it has 257 characters; at most 256"),
        (GivenMarks(labels={"team": 1}), "labels.team: it is no text"),
        (GivenMarks(labels={"team": None}), "labels.team: it is no text"),
        (GivenMarks(labels={"a\u0000": "x"}), "control characters"),
    ],
)
def test_each_fault_says_where_it_is(given: GivenMarks, said: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        given.over(NO_MARKS)
    assert said in caught.value.message


def test_faults_are_told_together() -> None:
    labels: dict[str, Any] = {"a": 1, "b": " x"}
    with pytest.raises(BadUserInput) as caught:
        GivenMarks("k" * 129, "d" * 1_025, labels).over(NO_MARKS)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["key", "description", "labels.a", "labels.b"]


def test_a_description_may_have_lines() -> None:
    assert GivenMarks(description="a\n\tb").over(NO_MARKS).description == "a\n\tb"
