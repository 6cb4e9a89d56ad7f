"""Every field of what the chain of changes holds comes back as it was written."""

from __future__ import annotations

import json
import typing
from dataclasses import replace
from typing import Any

import pytest

from event_service.base.dates import format_date
from event_service.configuration import changes, codec
from event_service.configuration.changes import Counts, DeleteEndpoints, Operation, SetState
from event_service.configuration.endpoint import SETTINGS, Endpoint, EndpointType, contract_name
from event_service.configuration.storage import items
from event_service.filters.event_filter import EventFilter
from tests.support.filled import START, filled

CONDITION = {"in": {"cameraIds": ["é"]}}


def operation(of_type: type[Any]) -> Any:
    """One of a type with every field filled; dates and enumerations are stored as such in the fields that hold them."""
    if of_type is DeleteEndpoints:
        return filled(of_type, types=(EndpointType.WEB_HOOK, EndpointType.WEB_SOCKET))
    return filled(of_type, modified=format_date(START)) if of_type is SetState else filled(of_type)


@pytest.mark.parametrize("of_type", typing.get_args(Operation), ids=lambda one: one.__name__)
def test_codec_keeps_every_field_of_every_operation(of_type: type[Any]) -> None:
    made = operation(of_type)
    stored = json.loads(json.dumps(changes.operations_to_json([made])))
    assert changes.operations_from_json(stored) == (made,)


def test_codec_keeps_every_field_of_counts() -> None:
    counts = filled(Counts)
    assert changes.counts_from_json(json.loads(json.dumps(changes.counts_to_json(counts)))) == counts


def test_codec_keeps_every_field_of_an_endpoint_in_its_row() -> None:
    endpoint = filled(Endpoint)
    assert items.endpoint_of(items.endpoint_item(endpoint, 7)) == endpoint


def test_codec_keeps_every_field_of_an_event_filter_in_its_row() -> None:
    event_filter = filled(EventFilter, condition=CONDITION)
    assert items.event_filter_of(items.event_filter_item(event_filter, 7)) == event_filter


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_is_a_field_of_endpoints_and_is_stored(setting: str) -> None:
    endpoint = filled(Endpoint)
    missing = replace(endpoint, **{setting: None})

    assert getattr(items.endpoint_of(items.endpoint_item(endpoint, 7)), setting) == getattr(filled(Endpoint), setting)
    assert contract_name(setting) not in items.endpoint_item(missing, 7)
    assert endpoint.meta.keys() - missing.meta.keys() == {contract_name(setting)}


def test_codec_leaves_out_what_is_not_there() -> None:
    endpoint = filled(Endpoint, url=None, method=None, status_reason=None)
    stored = items.endpoint_item(endpoint, 7)
    assert not {"url", "method", "statusReason"} & stored.keys()
    assert items.endpoint_of(stored) == endpoint


@pytest.mark.parametrize(("state", "expected"), [(True, True), (False, False), (None, True)])
def test_state_is_written_over_an_endpoint_where_it_says_something(state: bool | None, expected: bool) -> None:
    endpoint = filled(Endpoint)
    changed = SetState((endpoint.id,), format_date(START), matches_nothing=state).applied_to(endpoint)
    assert (changed.matches_nothing, changed.status, changed.status_reason) == (expected, endpoint.status, endpoint.status_reason)
    assert changed.modified == START


def test_codec_refuses_a_newer_format_and_an_unknown_operation() -> None:
    stored = codec.endpoint_fields(filled(Endpoint)) | {"format": codec.FORMAT + 1}
    with pytest.raises(ValueError, match="newer than this release"):
        codec.endpoint_of(stored)
    with pytest.raises(ValueError, match="'newer'"):
        changes.operations_from_json([{"op": "newer"}])
