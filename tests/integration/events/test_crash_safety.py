"""Every AWS call between a publish and its hand-over fails in every way, once each; the system recovers by itself.

A run without faults is recorded first. So a call that somebody adds later is a new case by itself, and one that has no
row in ``KNOWN`` fails the test until somebody has thought about it. SQS is driven as Lambda does it: what a process did
not finish is received again, by a new process when the old one died.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

from event_service.base.errors import DomainError, Unavailable
from event_service.events.event import Event
from event_service.events.new_event import NewEvent
from event_service.events.publishing import PublishResult
from tests.world import WORKSPACE, Context, HandedOver, Memory, World, token

KNOWN = {
    ("publish", "BatchGetItem EventsTable"): "which ids are taken: decides nothing that the put does not decide",
    ("publish", "SendMessage routing"): "the commit",
    ("publish", "BatchWriteItem EventIndexTable"): "rows by profile and activity",
    ("publish", "BatchWriteItem EventsTable"): "events with ids of our own",
    ("publish", "PutItem EventsTable"): "events with the publisher's ids",
    ("route", "Query ChangesTable"): "the configuration's head, and what follows it",
    ("route", "Query EndpointsTable"): "a cold router loads the rows",
    ("route", "Query EventFiltersTable"): "a cold router loads the rows",
    ("route", "Query LinksTable"): "a cold router loads the rows",
    ("route", "BatchGetItem EventsTable"): "whose events they are",
    ("route", "BatchWriteItem EventIndexTable"): "the router stores what it does not find",
    ("route", "PutItem EventsTable"): "the router stores what it does not find",
    ("route", "SendMessageBatch webhook"): "the hand-over to webhook delivery",
    ("route", "UpdateItem SocketLogTable"): "the sequences that a socket log gives to events",
    ("route", "TransactWriteItems SocketLogTable"): "the hand-over to socket logs",
    ("route", "SendMessage socket.fifo"): "wakes the clients of a socket log",
    ("route", "SendMessage routing"): "the continuation of a large fan-out",
    ("route", "PutItem EndpointsTable"): "the repair of a change whose maker died",
    ("route", "BatchGetItem EndpointsTable"): "which rows of such a change are written",
    ("route", "UpdateItem EndpointsByIdTable"): "the same repair, where delivery reads",
    ("route", "BatchGetItem EndpointsByIdTable"): "the same question, where delivery reads",
}


class Fault(Enum):
    """What happens to a call."""

    FAILS_BEFORE = "fails before it acts"
    FAILS_AFTER = "fails after it acted"
    TIMES_OUT = "times out, but acted"
    DIES_AFTER = "the process dies right after it"
    STAYS_DOWN = "fails, and so do all like it until the process gives up"

    @property
    def acts(self) -> bool:
        """Whether the call did what it was asked."""
        return self in (Fault.FAILS_AFTER, Fault.TIMES_OUT, Fault.DIES_AFTER)


class ProcessDied(BaseException):
    """Nothing in a process handles this, as nothing handles SIGKILL."""


@dataclass
class Aws:
    """Between the adapters and moto: names the calls of a phase and breaks the one that was chosen."""

    monkeypatch: pytest.MonkeyPatch
    phase: str | None = None
    target: int | None = None
    fault: Fault | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    broken: tuple[str, str] | None = None
    down: bool = False

    def __post_init__(self) -> None:
        client_class: Any = BaseClient
        real = client_class._make_api_call

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            return self._call(operation, arguments, lambda: real(client, operation, arguments))

        self.monkeypatch.setattr(client_class, "_make_api_call", call)

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Calls inside are counted, and the chosen one breaks."""
        self.phase = phase
        try:
            yield
        finally:
            self.phase, self.down = None, False

    def _call(self, operation: str, arguments: dict[str, Any], act: Callable[[], Any]) -> Any:
        if self.phase is None:
            return act()
        name = (self.phase, f"{operation} {_target(arguments)}")
        self.calls.append(name)
        if self.down and name == self.broken:
            raise _failure(operation)
        if self.fault is None or self.broken is not None or len(self.calls) - 1 != self.target:
            return act()
        self.broken = name
        self.down = self.fault is Fault.STAYS_DOWN
        if self.fault.acts:
            act()
        if self.fault is Fault.DIES_AFTER:
            raise ProcessDied
        if self.fault is Fault.TIMES_OUT:
            raise ReadTimeoutError(endpoint_url="https://aws")
        raise _failure(operation)


