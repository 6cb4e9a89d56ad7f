"""When tokens were last used: known within an hour, at one write for a token and hour, and no request feels it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from event_service.access.last_use import REMEMBERED, LastUses
from event_service.access.storage.tokens import DynamoTokenStore, TokenItem
from event_service.access.token import Token, TokenLife
from event_service.access.tokens import CACHE_LIFE, Tokens
from event_service.aws.dynamodb import Database, Key
from event_service.base.errors import BadUserInput, RateLimited, Unavailable
from tests.builders import SettableClock, a_token

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"


class Store(DynamoTokenStore):
    """Notes the writes of uses, and fails them if it is told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.written: list[tuple[str, datetime]] = []
        self.failure: Exception | None = None

    def put_use(self, token_hash: str, used: datetime) -> None:
        self.written.append((token_hash, used))
        if self.failure is not None:
            raise self.failure
        super().put_use(token_hash, used)


@pytest.fixture
def moment() -> SettableClock:
    return SettableClock()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def at_once(call: Callable[[], None]) -> None:
    call()


def process(store: Store, moment: SettableClock, in_background: Callable[[Callable[[], None]], object] = at_once) -> Tokens:
    """What a warm function has."""
    return Tokens(store, moment, LastUses(store, moment, in_background))


def used(store: Store, token: Token) -> datetime | None:
    found = store.get(token.token_hash)
    assert found is not None
    return found.used


def test_a_use_is_known_within_the_hour_at_one_write_an_hour(store: Store, moment: SettableClock) -> None:
    tokens = process(store, moment)
    text, token = tokens.issue(WORKSPACE)
    assert used(store, token) is None

    for _ in range(3 * 60 * 2):
        tokens.authenticate(text)
        assert moment.now - (used(store, token) or datetime.min.replace(tzinfo=UTC)) < timedelta(hours=1)
        moment.now += CACHE_LIFE

    assert len(store.written) == 3
    assert [listed.used for listed in tokens.list_tokens(WORKSPACE)] == [used(store, token)]


def test_a_use_that_another_function_wrote_within_the_hour_stays(store: Store, moment: SettableClock) -> None:
    first, second = process(store, moment), process(store, moment)
    text, _ = first.issue(WORKSPACE)
    first.authenticate(text)
    moment.now += timedelta(minutes=59)
    second.authenticate(text)
    assert len(store.written) == 1
    moment.now += timedelta(minutes=1)
    second.authenticate(text)
    assert len(store.written) == 2


@pytest.mark.parametrize("failure", [RateLimited("busy"), Unavailable("gone")])
def test_a_use_that_cannot_be_stored_fails_no_request_and_is_not_repeated(store: Store, moment: SettableClock, failure: Exception) -> None:
    tokens = process(store, moment)
    text, token = tokens.issue(WORKSPACE)
    store.failure = failure
    for _ in range(10):
        assert tokens.authenticate(text).token_hash == token.token_hash
    assert len(store.written) == 1
    store.failure = None
    moment.now += timedelta(hours=1)
    tokens.authenticate(text)
    assert used(store, token) == moment.now


def test_no_request_waits_for_the_write(store: Store, moment: SettableClock) -> None:
    later: list[Callable[[], None]] = []
    tokens = process(store, moment, later.append)
    text, token = tokens.issue(WORKSPACE)
    assert tokens.authenticate(text) == token
    assert (len(later), store.written) == (1, [])


def test_a_refused_token_is_no_use(store: Store, moment: SettableClock) -> None:
    tokens = process(store, moment)
    text, token = tokens.issue(WORKSPACE)
    tokens.revoke(WORKSPACE, token.token_hash)
    for refused in (text, "2f0d7a3c-5b0e-4a57-9a53-0c8f5f2f8c11"):
        with pytest.raises(Exception, match="Give a valid token"):
            tokens.authenticate(refused)
    assert store.written == []


def test_a_late_write_neither_revives_a_token_nor_makes_one(store: Store, moment: SettableClock, database: Database) -> None:
    later: list[Callable[[], None]] = []
    tokens = process(store, moment, later.append)
    text, token = tokens.issue(WORKSPACE)
    tokens.authenticate(text)
    tokens.revoke(WORKSPACE, token.token_hash)
    later.pop()()
    found = store.get(token.token_hash)
    assert found is not None
    assert found.revoked is not None

    database.batch_write(deletes=[Key(TokenItem, token.token_hash)])
    store.put_use(token.token_hash, moment.now)
    assert store.get(token.token_hash) is None


def test_a_revoked_token_still_says_when_it_was_used(store: Store, moment: SettableClock) -> None:
    tokens = process(store, moment)
    text, token = tokens.issue(WORKSPACE)
    tokens.authenticate(text)
    assert tokens.revoke(WORKSPACE, token.token_hash).used == moment.now == used(store, token)


def test_what_is_remembered_of_uses_is_bounded(store: Store, moment: SettableClock) -> None:
    uses = LastUses(store, moment, lambda call: None)
    for number in range(REMEMBERED + 10):
        uses.note(a_token("token", token_hash=str(number), created=moment.now))
    assert len(uses._known) == REMEMBERED


@pytest.mark.parametrize(
    ("default", "maximum", "wanted", "lives"),
    [(None, None, None, None), (30, None, None, 30), (30, 10, None, 10), (None, 10, None, 10), (30, 90, 60, 60), (30, 90, 90, 90)],
)
def test_tokens_live_as_the_operator_says(
    default: int | None, maximum: int | None, wanted: int | None, lives: int | None, store: Store, moment: SettableClock
) -> None:
    def days(number: int | None) -> timedelta | None:
        return None if number is None else timedelta(days=number)

    tokens = Tokens(store, moment, life=TokenLife(days(default), days(maximum)))

    _, token = tokens.issue(WORKSPACE, expires=None if wanted is None else moment.now + timedelta(days=wanted))

    assert token.expires == (None if lives is None else moment.now + timedelta(days=lives))


def test_a_token_cannot_be_issued_for_longer_than_allowed(store: Store, moment: SettableClock) -> None:
    tokens = Tokens(store, moment, life=TokenLife(maximum=timedelta(days=90)))
    with pytest.raises(BadUserInput, match="at most 90 days"):
        tokens.issue(WORKSPACE, expires=moment.now + timedelta(days=90, seconds=1))
    assert store.of_workspace(WORKSPACE) == []
