"""A mutation between any two reads of the router, on the tables of the template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.filters.matching.matcher import Matcher
from event_service.routing.tables import RoutingTables
from tests import builders
from tests.world import WORKSPACE, Memory, World


class Interleaving:
    """A connection that lets something happen just before one of its reads.

    With ``page`` a query without a limit of its own stops after so many items, as DynamoDB stops after 1 MB.
    """

    def __init__(self, connection: Any, page: int | None = None) -> None:
        self._connection = connection
        self._page = page
        self.at: int | None = None
        self.reads = 0
        self.happened = False
        self.happen: Callable[[], object] = lambda: None

    def before_read(self, position: int, happen: Callable[[], object]) -> None:
        """Waits for the read with this number, from 1."""
        self.at, self.reads, self.happen, self.happened = position, 0, happen, False

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        if operation in ("Query", "BatchGetItem", "GetItem") and self.at is not None:
            self.reads += 1
            if self.reads == self.at:
                # What happens reads as well; those reads are its own.
                self.at, self.happened = None, True
                self.happen()
            if operation == "Query" and self._page is not None:
                arguments = {"Limit": self._page, **arguments}
        return self._connection.dispatch(operation, arguments)


def routes(tables: RoutingTables, world: World) -> dict[str, set[str]]:
    table = tables.current(WORKSPACE)
    at = world.clock()
    return {
        one: table.endpoints_for(builders.an_event(id="x", type=one, date=at, workspace_id=WORKSPACE, created=at)) for one in ("a", "b")
    }


MUTATIONS = ["create with a filter", "link", "unlink", "delete endpoint", "delete filter", "change filter"]

# Reads of a load or refresh: the head, endpoints, event filters, links and the tail; with pages of one item the rows, three
# endpoints, two filters and three links, take a read each.
READS = {(True, None): 5, (True, 1): 10, (False, None): 1, (False, 1): 1}


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("page", [None, 1], ids=["whole", "page by page"])
@pytest.mark.parametrize("cold", [True, False], ids=["cold", "warm"])
def test_what_a_mutation_interrupts_shows_all_of_it_or_nothing(
    make_world: Callable[..., World], mutation: str, page: int | None, cold: bool
) -> None:
    world = make_world()
    filter_a, filter_b = world.event_filter(eventTypes=["a"]), world.event_filter(eventTypes=["b"])
    hook, _, other = world.webhook(filter_a), world.webhook(), world.webhook(filter_a, filter_b)
    change: dict[str, Callable[[], object]] = {
        "create with a filter": lambda: world.webhook(filter_b),
        "link": lambda: world.configuration.links.link(WORKSPACE, [hook], filter_b),
        "unlink": lambda: world.configuration.links.unlink(WORKSPACE, [other], filter_a),
        "delete endpoint": lambda: world.configuration.endpoints.delete(WORKSPACE, [hook]),
        "delete filter": lambda: world.configuration.event_filters.delete(WORKSPACE, [filter_a]),
        "change filter": lambda: world.configuration.event_filters.update(WORKSPACE, filter_a, {"in": {"eventTypes": ["b"]}}),
    }
    before = routes(RoutingTables(world.changes, world.rows, Matcher), world)
    memory = Memory()
    connection: Any = Interleaving(world.database._connection, page)
    world.database = Database(connection, world.database._table_name)
    world.__post_init__()

    position = 1
    while True:
        memory.restore()
        tables = RoutingTables(world.changes, world.rows, Matcher)
        if not cold:
            routes(tables, world)
        connection.before_read(position, change[mutation])
        during = routes(tables, world)
        connection.at = None
        if not connection.happened:
            break
        after = routes(tables, world)
        assert during in (before, after), f"torn by a mutation before read {position}"
        assert after == routes(RoutingTables(world.changes, world.rows, Matcher), world), f"wrong for good after read {position}"
        assert after != before
        position += 1
    assert position - 1 == READS[cold, page], "every read was interrupted, and no more are made"
