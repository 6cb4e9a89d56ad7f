"""What all commands of one run share, and how the list commands page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import typer

from cli.errors import CommandError, UsageError
from cli.output import Output
from cli.target import Target
from event_service.base.dates import format_date, parse_date
from event_service.base.errors import BadUserInput

PAGE: Final = 1000
"""The most that one page of the API has."""
IDS_PER_CALL: Final = 100
ITEMS_PER_PAGE: Final = 50
"""Of a list that is paged by cursors."""


@dataclass(frozen=True, slots=True)
class Session:
    """The options that stand for every command."""

    target: Target
    output: Output


def session_of(context: typer.Context) -> Session:
    """What the options before the command said."""
    session = context.find_object(Session)
    if session is None:  # the root command sets it before any other runs
        raise RuntimeError("a command ran without its session")
    return session


def pages(session: Session, document: str, collection: str, *, limit: int, offset: int = 0, **variables: Any) -> Iterator[dict[str, Any]]:
    """The items of a list, asked for page by page. Each page goes on where the one before ended, whatever was added meanwhile.

    Args:
        session: whom to ask.
        document: a query with the variables ``pagination``, ``first`` and ``after``.
        collection: the field that holds the page.
        limit: the most to give; 0 for all.
        offset: how many to skip.
        variables: the query's other variables.
    """
    given = 0
    where: dict[str, Any] = {"pagination": {"offset": offset, "limit": min(PAGE, limit or PAGE)}}
    while True:
        page = session.target.graphql.execute(document, **variables, **where)[collection]
        yield from page["collectionItems"]
        given += len(page["collectionItems"])
        if not page["hasNextPage"] or (limit and given >= limit):
            return
        where = {"first": min(PAGE, limit - given if limit else PAGE), "after": following(page, where.get("after"))}


def following(page: dict[str, Any], before: str | None) -> str:
    """The cursor of the next page.

    Args:
        page: the one that says there is more.
        before: the cursor by which it was asked for.

    Raises:
        CommandError: it ends where it began, so that asking on would never end.
    """
    cursor = page["endCursor"]
    if not isinstance(cursor, str) or cursor == before:
        raise CommandError("The service says that there is more, and does not get any further. Try again later.")
    return cursor


def connection(session: Session, document: str, field: str, *, limit: int, **variables: Any) -> Iterator[dict[str, Any]]:
    """The items of a list that is paged by cursors, asked for page by page.

    Args:
        session: whom to ask.
        document: a query with the variables ``first`` and ``after``.
        field: the field that holds the page.
        limit: the most to give; 0 for all.
        variables: the query's other variables.
    """
    given, after = 0, None
    while limit == 0 or given < limit:
        first = ITEMS_PER_PAGE if limit == 0 else min(ITEMS_PER_PAGE, limit - given)
        page = session.target.graphql.execute(document, **variables, first=first, after=after)[field]
        yield from page["collectionItems"]
        given += len(page["collectionItems"])
        after = page["endCursor"]
        if not page["hasNextPage"]:
            return


def in_groups(ids: list[str]) -> Iterator[list[str]]:
    """Ids by the hundred, as a mutation takes them."""
    for start in range(0, len(ids), IDS_PER_CALL):
        yield ids[start : start + IDS_PER_CALL]


_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNIT: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str | None, option: str) -> str | None:
    """A date-time as the API takes it.

    Args:
        text: RFC 3339, or a time before now such as ``90s``, ``15m``, ``2h`` or ``7d``.
        option: which one it was given for.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        try:
            return format_date(datetime.now(UTC) - timedelta(**{_UNIT[ago[2]]: int(ago[1])}))
        except OverflowError:
            raise UsageError(f"{option}: {text!r} is before there were dates.") from None
    try:
        return format_date(parse_date(text, option))
    except BadUserInput as error:
        raise UsageError(f"{error.message} A time before now is fine, too: 90s, 15m, 2h, 7d.") from None
