"""The normal life of a service, and those faults that can be made to happen here, each function called as Lambda calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from event_service.access.storage.tokens import DynamoTokenStore
from event_service.access.tokens import Tokens
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.endpoint import EndpointStatus, EndpointType
from event_service.configuration.secrets import EndpointSecrets, new_secret
from event_service.configuration.storage.change_log import KEPT_CHANGES, DynamoChangeLog
from event_service.configuration.storage.secrets import secret_item
from event_service.events.storage.events import DynamoEventStore
from event_service.filters.event_filter import EventFilter
from event_service.routing import fan_out, replay, tables
from event_service.sockets.limits import FREE_CONNECTS
from functions.graphql_api.schema.schema import build_schema
from tests import builders
from tests.integration.permissions.account import WORKSPACE, Account, body_of
from tests.unit.graphql_api.door import payload as sample

EVENT = {"identification_data": [{"profile_id": "p-1"}], "activity_id": "a-1"}
CONNECTION = "L0SM9cOFvHcCIhw="


class Client:
    """Whoever uses the GraphQL API and the socket API."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.token, self.issued = Tokens(DynamoTokenStore(account.database), account.clock).issue(WORKSPACE)
        self.asked: set[str] = set()
        """The operations that were called."""

    def ask(self, query: str, **variables: Any) -> Any:
        """Calls one operation, whose answer it returns."""
        answer = body_of(self.http(json.dumps({"query": query, "variables": variables}), "/event-service/graphql"))
        assert "errors" not in answer, answer
        ((name, result),) = answer["data"].items()
        self.asked.add(name)
        return result

    def http(self, body: str, path: str, content_type: str = "application/json") -> dict[str, Any]:
        """A request to the HTTP API."""
        event = sample("endpoints")
        event["requestContext"]["http"] |= {"method": "POST", "path": path}
        event |= {"rawPath": path, "body": body, "isBase64Encoded": False}
        event["headers"] = {"content-type": content_type, "token": self.token}
        answer: dict[str, Any] = self.account.run("GraphqlApiFunction", event)
        return answer

    def webhook(self, *event_filter_ids: str) -> str:
        query = """mutation($url: String!, $filters: [ID!]) {
            createWebhookEndpoint(name: "hook", url: $url, eventFiltersIds: $filters) { id eventFilters { id } } }"""
        made: dict[str, str] = self.ask(query, url=f"{self.account.url}/hook", filters=list(event_filter_ids) or None)
        return made["id"]

    def event_filter(self, *event_types: str) -> str:
        query = "mutation($types: [String!]) { createEventFilters(eventFiltersInput: {in: {eventTypes: $types}}) { id } }"
        made: dict[str, str] = self.ask(query, types=list(event_types))
        return made["id"]

    def publish(self, *ids: str, **more: Any) -> list[str]:
        """Publishes one event without an id, or those with these."""
        events = [{"type": "door.opened", "data": EVENT, **({"id": one} if one else {}), **more} for one in ids or ("",)]
        query = "mutation($events: [EventInput!]!) { publishEvents(events: $events) { ids duplicateIds } }"
        published: dict[str, list[str]] = self.ask(query, events=events)
        return published["ids"]

    def explain(self, event_id: str, endpoint_id: str) -> str:
        """What became of an event at an endpoint."""
        query = "query($event: ID!, $endpoint: ID!) { explainDelivery(eventId: $event, endpointId: $endpoint) { outcome } }"
        explained: dict[str, str] = self.ask(query, event=event_id, endpoint=endpoint_id)
        return explained["outcome"]

    def socket(self, route: str, connection: str = CONNECTION, **query: str) -> dict[str, Any]:
        """A client's connect or disconnect."""
        event = {
            "headers": {},
            "multiValueHeaders": {},
            "queryStringParameters": query or None,
            "requestContext": {
                "eventType": route,
                "connectionId": connection,
                "connectedAt": int(self.account.clock.now.timestamp() * 1000),
                "requestId": "r",
            },
        }
        answer: dict[str, Any] = self.account.run("WebsocketFunction", event)
        return answer


def every_operation() -> set[str]:
    """Of the schema."""
    core = build_schema().core
    assert core.query_type is not None
    assert core.mutation_type is not None
    return {*core.query_type.fields, *core.mutation_type.fields}


