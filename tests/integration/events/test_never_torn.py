"""A mutation between any two reads of the router's load, on the tables of the template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from event_service.adapters.dynamodb.database import Database
from event_service.domain.event import Event
from event_service.domain.matching.matcher import Matcher
from event_service.services.routing import RoutingTables
from tests.integration.events.conftest import WORKSPACE, Memory, World


class Interleaving:
    """A connection that lets something happen just before one of its reads."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.at: int | None = None
        self.reads = 0
        self.happen: Callable[[], None] = lambda: None

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        if operation in ("Query", "BatchGetItem", "GetItem") and self.at is not None:
            self.reads += 1
            if self.reads == self.at:
                self.at, happen = None, self.happen
                happen()
                self.at = -1
        return self._connection.dispatch(operation, arguments)


def routes(tables: RoutingTables, world: World) -> dict[str, set[str]]:
    table = tables.current(WORKSPACE)
    at = world.clock()
    return {one: table.endpoints_for(Event("x", one, at, {}, None, None, WORKSPACE, at)) for one in ("a", "b")}


@pytest.mark.parametrize("mutation", ["create with a filter", "link", "delete endpoint", "delete filter", "change filter"])
def test_a_load_that_a_mutation_interrupts_shows_all_of_it_or_nothing(make_world: Callable[..., World], mutation: str) -> None:
    world = make_world()
    filter_a, filter_b = world.event_filter(eventTypes=["a"]), world.event_filter(eventTypes=["b"])
    hook, _ = world.webhook(filter_a), world.webhook()
    change: dict[str, Callable[[], Any]] = {
        "create with a filter": lambda: world.webhook(filter_b),
        "link": lambda: world.configuration.link(WORKSPACE, [hook], filter_b),
        "delete endpoint": lambda: world.configuration.delete_endpoints(WORKSPACE, [hook]),
        "delete filter": lambda: world.configuration.delete_event_filters(WORKSPACE, [filter_a]),
        "change filter": lambda: world.configuration.update_event_filters(WORKSPACE, filter_a, {"in": {"eventTypes": ["b"]}}),
    }
    before = routes(RoutingTables(world.changes, world.rows, Matcher), world)
    memory = Memory()
    connection = Interleaving(world.database._connection)
    slow: Any = connection
    world.database = Database(slow, world.database._table_name)
    world.__post_init__()

    for position in range(1, 7):
        memory.restore()
        tables = RoutingTables(world.changes, world.rows, Matcher)
        connection.at, connection.reads, connection.happen = position, 0, change[mutation]
        during = routes(tables, world)
        interrupted, connection.at = connection.at == -1, None
        if not interrupted:
            # Head, endpoints, event filters, links, tail.
            assert position == 6
            break
        after = routes(tables, world)
        assert during in (before, after)
        assert after == routes(RoutingTables(world.changes, world.rows, Matcher), world)
        assert after != before
