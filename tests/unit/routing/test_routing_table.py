"""Which endpoints an event goes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.endpoint import EndpointStatus, EndpointType
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.operators import OPERATORS
from event_service.routing.service_event_rules import NAMING_OPERATORS, names_operational_type
from event_service.routing.table import OutOfOrder, RoutingTable
from tests.fakes.configuration_store import FakeConfigurationRows
from tests.unit.routing.configurations import (
    AT,
    ENDPOINTS,
    FILTERS,
    TYPES,
    WORKSPACE,
    Reference,
    chain_of,
    chains,
    change,
    endpoint,
    event,
    event_filter,
)

E1, E2, E3, E4 = ENDPOINTS
F1, F2, F3, F4 = FILTERS
PUT_E1 = PutEndpoint(endpoint(E1))


def types(*names: str) -> dict[str, Any]:
    return {"in": {"eventTypes": list(names)}}


def table_of(*operations: Any) -> RoutingTable:
    table = RoutingTable(WORKSPACE, Matcher())
    for one in chain_of(*operations):
        table.apply(one)
    return table


def test_an_endpoint_without_filters_gets_every_event() -> None:
    assert table_of(PUT_E1).endpoints_for(event()) == {E1}


def test_filters_of_one_endpoint_combine_with_or() -> None:
    table = table_of(
        PUT_E1, PutEventFilter(event_filter(F1, types("a"))), PutEventFilter(event_filter(F2, types("b"))), Link((E1,), (F1, F2))
    )

    assert [table.endpoints_for(event(one)) for one in "abc"] == [{E1}, {E1}, set()]


def test_in_and_pattern_combine_with_and() -> None:
    condition = {**types("a"), "pattern": {"data": {"n": [1]}}}
    table = table_of(PUT_E1, PutEventFilter(event_filter(F1, condition)), Link((E1,), (F1,)))

    assert table.endpoints_for(event("A", {"n": 1})) == {E1}
    assert table.endpoints_for(event("a", {"n": 2})) == set()
    assert table.endpoints_for(event("b", {"n": 1})) == set()


def test_an_empty_list_matches_nothing_and_is_not_no_filter() -> None:
    assert table_of(PUT_E1, PutEventFilter(event_filter(F1, types())), Link((E1,), (F1,))).endpoints_for(event()) == set()


def test_a_changed_filter_applies_to_all_its_endpoints() -> None:
    table = table_of(
        PUT_E1,
        PutEndpoint(endpoint(E2)),
        PutEventFilter(event_filter(F1, types("a"))),
        Link((E1, E2), (F1,)),
        PutEventFilter(event_filter(F1, types("b"))),
    )

    assert (table.endpoints_for(event("a")), table.endpoints_for(event("b"))) == (set(), {E1, E2})


def test_unlinking_the_last_filter_brings_back_every_event() -> None:
    table = table_of(PUT_E1, PutEventFilter(event_filter(F1, types("b"))), Link((E1,), (F1,)), Unlink((E1,), (F1,)))

    assert table.endpoints_for(event("a")) == {E1}


def test_a_deleted_endpoint_gets_nothing_and_leaves_no_links() -> None:
    table = table_of(PUT_E1, PutEventFilter(event_filter(F1, types("a"))), Link((E1,), (F1,)), DeleteEndpoints((E1,)))

    assert table.endpoints_for(event("a")) == set()
    assert table.estimated_bytes == table_of(PutEventFilter(event_filter(F1, types("a")))).estimated_bytes


def test_endpoint_that_is_off_is_routed_to() -> None:
    off = SetState((E1,), "2026-03-01T12:00:00.000000+00:00", EndpointStatus.DISABLED, "why")

    assert table_of(PUT_E1, off).endpoints_for(event()) == {E1}


def test_endpoints_know_their_types() -> None:
    table = table_of(PUT_E1, PutEndpoint(endpoint(E2, EndpointType.WEB_SOCKET)))

    assert (table.type_of(E1), table.type_of(E2)) == (EndpointType.WEB_HOOK, EndpointType.WEB_SOCKET)


def test_one_endpoint_can_be_asked_alone() -> None:
    table = table_of(PUT_E1, PutEndpoint(endpoint(E2)), PutEventFilter(event_filter(F1, types("b"))), Link((E1,), (F1,)))

    assert (table.selects(E1, event("a")), table.selects(E1, event("b")), table.selects(E2, event("a"))) == (False, True, True)


# -- the service's own events --------------------------------------------------------------------------------------

DISABLED = "event-service.endpoint.disabled"


def test_operational_events_go_only_where_a_filter_names_their_type() -> None:
    table = table_of(
        PUT_E1,
        *[PutEndpoint(endpoint(one)) for one in (E2, E3, E4)],
        PutEventFilter(event_filter(F1, types("Event-Service.Endpoint.DISABLED"))),
        PutEventFilter(event_filter(F2, {"pattern": {"type": [{"prefix": "event-service."}]}})),
        PutEventFilter(event_filter(F3, {"pattern": {"data": {"endpointId": [{"exists": True}]}}})),
        Link((E2,), (F1,)),
        Link((E3,), (F2,)),
        Link((E4,), (F3,)),
    )

    # E1 has no filter, E4 one that matches without naming the type.
    assert table.endpoints_for(event(DISABLED, {"endpointId": "x"})) == {E2, E3}
    assert table.endpoints_for(event("a", {"endpointId": "x"})) == {E1, E4}


def test_operational_events_never_go_to_the_endpoint_they_speak_of() -> None:
    table = table_of(PUT_E1, PutEndpoint(endpoint(E2)), PutEventFilter(event_filter(F1, types(DISABLED))), Link((E1, E2), (F1,)))

    assert table.endpoints_for(event(DISABLED, {"endpointId": E1})) == {E2}


def test_a_filter_that_names_an_operational_type_still_has_to_match() -> None:
    table = table_of(PUT_E1, PutEventFilter(event_filter(F1, types("event-service.delivery.failed"))), Link((E1,), (F1,)))

    assert table.endpoints_for(event(DISABLED)) == set()


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (types("event-service.x"), True),
        (types("a", "EVENT-SERVICE.X"), True),
        (types("event-servicex"), False),
        ({"in": {"cameraIds": ["event-service.x"]}}, False),
        ({"pattern": {"type": ["event-service.x"]}}, True),
        ({"pattern": {"type": [{"exactly": "event-service.x"}]}}, True),
        ({"pattern": {"type": [{"prefix": "event-service."}]}}, True),
        ({"pattern": {"type": [{"prefix": {"equals-ignore-case": "Event-Service.E"}}]}}, True),
        ({"pattern": {"type": [{"equals-ignore-case": "EVENT-SERVICE.X"}]}}, True),
        ({"pattern": {"type": [{"wildcard": "event-service.*.disabled"}]}}, True),
        ({"pattern": {"$or": [{"data": {"a": [1]}}, {"type": ["event-service.x"]}]}}, True),
        ({"pattern": {"type": [{"prefix": "event-"}]}}, False),
        ({"pattern": {"type": [{"prefix": ""}]}}, False),
        ({"pattern": {"type": [{"exists": True}]}}, False),
        ({"pattern": {"type": [{"anything-but": ["event-service.x"]}]}}, False),
        ({"pattern": {"type": [{"suffix": "event-service.x"}]}}, False),
        ({"pattern": {"type": [{"wildcard": "*disabled"}]}}, False),
        ({"pattern": {"data": {"type": ["event-service.x"]}}}, False),
    ],
)
def test_which_conditions_name_an_operational_type(condition: dict[str, Any], names: bool) -> None:
    assert names_operational_type(condition) is names


NOT_NAMING = {"suffix", "anything-but", "numeric", "cidr", "exists"}
"""Operators that say nothing of how a type begins."""


def test_each_operator_either_names_types_or_does_not() -> None:
    assert {*NAMING_OPERATORS, *NOT_NAMING} == set(OPERATORS)
    assert not NOT_NAMING & {*NAMING_OPERATORS}


def test_a_filter_stops_naming_a_type_when_it_is_changed() -> None:
    table = table_of(
        PUT_E1,
        PutEventFilter(event_filter(F1, types(DISABLED))),
        Link((E1,), (F1,)),
        PutEventFilter(event_filter(F1, {"pattern": {"type": [{"exists": True}]}})),
    )

    assert table.endpoints_for(event(DISABLED)) == set()


# -- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_change_out_of_order_is_refused_and_changes_nothing(version: int) -> None:
    table = table_of(PUT_E1)

    with pytest.raises(OutOfOrder):
        table.apply(change(version, DeleteEndpoints((E1,))))
    assert (table.version, table.endpoints_for(event())) == (1, {E1})


def routes(table: RoutingTable) -> dict[str, set[str]]:
    return {one: table.endpoints_for(event(one)) for one in TYPES}


def expected(chain: Sequence[ChangeSet]) -> dict[str, set[str]]:
    reference = Reference()
    for one in chain:
        for operation in one.operations:
            reference.apply(operation)
    return {one: reference.endpoints_for(one) for one in TYPES}


@given(chains())
def test_a_table_that_follows_the_chain_routes_as_the_configuration_says(chain: list[ChangeSet]) -> None:
    table = table_of(*[one.operations for one in chain])

    assert routes(table) == expected(chain)


@given(chains(), st.data())
def test_a_table_loaded_while_changes_are_written_routes_as_the_chain_says(chain: list[ChangeSet], data: st.DataObject) -> None:
    """The rows show at least the version of the load; each of the three reads may show more than the one before."""
    version = data.draw(st.integers(0, len(chain)), "version")
    shown = sorted(data.draw(st.lists(st.integers(version, len(chain)), min_size=3, max_size=3), "shown by each read"))
    reads = []
    for upto in shown:
        rows = FakeConfigurationRows(lambda: AT)
        for one in chain[:upto]:
            rows.apply(one)
        reads.append(rows.load(WORKSPACE))
    table = RoutingTable(WORKSPACE, Matcher())

    table.load(version, reads[0].endpoints, reads[1].event_filters.values(), reads[2].links, reads[0].matching_nothing)
    for one in chain[version:]:
        table.apply(one)

    assert routes(table) == expected(chain)


@given(chains())
def test_nothing_is_left_behind_when_all_is_deleted(chain: list[ChangeSet]) -> None:
    table = table_of(*[one.operations for one in chain], DeleteEndpoints(tuple(ENDPOINTS)), DeleteEventFilters(tuple(FILTERS)))

    assert table.estimated_bytes == 0
    assert routes(table) == {one: set() for one in TYPES}