def configuration_is_made_listed_and_changed(client: Client) -> None:
    first, second = client.event_filter("door.opened"), client.event_filter("door.closed")
    hook = client.webhook(first, second)
    socket = client.ask('mutation { createWebSocketEndpoint(name: "socket", idempotencyKey: "k") { id } }')["id"]
    assert client.ask('mutation { createWebSocketEndpoint(name: "socket", idempotencyKey: "k") { id } }')["id"] == socket
    client.ask('mutation($id: ID!) { updateEndpoint(id: $id, name: "other", key: "k") { id } }', id=hook)
    client.ask('mutation($id: ID!) { updateEventFilters(id: $id, name: "other", key: "k") { id endpoints { id } } }', id=first)
    link = "endpointIds: [$hook, $socket], eventFiltersId: $filter"
    ids = {"hook": hook, "socket": socket, "filter": first}
    client.ask(f"mutation($hook: ID!, $socket: ID!, $filter: ID!) {{ linkEndpointsToEventFilters({link}) {{ ok }} }}", **ids)
    client.ask(f"mutation($hook: ID!, $socket: ID!, $filter: ID!) {{ unlinkEndpointsToEventFilters({link}) {{ ok }} }}", **ids)
    client.ask("query($id: ID!) { endpointSecret(id: $id) }", id=hook)
    client.ask("mutation($id: ID!) { rotateEndpointSecret(id: $id) }", id=hook)
    client.ask("mutation($id: ID!) { testEndpoint(id: $id) { number } }", id=hook)
    for arguments in (
        "",
        "(filters: {type: {exact: WEB_HOOK}})",
        f'(filters: {{id: {{exact: "{hook}"}}}})',
        "(order: {creationDate: DESC})",
        '(filters: {key: {exact: "k"}})',
        f'(filters: {{eventFiltersId: {{exact: "{second}"}}}})',
        '(filters: {name: {contains: "o"}} first: 1)',
    ):
        client.ask(f"{{ endpoints{arguments} {{ totalCount collectionItems {{ id eventFilters {{ id endpoints {{ id }} }} }} }} }}")
    for arguments in (
        "",
        f'(filters: {{id: {{exact: "{first}"}}}})',
        "(order: {lastModified: ASC})",
        '(filters: {key: {exact: "k"}})',
        "(filters: {linked: false})",
    ):
        client.ask(f"{{ eventsFilters{arguments} {{ totalCount collectionItems {{ id endpoints {{ id }} }} }} }}")
    client.ask(
        "query($id: ID!) { endpoint(id: $id) { name deliveries { collectionItems { id } } health { failingSince trouble } } }", id=hook
    )
    client.ask("query($id: ID!) { eventFilter(id: $id) { name } }", id=first)
    client.ask("mutation($ids: [ID!]!) { deleteEventFilters(ids: $ids) { ok } }", ids=[first, second])
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook, socket])
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook, socket])
    client.account.route()
    client.account.deliver()
    client.account.wake()


