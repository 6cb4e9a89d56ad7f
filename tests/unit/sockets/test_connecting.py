"""Who may connect, and from where on they are served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from event_service.access.last_use import LastUses
from event_service.access.token import Token, TokenKind, hash_token
from event_service.base.errors import BadUserInput, DomainError, Forbidden, NotFound, Unauthenticated
from event_service.configuration.endpoint import EndpointType
from event_service.sockets.connection import GREATEST_SEQUENCE, ConnectRequest, read_connect_request
from event_service.sockets.messages import CloseSocket
from tests.builders import START
from tests.unit.sockets.scene import AGENT_TOKEN, ENDPOINT, FOREIGN_TOKEN, RETENTION, TOKEN, Scene, a_token, an_endpoint

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def request(headers: dict[str, str], **query: str) -> ConnectRequest:
    return read_connect_request("c", START, {name: [value] for name, value in headers.items()}, query)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Token": TOKEN}, {}),
        ({"token": TOKEN}, {}),
        ({"Authorization": f"Bearer {TOKEN}"}, {}),
        ({"authorization": f"bearer  {TOKEN}"}, {}),
        ({}, {"token": TOKEN}),
        ({"Sec-WebSocket-Protocol": f"event-service, {TOKEN}"}, {}),
        ({"sec-websocket-protocol": f"{TOKEN},event-service"}, {}),
    ],
)
def test_the_token_is_found_wherever_a_client_can_put_it(headers: dict[str, str], query: dict[str, str]) -> None:
    assert request(headers, endpoint_id=ENDPOINT, **query).token == TOKEN


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (f"event-service, {TOKEN}", "event-service"),
        (f"{TOKEN}, anything", "anything"),
        (TOKEN, TOKEN),
        ("a, b", "a"),
    ],
)
def test_subprotocol_that_is_chosen_is_not_the_token(offered: str, chosen: str) -> None:
    assert request({"Sec-WebSocket-Protocol": offered}, token=TOKEN).subprotocol == chosen


def test_two_lines_of_subprotocols_are_one_list() -> None:
    parsed = read_connect_request("c", START, {"Sec-WebSocket-Protocol": ["event-service", TOKEN]}, {})

    assert (parsed.token, parsed.subprotocol) == (TOKEN, "event-service")


def test_everything_that_a_client_gives_is_read_from_where_it_stands() -> None:
    query = {"endpoint_id": ENDPOINT, "token": TOKEN, "after": "1", "batch": "2", "last": "3", "filter": "4"}

    parsed = read_connect_request("c", START, {"User-Agent": [" program "]}, query, "192.0.2.1")

    assert parsed == ConnectRequest("c", START, ENDPOINT, TOKEN, "1", "2", "3", "4", "192.0.2.1", "program")
    assert read_connect_request("c", START, {}, {}) == ConnectRequest("c", START, None, None)


def test_who_offers_no_subprotocol_is_given_none() -> None:
    assert request({}, token=TOKEN).subprotocol is None


@pytest.mark.parametrize(
    ("token", "error"),
    [(None, Unauthenticated), ("", Unauthenticated), (UNKNOWN, Unauthenticated), ("x" * 10_000, Unauthenticated), (AGENT_TOKEN, Forbidden)],
)
def test_only_an_access_token_opens_a_socket(token: str | None, error: type[DomainError]) -> None:
    scene = Scene()

    with pytest.raises(error):
        scene.connect(token=token)

    assert not scene.tables.rows
    assert not scene.queue.sent


def test_a_listeners_token_opens_its_own_sockets_only() -> None:
    scene = Scene()
    for text, endpoint_id in (("a" * 36, ENDPOINT), ("b" * 36, FOREIGN_TOKEN)):
        token = replace(a_token(text, TokenKind.LISTENER), endpoint_ids=(endpoint_id,))
        scene.tables.tokens[token.token_hash] = token

    with pytest.raises(NotFound):
        scene.connect(token="b" * 36)
    assert not scene.tables.rows
    scene.connect(token="a" * 36)
    assert len(scene.tables.rows) == 1


def test_a_connect_is_a_use_of_its_token_and_a_refused_one_is_not() -> None:
    scene = Scene()
    noted: list[str] = []
    scene.connections = scene.use_cases.new_door(uses=Uses(noted))

    scene.connect(token=TOKEN)
    for refused in (AGENT_TOKEN, FOREIGN_TOKEN):
        with pytest.raises(DomainError):
            scene.connect(token=refused)

    assert noted == [hash_token(TOKEN)]


class Uses(LastUses):
    """Notes whose uses it is told of."""

    def __init__(self, noted: list[str]) -> None:
        self._noted = noted

    def note(self, token: Token) -> None:
        self._noted.append(token.token_hash)


def test_who_shows_no_token_costs_no_read() -> None:
    scene = Scene()

    with pytest.raises(Unauthenticated):
        scene.connect(token=None)

    assert not scene.calls


@pytest.mark.parametrize("case", ["unknown", "foreign", "deleted", "webhook", "no-uuid"])
def test_a_foreign_deleted_or_webhook_endpoint_is_as_unknown_as_any(case: str) -> None:
    scene = Scene()
    asked, token = ENDPOINT, TOKEN
    match case:
        case "unknown":
            asked = UNKNOWN
        case "foreign":
            token = FOREIGN_TOKEN
        case "deleted":
            scene.tables.endpoints.clear()
        case "webhook":
            scene.tables.endpoints[ENDPOINT] = an_endpoint(kind=EndpointType.WEB_HOOK)
        case _:
            asked = "no-uuid"

    with pytest.raises(NotFound) as raised:
        scene.connect(endpoint_id=asked, token=token)

    assert raised.value.message == NotFound("WEB_SOCKET endpoint", [asked]).message
    assert not scene.tables.rows


def test_an_id_in_capitals_is_the_same_endpoint() -> None:
    scene = Scene()

    scene.connect(endpoint_id=ENDPOINT.upper())

    assert [row.endpoint_id for row in scene.tables.rows.values()] == [ENDPOINT]


@pytest.mark.parametrize("after", ["-1", "1.5", "x", "1e3", "٣", str(GREATEST_SEQUENCE + 1), "9" * 400, " 1"])
def test_an_after_that_is_no_sequence_is_refused_and_nothing_is_stored(after: str) -> None:
    scene = Scene()

    with pytest.raises(BadUserInput, match="after"):
        scene.connect(after)

    assert not scene.tables.rows
    assert not scene.tables.log_heads


@pytest.mark.parametrize(("name", "length"), [("after", 30), ("newest", 30), ("filter", 60)])
def test_a_long_text_that_is_refused_is_shown_cut_off(name: str, length: int) -> None:
    scene = Scene()

    for text, shown in (("y" * length, "y" * length), ("y" * (length + 1), "y" * (length - 3) + "...")):
        given: dict[str, Any] = {name: text}
        with pytest.raises(BadUserInput) as raised:
            scene.connect(**given)
        assert f" '{shown}' is not " in raised.value.message


def test_connect_checks_the_token_before_it_reads_after() -> None:
    with pytest.raises(Unauthenticated):
        Scene().connect("-1", token=UNKNOWN)


def test_a_connect_that_is_refused_is_told_what_to_do_instead() -> None:
    scene = Scene()

    with pytest.raises(BadUserInput, match=r"^last: give either after or last\.$"):
        scene.connect(after=1, newest="2")
    with pytest.raises(Forbidden, match=r"^A token of kind agent can only publish; connect with an access token, or with a listener's\.$"):
        scene.connect(token=AGENT_TOKEN)
    assert not scene.tables.rows


def test_batch_is_one_or_left_out() -> None:
    with pytest.raises(BadUserInput, match="batch"):
        Scene().connect(batch="yes")


def test_no_token_is_asked_for_where_endpoint_ids_are_enough() -> None:
    scene = Scene(needs_token=False)

    client = scene.connect(token=None)

    assert scene.row(client).token_hash is None


def test_what_tells_clients_apart_is_stored_only_where_it_is_asked_for() -> None:
    scene = Scene()

    assert scene.row(scene.connect(address="192.0.2.1", program="p")).client is None


def test_a_first_connect_costs_two_reads_and_three_writes() -> None:
    scene = Scene()

    scene.connect()

    assert scene.calls == {"handshake": 1, "put_head": 1, "add": 1, "arrive": 1, "situation": 1}


def test_any_other_connect_costs_two_reads_and_two_writes() -> None:
    scene = Scene()
    scene.connect()
    scene.calls.clear()
    scene.clock.advance(minutes=20)

    scene.connect()

    assert scene.calls == {"handshake": 1, "add": 1, "arrive": 1, "situation": 1}


def test_connect_of_who_resumes_costs_four_calls() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(3)
    scene.calls.clear()

    scene.connect(after=1)

    assert scene.calls == {"handshake": 1, "add": 1, "arrive": 1, "backlog.send": 1}


def test_connects_beside_appends_all_get_in_and_keep_the_log() -> None:
    """Neither waits for the other: both change the counter without a condition on what it holds."""
    scene = Scene()
    scene.connect()
    appending = True

    def append(operation: str) -> None:
        nonlocal appending
        if operation in ("add", "arrive", "situation") and appending:
            appending = False
            scene.publish()
            appending = True

    scene.hook = append
    for minutes in range(40):
        scene.clock.advance(minutes=minutes)
        scene.connect()

    assert scene.tables.log_heads[ENDPOINT].arrivals == 41
    assert scene.tables.log_heads[ENDPOINT].last == 120


def test_a_connect_that_nears_the_end_of_the_log_s_life_extends_it() -> None:
    scene = Scene()
    scene.connect()
    before = scene.tables.log_heads[ENDPOINT].kept_until
    scene.clock.advance(hours=3)
    scene.calls.clear()

    scene.connect()

    assert scene.tables.log_heads[ENDPOINT].kept_until >= before + timedelta(hours=3)
    assert scene.calls == {"handshake": 1, "add": 1, "arrive": 1, "situation": 1}


def test_two_first_connects_at_once_make_one_log() -> None:
    scene = Scene()
    others: list[str] = []

    def another_connects(operation: str) -> None:
        if operation == "put_head" and not others:
            others.append("started")
            others.append(scene.connect())
            scene.publish(3)

    scene.hook = another_connects
    late = scene.connect()

    assert scene.tables.log_heads[ENDPOINT].next == 4
    assert scene.row(late).cursor == 3


def test_a_client_without_after_is_served_from_its_connect_on() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)

    client = scene.connect()
    scene.publish(2)
    scene.work()

    assert scene.sequences(client) == [6, 7]


def test_a_client_with_after_is_served_what_follows_it() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)

    client = scene.connect(after=2)
    scene.publish(2)
    scene.work()

    assert scene.sequences(client) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("after", [9, GREATEST_SEQUENCE])
def test_an_after_beyond_the_end_is_answered_with_a_reset_then_what_comes(after: int) -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)

    client = scene.connect(after=after)
    scene.publish(6)
    scene.work()

    notice, *frames = scene.frames(client)
    assert notice == {"notice": "reset", "next": 6}
    assert [frame["sequence"] for frame in frames] == [6, 7, 8, 9, 10, 11]


def test_after_older_than_the_retention_gets_one_gap_notice() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)
    scene.clock.advance(hours=20)
    scene.publish(2)
    scene.clock.advance(hours=5)

    client = scene.connect(after=1)
    scene.work()

    notice, *frames = scene.frames(client)
    assert notice == {"notice": "gap", "from": 2, "to": 5, "next": 6, "reason": "expired"}
    assert [frame["sequence"] for frame in frames] == [6, 7]


@pytest.mark.parametrize("events", [0, 5])
def test_after_at_the_end_is_sent_nothing_until_something_comes(events: int) -> None:
    scene = Scene()
    scene.connect()
    if events:
        scene.publish(events)
    client = scene.connect(after=events)
    scene.work()
    at_once = scene.frames(client)

    scene.publish()
    scene.work()

    assert at_once == []
    assert scene.sequences(client) == [events + 1]


def test_removed_and_expired_segments_are_the_same_gap() -> None:
    frames = []
    for removed in (False, True):
        scene = Scene()
        scene.connect()
        scene.publish(5)
        scene.clock.advance(hours=25)
        if removed:
            scene.tables.expire(scene.clock())
        scene.calls.clear()
        client = scene.connect(after=2)
        scene.work()
        frames.append(scene.frames(client))
        assert scene.calls["segments"] <= 4

    assert frames[0] == frames[1] == [{"notice": "gap", "from": 3, "to": 5, "next": 6, "reason": "expired"}]


def test_who_has_seen_everything_is_told_of_no_gap_however_old_it_is() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)
    scene.clock.advance(hours=25)
    scene.tables.expire(scene.clock())

    client = scene.connect(after=5)
    scene.publish()
    scene.work()

    assert scene.sequences(client) == [6]


def test_nothing_is_logged_for_an_endpoint_that_nobody_ever_connected_to() -> None:
    scene = Scene()

    scene.publish(3)

    assert not scene.tables.log
    assert not scene.queue.sent
    assert scene.calls == {"allocate": 1}


def test_log_stops_when_nobody_can_resume() -> None:
    scene = Scene()
    scene.connect()
    scene.publish(5)
    scene.clock.advance(hours=2, minutes=45, seconds=RETENTION.total_seconds())
    scene.publish(3)
    assert scene.tables.log_heads[ENDPOINT].next == 6

    client = scene.connect(after=5)
    scene.publish()
    scene.work()

    notice, frame = scene.frames(client)
    assert notice == {"notice": "gap", "from": 6, "to": 6, "next": 7, "reason": "expired"}
    assert frame["sequence"] == 7


def test_log_is_kept_for_the_retention_after_the_longest_connection() -> None:
    scene = Scene()
    scene.connect()
    scene.clock.advance(hours=2, seconds=RETENTION.total_seconds() - 1)
    scene.publish(3)

    client = scene.connect(after=0)
    scene.work()

    assert scene.sequences(client) == [1, 2, 3]


def test_a_disconnect_forgets_the_connection_without_a_look_at_any_index() -> None:
    scene = Scene()
    client = scene.connect()
    scene.calls.clear()

    scene.connections.disconnect(client)
    scene.connections.disconnect("unknown")

    assert not scene.tables.rows
    assert scene.calls == {"owner": 2, "forget": 1}


def test_an_open_connection_without_a_row_is_unknown_and_closed() -> None:
    scene = Scene()

    assert scene.connections.check(scene.connect())
    assert scene.backlog.sent == []
    assert not scene.connections.check("unknown")
    assert scene.backlog.sent == [(CloseSocket("unknown"), 0)]


def test_a_row_outlives_its_connection_by_a_little() -> None:
    scene = Scene()
    row = scene.row(scene.connect())

    assert timedelta(hours=2) < row.ends_at - scene.clock() <= timedelta(hours=2, minutes=15)
