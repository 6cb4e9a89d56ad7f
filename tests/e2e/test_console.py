"""The browser console in a real Chromium, against the local stack: one journey through each screen, as a person goes it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from local.deployed import IssuedToken
from local.stack import StackFile
from tests.e2e.test_main_job import Client
from tests.support.browser import CHROMIUM, Chromium, Page

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


class Receiver:
    """A person's program: what it answers can be changed, as they would repair it."""

    def __init__(self) -> None:
        self.status = 204
        self.abort = False
        """Whether it gives each delivery up at once."""
        self.bodies: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                body = b"" if outer.status == 204 and not outer.abort else b"the database is locked"
                self.send_response(500 if outer.abort else outer.status)
                if outer.abort:
                    self.send_header("webhook-delivery", "abort-message")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Any:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def client(stack: StackFile, own_token: IssuedToken) -> Client:
    return Client(stack, own_token.token)


@pytest.fixture
async def page(chromium: Chromium, stack: StackFile, own_token: IssuedToken) -> AsyncIterator[Page]:
    """The console, signed in to a workspace of the test's own by the link that a local stack prints."""
    async with chromium.page() as opened:
        await opened.look()
        await opened.open(_console(stack, f"#token={own_token.token}"))
        await opened.sees("What happens to your events")
        yield opened
        assert opened.faults == []
        # Nothing is asked of anybody else.
        own = {urlsplit(stack.consoleUrl).netloc, urlsplit(stack.webSocketUrl).netloc}
        assert {urlsplit(one).netloc for one in opened.requested} <= own


def _console(stack: StackFile, fragment: str = "") -> str:
    return stack.consoleUrl.partition("#")[0] + fragment


async def _go(page: Page, *path: str) -> None:
    await page.run(f"location.hash = {json.dumps('#/' + '/'.join(quote(one, safe='') for one in path))}; 0")


async def test_the_link_signs_in_and_its_token_leaves_the_address(page: Page, stack: StackFile, own_token: IssuedToken) -> None:
    assert stack.consoleUrl.endswith(f"/console#token={stack.token}")
    assert await page.run("location.href") == _console(stack, "#/")
    assert own_token.token not in await page.run("document.cookie + JSON.stringify({...localStorage}) + document.documentElement.outerHTML")
    assert not any(own_token.token in one for one in page.requested)

    await page.click("Sign out")
    await page.sees("Access token")
    assert await page.run("sessionStorage.length") == 0
    await page.fill("Access token", "not a token")
    await page.click("Sign in")
    await page.sees("A token is a UUID")
    await page.fill("Access token", own_token.token)
    await page.click("Sign in")
    await page.sees("What happens to your events")
    await page.click("Sign out")
    await page.run(f"location.hash = '#token={own_token.token}'; 0")
    await page.sees("What happens to your events")
    assert await page.run("location.href") == _console(stack, "#/")


async def test_a_webhook_is_made_fails_is_repaired_and_turns_green(page: Page, receiver: Receiver, client: Client) -> None:
    """What a person who has never seen the project does, without reading anything."""
    await page.click("New endpoint")
    await page.sees("How should events arrive?")
    await page.click("Create endpoint")
    await page.sees("Give it a name")
    await page.fill("Name", "Warehouse")
    await page.fill("URL", receiver.url)
    await page.click("Create endpoint")
    await page.sees("The test event was delivered.")
    assert len(receiver.bodies) == 1
    await page.sees("def verify(headers, body)")
    await page.click("Fill in this endpoint's secret")
    await page.until("document.body.innerText.includes('whsec_') && !document.body.innerText.includes('whsec_…')")

    receiver.status = 500
    await page.click("Publish an event")
    await page.sees("Every endpoint whose filters match it gets it.")
    await page.write("Data", '{"total": 120}')
    await page.click("Publish")
    await page.sees("Published.")
    assert len(client.data("{ events { collectionItems { id } } }")["events"]["collectionItems"]) == 1
    await page.run("document.querySelector('.message a').click(); 0")
    await page.sees("Where did it go")
    await page.sees("status 500")

    receiver.status = 410
    await _go(page, "deliveries")
    await page.choose("Status", "FAILED")
    await page.sees("410", seconds=60)
    receiver.status = 204
    await _go(page)
    await page.sees("Disabled")
    await page.click("Resume")
    await page.sees("1 was given up in the last day.")
    await page.click("See why")
    await page.sees("410")
    await page.click("Choose the delivery of " + receiver.bodies[-1]["id"])
    await page.click("Retry 1")
    await page.sees("The delivery is started again.")
    await page.sees("Delivered")
    await _go(page)
    await page.sees("every endpoint is on")
    assert receiver.bodies[-1]["data"] == {"total": 120}


