"""What one request may ask for. Every limit is named in the error that enforces it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationDefinitionNode, SelectionSetNode

from event_service.base.errors import BadUserInput, TooLarge

MAXIMUM_TOKENS = 20_000
MAXIMUM_COMMENTS = 1_000
MAXIMUM_DEPTH = 10
MAXIMUM_ALIASES = 30
MAXIMUM_FIELDS = 500
"""Fields with fragments spread. Validation compares fields of one name in pairs, and gives up without saying why at some 700."""
MAXIMUM_FRAGMENTS = 100
MAXIMUM_NODES = 10_000
MAXIMUM_ANSWER_BYTES = 5_000_000
MAXIMUM_ESCAPED_ANSWER_BYTES = 5_900_000
"""Lambda's 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)
count the body as a JSON string, in which every quote and backslash takes two bytes."""
MAXIMUM_READ_BYTES = 64_000_000
"""What the database may answer one query with, as sent: rows are held parsed, at several times that, until the answer is made."""
MAXIMUM_COUNTS = 5
"""Totals of events or deliveries: each reads a whole index by sixteen calls at once, and none of it is shown."""
QUERY_SECONDS = 20.0
"""HTTP APIs give up after ``GATEWAY_SECONDS``; the answer that says why must leave before."""
CHANGE_SECONDS = 16.0
"""The longest that a mutation takes, 12 s to win against others and the rows: one that has less is not begun, since the
caller could not learn what was done."""
TEST_SECONDS = 20.0
"""The same for ``testEndpoint``, which waits for a receiver."""
LEAST_RETRY_SECONDS = 8.0
"""``retryDeliveries`` by filters likewise."""
LEAST_REPLAY_SECONDS = 5.0
"""``replayEvents`` takes the time that it is given, from these on, and says how far it came."""
SECONDS_BEFORE_JOB: Final = 3.0
"""What is not done by then goes on as a job, if the caller wants that."""

_INTROSPECTION = ("__schema", "__type")


@dataclass(frozen=True, slots=True)
class _Size:
    depth: int
    aliases: int
    fields: int


def check_document(document: DocumentNode) -> None:
    """Checks depth, aliases and fields, with every fragment spread as often as it is used.

    Fragments are measured once each, so that spreading one 2^50 times costs nothing here.

    Raises:
        BadUserInput: the document is over one or more of the limits.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    if len(fragments) > MAXIMUM_FRAGMENTS:
        raise BadUserInput(f"The document defines {len(fragments)} fragments; at most {MAXIMUM_FRAGMENTS} are allowed.")
    measured: dict[str, _Size | None] = {}
    problems: dict[str, None] = {}
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        size = _measure(definition.selection_set, fragments, measured)
        if size.depth > MAXIMUM_DEPTH:
            problems[f"The query is {size.depth} levels deep; at most {MAXIMUM_DEPTH} are allowed."] = None
        if size.aliases > MAXIMUM_ALIASES:
            problems[f"The query uses {_shown(size.aliases)} aliases; at most {MAXIMUM_ALIASES} are allowed."] = None
        if size.fields > MAXIMUM_FIELDS:
            problems[f"The query selects {_shown(size.fields)} fields; at most {MAXIMUM_FIELDS:,} are allowed."] = None
    if problems:
        raise BadUserInput(*problems)


class NodeBudget:
    """Counts the objects of one result."""

    def __init__(self) -> None:
        self._used = 0
        self._expected = 0
        self._lock = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether more was asked for than a result may hold."""
        return max(self._used, self._expected) > MAXIMUM_NODES

    def take(self, number: int) -> None:
        """Counts ``number`` more.

        Raises:
            TooLarge: the result would hold more than 10,000.
        """
        self._used += number
        self.check()

    def expect(self, number: int) -> None:
        """Says that ``number`` more will be shown, before they are read. Callable from any thread.

        Raises:
            TooLarge: all that was said so far is more than 10,000.
        """
        with self._lock:
            self._expected += number
        self.check()

    def check(self) -> None:
        """Raises what :meth:`take` would, before work is done that cannot be shown."""
        if self.exhausted:
            raise TooLarge(f"The result holds more than {MAXIMUM_NODES:,} objects. Give smaller limits, or select fewer nested lists.")


def _measure(selections: SelectionSetNode | None, fragments: dict[str, FragmentDefinitionNode], measured: dict[str, _Size | None]) -> _Size:
    depth = aliases = fields = 0
    for selection in selections.selections if selections else ():
        if isinstance(selection, FragmentSpreadNode):
            inner = _measure_fragment(selection.name.value, fragments, measured)
        elif isinstance(selection, FieldNode):
            aliases += selection.alias is not None
            fields += 1
            inner = _measure(selection.selection_set, fragments, measured)
            # Introspection has a depth rule of its own; every tool's introspection query is deeper than 10.
            inner = _Size(0 if selection.name.value in _INTROSPECTION else inner.depth + 1, inner.aliases, inner.fields)
        else:
            inner = _measure(getattr(selection, "selection_set", None), fragments, measured)
        depth = max(depth, inner.depth)
        aliases += inner.aliases
        fields += inner.fields
    return _Size(depth, aliases, fields)


def _measure_fragment(name: str, fragments: dict[str, FragmentDefinitionNode], measured: dict[str, _Size | None]) -> _Size:
    if name not in fragments:
        return _Size(0, 0, 0)  # an unknown fragment is the validation's to report
    if name not in measured:
        measured[name] = None  # being measured: meeting it again is a cycle, which the validation reports
        measured[name] = _measure(fragments[name].selection_set, fragments, measured)
    return measured[name] or _Size(0, 0, 0)


def _shown(number: int) -> str:
    return f"{number:,}" if number < 10**9 else "more than a billion"
