"""Two publishes of one id that race, on the tables and queues of the template: one event, one duplicate (P2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient

from event_service.events.new_event import NewEvent
from tests.world import WORKSPACE, World, token

# The look for duplicates, the commit, the put of the event: the other publish runs whole before each, and after all.
CALLS_PER_PUBLISH = 3


class Race:
    """Lets something happen just before one of the AWS calls made meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at: int | None = None
        self.happen: Callable[[], object] = lambda: None
        client_class: Any = BaseClient
        real = client_class._make_api_call

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if self.at is not None:
                if self.calls == self.at:
                    self.at = None
                    self.happen()
                self.calls += 1
            return real(client, operation, arguments)

        monkeypatch.setattr(client_class, "_make_api_call", call)


@pytest.mark.parametrize("router_between", [False, True], ids=["routed after", "the other routed at once"])
@pytest.mark.parametrize("position", range(CALLS_PER_PUBLISH + 1))
def test_two_racing_publishes_make_one_event_that_is_delivered_once(
    world: World, monkeypatch: pytest.MonkeyPatch, position: int, router_between: bool
) -> None:
    hook = world.webhook()
    race = Race(monkeypatch)
    answers: dict[str, tuple[list[str], list[str]]] = {}

    def publish(name: str) -> None:
        result = world.publishing.publish(token(), [NewEvent(type=name, data={}, id="mine"), NewEvent(type="x", data={}, id=f"of {name}")])
        answers[name] = (result.ids, result.duplicate_ids)

    def other() -> None:
        publish("second")
        if router_between:
            world.route_all()

    race.at, race.happen = position, other
    publish("first")
    if race.at is not None:
        assert race.calls == position, "the other publish would have run before every call"
        race.at = None
        other()
    world.route_all()

    assert answers["first"][0] == ["mine", "of first"]
    assert answers["second"][0] == ["mine", "of second"]
    duplicates = {name: found for name, (_, found) in answers.items() if found}
    (stored,) = world.store.get(WORKSPACE, ["mine"]).values()
    loser = "first" if stored.event.type == "second" else "second"
    assert duplicates == {loser: ["mine"]}
    # Both publishes were accepted: what only one of them has is delivered as well.
    handed_over = Counter(message.pair for message in world.handed_over())
    assert handed_over == {(hook, "mine"): 1, (hook, "of first"): 1, (hook, "of second"): 1}