async def test_an_endpoint_is_paused_undone_renamed_and_deleted(page: Page, client: Client) -> None:
    client.data('mutation { createWebhookEndpoint(name: "First", url: "http://127.0.0.1:64999/hook") { id } }')
    await _go(page, "endpoints")
    await page.click("First")
    await page.sees("every event of the workspace")
    await page.click("Pause")
    await page.sees("Paused. What arrives now is kept")
    await page.click("Undo")
    await page.sees("Enabled")
    await page.click("Settings", within=".tabs")
    await page.fill("Name", "Second")
    await page.fill("URL", "ftp://127.0.0.1/")
    await page.click("Save")
    await page.sees("url:")
    await page.fill("URL", "http://127.0.0.1:64999/other")
    await page.click("Save")
    await page.sees("Saved.")
    await page.sees("POST http://127.0.0.1:64999/other")
    await page.click("Secret", within=".tabs")
    await page.click("Show the secret")
    await page.sees("whsec_")
    await page.click("Replace the secret")
    await page.click("Replace")
    await page.sees("Replaced. The new secret is shown.")
    await page.click("Settings", within=".tabs")
    await page.click("Delete the endpoint")
    await page.sees("This cannot be undone.")
    await page.click("Delete the endpoint")
    await page.sees("No endpoint yet")


async def test_endpoints_are_found_by_name_status_and_label(page: Page, client: Client) -> None:
    client.webhook("http://127.0.0.1:64999/hook")
    client.data('mutation { createWebSocketEndpoint(name: "Dashboard", labels: {team: "shop"}) { id } }')
    await _go(page, "endpoints")
    await page.sees("2 shown")
    await page.fill("Name", "dash")
    await page.sees("1 shown")
    await page.fill("Name", "")
    await page.sees("2 shown")
    await page.choose("Status", "PAUSED")
    await page.sees("No endpoint is like this")
    await page.choose("Status", "")
    await page.click("team=shop")
    await page.sees("1 shown")
    await page.sees("Dashboard")
    # the address says it all: another person sees the same
    assert await page.run("location.hash") == "#/endpoints?labels=team%3Dshop"


async def test_who_is_connected_is_shown_and_closed(page: Page, client: Client) -> None:
    made = client.data('mutation { createWebSocketEndpoint(name: "Dashboard") { id } }')
    endpoint = made["createWebSocketEndpoint"]["id"]
    await page.run(f"location.hash = '#/endpoints/{endpoint}?tab=connections'; 0")
    await page.sees("Nobody is connected")
    async with client.socket(endpoint, batch="1") as socket:
        await page.sees("takes arrays of events", seconds=20)
        await page.sees("has every event")
        await page.click("Close", within=".rows")
        await page.sees("Closed within a few seconds.")
        await asyncio.wait_for(socket.wait_closed(), 20)
    await page.sees("Nobody is connected", seconds=20)


async def test_all_that_failed_are_retried_and_a_span_is_sent_again(page: Page, client: Client, receiver: Receiver) -> None:
    receiver.abort = True
    endpoint = client.webhook(receiver.url)
    client.publish(*({"id": f"order-{number}", "type": "order.created", "data": {}} for number in range(3)))
    await _go(page, "deliveries")
    await page.choose("Status", "FAILED")
    await page.choose("Accepted", "1")
    await page.sees("3 shown")
    receiver.abort = False
    await page.click("Retry all that failed")
    await page.sees("3 deliveries that fit the filters were given up.")
    await page.click("Retry 3")
    await page.sees("3 deliveries are started again.")
    await page.choose("Status", "DELIVERED")
    await page.until("document.querySelectorAll('.rows .badge.good').length === 3")
    assert len(receiver.bodies) == 6
    await page.run(f"location.hash = '#/endpoints/{endpoint}?tab=settings'; 0")
    await page.click("Count them first")
    await page.sees("There is nothing to send.")
    await page.click("Only what it did not receive")
    await page.click("Count them first")
    await page.sees("3 events are to be sent.")
    await page.click("Send 3")
    await page.sees("3 events are being sent.")


