"""`make screenshots`: pictures of every screen of the console, in both themes and two widths, of a local stack with examples."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import quote

from event_service.aws.dynamodb import Database, connect
from event_service.counting.ports import Counted
from event_service.counting.storage.counts import DynamoCounts
from local.deployed import describe
from local.processes import free_port
from local.stack import LocalStack, StackFile, client_settings_of
from local.tools import LOCAL
from tests.support.browser import CHROMIUM, Chromium, Page

PICTURES: Final = LOCAL / "screenshots"
LOOKS: Final = {
    "wide-light": (1440, 900, False),
    "wide-dark": (1440, 900, True),
    "narrow-light": (390, 844, False),
    "narrow-dark": (390, 844, True),
}
SECONDS_TO_DRAW: Final = 1.0
SECONDS_TO_DELIVER: Final = 12
SECONDS_TO_SETTLE: Final = 5
"""So that it is certain by which configuration each event was routed."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What was made, as far as screens show one of it."""

    endpoint: str
    socket: str
    event: str
    filter: str
    delivery: str


class _Receiver(BaseHTTPRequestHandler):
    """Answers by the path: /ok, /fails, /gone."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": "the database is locked"}' if self.path == "/fails" else b""
        self.send_response({"/fails": 500, "/gone": 410}.get(self.path, 204))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


def make_examples(stack: StackFile, receiver: str) -> Examples:
    """Endpoints that work, fail and are gone, filters, and events of several kinds."""

    def ask(query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"token": stack.token, "content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(stack.graphqlUrl, body, headers), timeout=60) as answer:  # noqa: S310 - our own stack
            data: dict[str, Any] = json.load(answer)["data"]
        return data

    def made(name: str, condition: dict[str, Any]) -> str:
        query = "mutation ($n: String!, $i: EventFiltersInput!) { createEventFilters(name: $n, eventFiltersInput: $i) { id } }"
        return str(ask(query, n=name, i=condition)["createEventFilters"]["id"])

    def webhook(name: str, path: str, *filters: str) -> str:
        query = "mutation ($n: String!, $u: String!, $f: [ID!]) { createWebhookEndpoint(name: $n, url: $u, eventFiltersIds: $f) { id } }"
        return str(ask(query, n=name, u=receiver + path, f=list(filters))["createWebhookEndpoint"]["id"])

    large = made("Large orders", {"in": {"eventTypes": ["order.created"]}, "pattern": {"data": {"total": [{"numeric": [">", 100]}]}}})
    payments = made("Payments", {"pattern": {"type": [{"prefix": "payment."}]}})
    webhook("Shop backend", "/ok")
    failing = webhook("Warehouse", "/fails", large)
    webhook("Accounting", "/ok", payments)
    webhook("Old CRM", "/gone", payments)
    socket = ask('mutation { createWebSocketEndpoint(name: "Dashboard") { id } }')["createWebSocketEndpoint"]["id"]
    time.sleep(SECONDS_TO_SETTLE)
    choice = random.Random(7)
    event = ""
    for number in range(1, 41):
        kind = choice.choice(["order.created", "order.created", "payment.failed", "sensor.reading"])
        data = {
            "number": number,
            "total": choice.randint(20, 300),
            "currency": "EUR",
            "customer": {"country": "PT", "new": number % 3 == 0},
        }
        published = ask(
            "mutation ($e: [EventInput!]!) { publishEvents(events: $e) { ids } }",
            e=[{"id": f"{kind}-{number}", "type": kind, "data": data}],
        )
        if kind == "order.created" and data["total"] > 100:  # type: ignore[operator]  # a number, as drawn above
            event = published["publishEvents"]["ids"][0]
    time.sleep(SECONDS_TO_DELIVER)
    deliveries = ask("query ($e: ID!) { deliveries(filters: {endpointId: {exact: $e}}) { collectionItems { id } } }", e=failing)
    return Examples(failing, socket, event, large, deliveries["deliveries"]["collectionItems"][0]["id"])


def add_history(stack: StackFile) -> None:
    """Counts of the hour before, as a workspace with some traffic has them: charts of the last minute alone show one bar."""
    settings = client_settings_of(stack.region, stack.awsEndpointUrl)
    known = describe(stack.stackName, settings)
    assert known is not None
    table = known.outputs["DueTableName"]
    connection = connect(stack.region, stack.awsEndpointUrl)
    connection.session.set_credentials(settings["aws_access_key_id"], settings["aws_secret_access_key"])
    counts = DynamoCounts(Database(connection, lambda name: table), 0)
    choice = random.Random(11)
    now = datetime.now(UTC)
    for minutes in range(3, 60):
        events = 60 + choice.randrange(25) + (70 if 20 < minutes < 32 else 0)
        failed = choice.randrange(12, 20) if 12 < minutes < 19 else choice.randrange(2)
        counts.add(
            stack.workspaceId,
            now - timedelta(minutes=minutes),
            {
                Counted.EVENTS: events,
                Counted.DELIVERED: 2 * events - failed,
                Counted.ATTEMPTS_FAILED: failed,
                Counted.WITHIN_30: events // 2,
                Counted.WITHIN_70: events,
                Counted.WITHIN_200 if failed < 5 else Counted.WITHIN_700: events // 3,
            },
        )


def screens(made: Examples) -> dict[str, str]:
    """The address of each screen by its name."""
    endpoint = f"endpoints/{made.endpoint}"
    return {
        "home": "",
        "events": "events",
        "event": f"events/{quote(made.event, safe='')}",
        "publish": "publish",
        "endpoints": "endpoints",
        "endpoint": endpoint,
        **{f"endpoint-{part}": f"{endpoint}?tab={part}" for part in ("deliveries", "filters", "receive", "secret", "settings")},
        "endpoint-socket": f"endpoints/{made.socket}",
        "endpoint-socket-settings": f"endpoints/{made.socket}?tab=settings",
        "new-endpoint": "new-endpoint",
        "filters": "filters",
        "filter": f"filters/{made.filter}",
        "deliveries": "deliveries",
        "deliveries-waiting": "deliveries?status=PENDING",
        "jobs": "jobs",
        "delivery": f"deliveries/{quote(made.delivery, safe='')}",
        "changes": "changes",
        "settings": "settings",
        # The last: it makes an endpoint, and what is said of the others' events would speak of that change.
        "live": "live",
    }


async def take(page: Page, made: Examples) -> None:
    """Takes the pictures of all screens."""
    for name, address in screens(made).items():
        await page.run(f"location.hash = {json.dumps('#/' + address)}; 0")
        await page.until("!document.querySelector('.skeleton')")
        await asyncio.sleep(SECONDS_TO_DRAW)
        for look, (width, height, dark) in LOOKS.items():
            await page.look(width=width, height=height, dark=dark)
            await asyncio.sleep(SECONDS_TO_DRAW / 3)
            await page.picture(PICTURES / f"{name}-{look}.png")
        await page.look()


async def main() -> int:
    """Returns the exit status."""
    if CHROMIUM is None:
        sys.stderr.write("No Chromium was found.\n")
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with tempfile.TemporaryDirectory() as temporary, LocalStack(Path(temporary) / "stack", free_port()) as stack:
        ready = await asyncio.to_thread(stack.start)
        await asyncio.to_thread(add_history, ready)
        made = await asyncio.to_thread(make_examples, ready, f"http://127.0.0.1:{server.server_port}")
        chromium = Chromium(Path(temporary) / "browser")
        try:
            async with chromium.page() as page:
                await page.look()
                await page.open(ready.consoleUrl)
                await take(page, made)
        finally:
            chromium.stop()
    sys.stdout.write(f"The pictures are in {PICTURES}\n")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
