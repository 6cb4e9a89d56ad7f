"""The browser console in a real Chromium, with lists of any length, errors and delays behind it that a stack does not have at hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import console_stack as made
from tests.support.browser import CHROMIUM, Chromium, Page
from tests.support.console_stack import ENDPOINT, FILTER, ConsoleStack

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]

ROWS = 10_000


@pytest.fixture
def stack() -> Iterator[ConsoleStack]:
    running = ConsoleStack()
    yield running
    running.stop()


@pytest.fixture
async def page(chromium: Chromium, stack: ConsoleStack) -> AsyncIterator[Page]:
    async with chromium.page() as opened:
        await opened.look()
        await opened.open(stack.url)
        await opened.sees("What happens to your events")
        yield opened
        assert opened.faults == []


async def _go(page: Page, address: str) -> None:
    await page.run(f"location.hash = {json.dumps('#/' + address)}; 0")


# -- screens ---------------------------------------------------------------------------------------------------------------

SCREENS = {
    "": ("half answered within", "Welcome"),
    "events": ("order-1", "No event yet"),
    "events/order-0": ("Where did it go", "There is no such event"),
    "endpoints": ("Warehouse 0", "No endpoint yet"),
    f"endpoints/{ENDPOINT}": ("Send a test event", "There is no such endpoint"),
    f"endpoints/{ENDPOINT}?tab=deliveries": ("order-1", "There is no such endpoint"),
    "filters": ("Large orders 0", "No event filter yet"),
    f"filters/{FILTER}": ("What it matches", "There is no such event filter"),
    "deliveries": ("order-1", "No deliveries"),
    f"deliveries/{ENDPOINT}.order-0": ("Response", "There is no such delivery"),
    "changes": ("version 20000", "No change yet"),
    "jobs": ("2,000 of about 10,000 started again so far", "No job yet"),
}
"""Each screen: what it shows when there is something, and when there is nothing."""


async def test_json_is_written_also_where_the_editor_cannot_be_loaded(page: Page, stack: ConsoleStack) -> None:
    stack.answers["publishEvents"] = {"ok": True, "ids": ["order-1"], "duplicateIds": []}
    await page.offline(True)
    await _go(page, "publish")
    await page.until("document.querySelector('textarea')")
    await page.offline(False)
    await page.run("document.querySelector('textarea').focus(); document.querySelector('textarea').select(); 0")
    await page.send("Input.insertText", text='{"total": 8}')
    await page.click("Publish")
    await page.sees("Published.")
    assert [one["events"][0]["data"] for one in stack.calls("PublishEvents")] == [{"total": 8}]
    page.faults.clear()  # the browser reports what it could not fetch


OTHERS = {
    "publish": "Every endpoint whose filters match it gets it.",
    "new-endpoint": "How should events arrive?",
    "new-filter": "Start a pattern with",
    "settings": "Limits in force",
    "deliveries?status=PENDING": "Cancel all that wait",
    **{
        f"endpoints/{ENDPOINT}?tab={part}": text
        for part, text in {"filters": "Linked", "receive": "def verify", "secret": "Signing secret", "settings": "Send again"}.items()
    },
}


async def test_each_screen_keeps_good_practice_in_both_themes(page: Page, stack: ConsoleStack) -> None:
    """No error, failed request, refusal of the security policy or advice of the browser; what axe-core and the rules ask for."""
    await page.send("Audits.enable")
    found: dict[str, list[str]] = {}
    stack.deliveries.append(made.delivery(3, "PENDING"))
    for address, text in [*((one, full) for one, (full, _) in SCREENS.items()), *OTHERS.items()]:
        await _go(page, address)
        await page.sees(text)
        for dark in (False, True):
            for width in (1280, 360):
                await page.look(dark=dark, width=width)
                faults = [*await page.faults_of_practice(), *(await page.faults_of_access() if width == 360 or address in WIDE else [])]
                if faults:
                    found[f"{address}, {'dark' if dark else 'light'}, {width}"] = faults
        await page.look()

    assert found == {}
    assert page.issues == []


WIDE = ("", "deliveries", "endpoints")
"""Looked at by axe-core in both widths; the others are the same in both but for the place of things."""

# -- long lists -----------------------------------------------------------------------------------------------------------

LISTS = {
    "endpoints": ("endpoints", made.endpoint, "Warehouse"),
    "events": ("events", made.event, "order-"),
    "filters": ("filters", made.event_filter, "Large orders"),
    "deliveries": ("deliveries", made.delivery, "order-"),
}
PLACES = ["scrollY + 900"] * 3 + ["document.body.scrollHeight * 0.4", "document.body.scrollHeight * 0.8"]
MOST_ELEMENTS = 6_000
"""Of the whole page, whatever the length of its list; 10,000 rows drawn at once are 150,000 and more."""


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_of_10_000_rows_draws_the_rows_near_the_window(name: str, page: Page, stack: ConsoleStack) -> None:
    address, make, text = LISTS[name]
    setattr(stack, name, [make(number) for number in range(ROWS)])
    await _go(page, address)
    await page.sees("50 shown")
    shown = 50
    while shown < ROWS:
        await page.run("[...document.querySelectorAll('.more button')].pop().click(); 0")
        shown = min(ROWS, shown + min(1000, shown))
        await page.sees(f"{shown:,} shown", seconds=60)
    assert await page.run("document.querySelectorAll('*').length") < MOST_ELEMENTS

    await page.run(_WATCH)
    # as with the wheel, then with the scroll bar, then to the end
    for place in PLACES:
        await page.run(f"scrollTo(0, {place}); 0")
        await page.run(_TWO_FRAMES)
        assert await page.run(_ROWS_IN_THE_MIDDLE), "the middle of the window is empty"
        assert await page.run("document.querySelectorAll('*').length") < MOST_ELEMENTS
    assert await page.run("consoleShifts") == []
    last_row = f"document.querySelector('[data-index=\"{ROWS - 1}\"]')"
    is_seen = f"{last_row}?.getBoundingClientRect().bottom < innerHeight && {last_row}.innerText.includes({json.dumps(text)})"
    for _ in range(20):  # rows may be higher than was thought, and the end further down
        await page.press("End")
        await page.run(_TWO_FRAMES)
        if await page.run(f"!!({is_seen})"):
            break
    await page.until(is_seen)
    # each row tells its place in the whole list
    last = await page.run(f"[{last_row}.ariaPosInSet, {last_row}.ariaSetSize]")
    assert last == [str(ROWS), str(ROWS)]


async def test_the_keyboard_goes_through_a_long_list(page: Page, stack: ConsoleStack) -> None:
    stack.events = [made.event(number) for number in range(400)]
    await _go(page, "events")
    for shown in (50, 100, 200, 400):
        await page.sees(f"{shown} shown")
        if shown < 400:
            await page.run("[...document.querySelectorAll('.more button')].pop().click(); 0")
    await page.run("document.querySelector('[data-index=\"0\"] a').focus(); 0")
    for index in range(1, 120):
        await page.press("Tab")
        assert await page.run("document.activeElement.closest('[data-index]').dataset.index") == str(index)
    # what has the focus stays, however far it is scrolled away
    await page.run("scrollTo(0, document.body.scrollHeight); 0")
    await page.run(_TWO_FRAMES)
    assert await page.run("document.activeElement.closest('[data-index]').dataset.index") == "119"
    await page.press("Enter")
    await page.sees("Where did it go")
    assert await page.run("location.hash") == "#/events/order-119"


async def test_the_history_of_changes_draws_the_rows_near_the_window(page: Page, stack: ConsoleStack) -> None:
    stack.changes = [made.change(number) for number in range(1_000)]  # as many as are kept
    await _go(page, "changes")
    for shown in range(100, 1_000, 100):
        await page.sees(f"{shown} shown")
        await page.run("[...document.querySelectorAll('.more button')].pop().click(); 0")
    await page.sees("1,000 shown")
    assert await page.run("document.querySelectorAll('*').length") < MOST_ELEMENTS


# -- one of many ----------------------------------------------------------------------------------------------------------

MOST_OPTIONS = 30
"""Drawn of a list of choices, however many there are."""
_FIELD = "consoleTest.field('Endpoint')"
_ACTIVE = f"document.getElementById({_FIELD}.getAttribute('aria-activedescendant'))"


async def test_an_endpoint_is_chosen_among_10_000_by_the_keyboard(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(number, name=f"Shop {number}") for number in range(ROWS)]
    await _go(page, "deliveries")
    await page.sees("order-1")
    assert stack.calls("EndpointNames") == []  # nothing is read for a field that nobody opens
    await page.run(f"{_FIELD}.focus(); 0")
    assert await page.run(f"[{_FIELD}.role, {_FIELD}.ariaExpanded, {_FIELD}.ariaAutoComplete]") == ["combobox", "false", "list"]
    await page.press("ArrowDown")
    await page.until(f"{_ACTIVE}?.ariaSetSize === '{ROWS + 1:d}'", seconds=60)
    assert await page.run(f"[{_FIELD}.ariaExpanded, {_ACTIVE}.role, {_ACTIVE}.innerText]") == ["true", "option", "All endpoints"]
    await page.press("ArrowDown")
    await page.press("PageDown")
    assert await page.run(f"[{_ACTIVE}.innerText, {_ACTIVE}.ariaPosInSet]") == ["Shop 8", "10"]
    await page.press("ArrowUp")
    assert await page.run(f"{_ACTIVE}.innerText") == "Shop 7"
    for _ in range(9):  # over the beginning to the end
        await page.press("ArrowUp")
    assert await page.run(f"[{_ACTIVE}.innerText, {_ACTIVE}.ariaPosInSet]") == ["Shop 9999", str(ROWS + 1)]
    assert await page.run(f"{_ACTIVE}.getBoundingClientRect().bottom <= {_ACTIVE}.parentElement.getBoundingClientRect().bottom + 1")
    assert 0 < await page.run("document.querySelectorAll('[role=option]').length") <= MOST_OPTIONS

    await page.press("Escape")
    await page.until(f"{_FIELD}.ariaExpanded === 'false'")
    await page.pick("Endpoint", "Shop 4321")
    assert await page.run("new URLSearchParams(location.hash.split('?')[1]).get('endpoint')") == stack.endpoints[4321]["id"]
    assert await page.run(f"{_FIELD}.value") == "Shop 4321"
    await page.fill("Endpoint", "nothing like this")
    await page.sees("Nothing has this name.")
    await page.press("Escape")
    assert await page.run(f"{_FIELD}.value") == "Shop 4321"
    await page.click("Clear: Shop 4321")
    await page.until("location.hash === '#/deliveries'")


async def test_names_of_another_workspace_are_not_offered_after_a_new_sign_in(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(name="Of the first")]
    search = "Search for a screen, an endpoint, a filter, or the id of an event"
    await page.press("k", control=True)
    await page.fill(search, "of the")
    await page.sees("Of the first")
    await page.press("Escape")
    await page.click("Sign out")
    stack.endpoints = [made.endpoint(1, name="Of the second")]
    await page.fill("Access token", made.TOKEN)
    await page.click("Sign in")
    await page.sees("What happens to your events")
    await page.press("k", control=True)
    await page.fill(search, "of the")
    await page.sees("Of the second")
    await page.sees_no_more("Of the first")


async def test_a_list_of_choices_is_used_by_the_mouse_and_is_accessible(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(number, name=f"Shop {number}", status="PAUSED" if number == 3 else "ENABLED") for number in range(500)]
    for width in (1280, 360):
        await page.look(width=width)
        await _go(page, "deliveries")
        await page.sees("order-1")
        await page.click("Endpoint")
        await page.sees("Shop 3 paused")
        assert await page.faults_of_access() == []
        assert await page.faults_of_practice() == []
        await page.run("document.querySelector('[role=listbox]').scrollTop = 9000; 0")
        await page.run(_TWO_FRAMES)
        await page.click("Shop 250")
        await page.until(f"location.hash.includes('{stack.endpoints[250]['id']}')")


async def test_what_endpoints_would_gain_and_lose_is_said_for_each(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(), made.endpoint(1, name="Accounting")]
    await _go(page, f"filters/{FILTER}")
    await page.sees("Warehouse 0 gains 2 loses 1")
    await page.pick("And if another endpoint had it", "Accounting")
    await page.sees("Accounting gains 2 loses 1")
    asked = [one["input"] for one in stack.calls("CompareEndpoint")]
    assert [one["endpointId"] for one in asked] == [ENDPOINT, stack.endpoints[1]["id"]]
    # Beside what they have otherwise: an endpoint with several filters would not lose the events of the others.
    assert {(one["keepOthers"], one["replacesId"]) for one in asked} == {(True, FILTER)}


async def test_a_filter_is_linked_and_unlinked_where_it_is_written(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(), made.endpoint(1, name="Accounting")]
    stack.answers["linkEndpointsToEventFilters"] = stack.answers["unlinkEndpointsToEventFilters"] = {"ok": True}
    await _go(page, f"filters/{FILTER}")
    await page.pick("Link an endpoint", "Accounting")
    await page.sees("Linked. It applies to what is published from now on.")
    await page.click("Undo")
    await page.until("!consoleTest.text().includes('Linked. It applies')")
    await stack.called("UnlinkEndpoints")
    await page.click("Unlink Warehouse 0")
    await page.sees("Unlinked.")
    other = stack.endpoints[1]["id"]
    assert [one["endpointIds"] for one in stack.calls("LinkEndpoints")] == [[other]]
    assert [one["endpointIds"] for one in stack.calls("UnlinkEndpoints")] == [[other], [ENDPOINT]]


# -- keys, spans, and what a form sends -----------------------------------------------------------------------------------


async def test_keys_lead_to_screens_unless_they_are_turned_off(page: Page) -> None:
    for key, text in (("e", "What was published, the latest first."), ("d", "with every attempt"), ("s", "Limits in force")):
        await page.press("g")
        await page.press(key)
        await page.sees(text)
    await page.click("Keys without Ctrl: / and g")
    for key in ("/", "g", "e"):
        await page.press(key)
    await page.press("k", control=True)
    await page.until("document.querySelector('dialog[open]')?.contains(document.activeElement)")
    await page.press("Escape")
    await page.until("!document.querySelector('dialog')")
    assert await page.run("location.hash") == "#/settings"
    # What is typed into a field is no key.
    await page.click("Keys without Ctrl: / and g")
    await _go(page, "events")
    await page.fill("Type", "ge/")
    assert await page.run("[location.hash.split('?')[0], document.querySelector('dialog')]") == ["#/events", None]


@pytest.mark.parametrize(("address", "operation", "name"), [("events", "Events", "date"), ("deliveries", "Deliveries", "creationDate")])
async def test_lists_are_asked_for_between_two_moments(address: str, operation: str, name: str, page: Page, stack: ConsoleStack) -> None:
    await _go(page, f"{address}?span=between&from=2026-03-01T10:00&to=2026-03-01T12:30")
    await page.sees("order-1")
    asked = stack.calls(operation)[-1]["filters"][name]
    zone = await page.run("new Date('2026-03-01T10:00').toISOString() + ' ' + new Date('2026-03-01T12:30').toISOString()")
    assert [asked["gte"], asked["lt"]] == zone.split(" ")
    assert await page.run("consoleTest.field('From').value") == "2026-03-01T10:00"
    await page.look(width=360)
    assert await page.faults_of_practice() == []


FORMS = {
    "publish": ("PublishEvents", '"type": "order.created"'),
    "new-endpoint": ("CreateWebhookEndpoint", '"method": "POST"'),
    "new-filter": ("CreateEventFilters", '"eventFiltersInput": {}'),
    f"filters/{FILTER}": ("UpdateEventFilters", '"order.created"'),
}


@pytest.mark.parametrize("address", FORMS)
async def test_a_form_shows_the_call_that_it_would_make(address: str, page: Page) -> None:
    operation, variables = FORMS[address]
    await _go(page, address)
    await page.until("document.querySelector('main form')")
    await page.click("API")
    await page.sees(f"{operation} what this form sends")
    await page.sees(variables)
    for width in (1280, 360):
        await page.look(width=width)
        assert await page.run("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")


_WATCH = """
window.consoleShifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) consoleShifts.push([
    one.value, ...one.sources.map((each) => [each.node?.outerHTML?.slice(0, 99), each.previousRect.y, each.currentRect.y])]);
}).observe({ type: "layout-shift" });
0
"""
_TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))"
_ROWS_IN_THE_MIDDLE = "!!document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('[data-index]')"


# -- numbers and jobs -----------------------------------------------------------------------------------------------------


async def test_home_shows_the_counts_of_the_service(page: Page, stack: ConsoleStack) -> None:
    for span, published in (("hour", "21,000"), ("day", "8,400"), ("weeks", "4,900")):
        await _go(page, "" if span == "hour" else f"?span={span}")
        await page.sees(f"{published} published")
        await page.sees("98.3 % success")
    assert [one["step"] for one in stack.calls("Statistics")][-1] == "DAY"
    assert {one["first"] for name in ("LatestEvents", "LatestDeliveries") for one in await stack.called(name)} == {200}


async def test_home_counts_itself_where_the_service_does_not(page: Page, stack: ConsoleStack) -> None:
    stack.counted = False
    await _go(page, "?span=day")
    await page.sees("The operator of this stack has turned counting off")
    await page.sees("3 published")
    await page.sees("3 given up")
    async with asyncio.timeout(20):
        while not any(one["first"] == 500 for one in stack.calls("LatestEvents")):  # noqa: ASYNC110 - a thread answers
            await asyncio.sleep(0.05)


async def test_home_shows_at_once_what_the_service_counts_a_minute_late(page: Page, stack: ConsoleStack) -> None:
    stack.late = True
    await _go(page, "?span=day")
    await page.sees("3 published")
    await page.sees("3 given up")
    await page.sees("20 ms half answered within")
    await page.sees("Counted over the last day, up to a minute late.")


async def test_home_counts_waiting_deliveries_and_failing_endpoints(page: Page, stack: ConsoleStack) -> None:
    trying = [made.delivery(number, "PENDING") for number in range(3)]
    backlog = {**made.delivery(3, "PENDING"), "attempts": []}
    stack.deliveries = [*trying, backlog]
    await _go(page, "events")
    await page.sees("order-1")
    await _go(page, "?span=day")
    await page.sees("4 waiting now")
    await page.sees("1 endpoint failing now")
    await page.sees("4 waiting, by when the event was accepted")
    await page.sees("3 deliveries are being tried again.")
    await page.click("Numbers")
    stack.deliveries = [made.delivery(number, "PENDING") for number in range(501)]
    await _go(page, "events")
    await page.sees("order-1")
    await _go(page, "?span=day")
    await page.sees("500 or more waiting now")
    await page.sees("The newest 500 are looked at.")


async def test_the_numbers_of_a_chart_are_in_a_table_and_under_the_mouse(page: Page) -> None:
    await _go(page, "?span=weeks")
    await page.until("document.querySelectorAll('.plot canvas').length === 4")
    await page.click("Numbers")
    await page.sees("From published")
    assert await page.run("document.querySelectorAll('figure table tbody tr').length") == 7 * 3  # nothing waits in this picture
    place = "(({left, top, width, height}) => [left + width * 0.52, top + height / 2])"
    x, y = await page.run(f"{place}(document.querySelector('.plot .u-over').getBoundingClientRect())")
    await page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    said = "document.querySelector('figcaption').innerText.replace('Events published:', '').replace(/\\s+/g, ' ').trim()"
    await page.until(f"/^(0|700) published \\d+ \\w+$/.test({said})")


async def test_endpoints_are_listed_without_the_one_of_the_tail_that_was_left(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = []

    def create(_given: dict[str, Any]) -> dict[str, Any]:
        stack.endpoints = [made.socket_endpoint()]
        return stack.endpoints[0]

    def delete(_given: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.5)  # the list is asked for meanwhile
        stack.endpoints = []
        return {"ok": True}

    stack.answers.update(createWebSocketEndpoint=create, deleteEndpoints=delete)
    await _go(page, "live")
    await page.sees("Connecting again")
    stack.asked.clear()
    await _go(page, "endpoints")
    await page.sees("No endpoint yet")
    assert [name for name, _ in stack.asked if "Endpoint" in name] == ["DeleteEndpoints", "Endpoints"]
    page.faults.clear()  # there is no socket behind this API


async def test_a_job_shows_its_progress_and_is_cancelled(page: Page, stack: ConsoleStack) -> None:
    stack.deliveries = [made.delivery(number) for number in range(3)]
    running = made.job()
    stack.jobs = [running]
    stack.answers["retryDeliveries"] = lambda given: (
        {"ok": True, "count": 2000, "skipped": 0, "endCursor": None, "job": running}
        if given["background"]
        else {"ok": True, "count": 10_000, "skipped": 5, "endCursor": None, "job": None}
    )

    def cancel(_given: dict[str, Any]) -> dict[str, Any]:
        running.update(status="CANCELLED")
        return running

    stack.answers["cancelJob"] = cancel
    await _go(page, "deliveries?status=FAILED&type=order.created")
    await page.click("Retry all that failed")
    await page.sees("10,000 deliveries that fit the filters were given up.")
    await page.click("Retry 10,000")
    await page.sees("2,000 of about 10,000 started again so far")
    running.update(count=6000, progress=0.6)
    await page.sees("6,000 of about 10,000 started again so far")
    assert await page.run("document.querySelector('dialog progress').value") == 0.6
    await page.click("Cancel the job")
    await page.sees("Cancelled")
    await page.sees("6,000 started again")
    assert {one["filters"]["eventType"]["exact"] for one in stack.calls("RetryAllDeliveries")} == {"order.created"}
    await page.click("Close", within=".actions")
    await page.click("Jobs")
    await page.sees("Retry deliveries")
    await page.sees("Warehouse 0, failed")
    await page.sees("6,000 started again")


async def test_a_job_that_ends_says_what_it_did(page: Page, stack: ConsoleStack) -> None:
    running = made.job(kind="REPLAY_EVENTS", count=100, progress=None, estimatedTotal=None)
    stack.jobs = [running]
    stack.answers["replayEvents"] = lambda given: {
        "ok": True, "count": 100 if given["background"] else 700, "continueSince": None, "job": running if given["background"] else None,
    }  # fmt: skip
    await _go(page, f"endpoints/{ENDPOINT}?tab=settings")
    await page.click("Count them first")
    await page.sees("700 events are to be sent.")
    await page.click("Send 700")
    await page.sees("100 sent so far")
    running.update(status="DONE", count=700)
    await page.sees("700 events are being sent.")
    failed = made.job(status="FAILED", reason="No endpoint with this id exists.")
    stack.jobs = [failed]
    await _go(page, "jobs")
    await page.sees("No endpoint with this id exists.")


async def test_save_and_send_the_missed_ones_goes_on_as_a_job(page: Page, stack: ConsoleStack) -> None:
    running = made.job(kind="REPLAY_EVENTS")
    stack.jobs = [running]
    stack.answers["updateEventFilters"] = made.event_filter()
    stack.answers["replayEvents"] = lambda given: (
        {"ok": True, "count": 9, "continueSince": None, "job": None}
        if given["dryRun"]
        else {"ok": True, "count": 5, "continueSince": None, "job": running}
    )
    await _go(page, f"filters/{FILTER}")
    await page.click("Save and send what was missed")
    await page.sees("The filter is saved. It matches 9 events that this endpoint did not receive: Warehouse 0 9 events")
    await page.click("Send the 9 missed ones")
    await page.sees("What was missed is being sent to 1 endpoint as a job.")
    await page.sees("2,000 of about 10,000 sent so far")
    counted, sent = stack.calls("ReplayEvents")
    assert (counted["missingOnly"], counted["dryRun"]) == (True, True)
    assert (sent["missingOnly"], sent["background"], sent["since"], sent["until"]) == (True, True, counted["since"], counted["until"])
    running.update(status="DONE", count=9)
    await page.sees("9 missed events are being sent.")


async def test_all_that_wait_are_cancelled_after_they_were_counted(page: Page, stack: ConsoleStack) -> None:
    stack.deliveries = [made.delivery(0, "PENDING")]
    stack.answers["cancelDeliveries"] = {"ok": True, "count": 1, "skipped": None, "endCursor": None, "job": None}
    await _go(page, "deliveries?status=PENDING")
    await page.click("Cancel all that wait")
    await page.sees("1 delivery that fits the filters waits for an attempt.")
    await page.click("Cancel 1")
    await page.sees("1 delivery is cancelled.")
    assert [one["dryRun"] for one in stack.calls("CancelAllDeliveries")] == [True, False]
    assert all("status" not in one["filters"] for one in stack.calls("CancelAllDeliveries"))


# -- undo, and why --------------------------------------------------------------------------------------------------------


async def test_an_endpoint_that_was_made_by_mistake_is_undone(page: Page, stack: ConsoleStack) -> None:
    stack.answers["createWebSocketEndpoint"] = made.socket_endpoint()
    stack.answers["deleteEndpoints"] = {"ok": True}
    await _go(page, "new-endpoint")
    await page.click("WebSocket")
    await page.fill("Name", "Dashboard")
    await page.pick("Event filter", "Large orders 0")
    await page.click("Create endpoint")
    await page.sees("Events published from now on are kept for it.")
    (asked,) = stack.calls("CreateWebSocketEndpoint")
    assert (asked["name"], asked["eventFiltersIds"]) == ("Dashboard", [FILTER])
    await page.click("Undo")
    await page.sees("Deleted again.")
    assert await page.run("location.hash") == "#/endpoints"
    assert stack.calls("DeleteEndpoints") == [{"ids": [ENDPOINT]}]


async def test_open_live_screens_are_no_destinations_of_an_event(page: Page, stack: ConsoleStack) -> None:
    (known,) = stack.events[1]["destinations"]["collectionItems"]
    tail = {**known, "endpoint": made.endpoint(7, name="Console live tail 2026-03-01T10:00:00")}
    stack.events[1]["destinations"] = made.page([known, tail])
    await _go(page, "events/order-1")
    await page.sees("Warehouse 0")
    await page.sees_no_more("Console live tail")


async def test_a_deleted_filter_is_made_again_with_its_links(page: Page, stack: ConsoleStack) -> None:
    stack.answers["deleteEventFilters"] = {"ok": True}
    stack.answers["createEventFilters"] = made.event_filter()
    await _go(page, f"filters/{FILTER}")
    await page.click("Delete")
    await page.sees("An endpoint that loses its last filter is disabled")
    await page.click("Delete")
    await page.sees("Deleted.")
    await page.click("Undo")
    await page.sees("Made again, with its links and a new id.")
    (again,) = stack.calls("CreateEventFilters")
    assert (again["name"], again["endpointIds"]) == ("Large orders 0", [ENDPOINT])
    assert again["eventFiltersInput"] == {"in": {"eventTypes": ["order.created"]}}


async def test_a_paused_endpoint_is_resumed_with_or_without_what_waits(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(status="PAUSED")]
    stack.answers["resumeEndpoints"] = stack.answers["pauseEndpoints"] = {"ok": True}
    await _go(page, f"endpoints/{ENDPOINT}")
    await page.click("Resume without what waits")
    await page.sees("those deliveries are discarded")
    await page.click("Resume without what waits")
    await page.sees("Resumed. What waited is discarded; new events are sent.")
    assert stack.calls("ResumeEndpoints") == [{"ids": [ENDPOINT], "discardWaiting": True}]
    await _go(page, "")
    await page.click("Resume")
    await page.sees("Resumed. What had arrived meanwhile is being sent.")
    await page.click("Undo")
    await page.until("!document.querySelector('.notice button:not([aria-label])')")
    assert await stack.called("PauseEndpoints") == [{"ids": [ENDPOINT]}]


async def test_what_failed_is_retried_where_the_event_is_looked_at(page: Page, stack: ConsoleStack) -> None:
    failed = made.delivery(1)
    destination = {
        **stack.events[1]["destinations"]["collectionItems"][0],
        "outcome": "FAILED",
        "sentence": "It was given up.",
        "delivery": failed,
    }
    stack.events[1]["destinations"] = made.page([destination])
    stack.answers["retryDeliveries"] = {"ok": True, "count": 1, "skipped": 0, "endCursor": None, "job": None}
    await _go(page, "events/order-1")
    await page.click("Retry: Warehouse 0")
    await page.sees("The delivery is started again.")
    assert stack.calls("RetryDeliveries") == [{"ids": [failed["id"]]}]


async def test_why_tells_when_a_filter_last_matched(page: Page, stack: ConsoleStack) -> None:
    await _go(page, "events/order-1")
    await page.click("Why")
    await page.click("When did they last match?")
    await page.sees("It did.")
    await page.click("That event")
    await page.until("location.hash === '#/events/order-0'")
    assert stack.calls("LastMatches") == [{"eventId": "order-1", "endpointId": ENDPOINT}]


async def test_a_socket_is_narrowed_by_a_filter_and_gets_replays(page: Page, stack: ConsoleStack) -> None:
    stack.endpoints = [made.endpoint(type="WEB_SOCKET", meta={})]
    stack.answers["replayEvents"] = {"ok": True, "count": 3, "continueSince": None, "job": None}
    await _go(page, f"endpoints/{ENDPOINT}?tab=receive")
    await page.pick("Only events of", "Large orders 0")
    await page.sees(f"&filter={FILTER}")
    await _go(page, f"endpoints/{ENDPOINT}?tab=settings")
    await page.sees("marked as replayed")
    await page.click("Count them first")
    await page.sees("3 events are to be sent.")
    await page.click("Send 3")
    await page.sees("3 events are being sent.")
    assert {one["missingOnly"] for one in stack.calls("ReplayEvents")} == {False}


# -- receiving code -------------------------------------------------------------------------------------------------------

SECRET_KEY = base64.b64decode(made.SECRET.removeprefix("whsec_"))
RECEIVERS: dict[str, tuple[str, list[str | None]]] = {
    "Python": ("receiver.py", [sys.executable]),
    "Node.js": ("receiver.mjs", [shutil.which("node")]),
    "Go": ("receiver.go", [shutil.which("go"), "run"]),
    "PHP": ("receiver.php", [shutil.which("php"), "-S", "127.0.0.1:PORT"]),
}


async def _snippet(page: Page, language: str) -> str:
    await _go(page, f"endpoints/{ENDPOINT}?tab=receive")
    await page.click(language)
    if await page.run('!!consoleTest.named("Fill in this endpoint\'s secret")'):
        await page.click("Fill in this endpoint's secret")
    await page.until(f"document.querySelector('.code pre').innerText.includes({json.dumps(made.SECRET)})")
    text: str = await page.run("document.querySelector('.code pre').innerText")
    return text


def _signed(body: bytes, *, timestamp: str | None = None, key: bytes = SECRET_KEY) -> dict[str, str]:
    at = timestamp or str(int(time.time()))
    signature = base64.b64encode(hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


def _post(port: int, body: bytes, headers: Mapping[str, str]) -> int:
    """The status; 0 where the receiver hung up without one."""
    lines = [f"{name}: {value}".encode("latin-1") for name, value in {"host": "localhost", "connection": "close", **headers}.items()]
    if "content-length" not in headers:
        lines.append(b"content-length: %d" % len(body))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body)
        answer = connection.recv(4096).split(b" ", 2)
    return int(answer[1]) if len(answer) > 1 else 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("language", [name for name, (_, command) in RECEIVERS.items() if command[0]])
async def test_the_receiving_code_verifies_and_survives_what_anybody_sends(language: str, page: Page, tmp_path: Path) -> None:
    name, command = RECEIVERS[language]
    port = _free_port()
    file = tmp_path / name
    file.write_text((await _snippet(page, language)).replace("8000", str(port)), encoding="utf-8")
    arguments = [str(one).replace("PORT", str(port)) for one in [*command, file]]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: ASYNC220
    try:
        statuses = await asyncio.to_thread(_try_all, port)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    good = {"as signed", "two signatures", "after a foreign signature", "a good one at the end"}
    assert {name: status for name, status in statuses.items() if name in good} == dict.fromkeys(good, 204)
    refused = {name: status for name, status in statuses.items() if name not in good}
    assert {name: status for name, status in refused.items() if not 400 <= status < 500} == {}


def _try_all(port: int) -> dict[str, int]:
    body = '{"type":"order.created","data":{"name":"é"}}'.encode()
    right = _signed(body)
    tried = {
        "as signed": (body, right),
        "two signatures": (body, {**right, "webhook-signature": f"v1,{'A' * 43}= {right['webhook-signature']}"}),
        "after a foreign signature": (body, {**right, "webhook-signature": f"v1,\xe9{'A' * 42}= {right['webhook-signature']}"}),
        "another body": (body + b" ", right),
        "another key": (body, _signed(body, key=b"0" * 24)),
        "old": (body, _signed(body, timestamp=str(int(time.time()) - 1000))),
        "from the future": (body, _signed(body, timestamp=str(int(time.time()) + 1000))),
        "no number": (body, _signed(body, timestamp="nan")),
        "a long number": (body, _signed(body, timestamp="9" * 5000)),
        "an empty date": (body, {**right, "webhook-timestamp": ""}),
        "no header": (body, {}),
        **{f"no {one}": (body, {name: value for name, value in right.items() if name != one}) for one in right},
        "letters of others": (body, {**right, "webhook-id": "\xe9\xff", "webhook-signature": "v1,\xe9\xff"}),
        "a signature of nothing": (body, {**right, "webhook-signature": "v1,"}),
        "a length of -1": (b"", {**right, "content-length": "-1"}),
        "a good one at the end": (body, right),
    }
    end = time.monotonic() + 90  # go compiles first
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < end, "the receiver does not listen"
            time.sleep(0.1)
    return {name: _post(port, *one) for name, one in tried.items()}


async def test_the_curl_command_sends_what_a_receiver_takes(page: Page, tmp_path: Path) -> None:
    port = _free_port()
    receiver, command = tmp_path / "receiver.py", tmp_path / "send.sh"
    receiver.write_text((await _snippet(page, "Python")).replace("8000", str(port)), encoding="utf-8")
    command.write_text((await _snippet(page, "curl")).replace("8000", str(port)), encoding="utf-8")
    process = subprocess.Popen([sys.executable, receiver], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        await asyncio.to_thread(_try_all, port)
        sent = await asyncio.to_thread(subprocess.check_output, ["sh", str(command)], text=True, timeout=30)
    finally:
        process.terminate()
        process.wait(20)
    assert " 204 " in sent.splitlines()[0]