async def test_a_filter_is_written_with_its_faults_shown_and_linked(page: Page, client: Client) -> None:
    endpoint = client.data('mutation { createWebSocketEndpoint(name: "Dashboard") { id } }')["createWebSocketEndpoint"]["id"]
    await _go(page, "filters")
    await page.sees("No event filter yet")
    await page.click("New filter")
    await page.sees("Start a pattern with")
    await page.fill("Name", "Large orders")
    await page.fill("Event types", "order.created, order.paid")
    await page.write("Pattern", '{"data": {"total": [{"nummeric": [">", 100]}]}}')
    await page.click("Create filter")
    await page.sees("eventFiltersInput.pattern.data.total")
    # the fault is marked at its place in the text, and not over all of it
    marked = "consoleTest.editor('Pattern').querySelector('.cm-lintRange-error')?.innerText"
    await page.until(marked)
    assert len(await page.run(marked)) < 30
    await page.write("Pattern", '{"data": {"total": [{"numeric": [">", 100]}]}}')
    await page.click("Create filter")
    await page.sees("Linked endpoints")
    await _go(page, "endpoints", endpoint)
    await page.click("Filters", within=".tabs")
    await page.pick("Link an event filter", "Large orders")
    await page.sees("It receives what any of them matches.")

    found = client.data("{ eventsFilters { collectionItems { name meta endpoints { id } } } }")["eventsFilters"]["collectionItems"]
    assert found == [
        {
            "name": "Large orders",
            "meta": {"in": {"eventTypes": ["order.created", "order.paid"]}, "pattern": {"data": {"total": [{"numeric": [">", 100]}]}}},
            "endpoints": [{"id": endpoint}],
        }
    ]


async def test_the_live_tail_goes_on_where_it_was_paused(page: Page, client: Client) -> None:
    await _go(page, "live")
    await page.sees("Waiting for the next event")
    client.publish({"type": "first", "data": {}})
    await page.sees("first")
    await page.click("Pause")
    await page.sees("Paused")
    client.publish(*({"type": f"meanwhile-{number}", "data": {}} for number in range(5)))
    await page.click("Go on")
    await page.sees("6 received, at sequence 6")
    sequences = await page.run("[...document.querySelectorAll('.live-row > :first-child')].map((one) => Number(one.textContent))")
    assert sequences == [6, 5, 4, 3, 2, 1]
    await page.fill("Show only", "meanwhile-3")
    await page.sees_no_more("meanwhile-4")
    await _go(page, "endpoints")
    await page.sees("No endpoint yet")


async def test_hostile_payloads_are_shown_harmlessly(page: Page, client: Client) -> None:
    deep: Any = 1
    for _ in range(80):
        deep = [deep]
    script = "<script>document.title = 'owned'</script>"
    data = {
        script: "<img src=x onerror=\"document.title='owned'\">",
        "link": "javascript:document.title='owned'",
        "turned": "abc\u202ecba\u200b",
        "long": "x" * 200_000,
        "deep": deep,
        "many": list(range(5_000)),
        "__proto__": {"polluted": True},
        "date": "9998-12-31T23:59:59Z",
    }
    name = "</title><svg onload=\"document.title='owned'\">"
    client.data("mutation ($name: String!) { createWebSocketEndpoint(name: $name) { id } }", name=name)
    client.publish({"id": script, "type": "<b>type</b>", "data": data, "date": "1970-01-01T00:00:00Z"})
    await _go(page, "events")
    await page.sees("<b>type</b>")
    await page.click("<b>type</b>")
    await page.sees("javascript:document.title='owned'")
    await page.sees("abc\\u202ecba\\u200b")
    await page.sees("Show all 200,000 characters")
    await page.sees("Show more of 5,000")
    await page.click("Show all 200,000 characters")
    await page.until("document.querySelector('.json').innerText.includes('x'.repeat(200000))")
    assert "owned" not in await page.run("document.title")
    assert await page.run("({}).polluted === undefined")
    assert await page.run("[...document.querySelectorAll('a')].every((one) => ['http:', 'blob:'].includes(one.protocol))")
    assert await page.run("document.documentElement.scrollWidth <= innerWidth")
    await _go(page, "endpoints")
    await page.sees(name)
    assert "owned" not in await page.run("document.title")


