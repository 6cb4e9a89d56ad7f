"""Ids: one spelling each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.base.errors import BadUserInput
from event_service.base.identifiers import delivery_id, new_id, parse_delivery_id, parse_uuid, parse_uuids, shard_of

ID = "52c6548d-3e17-4b9b-9268-ce51d6900530"


def test_an_id_is_taken_in_any_case_and_kept_in_lower_case() -> None:
    assert parse_uuid(ID.upper(), "id") == ID


@pytest.mark.parametrize("value", ["", "x", ID[:-1], ID + "0", "{" + ID + "}", "urn:uuid:" + ID, ID.replace("-", ""), " " + ID, ID + "\n"])
def test_only_the_canonical_spelling_is_an_id(value: str) -> None:
    with pytest.raises(BadUserInput, match=r"^id: "):
        parse_uuid(value, "id")


def test_a_list_of_ids_is_1_to_100_and_each_counts_once() -> None:
    assert parse_uuids([ID, ID.upper()], "ids") == [ID]
    assert len(parse_uuids([new_id() for _ in range(100)], "ids")) == 100
    for wrong in ([], [ID] * 101):
        with pytest.raises(BadUserInput, match=r"^ids: "):
            parse_uuids(wrong, "ids")


def test_all_bad_ids_are_named_together() -> None:
    with pytest.raises(BadUserInput) as caught:
        parse_uuids(["a", ID, "b"], "ids")
    assert len(caught.value.problems) == 2


@given(st.uuids(), st.text(min_size=1, max_size=60))
def test_a_delivery_id_leads_back_to_endpoint_and_event(endpoint: object, event_id: str) -> None:
    assert parse_delivery_id(delivery_id(str(endpoint), event_id)) == (str(endpoint), event_id)


@pytest.mark.parametrize("value", ["", "x", "!!!!", ID, "A" * 21, "A" * 22, "A" * 24 + "=", "é" * 30])
def test_what_is_no_delivery_id_is_none(value: str) -> None:
    parsed = parse_delivery_id(value)
    assert parsed is None or delivery_id(*parsed) == value


def test_shards_are_stable_and_even() -> None:
    assert shard_of(ID, 16) == shard_of(ID, 16) < 16
    counts = [0] * 16
    for number in range(16_000):
        counts[shard_of(f"event-{number}", 16)] += 1
    assert max(counts) < 1_200