def events_are_published_delivered_and_listed(client: Client) -> None:
    account = client.account
    hook = client.webhook()
    client.publish()
    client.publish("known", "other", date="2026-02-28T10:00:00Z")
    client.publish("known")
    answer = client.http(
        '[{"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {}}]',
        "/event-service/events",
        "application/cloudevents-batch+json",
    )
    assert answer["statusCode"] == 202
    account.route()
    account.deliver()
    assert len(account.received) == 4
    found = client.ask('{ event(id: "known") { data deliveries { collectionItems { id } } } }')
    delivery = found["deliveries"]["collectionItems"][0]["id"]
    client.ask("query($id: ID!) { delivery(id: $id) { status event { id } endpoint { id } } }", id=delivery)
    for filters in (
        '{id: {exact: "known"}}',
        '{type: {exact: "door.opened"}}',
        '{dataIdentificationDataProfileId: {exact: "p-1"}}',
        '{activityId: {exact: "a-1"}}',
    ):
        found = client.ask(f"{{ events(filters: {filters}) {{ totalCount collectionItems {{ id data }} }} }}")
        assert found["totalCount"] in (1, 3)
    client.ask("{ events { totalCount collectionItems { id } } }")
    client.ask("{ events(order: {date: ASC}) { collectionItems { id } } }")
    for filters in ("", f'(filters: {{endpointId: {{exact: "{hook}"}}}})', '(filters: {eventId: {exact: "known"}})'):
        delivered = client.ask(f"{{ deliveries{filters} {{ totalCount collectionItems {{ id attempts {{ number }} }} }} }}")
        assert delivered["totalCount"] >= 1
    one = client.ask("{ deliveries { collectionItems { id } } }")["collectionItems"][0]["id"]
    client.ask("{ changes { collectionItems { version sentence } } }")
    points = client.ask("{ statistics(step: DAY) { points { events delivered } } }")["points"]
    assert sum(one["events"] for one in points) >= 1
    assert sum(one["delivered"] for one in points) >= 1
    assert client.ask("{ eventTypes { collectionItems { type } } }")["collectionItems"]
    client.ask("{ configuration { version collectionItems { id } } }")
    client.ask("{ token { id name } }")
    condition = {"pattern": {"data": {"x": [1]}}}
    client.ask("query($input: MatchEventsInput!) { matchEvents(input: $input) { examined } }", input={"eventFiltersInput": condition})
    assert client.explain("known", hook) == "DELIVERED"
    client.ask("query($id: ID!) { deliveries(filters: {id: {exact: $id}}) { collectionItems { id } } }", id=one)
    client.ask("mutation($ids: [ID!]!) { retryDeliveries(ids: $ids) { ok } }", ids=[one])
    client.ask("mutation { retryDeliveries(filters: {status: {exact: DELIVERED}}) { count } }")
    client.ask("mutation { cancelDeliveries(filters: {}, dryRun: true) { count } }")
    client.ask("query($id: ID!) { endpoint(id: $id) { health { lastHour { attempts } } } }", id=hook)
    jobs_are_done_and_cancelled(client, hook)
    again = "replayEvents(endpointId: $id, since: $since, missingOnly: false) { ok }"
    client.ask(f"mutation($id: ID!, $since: DateTime!) {{ {again} }}", id=hook, since="2026-01-01T00:00:00Z")
    account.deliver()
    assert len(account.received) > 4
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.deliver()


def jobs_are_done_and_cancelled(client: Client, hook: str) -> None:
    """Long work goes on in messages of the job queue; into a socket's log as well."""
    account = client.account
    socket = client.ask('mutation { createWebSocketEndpoint(name: "replayed") { id } }')["id"]
    assert client.socket("CONNECT", "replayed=", endpoint_id=socket, token=client.token)["statusCode"] == 200
    until = format_date(account.clock())
    account.clock.advance(minutes=2)  # what is younger than a minute may be on its way into a log
    span = f'since: "2026-01-01T00:00:00Z", until: "{until}"'
    start = f"mutation($id: ID!, $missing: Boolean) {{ replayEvents(endpointId: $id, {span}, missingOnly: $missing, background: true) "
    start += "{ job { id } } }"
    with pytest.MonkeyPatch.context() as small:
        small.setattr(replay, "MAXIMUM_REPLAYED_EVENTS", 1)
        small.setattr(replay, "EVENTS_PER_READ", 1)
        for endpoint, missing_only in ((hook, False), (socket, True)):
            job = client.ask(start, id=endpoint, missing=missing_only)["job"]["id"]
            for _ in range(20):
                account.work_off("GraphqlApiFunction", account.take("JobQueue"))
            assert client.ask("query($id: ID!) { job(id: $id) { status } }", id=job) == {"status": "DONE"}
        job = client.ask(start, id=hook, missing=False)["job"]["id"]
        client.ask("mutation($id: ID!) { cancelJob(id: $id) { status } }", id=job)
        account.work_off("GraphqlApiFunction", account.take("JobQueue"))
    assert len(client.ask("{ jobs { collectionItems { id } } }")["collectionItems"]) == 3
    account.wake()
    client.socket("DISCONNECT", "replayed=")


def messages_come_again(client: Client) -> None:
    account = client.account
    hook = client.webhook()
    client.publish("twice")
    records = account.take("RoutingQueue")
    for count in ("1", "2"):
        for record in records:
            record["attributes"]["ApproximateReceiveCount"] = count
        account.run("EventRouterFunction", {"Records": records})
    deliveries = account.take("WebhookQueue")
    account.work_off("WebhookDeliveryFunction", deliveries)
    account.work_off("WebhookDeliveryFunction", [one | {"attributes": {"ApproximateReceiveCount": "2"}} for one in deliveries])
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.deliver()


