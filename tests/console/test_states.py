"""Each screen of the console while it loads, with nothing to show, after an error, without a connection, and with a token that ended."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from tests.support import console_stack as made
from tests.support.browser import CHROMIUM, Chromium, Page
from tests.support.console_stack import ENDPOINT, FILTER, TOKEN, ConsoleStack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]

SENTENCE = "Something went wrong on our side."
LISTS = ("endpoints", "filters", "events", "deliveries", "changes", "jobs")
_TRY_AGAIN = 'consoleTest.named("Try again")'
_NOT_ASKED = "publish"
"""A screen that asks nothing by itself."""


@dataclass(frozen=True)
class Screen:
    """One screen that shows what it reads.

    Attributes:
        address: behind `#/`.
        full: what it says when it has read it.
        empty: what it says when there is nothing; ``None``: there is always something.
        first: what it offers to do first then; ``None``: nothing, as it was there and is gone, or will come by itself.
        reads: operations that it cannot do without.
        socket: whether its endpoint is one that programs connect to.
    """

    address: str
    full: str
    empty: str | None
    first: str | None = None
    reads: tuple[str, ...] = field(default=())
    socket: bool = False


_HOME = ("Statistics", "LatestDeliveries", "LatestEvents", "WaitingDeliveries", "GivenUpDeliveries", "EndpointsToLookAt")
_GONE = "There is no such endpoint"
_CARD = f"endpoints/{ENDPOINT}"
SCREENS = {
    "home": Screen("", "half answered within", "Welcome", "New endpoint", _HOME),
    "live": Screen("live", "Publish one in another tab", None, None, ("Endpoints", "CreateWebSocketEndpoint")),
    "events": Screen("events", "order-1", "No event yet", "Publish an event", ("Events",)),
    "event": Screen("events/order-0", "Where did it go", "There is no such event", None, ("Destinations",)),
    "endpoints": Screen("endpoints", "Warehouse 0", "No endpoint yet", "New endpoint", ("Endpoints",)),
    "endpoint": Screen(_CARD, "Send a test event", _GONE, None, ("OneEndpoint",)),
    "endpoint, deliveries": Screen(f"{_CARD}?tab=deliveries", "order-1", _GONE, None, ("OneEndpoint", "Deliveries")),
    "endpoint, filters": Screen(f"{_CARD}?tab=filters", "Link an event filter", _GONE, None, ("OneEndpoint",)),
    "endpoint, receive": Screen(f"{_CARD}?tab=receive", "def verify", _GONE, None, ("OneEndpoint",)),
    "endpoint, secret": Screen(f"{_CARD}?tab=secret", "Signing secret", _GONE, None, ("OneEndpoint",)),
    "endpoint, settings": Screen(f"{_CARD}?tab=settings", "Send again", _GONE, None, ("OneEndpoint",)),
    "socket": Screen(_CARD, "Connect to it", _GONE, None, ("OneEndpoint",), socket=True),
    "socket, connections": Screen(
        f"{_CARD}?tab=connections", "has every event", _GONE, None, ("OneEndpoint", "OpenConnections"), socket=True
    ),
    "socket, connect": Screen(f"{_CARD}?tab=receive", "Connect to it", _GONE, None, ("OneEndpoint",), socket=True),
    "filters": Screen("filters", "Large orders 0", "No event filter yet", "New filter", ("EventFilters",)),
    "filter": Screen(f"filters/{FILTER}", "What it matches", "There is no such event filter", None, ("OneEventFilter",)),
    "deliveries": Screen("deliveries", "order-1", "No deliveries", "Publish an event", ("Deliveries",)),
    "delivery": Screen(f"deliveries/{ENDPOINT}.order-0", "Response", "There is no such delivery", None, ("OneDelivery",)),
    "changes": Screen("changes", "version 20000", "No change yet", "New endpoint", ("Changes",)),
    "jobs": Screen("jobs", "2,000 of about 10,000 started again so far", "No job yet", "Deliveries", ("Jobs",)),
    "settings": Screen("settings", "Label the console's tests", None, None, ("SignIn",)),
}


@dataclass(frozen=True)
class Form:
    """One screen whose form is sent.

    Attributes:
        address: behind `#/`.
        fields: what is filled in.
        button: what sends it.
        sends: the operation.
        answer: what the API says to it.
        done: what the screen says then.
    """

    address: str
    fields: dict[str, str]
    button: str
    sends: str
    answer: tuple[str, object]
    done: str


_PUBLISHED = {"ok": True, "ids": ["order-1"], "duplicateIds": []}
FORMS = {
    "publish": Form("publish", {}, "Publish", "PublishEvents", ("publishEvents", _PUBLISHED), "Published."),
    "new endpoint": Form(
        "new-endpoint", {"Name": "Shop", "URL": "https://example.com/hook"}, "Create endpoint", "CreateWebhookEndpoint",
        ("createWebhookEndpoint", made.endpoint()), "Events published from now on are sent to it.",
    ),
    "new filter": Form(
        "new-filter", {"Name": "Large", "Event types": "order.created"}, "Create filter", "CreateEventFilters",
        ("createEventFilters", made.event_filter()), "Created. Link it to the endpoints that it is for.",
    ),
    "filter": Form(
        f"filters/{FILTER}", {"Name": "Larger"}, "Save", "UpdateEventFilters", ("updateEventFilters", made.event_filter()),
        "Saved. It applies to what is published from now on.",
    ),
    "endpoint, settings": Form(
        f"{_CARD}?tab=settings", {"Name": "Other"}, "Save", "UpdateEndpoint", ("updateEndpoint", made.endpoint()), "Saved."
    ),
}  # fmt: skip
SCREENS_WITH_FORMS = [*SCREENS, *(name for name in FORMS if name not in SCREENS)]


def _address(name: str) -> str:
    return SCREENS[name].address if name in SCREENS else FORMS[name].address


@pytest.fixture(scope="module")
def running() -> Iterator[ConsoleStack]:
    stack = ConsoleStack()
    yield stack
    stack.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(chromium: Chromium, running: ConsoleStack) -> AsyncIterator[Page]:
    """One page for all these tests: to load the console and its editor takes longer than most of them."""
    async with chromium.page() as page:
        await page.look()
        yield page


@pytest.fixture
def stack(running: ConsoleStack) -> ConsoleStack:
    running.reset()
    running.answers["createWebSocketEndpoint"] = made.socket_endpoint()
    running.answers["deleteEndpoints"] = {"ok": True}
    return running


@pytest_asyncio.fixture(loop_scope="module")
async def page(opened: Page, stack: ConsoleStack) -> AsyncIterator[Page]:
    """Signed in, on a screen that asks nothing, with nothing left of the test before."""
    await opened.offline(False)
    if not await opened.run("location.hash && sessionStorage.length"):
        await opened.open(stack.url)
        await opened.sees("What happens to your events")
    await _go(opened, _NOT_ASKED)
    await opened.until("consoleTest.editor('Data') && !document.querySelector('.banner')")
    opened.faults.clear()
    stack.asked.clear()
    yield opened
    # There is no socket behind this API, and the browser says so on the screen that wants one.
    assert [one for one in opened.faults if "WebSocket" not in one] == []


async def _go(page: Page, address: str) -> None:
    await page.run(f"location.hash = {json.dumps('#/' + address)}; 0")


def _prepare(screen: Screen, stack: ConsoleStack) -> None:
    if screen.socket:
        stack.endpoints = [made.socket_endpoint()]


async def _again(page: Page, screen: Screen) -> None:
    await page.run(f"{_TRY_AGAIN}?.click(); 0")  # some screens have tried by themselves
    await page.sees(screen.full)


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_says_that_it_loads_that_it_failed_and_that_it_is_empty(name: str, page: Page, stack: ConsoleStack) -> None:
    screen = SCREENS[name]
    _prepare(screen, stack)
    stack.may_answer.clear()
    await _go(page, screen.address)
    await page.until("[...document.querySelectorAll('main [role=status]')].some((one) => one.textContent.startsWith('Loading'))")
    await page.until("document.querySelector('main .skeleton')")
    stack.error = ("INTERNAL", SENTENCE)
    stack.may_answer.set()
    await page.sees(SENTENCE)
    await page.sees(made.REQUEST_ID)
    await page.until(_TRY_AGAIN)
    stack.error = None
    await _again(page, screen)
    await page.until("!document.querySelector('.skeleton')")

    if screen.empty is not None:
        await _go(page, _NOT_ASKED)
        for one in LISTS:
            setattr(stack, one, [])
        await _go(page, screen.address)
        await page.sees(screen.empty)
        if screen.first is not None:
            await page.until(f"consoleTest.named({json.dumps(screen.first)}, '.state')")


@pytest.mark.parametrize(("name", "operation"), [(name, one) for name, screen in SCREENS.items() for one in screen.reads])
async def test_whatever_a_screen_reads_may_fail(name: str, operation: str, page: Page, stack: ConsoleStack) -> None:
    screen = SCREENS[name]
    _prepare(screen, stack)
    stack.failing, stack.error = {operation}, ("INTERNAL", SENTENCE)
    await _go(page, screen.address)
    await page.sees(SENTENCE)
    await page.sees(made.REQUEST_ID)
    await page.until(_TRY_AGAIN)
    stack.error = None
    await _again(page, screen)


@pytest.mark.parametrize("name", SCREENS)
async def test_no_connection_is_said_and_ends_by_itself(name: str, page: Page, stack: ConsoleStack) -> None:
    screen = SCREENS[name]
    _prepare(screen, stack)
    await page.offline(True)
    await _go(page, screen.address)
    await page.sees("No connection")
    await page.until(_TRY_AGAIN)
    await page.offline(False)
    await page.sees(screen.full)
    await page.until("!document.querySelector('.banner')")
    page.faults.clear()  # the browser reports what it could not fetch


@pytest.mark.parametrize("name", SCREENS_WITH_FORMS)
async def test_a_token_that_ended_leads_to_the_sign_in_and_back(name: str, page: Page, stack: ConsoleStack) -> None:
    form = FORMS[name] if name not in SCREENS else None
    # A form may be filled in for long before it is sent.
    stack.error, stack.failing = ("UNAUTHENTICATED", "Unknown token."), {form.sends} if form else set()
    await _go(page, _address(name))
    if form:
        await _fill_in(page, form)
        await page.click(form.button)
    await page.sees("The token is not valid any more")
    assert await page.run("sessionStorage.length") == 0
    stack.error = None
    await page.fill("Access token", TOKEN)
    await page.click("Sign in")
    await page.until("document.querySelector('main.main h1')")
    # The screen that the person was on, and not the first one.
    assert await page.run("location.hash") == f"#/{_address(name)}"


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_says_that_it_is_sent_refused_and_not_answered(name: str, page: Page, stack: ConsoleStack) -> None:
    form = FORMS[name]
    field, answer = form.answer
    stack.answers[field] = answer
    stack.answers["testEndpoint"] = made.delivery()["attempts"][0]
    await _go(page, form.address)
    await _fill_in(page, form)

    stack.error = ("BAD_USER_INPUT", "name: another one has it.")
    stack.failing = {form.sends}
    stack.may_answer.clear()
    await page.click(form.button)
    await page.until("document.querySelector('main button[aria-busy=true]:disabled')")
    stack.may_answer.set()
    await page.sees("name: another one has it.")
    await page.sees(made.REQUEST_ID)
    assert await page.run("document.querySelector('main [role=alert]').textContent") != ""

    stack.error = None
    await page.offline(True)
    await page.click(form.button)
    await page.sees("The API cannot be reached.")
    await page.sees("No connection to the service.")
    await page.offline(False)
    await page.click(form.button)
    await page.sees(form.done)
    page.faults.clear()  # the browser reports what it could not fetch


async def _fill_in(page: Page, form: Form) -> None:
    await page.until(f"consoleTest.named({json.dumps(form.button)})")
    for label, text in form.fields.items():
        await page.fill(label, text)