async def test_an_event_is_published_again_and_its_call_can_be_copied(page: Page, client: Client) -> None:
    client.publish({"id": "order-1", "type": "order.created", "data": {"total": 7}})
    await _go(page, "events")
    await page.fill("Type", "order.created")
    await page.sees("order-1")
    await page.fill("Type", "other")
    await page.sees("No event fits these filters")
    await page.fill("Type", "")
    await page.click("More filters")
    await page.fill("Pattern", '{"data": {"total": [8]}}')
    await page.sees("No event fits these filters")
    await page.fill("Pattern", '{"data": {"total": [{"nummeric": []}]}}')
    await page.sees("'nummeric' is no operator")
    await page.fill("Pattern", '{"data": {"total": [7]}}')
    await page.click("order.created")
    await page.sees("The workspace has no endpoint that it could go to.")
    await page.click("Publish again")
    await page.until("consoleTest.editor('Data')?.innerText.includes('\"total\": 7')")
    await page.write("Data", '{"total": ')
    await page.click("Publish")
    await page.sees("This is not JSON")
    await page.write("Data", '{"total": 8}')
    await page.click("Publish")
    await page.sees("Published.")
    assert [one["data"] for one in client.data("{ events { collectionItems { data } } }")["events"]["collectionItems"]] == [
        {"total": 8},
        {"total": 7},
    ]


async def test_an_event_says_why_it_did_not_arrive(page: Page, client: Client, receiver: Receiver) -> None:
    create = 'mutation ($i: EventFiltersInput!) { createEventFilters(name: "Large orders", eventFiltersInput: $i) { id } }'
    wanted = client.data(create, i={"pattern": {"data": {"total": [{"numeric": [">", 100]}]}}})["createEventFilters"]["id"]
    client.webhook(receiver.url, filters=[wanted])
    client.publish({"id": "small", "type": "order.created", "data": {"total": 80}})
    await _go(page, "events", "small")
    await page.sees("Not sent")
    await page.sees("data.total: 80 is not > 100")
    await page.click("Why")
    await page.sees("does not match")
    await page.click("Large orders", within=".why")
    # the editor opens with this event, whose fields can be clicked into the pattern
    await page.sees("0 of 1 event matches")
    await page.sees("Near misses: one clause fails")
    await page.click("total: 80")
    await page.until("consoleTest.editor('Pattern').innerText.includes('80')")
    await page.write("Pattern", '{"data": {"total": [{"numeric": [">", 50]}]}}')
    await page.sees("1 of 1 event matches")
    await page.click("Save and send what was missed")
    await page.sees("It matches 1 event that this endpoint did not receive")
    await page.click("Send the missed one")
    await page.sees("1 missed event is being sent.")
    await _go(page, "events", "small")
    await page.sees("Delivered")
    assert [one["data"] for one in receiver.bodies] == [{"total": 80}]


async def test_changes_say_who_changed_what_and_how(page: Page, client: Client) -> None:
    endpoint = client.webhook("http://127.0.0.1:64999/before")
    client.data('mutation ($id: ID!) { updateEndpoint(id: $id, name: "Orders", url: "http://127.0.0.1:64999/after") { id } }', id=endpoint)
    client.webhook("http://127.0.0.1:64999/other")
    await _go(page, "changes")
    await page.sees("version 3")
    await page.sees("made for a test · updateEndpoint · version 2")
    await page.run("[...document.querySelectorAll('.rows > li')][1].querySelector('summary').click(); 0")
    await page.sees("/before")
    await page.sees("/after")
    await page.pick("Endpoint", "Orders")
    await page.sees("2 shown")
    await page.sees_no_more("version 3")
    await page.run("location.hash = '#/changes?since=2999-01-01T00:00:00Z'; 0")
    await page.sees("None of the changes read is like this")
    await page.click("Since 01 Jan 2999, 00:00:00")
    await page.sees("3 shown")


async def test_the_palette_finds_screens_endpoints_and_events(page: Page, client: Client) -> None:
    client.data('mutation { createWebSocketEndpoint(name: "Dashboard of the shop") { id } }')
    client.publish({"id": "order-99", "type": "order.created", "data": {}})
    await page.press("/")
    await page.fill("Search for a screen, an endpoint, a filter, or the id of an event", "deliv")
    await page.sees("Deliveries")
    await page.press("Enter")
    await page.sees("Each event on its way to each webhook")
    await page.press("k", control=True)
    await page.fill("Search for a screen, an endpoint, a filter, or the id of an event", "of the shop")
    await page.sees("Dashboard of the shop")
    await page.press("Enter")
    await page.sees("Connect to it")
    await page.press("k", control=True)
    await page.fill("Search for a screen, an endpoint, a filter, or the id of an event", "order-99")
    await page.sees("order.created order-99")
    await page.press("Enter")
    await page.sees("Where did it go")


