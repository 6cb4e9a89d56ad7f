"""Idempotency keys, and commits whose answers are lost, over DynamoDB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.errors import BadUserInput, Conflict, NotFound, Unavailable
from event_service.base.identifiers import new_id
from event_service.configuration.chain import Waiting
from event_service.configuration.configuration import Configuration, ConfigurationStores, assemble
from event_service.configuration.endpoint import EndpointType, Settings
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import Quotas
from event_service.configuration.ports import EndpointPage, RememberedRequest
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.change_log import DynamoChangeLog
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import DynamoSecretStore, secret_item
from event_service.filters.matching.size import index_entries
from tests.builders import SettableClock
from tests.support.filled import START, filled
from tests.wiring import destinations

WORKSPACE, OTHER = new_id(), new_id()
HOOK, SOCKET = EndpointType.WEB_HOOK, EndpointType.WEB_SOCKET
URL = "https://web-hook.server.com"
ALL = EndpointPage(type=None, descending=False, offset=0, limit=100)
CONDITION = {"in": {"eventTypes": ["A"]}}


@pytest.fixture
def secrets(database: Database) -> DynamoSecretStore:
    return DynamoSecretStore(database)


@pytest.fixture
def configuration(database: Database, secrets: DynamoSecretStore, clock: SettableClock) -> Configuration:
    return assemble(
        stores=ConfigurationStores(
            DynamoChangeLog(database), DynamoConfigurationRows(database, clock, monotonic=lambda: 0.0), secrets, secrets
        ),
        observers=(),
        destinations=destinations(),
        quotas=Quotas(100, 100),
        reading=ConditionReading(lambda pattern: pattern, index_entries),
        clock=clock,
        waiting=Waiting(sleep=lambda seconds: None),
    )


Ask = Callable[[Configuration, str, str], Any]
ASKED: dict[str, Ask] = {
    "web socket": lambda of, name, key: of.endpoints.create(WORKSPACE, SOCKET, name, None, None, key),
    "webhook": lambda of, name, key: of.endpoints.create(WORKSPACE, HOOK, name, Settings(URL), None, key),
    "event filter": lambda of, name, key: of.event_filters.create(WORKSPACE, CONDITION, name, None, key),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_key_makes_one_thing_and_answers_it_as_it_was_made(configuration: Configuration, what: str) -> None:
    ask = ASKED[what]
    made = ask(configuration, "n", "key")
    if what != "event filter":
        configuration.endpoints.update(WORKSPACE, made.id, name="changed meanwhile")

    assert ask(configuration, "n", "key") == made
    assert ask(configuration, "n", "another key").id != made.id
    assert configuration.endpoints.count(WORKSPACE) + configuration.event_filters.count(WORKSPACE) == 2


@pytest.mark.parametrize("what", ASKED)
def test_a_key_for_other_input_is_a_conflict_and_changes_nothing(configuration: Configuration, what: str) -> None:
    ASKED[what](configuration, "n", "key")
    with pytest.raises(Conflict, match="other input"):
        ASKED[what](configuration, "other", "key")
    assert configuration.endpoints.count(WORKSPACE) + configuration.event_filters.count(WORKSPACE) == 1


def test_a_key_is_kept_for_24_hours(configuration: Configuration, clock: SettableClock) -> None:
    first = ASKED["webhook"](configuration, "n", "key")
    clock.now += timedelta(hours=23, minutes=59)
    assert ASKED["webhook"](configuration, "n", "key") == first
    clock.now += timedelta(minutes=2)
    second = ASKED["webhook"](configuration, "n", "key")
    assert second.id != first.id
    assert ASKED["webhook"](configuration, "n", "key") == second


def test_keys_of_other_workspaces_and_mutations_are_other_keys(configuration: Configuration) -> None:
    mine = configuration.endpoints.create(WORKSPACE, HOOK, "n", Settings(URL), None, "key")
    theirs = configuration.endpoints.create(OTHER, HOOK, "n", Settings(URL), None, "key")
    configuration.event_filters.create(WORKSPACE, CONDITION, "n", None, "key")
    assert (mine.workspace_id, theirs.workspace_id) == (WORKSPACE, OTHER)
    assert mine.id != theirs.id


def test_a_refused_mutation_uses_up_no_key(configuration: Configuration) -> None:
    missing = new_id()
    with pytest.raises(NotFound):
        configuration.endpoints.create(WORKSPACE, HOOK, "n", Settings(URL), [missing], "key")
    made = configuration.endpoints.create(WORKSPACE, HOOK, "n", Settings(URL), None, "key")
    assert configuration.endpoints.page(WORKSPACE, ALL) == [made]


@pytest.mark.parametrize("key", ["", "k" * 257, "line\nbreak", "tab\t", "\u202e"])
def test_a_key_has_1_to_256_printable_characters(configuration: Configuration, key: str) -> None:
    with pytest.raises(BadUserInput, match="idempotencyKey"):
        ASKED["webhook"](configuration, "n", key)
    with pytest.raises(BadUserInput, match="idempotencyKey"):
        configuration.secrets.rotate(WORKSPACE, new_id(), 0, key)
    with pytest.raises(BadUserInput) as caught:
        configuration.endpoints.create(WORKSPACE, HOOK, "", Settings(URL), None, key)
    assert [one.split(":")[0] for one in caught.value.problems] == ["name", "idempotencyKey"]


@pytest.mark.parametrize("key", ["k", "k" * 256, "Bestellung ÄÖÜ 7", "注文"])
def test_a_key_may_be_any_printable_text(configuration: Configuration, key: str) -> None:
    assert ASKED["webhook"](configuration, "n", key) == ASKED["webhook"](configuration, "n", key)


def test_a_rotation_with_a_key_is_done_once(configuration: Configuration) -> None:
    endpoint = configuration.endpoints.create(WORKSPACE, HOOK, "n", Settings(URL))
    first = configuration.secrets.rotate(WORKSPACE, endpoint.id, 3600, "key")

    assert configuration.secrets.rotate(WORKSPACE, endpoint.id.upper(), 3600, "key") == first
    assert configuration.secrets.current(WORKSPACE, endpoint.id) == first
    with pytest.raises(Conflict, match="other input"):
        configuration.secrets.rotate(WORKSPACE, endpoint.id, 60, "key")
    second = configuration.secrets.rotate(WORKSPACE, endpoint.id, 3600, "another key")
    assert configuration.secrets.rotate(WORKSPACE, endpoint.id, 3600, "key") == first
    assert configuration.secrets.current(WORKSPACE, endpoint.id) == second


def test_one_of_two_rotations_with_one_key_at_once_is_done(
    configuration: Configuration, secrets: DynamoSecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = configuration.endpoints.create(WORKSPACE, HOOK, "n", Settings(URL))
    get = secrets.get
    raced: list[str | None] = []

    def get_before_a_rival(workspace_id: str, endpoint_id: str) -> EndpointSecrets | None:
        found = get(workspace_id, endpoint_id)
        if not raced:
            raced.append(None)
            raced[0] = configuration.secrets.rotate(WORKSPACE, endpoint.id, 3600, "key")
        return found

    monkeypatch.setattr(secrets, "get", get_before_a_rival)
    assert configuration.secrets.rotate(WORKSPACE, endpoint.id, 3600, "key") == raced[0]


def test_every_field_of_secrets_and_requests_comes_back(database: Database, secrets: DynamoSecretStore) -> None:
    known = filled(EndpointSecrets, previous=(("old", START),))
    database.put(secret_item(WORKSPACE, "e", known))
    assert secrets.get(WORKSPACE, "e") == known
    assert secrets.get(OTHER, "e") is None
    request = filled(RememberedRequest, expires=START)
    fresh = replace(known, current="fresh")
    assert secrets.replace(WORKSPACE, "e", fresh, known, request)
    assert secrets.find(request.workspace_id, request.key) == request
    assert secrets.get(WORKSPACE, "e") == fresh
    # a second one with the same key changes nothing
    assert not secrets.replace(WORKSPACE, "e", known, fresh, request)
    assert secrets.get(WORKSPACE, "e") == fresh


@pytest.mark.parametrize("settings", [None, Settings(URL)], ids=["one put", "a transaction"])
@pytest.mark.parametrize("acts", [True, False])
def test_a_commit_whose_answer_is_lost_is_looked_up(
    configuration: Configuration, database: Database, monkeypatch: pytest.MonkeyPatch, settings: Settings | None, acts: bool
) -> None:
    call = database._call
    lost: list[str] = []

    def lose_the_commit(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        commits = operation == "TransactWriteItems" or "nonce" in arguments.get("Item", {})
        if commits and not lost:
            lost.append(operation)
            if acts:
                call(operation, arguments)
            raise Unavailable("timed out")
        return call(operation, arguments)

    monkeypatch.setattr(database, "_call", lose_the_commit)
    if acts:
        made = configuration.endpoints.create(WORKSPACE, HOOK if settings else SOCKET, "n", settings)
        assert configuration.endpoints.page(WORKSPACE, ALL) == [made]
    else:
        with pytest.raises(Unavailable):
            configuration.endpoints.create(WORKSPACE, HOOK if settings else SOCKET, "n", settings)
        assert configuration.endpoints.page(WORKSPACE, ALL) == []
    assert lost == ["TransactWriteItems" if settings else "PutItem"]