def _target(arguments: dict[str, Any]) -> str:
    if "QueueUrl" in arguments:
        return str(arguments["QueueUrl"]).rpartition("/")[2]
    if "TransactItems" in arguments:
        tables = {body["TableName"] for action in arguments["TransactItems"] for body in action.values()}
        return "+".join(sorted(tables))
    return str(arguments.get("TableName") or "+".join(sorted(arguments.get("RequestItems", {}))))


def _failure(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "InternalServerError", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 500}}, operation)  # type: ignore[typeddict-item]


class Answer(Enum):
    """How a publish ended for the publisher."""

    ACCEPTED = "accepted"
    FAILED = "technical failure"
    DIED = "no answer"


EVENTS = [
    NewEvent(type="a", data={"n": 1}),
    NewEvent(type="b", data={"n": 2}, id="given"),
    NewEvent(type="a", data={"n": 3, "activity_id": "x"}),
    NewEvent(type="b", data={"n": 4, "identification_data": [{"profile_id": "p"}]}, id="given too"),
]
"""Each told apart by its ``n``, since ids are drawn anew when a publisher tries again."""


@dataclass
class Outcome:
    """One run to its end."""

    answer: Answer
    events: dict[str, Event]
    handed_over: list[HandedOver]
    socket: list[str]
    woken: set[str]
    calls: list[tuple[str, str]]
    broken: tuple[str, str] | None
    invocations: int
    left: int
    ids: list[str]


