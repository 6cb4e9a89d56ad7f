"""Keeping the routing tables of many workspaces up to date: cheap, bounded, never torn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.changes import (
    ChangeSet,
    Counts,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    PutEndpoint,
    PutEventFilter,
    Unlink,
)
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.ports import RoutingRows
from event_service.filters.matching.matcher import Matcher
from event_service.routing.tables import CHANGES_PER_READ, PACKED_FROM, RoutingTables
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows
from tests.unit.routing.configurations import AT, ENDPOINTS, FILTERS, WORKSPACE, change, endpoint, event, event_filter

E1, E2, *_ = ENDPOINTS
F1, F2, *_ = FILTERS
TYPE_A = {"in": {"eventTypes": ["a"]}}
TYPE_B = {"in": {"eventTypes": ["b"]}}


class Store:
    """A configuration over fakes that counts the operations on them."""

    def __init__(self, **limits: int) -> None:
        self.counts: Counter[str] = Counter()
        self.hook: Callable[[str], None] = lambda operation: None
        self.log = FakeChangeLog(self._seen)
        self.rows = FakeConfigurationRows(lambda: AT, self._seen)
        self.tables = RoutingTables(self.log, self.rows, Matcher, None, **limits)
        self.limits = limits

    def _seen(self, operation: str) -> None:
        self.counts[operation] += 1
        self.hook(operation)

    def restart(self) -> None:
        """A new process."""
        self.tables = RoutingTables(self.log, self.rows, Matcher, None, **self.limits)

    def commit(self, *operations: object, workspace: str = WORKSPACE, apply: bool = True) -> None:
        """What a mutation does; without ``apply`` it died between the commit and the rows."""
        hook, self.hook = self.hook, lambda operation: None
        before = self.counts.copy()
        chain = self.log.chains.get(workspace, [])
        version = chain[-1].version + 1 if chain else 1
        one = replace(change(version, *operations), workspace_id=workspace)  # type: ignore[arg-type]
        assert self.log.append(one)
        if apply:
            self.rows.apply(one)
            self.log.mark_applied(workspace, version)
        self.counts, self.hook = before, hook

    def routes(self, event_type: str = "a", workspace: str = WORKSPACE) -> set[str]:
        return self.tables.current(workspace).endpoints_for(event(event_type))

    def spent(self) -> dict[str, int]:
        spent, self.counts = dict(self.counts), Counter()
        return spent


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_workspace_without_configuration_routes_nowhere(store: Store) -> None:
    assert store.routes() == set()


def test_a_change_before_a_look_applies_to_it(store: Store) -> None:
    for operation, routes in [
        (PutEndpoint(endpoint(E1)), {E1}),
        (PutEventFilter(event_filter(F1, TYPE_B)), {E1}),
        (Link((E1,), (F1,)), set()),
        (PutEventFilter(event_filter(F1, TYPE_A)), {E1}),
        (DeleteEndpoints((E1,)), set()),
    ]:
        store.commit(operation)
        assert store.routes() == routes


def test_a_look_is_one_read_when_nothing_changed(store: Store) -> None:
    store.commit(PutEndpoint(endpoint(E1)))
    store.routes()
    store.spent()

    store.routes()

    assert store.spent() == {"changes.after": 1}


def test_link_change_among_10_000_costs_the_router_one_read(store: Store) -> None:
    """At most ten are allowed."""
    store.commit(*[PutEndpoint(endpoint(f"e1000000-0000-4000-8000-{number:012d}")) for number in range(10_000)])
    store.commit(
        *[
            PutEventFilter(event_filter(f"f1000000-0000-4000-8000-{number:012d}", {"in": {"cameraIds": [f"c{number}"]}}))
            for number in range(10_000)
        ]
    )
    store.commit(PutEndpoint(endpoint(E1)), PutEventFilter(event_filter(F1, TYPE_B)))
    assert len(store.routes()) == 10_001
    store.spent()

    store.commit(Link((E1,), (F1,)))

    assert len(store.routes()) == 10_000
    assert store.spent() == {"changes.after": 1}


def test_many_changes_are_followed_in_pages(store: Store) -> None:
    store.commit(PutEndpoint(endpoint(E1)))
    store.routes()
    for number in range(2 * CHANGES_PER_READ + 1):
        store.commit(PutEventFilter(event_filter(F1, TYPE_A if number % 2 else TYPE_B)))
    store.commit(Link((E1,), (F1,)))
    store.spent()

    assert store.routes("b") == {E1}

    assert store.spent() == {"changes.after": 3}


def test_a_table_that_is_behind_what_is_kept_is_loaded_anew(store: Store) -> None:
    store.commit(PutEndpoint(endpoint(E1)))
    store.routes()
    for number in range(20):
        store.commit(PutEndpoint(endpoint(E2)) if number == 0 else PutEventFilter(event_filter(F1, TYPE_A)))
    store.log.trim(WORKSPACE, 5)

    assert store.routes() == {E1, E2}


def test_a_gap_that_appears_while_loading_is_not_jumped_over(store: Store) -> None:
    store.commit(PutEndpoint(endpoint(E1)))

    def overtake(operation: str) -> None:
        if operation == "rows.load.links":
            store.hook = lambda operation: None
            for _ in range(9):
                store.commit(PutEventFilter(event_filter(F1, TYPE_B)))
            store.commit(Link((E1,), (F1,)))
            store.log.trim(WORKSPACE, 1)

    store.hook = overtake

    assert store.routes("a") == set()
    assert store.routes("b") == {E1}


def test_a_load_that_is_always_overtaken_gives_up_and_keeps_nothing(store: Store) -> None:
    store.commit(PutEndpoint(endpoint(E1)))

    def overtake(operation: str) -> None:
        if operation == "rows.load.links":
            for _ in range(3):
                store.commit(PutEventFilter(event_filter(F1, TYPE_B)))
            store.log.trim(WORKSPACE, 1)

    store.hook = overtake

    with pytest.raises(Unavailable):
        store.routes()
    store.hook = lambda operation: None
    assert store.routes() == {E1}


@pytest.mark.parametrize("warm", [False, True])
def test_rows_of_a_dead_maker_are_written_before_routing(store: Store, warm: bool) -> None:
    """Whoever gets an event for an endpoint reads its row: if that were missing, the endpoint would count as deleted."""
    if warm:
        store.routes()
    store.commit(PutEndpoint(endpoint(E1)), apply=False)
    store.commit(PutEndpoint(endpoint(E2)), apply=False)

    assert store.routes() == {E1, E2}

    assert set(store.rows.endpoints(WORKSPACE, [E1, E2])) == {E1, E2}
    # What else follows from the changes is for the next mutation: they are not noted as applied, and not written again.
    assert [one.version for one in store.log.unapplied(WORKSPACE)] == [1, 2]
    store.spent()
    assert store.routes() == {E1, E2}
    assert "rows.apply" not in store.spent()


def test_a_change_that_rows_do_not_take_does_not_block_routing(store: Store) -> None:
    """Deleting many endpoints may touch more rows than an invocation can write; routing follows the chain, not the rows."""
    store.commit(PutEndpoint(endpoint(E1)), PutEndpoint(endpoint(E2)))
    store.commit(DeleteEndpoints((E1,)), apply=False)
    store.commit(PutEndpoint(endpoint(ENDPOINTS[2])), apply=False)
    apply = store.rows.apply

    def refuse_deletions(change: ChangeSet, *, repair: bool = False) -> None:
        if any(isinstance(operation, DeleteEndpoints) for operation in change.operations):
            raise ValueError("ItemCollectionSizeLimitExceededException")
        apply(change, repair=repair)

    store.rows.apply = refuse_deletions  # type: ignore[method-assign]

    for _ in range(2):
        table = store.tables.current(WORKSPACE)
        assert table.endpoints_for(event("a")) == {E2, ENDPOINTS[2]}
        # Of the change behind it the endpoint's row is written: without it, its deliveries would be discarded.
        assert table.unwritten == frozenset()
        assert set(store.rows.endpoints(WORKSPACE, [E1, E2, ENDPOINTS[2]])) == {E1, E2, ENDPOINTS[2]}
        assert [one.version for one in store.log.unapplied(WORKSPACE)] == [2, 3]
        store.restart()
    store.rows.apply = apply  # type: ignore[method-assign]
    store.routes()

    assert set(store.rows.endpoints(WORKSPACE, [E1])) == set()


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_endpoints_whose_rows_cannot_be_written_are_named_until_they_are(store: Store, warm: bool) -> None:
    if warm:
        store.routes()
    store.commit(PutEndpoint(endpoint(E1)), apply=False)

    def fail(operation: str) -> None:
        if operation == "rows.apply":
            raise RateLimited("busy")

    store.hook = fail
    assert store.tables.current(WORKSPACE).unwritten == {E1}
    assert store.tables.current(WORKSPACE).unwritten == {E1}
    store.hook = lambda operation: None

    assert store.routes() == {E1}
    assert store.tables.current(WORKSPACE).unwritten == frozenset()
    assert set(store.rows.endpoints(WORKSPACE, [E1])) == {E1}


@pytest.mark.parametrize("operation", ["changes.after", "changes.unapplied"])
def test_a_table_survives_a_read_that_failed(store: Store, operation: str) -> None:
    """Loading 100,000 filters again because one read timed out would make a bad moment a long one."""
    store.commit(PutEndpoint(endpoint(E1)))
    store.routes()
    store.commit(PutEndpoint(endpoint(E2)), apply=False)

    def fail(seen: str) -> None:
        if seen == operation:
            raise Unavailable("DynamoDB: timed out")

    store.hook = fail
    with pytest.raises(Unavailable):
        store.routes()
    store.hook = lambda operation: None
    store.spent()

    assert store.routes() == {E1, E2}
    assert "changes.head" not in store.spent()
    assert set(store.rows.endpoints(WORKSPACE, [E2])) == {E2}


@pytest.mark.parametrize(
    "mutation",
    [
        (PutEndpoint(endpoint(E2)),),
        (Link((E1,), (F2,)),),
        (Unlink((E1,), (F1,)),),
        (DeleteEndpoints((E1,)),),
        (DeleteEventFilters((F1,)),),
        (PutEventFilter(event_filter(F1, TYPE_B)),),
        (PutEndpoint(endpoint(E2)), Link((E2,), (F2,))),
    ],
    ids=["endpoint", "link", "unlink", "delete endpoint", "delete filter", "change filter", "endpoint with a filter"],
)
@pytest.mark.parametrize("dies", [False, True], ids=["written", "died"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_mutation_between_any_two_reads_never_tears_a_table(mutation: tuple[object, ...], dies: bool, warm: bool) -> None:
    def prepared() -> Store:
        store = Store()
        store.commit(PutEndpoint(endpoint(E1)))
        store.commit(PutEventFilter(event_filter(F1, TYPE_A)), PutEventFilter(event_filter(F2, TYPE_B)))
        store.commit(Link((E1,), (F1,)))
        if warm:
            store.routes()
            store.commit(PutEventFilter(event_filter(FILTERS[2], TYPE_A)))
        return store

    before, after = prepared(), prepared()
    after.commit(*mutation)
    wanted_before, wanted_after = ({one: store.routes(one) for one in "abc"} for store in (before, after))

    position = 0
    interleaved = True
    while interleaved:
        interleaved = False
        store = prepared()
        reads = 0

        def mutate(operation: str, store: Store = store, at: int = position) -> None:
            nonlocal reads, interleaved
            reads += 1
            if reads == at + 1:
                interleaved = True
                store.commit(*mutation, apply=not dies)

        store.hook = mutate
        table = store.tables.current(WORKSPACE)
        store.hook = lambda operation: None
        during = {one: table.endpoints_for(event(one)) for one in "abc"}
        if interleaved:
            assert during in (wanted_before, wanted_after), f"torn by a mutation before read {position}"
            assert {one: store.routes(one) for one in "abc"} == wanted_after, f"stays wrong after a mutation before read {position}"
            position += 1
    # Cold: head, three row reads, the tail. Warm: the tail.
    assert position >= (1 if warm else 5)


# -- bounds --------------------------------------------------------------------------------------------------------


def workspaces(store: Store, count: int) -> list[str]:
    names = [f"w{number}" for number in range(count)]
    for name in names:
        store.commit(PutEndpoint(endpoint(E1)), workspace=name)
    return names


def test_the_workspaces_seen_last_are_kept() -> None:
    store = Store(maximum_workspaces=2)
    one, two, three = workspaces(store, 3)
    for name in (one, two, one, three):
        store.routes(workspace=name)
    store.spent()

    store.routes(workspace=one)
    store.routes(workspace=three)
    assert store.spent() == {"changes.after": 2}
    store.routes(workspace=two)
    assert store.spent()["changes.head"] == 1


def test_memory_is_bounded_by_what_the_tables_hold() -> None:
    store = Store(maximum_bytes=10_000)
    small, large, other = workspaces(store, 3)
    for name in (small, large, other):
        store.routes(workspace=name)
    for number in range(20):
        store.commit(PutEndpoint(endpoint(f"e1000000-0000-4000-8000-{number:012d}")), workspace=large)

    # The one in use is kept even if it is larger than all that is allowed.
    assert len(store.routes(workspace=large)) == 21
    store.spent()
    store.routes(workspace=large)
    assert store.spent() == {"changes.after": 1}
    store.routes(workspace=small)
    assert store.spent()["changes.head"] == 1


@pytest.mark.parametrize("looks", [1, 5])
def test_memory_is_counted_for_each_table_once_however_often_it_is_read(looks: int) -> None:
    probe = Store()
    size = probe.tables.current(workspaces(probe, 1)[0]).estimated_bytes
    store = Store(maximum_bytes=3 * size)
    names = workspaces(store, 4)
    for name in names[:3]:
        for _ in range(looks):
            store.routes(workspace=name)
    store.spent()
    for name in names[:3]:
        store.routes(workspace=name)
    assert store.spent() == {"changes.after": 3}, "three fit"

    store.routes(workspace=names[3])
    store.spent()
    for name in (names[3], names[2], names[1]):
        store.routes(workspace=name)
    assert store.spent() == {"changes.after": 3}, "the fourth takes the place of the one that was read longest ago"
    store.routes(workspace=names[0])
    assert store.spent()["changes.head"] == 1


def test_a_large_workspace_is_read_from_packed_rows_of_its_version() -> None:
    asked: list[tuple[str, int]] = []

    class Packing:
        def load(self, workspace_id: str, version: int, read_rows: Callable[[str], RoutingRows]) -> tuple[int, RoutingRows]:
            asked.append((workspace_id, version))
            return version, read_rows(workspace_id)

    store = Store()
    packing: Any = Packing()
    store.tables = RoutingTables(store.log, store.rows, Matcher, lambda: packing)
    names = workspaces(store, 2)
    counts = Counts({EndpointType.WEB_HOOK: PACKED_FROM})
    chain = store.log.chains[names[0]]
    chain[-1] = replace(chain[-1], counts=counts)
    for name in names:
        assert store.routes(workspace=name)
    assert asked == [(names[0], chain[-1].version)]


def test_one_workspace_never_sees_anothers_endpoints(store: Store) -> None:
    store.commit(PutEndpoint(endpoint(E1)), workspace="one")
    store.commit(PutEndpoint(endpoint(E2)), workspace="two")

    assert (store.routes(workspace="one"), store.routes(workspace="two")) == ({E1}, {E2})