async def test_every_screen_shows_the_calls_that_drew_it(page: Page) -> None:
    await _go(page, "endpoints")
    await page.sees("No endpoint yet")
    await page.click("API")
    await page.sees("query Endpoints(")
    text = await page.run("document.querySelector('dialog').innerText")
    assert re.search(r"curl -s 'http://127\.0\.0\.1:\d+/[^']*event-service/graphql' -H \"Token: \$TOKEN\"", text)
    await page.press("Escape")
    await page.until("!document.querySelector('dialog')")


async def test_no_connection_an_ended_token_and_an_error_are_each_said(page: Page, stack: StackFile) -> None:
    await _go(page, "endpoints")
    await page.sees("No endpoint yet")
    await page.offline(True)
    await _go(page, "deliveries")
    await page.sees("No connection")
    await page.offline(False)
    await page.sees("No deliveries")  # it is tried again by itself
    page.faults.clear()  # the browser reports what it could not fetch
    await _go(page, "endpoints", "not-an-id")
    await page.sees_no_more("Each event on its way")
    await page.run(
        "sessionStorage.setItem('event-service-token', '00000000-0000-4000-8000-000000000000'); location.hash = '#/'; location.reload(); 0"
    )
    await page.sees("The token is not valid any more")
    assert await page.run("sessionStorage.length") == 0


async def test_an_agents_token_is_told_that_it_publishes_only(page: Page, local_stack: Any) -> None:
    agent = local_stack.new_token(kind="agent").token
    await page.click("Sign out")
    await page.fill("Access token", agent)
    await page.click("Sign in")
    await page.sees("An agent's token publishes only")


SCREENS = {
    "home": ([], "What happens to your events"),
    "live": (["live"], "Waiting for the next event"),
    "events": (["events"], "order.created"),
    "event": (["events", "order-1"], "Where did it go"),
    "publish": (["publish"], "Publish an event"),
    "endpoints": (["endpoints"], "Warehouse"),
    "new endpoint": (["new-endpoint"], "How should events arrive?"),
    "filters": (["filters"], "Large orders"),
    "new filter": (["new-filter"], "Start a pattern with"),
    "deliveries": (["deliveries"], "order-1"),
    "changes": (["changes"], "version 1"),
    "settings": (["settings"], "Limits in force"),
}
PARTS = ["deliveries", "filters", "receive", "secret", "settings"]


async def test_axe_finds_nothing_on_any_screen_in_either_theme(page: Page, client: Client, receiver: Receiver) -> None:
    receiver.status = 500
    endpoint = client.webhook(receiver.url)
    client.data('mutation ($id: ID!) { updateEndpoint(id: $id, name: "Warehouse") { id } }', id=endpoint)
    create = 'mutation ($i: EventFiltersInput!) { createEventFilters(name: "Large orders", eventFiltersInput: $i) { id } }'
    client.data(create, i={"in": {"eventTypes": ["order.created"]}})
    client.publish({"id": "order-1", "type": "order.created", "data": {"total": 120, "lines": [{"sku": 1}]}})
    screens = [*SCREENS.values(), (["endpoints", endpoint], "Send a test event")]
    found: dict[str, list[str]] = {}

    async def look(name: str, text: str) -> None:
        await page.sees(text)
        for dark in (False, True):
            await page.look(dark=dark)
            found[f"{name}, {'dark' if dark else 'light'}"] = await page.faults_of_access()
        await page.look(width=360, height=740)
        assert await page.run("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than a phone"
        await page.look()

    for path, text in screens:
        await _go(page, *path)
        await look("/".join(path), text)
    for part in PARTS:
        await page.run(f"location.hash = {json.dumps(f'#/endpoints/{endpoint}?tab={part}')}; 0")
        await look(
            f"endpoint, {part}",
            {"filters": "Linked", "secret": "Signing secret", "receive": "def verify", "settings": "Send again"}.get(part, "order-1"),
        )
    await page.click("API")
    await look("API", "Each is one POST")
    await page.press("Escape")
    await page.press("k", control=True)
    await look("palette", "New endpoint")
    await page.press("Escape")
    await page.click("Sign out")
    await look("sign in", "Access token")

    assert {name: faults for name, faults in found.items() if faults} == {}
