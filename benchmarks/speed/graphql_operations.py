"""GraphQL: processor time and latency of each documented operation through the Lambda handler, and its calls.

The handler is the real one, from API Gateway's payload to its answer; behind the use cases stand stores in memory, so
what is measured is our code and its libraries. The bare line beside `endpoints` is graphql-core alone on the same data:
parse, validate, execute, JSON.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLList, GraphQLObjectType, GraphQLScalarType, GraphQLSchema, GraphQLString, graphql_sync

from benchmarks.report.page import Goal, Section, Table, percentile, quartiles, ratio
from benchmarks.report.plots import bars
from event_service.base.identifiers import new_id
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import TOKEN, WORKSPACE, Door

PAGE = 100
GOAL = 2.5
FIELDS = "id name type status meta creationDate lastModified workspaceId"
PAGE_QUERY = "query { endpoints { collectionItems { %s } } }" % FIELDS  # noqa: UP031 - braces are GraphQL's


@dataclass
class Operation:
    """A request, made anew each time, and what it took, in milliseconds."""

    name: str
    request: Callable[[], tuple[str, dict[str, Any] | None]]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    calls: float = 0


def run(quick: bool = False) -> Section:
    """Measures; ``quick`` makes 30 requests of each kind in place of 200."""
    services = FakeServices()
    services.add_token(TOKEN, WORKSPACE)
    door = Door(services)
    operations = _operations(services)
    bare = Operation("endpoints, 100 items: bare graphql-core", lambda: (PAGE_QUERY, None))
    schema, root = _bare(services)
    for operation in operations:  # warm: the schema, the token, the cache of documents
        for _ in range(3):
            _ask(door, operation)
        operation.cpu.clear()
        operation.wall.clear()
    repeats = 30 if quick else 200
    for done in range(repeats):
        if done % 50 == 0:
            print(f"  request {done} of {repeats} of each operation", flush=True)
        for operation in operations:
            before = services.calls.total()
            _ask(door, operation)
            operation.calls = services.calls.total() - before
        _ask_bare(schema, root, bare)
    return _section(operations, bare)


def _ask(door: Door, operation: Operation) -> None:
    query, variables = operation.request()
    wall, cpu = time.perf_counter(), time.process_time()
    with redirect_stdout(io.StringIO()):  # what the function logs
        response = door.ask(query, variables)
    operation.cpu.append((time.process_time() - cpu) * 1_000)
    operation.wall.append((time.perf_counter() - wall) * 1_000)
    assert response.status == 200, response.body
    assert "errors" not in response.json, (operation.name, response.json)


def _ask_bare(schema: GraphQLSchema, root: Any, operation: Operation) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    result = graphql_sync(schema, PAGE_QUERY, root)
    body = json.dumps({"data": result.data})
    operation.cpu.append((time.process_time() - cpu) * 1_000)
    operation.wall.append((time.perf_counter() - wall) * 1_000)
    assert result.errors is None
    assert body.count('"id"') == PAGE


def _bare(services: FakeServices) -> tuple[GraphQLSchema, Any]:
    """The same page as dictionaries, with the resolvers that graphql-core has by itself."""
    meta = GraphQLScalarType("JSON")
    text = GraphQLField(GraphQLString)
    endpoint = GraphQLObjectType("Endpoint", {name: GraphQLField(meta) if name == "meta" else text for name in FIELDS.split()})
    collection = GraphQLObjectType("Endpoints", {"collectionItems": GraphQLField(GraphQLList(endpoint))})
    schema = GraphQLSchema(GraphQLObjectType("Query", {"endpoints": GraphQLField(collection)}))
    answered = Door(services).ask(PAGE_QUERY).data
    assert len(answered["endpoints"]["collectionItems"]) == PAGE
    return schema, answered


def _operations(services: FakeServices) -> list[Operation]:
    hooks = [new_id() for _ in range(PAGE)]
    filters = [new_id() for _ in range(PAGE)]
    for hook in hooks:
        services.put_endpoint(WORKSPACE, hook)
    for place, event_filter in enumerate(filters):
        services.put_event_filter(WORKSPACE, event_filter, [hooks[place], hooks[(place + 1) % PAGE]])
    door = Door(services)
    published = [{"id": f"e{number}", "type": "identification", "data": {"n": number, "text": "x" * 900}} for number in range(PAGE)]
    publish = "mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok ids duplicateIds } }"
    door.ask(publish, {"e": published}).data  # noqa: B018 - refuses an answer with errors
    first, one_filter = hooks[0], filters[0]
    # Changed again and again: an endpoint of its own, so that the page stays as it is.
    link = 'mutation { %sEndpointsToEventFilters(endpointIds: ["%s"], eventFiltersId: "%s") { ok } }'
    nested = "{ id eventFilters { id name } }"

    def fixed(query: str, variables: dict[str, Any] | None = None) -> Callable[[], tuple[str, dict[str, Any] | None]]:
        return lambda: (query, variables)

    return [
        Operation("endpoints, 100 items", fixed(PAGE_QUERY)),
        Operation("endpoints, 100 items, totalCount", fixed("{ endpoints { totalCount collectionItems { id name } } }")),
        Operation("endpoints, 100 items with their eventFilters", fixed("{ endpoints { collectionItems %s } }" % nested)),  # noqa: UP031
        Operation(
            "eventsFilters, 100 items with their endpoints", fixed("{ eventsFilters { collectionItems { id endpoints { id name } } } }")
        ),
        Operation("endpoints by id", fixed('{ endpoints(filters: {id: {exact: "%s"}}) { collectionItems { id name } } }' % first)),  # noqa: UP031
        Operation("events, 100 items", fixed("{ events { collectionItems { id type date data } } }")),
        Operation("publishEvents, 1 event", fixed(publish, {"e": published[:1]})),
        Operation("publishEvents, 100 events of 1 KB", fixed(publish, {"e": published})),
        Operation("updateEndpoint", fixed('mutation { updateEndpoint(id: "%s", name: "again") { id } }' % first)),  # noqa: UP031
        Operation("linkEndpointsToEventFilters", fixed(link % ("link", first, one_filter))),
        Operation("endpointSecret", fixed('{ endpointSecret(id: "%s") }' % first)),  # noqa: UP031
        Operation("deliveries", fixed("{ deliveries { collectionItems { id status } } }")),
    ]


def _section(operations: list[Operation], bare: Operation) -> Section:
    page = operations[0]
    middle, text = ratio(page.cpu, bare.cpu)
    rows: list[tuple[str, float, float, float, int]] = [
        (one.name, quartiles(one.cpu)[1], percentile(one.wall, 50), percentile(one.wall, 99), int(one.calls)) for one in [*operations, bare]
    ]
    nested = next(one for one in operations if "their eventFilters" in one.name)
    return Section(
        title="GraphQL operations",
        notes=[
            (
                f"{len(page.cpu)} requests of each kind in turn, through the Lambda handler, in milliseconds. 'Store calls' are those of "
                "one warm request on the stores of the configuration (a publish and the lists of events and deliveries stand on stores that are not "
                "counted here; `tests/integration` counts their AWS calls)."
            ),
        ],
        tables=[Table("", ["operation", "CPU, median", "p50", "p99", "store calls"], rows)],
        goals=[
            Goal("`endpoints` with 100 items against bare graphql-core", text, f"≤ {GOAL}", middle <= GOAL),
            Goal("store calls of a page of 100 endpoints, warm", str(int(page.calls)), "1", page.calls == 1),
            Goal("store calls of the same page with its eventFilters nested", str(int(nested.calls)), "≤ 3 (batched)", nested.calls <= 3),
        ],
        plots=[bars("graphql.svg", "GraphQL operations through the handler", {row[0]: row[1] for row in rows}, "ms of CPU")],
    )