class Scene:
    """A workspace with a webhook for everything, one for type a, one for nothing here, and a socket for type b."""

    def __init__(self, world: World, aws: Aws, maker_dies: bool = False, more: int = 0) -> None:
        self.world, self.aws = world, aws
        self.of_everything = [world.webhook() for _ in range(more)]
        self.everything = world.webhook()
        self.of_a = world.webhook(world.event_filter(eventTypes=["a"]))
        self.of_none = world.webhook(world.event_filter(eventTypes=["none"]))
        self.of_b = world.socket(world.event_filter(eventTypes=["b"]))
        if maker_dies:
            # The commit of a new endpoint is there, its row is not.
            apply, world.rows.apply = world.rows.apply, _die  # type: ignore[method-assign]
            with pytest.raises(ProcessDied):
                world.webhook()
            world.rows.apply = apply  # type: ignore[method-assign]
            head = world.changes.head(WORKSPACE)
            assert head is not None
            assert not head.applied
            (made,) = world.changes.after(WORKSPACE, head.version - 1, 1)
            self.of_everything.append(made.operations[0].endpoint.id)  # type: ignore[union-attr]

    def publish(self, events: list[NewEvent]) -> tuple[Answer, PublishResult | None]:
        try:
            with self.aws.during("publish"):
                return Answer.ACCEPTED, self.world.publishing.publish(token(), events)
        except (DomainError, Unavailable):
            return Answer.FAILED, None
        except ProcessDied:
            return Answer.DIED, None

    def route(self, rounds: int = 20) -> int:
        """Until nothing is left; a process that dies is replaced. Returns the number of invocations."""
        for done in range(rounds):
            try:
                with self.aws.during("route"):
                    records = self._quietly(self.world.receive)
                    if not records:
                        return done
                    self._quietly_route(records)
            except ProcessDied:
                self.world.start_router()
        return rounds

    def _quietly(self, act: Callable[[], Any]) -> Any:
        phase, self.aws.phase = self.aws.phase, None
        try:
            return act()
        finally:
            self.aws.phase = phase

    def _quietly_route(self, records: list[dict[str, Any]]) -> None:
        answer = self.world.router({"Records": records}, Context())
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self._quietly(
                    partial(self.world.sqs.delete_message, QueueUrl=self.world.routing_url, ReceiptHandle=record["receiptHandle"])
                )

    def run(self, target: int | None = None, fault: Fault | None = None, router_first: bool = False) -> Outcome:
        """One publish and everything that follows from it.

        With ``router_first`` the publisher's process dies after the message was sent, so that the router stores all.
        """
        self.aws.target, self.aws.fault, self.aws.calls, self.aws.broken = target, fault, [], None
        if router_first:
            put, absent = self.world.store.put, self.world.store.put_if_absent
            self.world.store.put = self.world.store.put_if_absent = _die  # type: ignore[method-assign]
            answer, result = self.publish(EVENTS)
            self.world.store.put, self.world.store.put_if_absent = put, absent  # type: ignore[method-assign]
        else:
            answer, result = self.publish(EVENTS)
        invocations = self.route()
        self._quietly(self.world.append_late)
        left = len(self.world.receive())
        handed_over = self.world.handed_over()
        ids = [row["key"]["S"].removeprefix(f"{WORKSPACE}#") for row in Memory.rows("EventsTable")]
        events = {event_id: stored.event for event_id, stored in self.world.store.get(WORKSPACE, ids).items()} if ids else {}
        return Outcome(
            answer,
            events,
            handed_over,
            self.world.log_of(self.of_b),
            self.world.woken(),
            self.aws.calls,
            self.aws.broken,
            invocations,
            left,
            result.ids if result else [],
        )

    def check(self, outcome: Outcome) -> None:
        """Everything that was promised."""
        assert outcome.left == 0, "the queue is not empty"
        numbers = {event_id: event.data["n"] for event_id, event in outcome.events.items()}
        got = Counter((message.pair[0], message.body["data"]["n"]) for message in outcome.handed_over)
        expected = {(self.everything, n) for n in (1, 2, 3, 4)} | {(self.of_a, n) for n in (1, 3)}
        expected |= {(one, n) for one in self.of_everything for n in (1, 2, 3, 4)}
        if outcome.answer is Answer.ACCEPTED:
            assert set(outcome.ids) == set(outcome.events), "what was accepted cannot be read"
        # Accepted: all. Otherwise wholly or not at all.
        assert set(got) in ([expected] if outcome.answer is Answer.ACCEPTED else [expected, set()])
        routed = bool(got)
        # A log has each event once, whatever was repeated, and its clients were woken.
        assert sorted(numbers[one] for one in outcome.socket) == ([2, 4] if routed else [])
        assert outcome.woken == ({self.of_b} if routed else set())
        assert sorted(numbers.values()) == ([1, 2, 3, 4] if routed else [])
        if routed:
            # And who looks by profile or activity finds them.
            subjects = Counter(row["subject"]["S"].split("#")[2] for row in Memory.rows("EventIndexTable"))
            assert subjects == {"x": 1, "p": 1}
        for pair, times in got.items():
            copies = [message for message in outcome.handed_over if (message.pair[0], message.body["data"]["n"]) == pair]
            # A second copy says that it may be one: webhook delivery looks into the log before it sends.
            assert sum(not message.repeat for message in copies) <= 1, f"{times} copies of {pair}, of which more than one is not marked"
            assert len({message.pair for message in copies}) == 1


def _die(*arguments: Any, **options: Any) -> Any:
    raise ProcessDied


