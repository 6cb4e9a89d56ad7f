"""Keys and labels of endpoints and event filters, over DynamoDB and over the fakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from event_service.aws.dynamodb import Database, Key
from event_service.base.errors import BadUserInput, Conflict
from event_service.base.marks import MARKS, GivenMarks, Marks
from event_service.configuration.configuration import Configuration
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.storage.items import EndpointByIdItem
from tests.integration.configuration.test_configuration import ANY_TYPE, FOREIGN, WORKSPACE, Scene, scene  # noqa: F401 - a fixture

GIVEN = GivenMarks("orders", "For the shop.", {"team": "shop", "env": "prod"})
KEPT = Marks("orders", "For the shop.", (("env", "prod"), ("team", "shop")))
Create = Callable[[Configuration, GivenMarks], Any]
Update = Callable[[Configuration, str, GivenMarks], Any]


def create_endpoint(configuration: Configuration, marks: GivenMarks, workspace: str = WORKSPACE) -> Any:
    return configuration.endpoints.create(workspace, EndpointType.WEB_SOCKET, "s", marks=marks)


def create_filter(configuration: Configuration, marks: GivenMarks, workspace: str = WORKSPACE) -> Any:
    return configuration.event_filters.create(workspace, ANY_TYPE, "f", marks=marks)


def update_endpoint(configuration: Configuration, one: str, marks: GivenMarks) -> Any:
    return configuration.endpoints.update(WORKSPACE, one, marks=marks)


def update_filter(configuration: Configuration, one: str, marks: GivenMarks) -> Any:
    return configuration.event_filters.update(WORKSPACE, one, marks=marks)


KINDS = pytest.mark.parametrize(
    ("create", "update"), [(create_endpoint, update_endpoint), (create_filter, update_filter)], ids=["endpoint", "event filter"]
)


def read(scene: Scene, one: str) -> Any:  # noqa: F811 - the fixture's name
    configuration = scene.configuration
    return configuration.endpoints.endpoint(WORKSPACE, one) or configuration.event_filters.event_filter(WORKSPACE, one)


@KINDS
def test_marks_come_back_as_they_were_given(create: Create, update: Update, scene: Scene) -> None:  # noqa: F811
    made = create(scene.configuration, GIVEN)
    assert made.marks == read(scene, made.id).marks == KEPT

    changed = update(scene.configuration, made.id, GivenMarks(description="", labels={"a": "b"}))

    assert changed.marks == read(scene, made.id).marks == Marks("orders", None, (("a", "b"),))
    assert changed.name == made.name


@KINDS
def test_a_key_is_taken_by_one_of_its_kind(create: Create, update: Update, scene: Scene) -> None:  # noqa: F811
    first = create(scene.configuration, GIVEN)
    second = create(scene.configuration, GivenMarks())
    acts: list[Callable[[], Any]] = [
        lambda: create(scene.configuration, GivenMarks(key="orders")),
        lambda: update(scene.configuration, second.id, GivenMarks(key="orders")),
    ]
    for act in acts:
        with pytest.raises(Conflict) as caught:
            act()
        assert first.id in caught.value.message
        assert caught.value.ids == [first.id]
    assert read(scene, second.id).marks.key is None


@KINDS
def test_a_key_may_be_kept_given_up_and_taken_again(create: Create, update: Update, scene: Scene) -> None:  # noqa: F811
    first = create(scene.configuration, GIVEN)
    second = create(scene.configuration, GivenMarks())

    update(scene.configuration, first.id, GivenMarks(key="orders", description="still mine"))
    update(scene.configuration, first.id, GivenMarks(key="other"))
    update(scene.configuration, second.id, GivenMarks(key="orders"))

    assert read(scene, second.id).marks.key == "orders"


def test_a_key_of_a_deleted_object_is_free(scene: Scene) -> None:  # noqa: F811
    endpoint, event_filter = create_endpoint(scene.configuration, GIVEN), create_filter(scene.configuration, GIVEN)
    scene.configuration.endpoints.delete(WORKSPACE, [endpoint.id])
    scene.configuration.event_filters.delete(WORKSPACE, [event_filter.id])

    create_endpoint(scene.configuration, GIVEN)
    create_filter(scene.configuration, GIVEN)


def test_the_key_of_another_workspace_is_free(scene: Scene) -> None:  # noqa: F811
    create_endpoint(scene.configuration, GIVEN, FOREIGN)
    create_filter(scene.configuration, GIVEN, FOREIGN)

    assert create_endpoint(scene.configuration, GIVEN).marks == create_filter(scene.configuration, GIVEN).marks == KEPT


@KINDS
def test_one_of_two_that_take_a_key_at_once_has_it(create: Create, update: Update, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The other one commits between the look at the keys and the commit."""
    append, other = scene.changes.append, scene.build()
    made: list[Any] = []

    def raced(*arguments: Any) -> bool:
        monkeypatch.setattr(scene.changes, "append", append)
        made.append(create(other, GIVEN))
        return append(*arguments)

    monkeypatch.setattr(scene.changes, "append", raced)
    with pytest.raises(Conflict) as caught:
        create(scene.configuration, GIVEN)

    assert caught.value.ids == [made[0].id]


@KINDS
def test_bad_marks_change_nothing(create: Create, update: Update, scene: Scene) -> None:  # noqa: F811
    made = create(scene.configuration, GIVEN)
    for marks in (GivenMarks(key="k" * 129), GivenMarks(labels=[])):
        with pytest.raises(BadUserInput):
            update(scene.configuration, made.id, marks)
        with pytest.raises(BadUserInput):
            create(scene.configuration, marks)
    with pytest.raises(BadUserInput, match=f"{MARKS[0]}, .* or {MARKS[-1]}"):
        update(scene.configuration, made.id, GivenMarks())
    assert read(scene, made.id).marks == KEPT


@KINDS
def test_other_marks_are_other_input_to_an_idempotency_key(create: Create, update: Update, scene: Scene) -> None:  # noqa: F811
    make: Any = scene.configuration.endpoints.create if create is create_endpoint else scene.configuration.event_filters.create
    arguments: tuple[Any, ...] = (
        (EndpointType.WEB_SOCKET, "s", None, None, "once") if create is create_endpoint else (ANY_TYPE, "f", None, "once")
    )

    made = make(WORKSPACE, *arguments, marks=GIVEN)

    assert make(WORKSPACE, *arguments, marks=GIVEN) == made
    with pytest.raises(Conflict, match="idempotencyKey"):
        make(WORKSPACE, *arguments, marks=GivenMarks(key="orders"))


def test_delivery_reads_endpoints_without_their_marks(scene: Scene, request: pytest.FixtureRequest) -> None:  # noqa: F811
    if "dynamodb" not in request.node.name:
        assert read(scene, create_endpoint(scene.configuration, GIVEN).id).marks == KEPT
        return
    database: Database = request.getfixturevalue("database")
    made = create_endpoint(scene.configuration, GIVEN)

    item = database.get_raw(Key(EndpointByIdItem, made.id))

    assert item is not None
    assert not {"key", "description", "labels"} & item.keys()