def the_publisher_dies_after_its_message_was_sent(client: Client) -> None:
    """The router stores what is missing: events whose id the publisher chose, and others."""
    account = client.account
    ids = [*client.publish("lost-1", "lost-2"), *client.publish()]
    for event_id in ids:
        account.database._call("DeleteItem", {"TableName": "EventsTable", "Key": {"key": {"S": f"{WORKSPACE}#{event_id}"}}})
    account.route()
    # The same id from two publishers that race: the later message loses, and its rows are taken back.
    client.publish("raced")
    first = account.take("RoutingQueue")
    account.database._call("DeleteItem", {"TableName": "EventsTable", "Key": {"key": {"S": f"{WORKSPACE}#raced"}}})
    client.publish("raced")
    account.run("EventRouterFunction", {"Records": [*first, *account.take("RoutingQueue")]})


def a_large_workspace_is_packed_and_read(client: Client) -> None:
    """One router packs its rows, and the next one reads them."""
    account = client.account
    hook = client.webhook()
    with pytest.MonkeyPatch.context() as small:
        small.setattr(tables, "PACKED_FROM", 1)
        for _ in range(2):
            client.publish()
            account.route()
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.deliver()


def an_event_goes_to_very_many_webhooks(client: Client) -> None:
    """Its deliveries are found all the same."""
    account = client.account
    hook = client.webhook()
    with pytest.MonkeyPatch.context() as small:
        small.setattr(fan_out, "WIDE_FROM", 0)
        (event_id,) = client.publish()
        account.route()
    account.deliver()
    query = "query($filters: DeliveryFilters) { deliveries(filters: $filters) { totalCount collectionItems { id } } }"
    for filters in ({"eventId": {"exact": event_id}}, {"endpointId": {"exact": hook}}):
        assert client.ask(query, filters=filters)["totalCount"] == 1
    assert client.explain(event_id, hook) == "DELIVERED"
    replay = "replayEvents(endpointId: $id, since: $since, missingOnly: true) { ok }"
    client.ask(f"mutation($id: ID!, $since: DateTime!) {{ {replay} }}", id=hook, since="2026-01-01T00:00:00Z")
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.deliver()


def a_webhook_fails_waits_and_is_disabled(client: Client) -> None:
    account = client.account
    hook = client.webhook()
    account.status = 500
    client.publish("failing")
    account.route()
    for _ in range(4):
        account.deliver()
        account.clock.advance(minutes=31)
        account.tick()
    account.status = 200
    account.deliver()
    # Off while something arrives, and on again.
    client.ask("mutation($ids: [ID!]!) { pauseEndpoints(ids: $ids) { ok } }", ids=[hook])
    client.publish("waiting")
    account.route()
    account.deliver()
    account.status = 500
    account.deliver()
    account.status = 200
    client.ask("mutation($ids: [ID!]!) { resumeEndpoints(ids: $ids) { ok } }", ids=[hook])
    for _ in range(4):
        account.deliver()
        account.clock.advance(minutes=3)
        account.tick()
    # Off again, and nothing of what arrived is wanted any more.
    client.ask("mutation($ids: [ID!]!) { pauseEndpoints(ids: $ids) { ok } }", ids=[hook])
    client.publish("unwanted")
    account.route()
    account.deliver()
    client.ask("mutation { cancelDeliveries(filters: {}) { count } }")
    client.ask("mutation($ids: [ID!]!) { resumeEndpoints(ids: $ids, discardWaiting: true) { ok } }", ids=[hook])
    account.deliver()
    # Gone for good.
    account.status = 410
    client.publish("gone")
    account.route()
    account.deliver()
    assert client.ask("query($id: ID!) { endpoints(filters: {id: {exact: $id}}) { collectionItems { status } } }", id=hook) == {
        "collectionItems": [{"status": "DISABLED"}]
    }
    account.route()
    account.status = 200
    client.ask("mutation($ids: [ID!]!) { resumeEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.deliver()
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.route()
    account.deliver()


def a_webhook_cools_down_and_recovers(client: Client) -> None:
    """Nobody is where its URL points: connections fail, deliveries wait, one probe at a time goes out."""
    account = client.account
    hook = client.webhook()
    update = "mutation($id: ID!, $url: String!) { updateEndpoint(id: $id, url: $url) { id } }"
    client.ask(update, id=hook, url=account.nobody_s_url)
    client.publish(*(f"failing-{number}" for number in range(8)))
    account.route()
    account.deliver()
    for _ in range(3):
        account.clock.advance(minutes=16)
        account.tick()
        account.deliver()
    client.ask(update, id=hook, url=f"{account.url}/hook")
    for _ in range(4):
        account.clock.advance(minutes=16)
        account.tick()
        account.deliver()
    # A day without success is told to the workspace, five days end it.
    client.ask(update, id=hook, url=account.nobody_s_url)
    client.publish("last")
    account.route()
    for _ in range(6):
        account.deliver()
        account.clock.advance(hours=25)
        account.tick()
        account.route()
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.route()
    account.deliver()


def what_waits_outlives_its_event(client: Client) -> None:
    account = client.account
    hook = client.webhook()
    account.status = 500
    ids = [f"old-{number}" for number in range(40)]
    client.publish(*ids)
    account.route()
    for _ in range(3):
        account.deliver()
    account.clock.advance(minutes=31)
    account.tick()
    account.deliver()
    account.clock.advance(days=15)
    account.tick()
    account.status = 200
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    account.deliver()


def an_endpoint_is_tested(client: Client) -> None:
    hook = client.webhook()
    test = {"test": {"workspaceId": WORKSPACE, "endpointId": hook}}
    assert client.account.run("WebhookDeliveryFunction", test)["statusCode"] == 200
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[hook])
    client.account.deliver()


