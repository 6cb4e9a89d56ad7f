"""What `event-service filters test` shows: the pages of a backtest, added up."""

from __future__ import annotations

from typing import Any, Final

from cli import documents
from cli.session import Session

SHOWN: Final = 10
"""Matches, and near misses, that a person is shown; with --json up to 50 of each."""
KEPT: Final = 50
BAR: Final = 40
"""Characters of the longest bar."""


def show(session: Session, question: dict[str, Any]) -> None:
    """Asks page by page, and prints what all of them say together.

    Args:
        session: whom to ask.
        question: the input of ``matchEvents`` without a cursor.
    """
    found = _all_pages(session, question)
    if session.output.as_json:
        session.output.value(found)
        return
    text = session.output.text
    text(f"{found['matched']:,} of {found['examined']:,} events match.")
    if found["gained"] is not None:
        text(f"The endpoint would receive {found['gained']:,} that it does not receive now, and no longer {found['lost']:,}.")
    _show_histogram(session, found["histogram"])
    for event in found["matches"][:SHOWN]:
        text(f"+ {event['creationDate']}  {event['type']}  {event['id']}")
    if found["nearMisses"]:
        text("Only one clause fails:")
    for miss in found["nearMisses"][:SHOWN]:
        text(f"- {miss['event']['id']}: {miss['clause']['sentence']}")


def _all_pages(session: Session, question: dict[str, Any]) -> dict[str, Any]:
    total: dict[str, Any] = {"examined": 0, "matched": 0, "gained": None, "lost": None, "matches": [], "nearMisses": []}
    buckets: dict[str, dict[str, Any]] = {}
    after: str | None = None
    while True:
        asked = {**question, "after": after} if after else question
        page = session.target.graphql.execute(documents.MATCH_EVENTS, input=asked)["matchEvents"]
        for name in ("examined", "matched"):
            total[name] += page[name]
        for name in ("gained", "lost"):
            if page[name] is not None:
                total[name] = (total[name] or 0) + page[name]
        for name in ("matches", "nearMisses"):
            total[name] = (total[name] + page[name])[:KEPT]
        for bucket in page["histogram"]:
            known = buckets.setdefault(bucket["start"], {"start": bucket["start"], "examined": 0, "matched": 0})
            known["examined"] += bucket["examined"]
            known["matched"] += bucket["matched"]
        after = page["endCursor"]
        if after is None:
            return {**total, "histogram": [buckets[start] for start in sorted(buckets)]}
        session.output.note(f"{total['matched']:,} of {total['examined']:,} so far")


def _show_histogram(session: Session, buckets: list[dict[str, Any]]) -> None:
    most = max((bucket["examined"] for bucket in buckets), default=0)
    for bucket in buckets:
        matched, rest = (-(-BAR * number // most) for number in (bucket["matched"], bucket["examined"] - bucket["matched"]))
        bar = "#" * matched + "." * rest
        session.output.text(f"{bucket['start'][:16].replace('T', ' ')}  {bar}  {bucket['matched']:,} of {bucket['examined']:,}")
