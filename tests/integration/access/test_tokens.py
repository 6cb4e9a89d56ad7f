"""Tokens: issued once, stored as hashes, ended within a minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from event_service.access.storage.tokens import DynamoTokenStore, TokenItem
from event_service.access.token import Token, TokenKind, hash_token
from event_service.access.tokens import CACHE_LIFE, CACHE_SIZE, Tokens
from event_service.aws.dynamodb import Database
from event_service.base.errors import BadUserInput, NotFound, Unauthenticated
from tests.builders import SettableClock
from tests.fakes.graphql_services import FakeTokenStore
from tests.integration.conftest import REGION
from tests.support.filled import START, filled

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
FOREIGN = "53989c34-9729-4081-ab02-9e064de2884c"


class CountingStore(DynamoTokenStore):
    """Counts reads of single tokens."""

    reads = 0

    def get(self, token_hash: str) -> Token | None:
        self.reads += 1
        return super().get(token_hash)


Store = CountingStore | FakeTokenStore


@pytest.fixture(params=["dynamodb", "fakes"])
def store(request: pytest.FixtureRequest) -> Store:
    return CountingStore(request.getfixturevalue("database")) if request.param == "dynamodb" else FakeTokenStore()


@pytest.fixture
def tokens(store: Store, clock: SettableClock) -> Tokens:
    return Tokens(store, clock)


def test_an_issued_token_opens_its_workspace_in_any_spelling(tokens: Tokens) -> None:
    text, stored = tokens.issue(WORKSPACE.upper())
    for spelling in (text, text.upper(), f"  {text} "):
        assert tokens.authenticate(spelling) == stored
    assert (stored.workspace_id, stored.kind, stored.agent_id) == (WORKSPACE, TokenKind.ACCESS, None)


def test_a_new_workspace_is_made_when_none_is_named(tokens: Tokens) -> None:
    assert tokens.issue(None)[1].workspace_id != tokens.issue(None)[1].workspace_id


@pytest.mark.parametrize("text", [None, "", "  ", "x", WORKSPACE, "\ud800", "a" * 10_000])
def test_a_caller_without_a_valid_token_is_unauthenticated(tokens: Tokens, text: str | None) -> None:
    tokens.issue(WORKSPACE)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(text)


@pytest.mark.parametrize(
    "text", ["x", "a" * 36, f"{WORKSPACE}0", WORKSPACE.replace("-", ""), "\u0664" + WORKSPACE[1:], hash_token(WORKSPACE)]
)
def test_what_cannot_be_a_token_costs_no_read(text: str, tokens: Tokens, store: Store) -> None:
    with pytest.raises(Unauthenticated):
        tokens.authenticate(text)
    assert store.reads == 0


def test_the_token_itself_is_nowhere_in_the_table(database: Database, clock: SettableClock, aws: dict[str, str]) -> None:
    import boto3

    text, _ = Tokens(DynamoTokenStore(database), clock).issue(WORKSPACE)
    items = boto3.client("dynamodb", region_name=REGION).scan(TableName=aws["TOKENS_TABLE"])["Items"]
    assert len(items) == 1
    assert text not in str(items)


def test_a_valid_token_is_read_once_in_30_seconds(tokens: Tokens, store: Store, clock: SettableClock) -> None:
    text, _ = tokens.issue(WORKSPACE)
    for _ in range(10):
        tokens.authenticate(text)
    assert store.reads == 1
    clock.now += CACHE_LIFE
    tokens.authenticate(text)
    assert store.reads == 2


def test_revoked_token_stops_within_60_seconds_everywhere(tokens: Tokens, store: Store, clock: SettableClock) -> None:
    elsewhere = Tokens(store, clock)
    text, stored = tokens.issue(WORKSPACE)
    elsewhere.authenticate(text)

    tokens.revoke(WORKSPACE, stored.token_hash[:8])

    with pytest.raises(Unauthenticated):
        tokens.authenticate(text)
    clock.now += timedelta(seconds=59)
    with pytest.raises(Unauthenticated):
        elsewhere.authenticate(text)


def test_an_expired_token_stops_working_although_it_is_remembered(tokens: Tokens, clock: SettableClock) -> None:
    text, _ = tokens.issue(WORKSPACE, expires=clock.now + timedelta(seconds=10))
    tokens.authenticate(text)
    clock.now += timedelta(seconds=10)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(text)


def test_an_agent_token_carries_an_agent(tokens: Tokens) -> None:
    _, named = tokens.issue(WORKSPACE, TokenKind.AGENT, agent_id=FOREIGN)
    _, made = tokens.issue(WORKSPACE, TokenKind.AGENT)
    assert named.agent_id == FOREIGN
    assert made.agent_id is not None


def test_a_listeners_token_is_bound_to_endpoints(tokens: Tokens, clock: SettableClock) -> None:
    text, issued = tokens.issue(WORKSPACE, TokenKind.LISTENER, endpoint_ids=[FOREIGN.upper(), WORKSPACE])

    assert issued.endpoint_ids == (FOREIGN, WORKSPACE)
    assert tokens.authenticate(text) == issued
    assert [one.endpoint_ids for one in tokens.list_tokens(WORKSPACE)] == [(FOREIGN, WORKSPACE)]
    for wrong in ({"kind": TokenKind.LISTENER}, {"endpoint_ids": [FOREIGN]}, {"kind": TokenKind.LISTENER, "endpoint_ids": ["x"]}):
        with pytest.raises(BadUserInput, match="endpointIds"):
            tokens.issue(WORKSPACE, **wrong)


def test_nonsense_is_refused_when_a_token_is_issued(tokens: Tokens, clock: SettableClock) -> None:
    with pytest.raises(BadUserInput, match="workspace"):
        tokens.issue("mine")
    with pytest.raises(BadUserInput, match="agentId"):
        tokens.issue(WORKSPACE, agent_id=FOREIGN)
    with pytest.raises(BadUserInput, match="passed already"):
        tokens.issue(WORKSPACE, expires=clock.now)


def test_tokens_are_listed_and_revoked_within_their_workspace_only(tokens: Tokens) -> None:
    _, first = tokens.issue(WORKSPACE, name="first")
    _, second = tokens.issue(WORKSPACE, name="second")
    assert tokens.list_tokens(WORKSPACE) == [first, second]
    assert tokens.list_tokens(FOREIGN) == []
    with pytest.raises(NotFound):
        tokens.revoke(FOREIGN, first.token_hash)
    with pytest.raises(BadUserInput, match="8 characters"):
        tokens.revoke(WORKSPACE, first.token_hash[:4])
    assert tokens.revoke(WORKSPACE, first.token_hash).revoked is not None


def test_what_is_remembered_is_bounded(tokens: Tokens) -> None:
    now = tokens._clock()
    _, token = tokens.issue(WORKSPACE)
    for number in range(CACHE_SIZE + 50):
        tokens._remember(str(number), now, token)
    assert len(tokens._known) == CACHE_SIZE


@pytest.mark.parametrize(
    ("expires", "revoked", "removed_after"),
    [(None, None, None), (5, None, 45), (None, 3, 43), (5, 3, 43), (3, 5, 43)],
    ids=["valid for ever", "expires", "revoked", "revoked first", "expired first"],
)
def test_every_field_of_a_token_comes_back_until_it_cannot_be_restored(
    database: Database, expires: int | None, revoked: int | None, removed_after: int | None
) -> None:
    def day(number: int | None) -> datetime | None:
        return None if number is None else START + timedelta(days=number)

    token = replace(filled(Token), expires=day(expires), revoked=day(revoked))
    store = DynamoTokenStore(database)
    store.put(token)
    assert store.get(token.token_hash) == token
    item = database.get(TokenItem, token.token_hash)
    assert item is not None
    removed: float | None = item.expires_at
    assert removed == (None if removed_after is None else (START + timedelta(days=removed_after)).timestamp())