def sockets_connect_receive_and_end(client: Client) -> None:
    account = client.account
    socket = client.ask('mutation { createWebSocketEndpoint(name: "socket") { id } }')["id"]
    connect: Callable[..., dict[str, Any]] = lambda connection, **query: client.socket(  # noqa: E731 - a short-hand
        "CONNECT", connection, endpoint_id=socket, token=client.token, **query
    )
    assert connect(CONNECTION) == {"statusCode": 200}
    account.wake()
    client.publish("seen", "seen too")
    routed = account.take("RoutingQueue")
    for count in ("1", "2"):
        account.run("EventRouterFunction", {"Records": [one | {"attributes": {"ApproximateReceiveCount": count}} for one in routed]})
    account.wake()
    assert client.explain("seen", socket) == "LOGGED"
    assert connect("c2", after="0") == {"statusCode": 200}
    account.wake()
    narrow = client.ask('mutation { createEventFilters(eventFiltersInput: {in: {eventTypes: ["none"]}}) { id } }')["id"]
    assert connect("c3", after="0", filter=narrow) == {"statusCode": 200}
    account.wake()
    client.ask("mutation($ids: [ID!]!) { pauseEndpoints(ids: $ids) { ok } }", ids=[socket])
    account.wake()
    client.ask("mutation($ids: [ID!]!) { resumeEndpoints(ids: $ids) { ok } }", ids=[socket])
    account.wake()
    client.socket("DISCONNECT", "c2")
    assert connect("closing=") == {"statusCode": 200}
    listed = "query($id: ID!) { endpoint(id: $id) { connections { collectionItems { id tokenName } } } }"
    shown = client.ask(listed, id=socket)["connections"]["collectionItems"]
    assert {one["tokenName"] for one in shown} == {client.issued.name}
    client.ask("mutation($ids: [ID!]!) { closeConnections(ids: $ids) { count } }", ids=[one["id"] for one in shown])
    account.wake()
    assert [connect(f"many-{number}")["statusCode"] for number in range(FREE_CONNECTS + 2)] == [200] * (FREE_CONNECTS + 2)
    # Connected again half a retention later, and long after everything has expired.
    for hours in (13, 60):
        account.clock.advance(hours=hours)
        assert connect("c3") == {"statusCode": 200}
        client.publish()
        account.route()
        account.wake()
    # API Gateway is busy until the time is over: what is left goes on in the next invocation.
    client.publish()
    account.route()
    account.gateway_status, account.seconds_left = 429, 9
    account.wake()
    account.gateway_status, account.seconds_left = 200, 25
    account.wake()
    # A connection that is gone, and a token that is revoked.
    client.publish()
    account.route()
    account.clock.advance(minutes=5)
    account.gateway_status = 410
    account.wake()
    account.gateway_status = 200
    assert connect("c4") == {"statusCode": 200}
    account.wake()
    store = DynamoTokenStore(account.database)
    store.put(replace(client.issued, revoked=account.clock()))
    for number, message in enumerate(
        (
            {"v": 2, "workspaceId": WORKSPACE, "endpointId": socket, "group": 0, "turn": 0},
            {"v": 2, "workspaceId": WORKSPACE, "endpointId": socket, "group": 1, "turn": 0},
            {"v": 2, "kind": "close", "connectionId": "nobody's"},
            {"v": 2, "kind": "append", "workspaceId": WORKSPACE, "endpointId": socket, "nonce": "a1" * 16, "eventIds": ["late"]},
        )
    ):
        body = json.dumps(message, separators=(",", ":"))
        account.work_off(
            "SocketDeliveryFunction", [{"messageId": f"w{number}", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}]
        )
    store.put(client.issued)
    account.end()
    assert connect("c5") == {"statusCode": 200}
    client.ask("mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }", ids=[socket])
    account.wake()