SCENES: dict[str, dict[str, Any]] = {
    "plain": {},
    "router stores": {"router_first": True},
    # One call an invocation, and endpoints enough for two.
    "large fan-out": {"calls_per_invocation": 1, "more": 3},
    "maker died": {"maker_dies": True},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    return Aws(monkeypatch)


class Stage:
    """A scene that is set once and played many times."""

    def __init__(self, make_world: Callable[..., World], aws: Aws, name: str) -> None:
        options = dict(SCENES[name])
        self._router_first = options.pop("router_first", False)
        maker_dies, more = options.pop("maker_dies", False), options.pop("more", 0)
        self.scene = Scene(make_world(**options), aws, maker_dies, more)
        self._memory = Memory()

    def play(self, target: int | None = None, fault: Fault | None = None) -> Outcome:
        self._memory.restore()
        self.scene.world.start_router()
        return self.scene.run(target, fault, self._router_first)


@pytest.mark.parametrize("name", SCENES)
def test_everything_is_handed_over_exactly_once_without_a_fault(make_world: Callable[..., World], aws: Aws, name: str) -> None:
    stage = Stage(make_world, aws, name)

    outcome = stage.play()

    stage.scene.check(outcome)
    assert max(Counter(message.pair for message in outcome.handed_over).values()) == 1
    assert not any(message.repeat for message in outcome.handed_over)


OWN_CALLS = {
    "plain": {name for name in KNOWN if name != ("route", "SendMessage routing")},
    "router stores": {("publish", "SendMessage routing"), ("route", "BatchWriteItem EventIndexTable"), ("route", "PutItem EventsTable")},
    "large fan-out": {("route", "SendMessageBatch webhook"), ("route", "SendMessage routing")},
    "maker died": {
        ("route", f"{call} {table}")
        for table, write in (("EndpointsTable", "PutItem"), ("EndpointsByIdTable", "UpdateItem"))
        for call in (write, "BatchGetItem")
    },
}
"""What each scene is there for. The plain one breaks every call it makes; breaking the same again elsewhere shows nothing new."""


def test_every_call_is_known_and_every_known_call_is_made(make_world: Callable[..., World], aws: Aws) -> None:
    """So that a new call is thought about, and the table below leaves none out."""
    made: set[tuple[str, str]] = set()
    broken: set[tuple[str, str]] = set()
    nothing = None
    for name in SCENES:
        if nothing is None:
            make_world()
            nothing = Memory()
        nothing.restore()
        calls = set(Stage(make_world, aws, name).play().calls)
        made |= calls
        broken |= calls & OWN_CALLS[name]

    assert made == set(KNOWN)
    assert broken == set(KNOWN), "a call is made, but the scene that makes it does not break it"


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
@pytest.mark.parametrize("name", SCENES)
def test_each_call_may_fail_in_each_way(make_world: Callable[..., World], aws: Aws, name: str, fault: Fault) -> None:
    stage = Stage(make_world, aws, name)
    targets = [number for number, call in enumerate(list(stage.play().calls)) if call in OWN_CALLS[name]]
    rows: list[str] = []
    for target in targets:
        outcome = stage.play(target, fault)
        stage.scene.check(outcome)
        assert outcome.broken in OWN_CALLS[name]
        repeats = len(outcome.handed_over) - len({message.pair for message in outcome.handed_over})
        rows.append(
            f"{name:14}  {outcome.broken[0]:7}  {outcome.broken[1]:31}  {outcome.answer.value:17}  "
            f"invocations: {outcome.invocations}  marked repeats: {repeats}"
        )
    assert len(rows) >= 2
    print(f"\n{fault.value}", *rows, sep="\n")  # noqa: T201 - `pytest -rP` shows the table


def test_publishing_the_same_ids_again_makes_no_second_event(make_world: Callable[..., World], aws: Aws) -> None:
    given = [NewEvent(type="a", data={"n": n}, id=f"id {n}") for n in (1, 2)]
    scene = Scene(make_world(), aws)
    memory = Memory()
    for fault in Fault:
        for target in range(4):
            memory.restore()
            aws.target, aws.fault, aws.calls, aws.broken = target, fault, [], None
            scene.publish(given)
            assert ("publish", "SendMessage routing") in aws.calls or target == 0
            scene.world.clock.advance(seconds=1)
            again, _ = scene.publish(given)
            scene.route()

            assert again is Answer.ACCEPTED
            handed_over = scene.world.handed_over()
            expected = {(one, f"id {n}") for one in (scene.everything, scene.of_a) for n in (1, 2)}
            assert {message.pair for message in handed_over} == expected, (fault, target)
            unmarked = Counter(message.pair for message in handed_over if not message.repeat)
            assert all(times == 1 for times in unmarked.values()), (fault, target)
            # Which of the two publishes has an id is decided once, for everybody.
            assert len({(message.body["id"], message.body["creationDate"]) for message in handed_over}) == len(given)
