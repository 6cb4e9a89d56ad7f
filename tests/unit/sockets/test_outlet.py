"""What routing hands to the logs of sockets, and what it counts for that."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.delivery.outlet import PARTS_PER_CALL, RoutedEvents
from event_service.sockets.log import Routed
from event_service.sockets.outlet import SocketOutlet
from tests.builders import START, WORKSPACE, an_event


class Log:
    """Takes all but some nonces."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.appended: list[Routed] = []

    def append(self, messages: Sequence[Routed]) -> set[str]:
        self.appended += messages
        return self.refused & {message.nonce for message in messages}


def routed(nonce: str, endpoint_id: str, *event_ids: str, repeat: bool = False) -> RoutedEvents:
    events = [an_event(id=one) for one in event_ids]
    return RoutedEvents(WORKSPACE, nonce, START.isoformat(), None, 7, repeat, {}, per_endpoint={endpoint_id: events})


def test_all_events_of_a_message_are_one_append() -> None:
    log = Log()
    assert SocketOutlet(log).send([routed("n", "e", "1", "2", repeat=True)], lambda: 1.0) == set()
    assert log.appended == [Routed(WORKSPACE, "n", {"e": ["1", "2"]}, True, 7)]


def test_copies_of_a_message_are_appended_as_one() -> None:
    log = Log("twice")
    refused = SocketOutlet(log).send([routed("twice", "e", "1"), routed("once", "e", "2"), routed("twice", "f", "1")], lambda: 1.0)
    assert refused == {0, 2}
    assert {one.nonce: one.event_ids for one in log.appended} == {"twice": {"e": ["1"], "f": ["1"]}, "once": {"e": ["2"]}}


def test_an_append_costs_two_calls_whatever_it_holds() -> None:
    one = routed("n", "e", "1")
    assert [SocketOutlet(Log()).cost(one, events) for events in ([], [an_event()] * 100)] == [2 * PARTS_PER_CALL] * 2