def events_come_from_the_bus(client: Client) -> None:
    account = client.account
    event = {"id": "bus-1", "detail-type": "order.created", "time": "2026-03-01T12:00:00Z", "detail": EVENT}
    for _ in range(2):
        assert account.run("EventBusFunction", event)["ids"] == ["bus-1"]
    account.route()
    # Two copies at once: the second finds the event where it had found nothing.
    store = DynamoEventStore(account.database, account.clock, 14)
    raced = builders.an_event(
        id="bus-2", type="order.created", date=account.clock(), data=EVENT, workspace_id=WORKSPACE, created=account.clock()
    )
    account.before("PutItem", lambda: store.put([raced], "00" * 16))
    account.run("EventBusFunction", {**event, "id": "bus-2", "detail": {"activity_id": "a-2"}})
    account.route()


def a_change_is_completed_by_others(client: Client) -> None:
    """Whoever made a change died right after it was committed: the next one that looks writes the rows."""
    account = client.account
    log = DynamoChangeLog(account.database)

    def commit(operations: tuple[Operation, ...], gap: int = 1) -> None:
        head = log.head(WORKSPACE)
        assert head is not None
        assert log.append(ChangeSet(WORKSPACE, head.version + gap, operations, head.counts))

    client.publish()
    for operations in every_kind_of_change(account):
        commit(operations)
    account.route()
    for operations in every_kind_of_change(account):
        commit(operations)
    client.ask("{ endpoints { totalCount } }")
    client.webhook()
    client.publish()
    account.route()
    for operations in every_kind_of_change(account):
        commit(operations)
    account.status = 410
    account.deliver()
    account.status = 200
    # Far along the chain its beginning is trimmed, by whoever applies a change.
    client.publish()
    commit((), KEPT_CHANGES)
    account.route()
    commit(())
    client.ask("{ endpoints { totalCount } }")
    client.webhook()
    client.publish()
    account.route()
    account.status = 410
    account.deliver()
    account.status = 200


def every_kind_of_change(account: Account) -> list[tuple[Operation, ...]]:
    """One after the other, on things of their own."""
    now = account.clock()
    hook, socket, event_filter = new_id(), new_id(), new_id()
    # Whoever creates a webhook stores its secret together with the change.
    account.database.put(secret_item(WORKSPACE, hook, EndpointSecrets(new_secret())))
    endpoint = builders.a_webhook(id=hook, workspace_id=WORKSPACE, name="hook", url=f"{account.url}/hook", created=now, modified=now)
    return [
        (PutEndpoint(endpoint), PutEndpoint(replace(endpoint, id=socket, type=EndpointType.WEB_SOCKET, url=None, method=None))),
        (PutEventFilter(EventFilter(event_filter, WORKSPACE, "filter", {"in": {"eventTypes": ["A"]}}, now, now)),),
        (Link((hook, socket), (event_filter,)),),
        (Unlink((socket,), (event_filter,)),),
        (SetState((hook,), format_date(now), EndpointStatus.PAUSED),),
        (DeleteEndpoints((hook,), (EndpointType.WEB_HOOK,)), DeleteEventFilters((event_filter,))),
        (DeleteEndpoints((socket,), (EndpointType.WEB_SOCKET,)),),
    ]


SCENARIOS: list[Callable[[Client], None]] = [
    configuration_is_made_listed_and_changed,
    events_are_published_delivered_and_listed,
    messages_come_again,
    the_publisher_dies_after_its_message_was_sent,
    a_large_workspace_is_packed_and_read,
    an_event_goes_to_very_many_webhooks,
    a_webhook_fails_waits_and_is_disabled,
    a_webhook_cools_down_and_recovers,
    what_waits_outlives_its_event,
    an_endpoint_is_tested,
    sockets_connect_receive_and_end,
    events_come_from_the_bus,
    a_change_is_completed_by_others,
]
