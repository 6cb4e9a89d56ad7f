"""A change set as a person reads it: a sentence, and what was there before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.codec import decoded, endpoint_fields, event_filter_fields
from event_service.configuration.endpoint import EndpointStatus

NAMES_PER_SENTENCE: Final = 3
CHARACTERS_PER_VALUE: Final = 120
_NOT_SHOWN: Final = frozenset(("format", "id", "workspaceId", "created", "modified", "indexEntries"))
"""Stored fields of endpoints and event filters that no mutation sets."""
_LABELS: Final = {"condition": "meta"}
"""Stored names that the API calls otherwise."""
_VERBS: Final = {EndpointStatus.PAUSED: "Paused", EndpointStatus.ENABLED: "Resumed", EndpointStatus.DISABLED: "Disabled"}

Objects = dict[str, dict[str, Any]]
"""Fields by the id of the endpoint or event filter that has them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change set did. ``before`` and ``after``: only what changed, by id; ``None`` where there is nothing."""

    sentence: str
    before: Objects | None
    after: Objects | None


def difference_of(change: ChangeSet) -> Difference:
    """What a change set did, from the change set alone."""
    before: Objects = {one: shown_fields(fields) for one, fields in change.note.before.items()}
    after: Objects = {}
    for operation in change.operations:
        _add(operation, change.note.names, before, after)
    sentence = " ".join(_sentence(operation, change) for operation in change.operations)
    return Difference(sentence, before or None, after or None)


def _add(operation: Operation, names: Mapping[str, str], before: Objects, after: Objects) -> None:
    match operation:
        case PutEndpoint(endpoint):
            _put(endpoint.id, endpoint_fields(endpoint), before, after)
        case PutEventFilter(event_filter):
            _put(event_filter.id, event_filter_fields(event_filter), before, after)
        case DeleteEndpoints(ids) | DeleteEventFilters(ids):
            for one in ids:
                before.setdefault(one, {})["name"] = names.get(one)
        case SetState(ids):
            changed = shown_fields({name: value for name, value in operation.fields().items() if name != "modified"})
            for one in ids:
                after.setdefault(one, {}).update(changed)
        case Link(endpoint_ids, event_filter_ids):
            for one in endpoint_ids:
                after.setdefault(one, {})["eventFiltersIds"] = list(event_filter_ids)
        case Unlink(endpoint_ids, event_filter_ids):
            for one in endpoint_ids:
                before.setdefault(one, {})["eventFiltersIds"] = list(event_filter_ids)


def _put(one: str, fields: Mapping[str, Any], before: Objects, after: Objects) -> None:
    """All that is shown of a new thing; of an old one what changed."""
    known = shown_fields({name: value for name, value in fields.items() if value is not None})
    was = before.get(one)
    after.setdefault(one, {}).update(known if was is None else {name: known.get(name) for name in was})


def shown_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Stored fields that a person is shown, as the API names and writes them."""
    return {_LABELS.get(name, name): decoded(name, value) for name, value in fields.items() if name not in _NOT_SHOWN}


def _sentence(operation: Operation, change: ChangeSet) -> str:
    names = change.note.names
    match operation:
        case PutEndpoint(endpoint):
            return _put_sentence("endpoint", endpoint.id, endpoint_fields(endpoint), change, f" ({endpoint.type.value})")
        case PutEventFilter(event_filter):
            return _put_sentence("event filter", event_filter.id, event_filter_fields(event_filter), change, "")
        case DeleteEndpoints(ids):
            return f"Deleted {_things('endpoint', ids, names)}."
        case DeleteEventFilters(ids):
            return f"Deleted {_things('event filter', ids, names)}."
        case SetState():
            return _state_sentence(operation, names)
        case Link(endpoint_ids, event_filter_ids):
            return f"Linked {_things('endpoint', endpoint_ids, names)} to {_things('event filter', event_filter_ids, names)}."
        case Unlink(endpoint_ids, event_filter_ids):
            return f"Unlinked {_things('endpoint', endpoint_ids, names)} from {_things('event filter', event_filter_ids, names)}."


def _state_sentence(state: SetState, names: Mapping[str, str]) -> str:
    things = _things("endpoint", state.ids, names)
    if state.status is not None:
        return f"{_VERBS[state.status]} {things}{f': {state.reason}' if state.reason else ''}."
    if state.matches_nothing:
        return f"With no event filter left, {things} will receive nothing until one is linked or it is resumed."
    return f"By that, {things} can receive events again."


def _put_sentence(kind: str, one: str, fields: Mapping[str, Any], change: ChangeSet, suffix: str) -> str:
    was = change.note.before.get(one)
    thing = _things(kind, (one,), change.note.names)
    if was is None:
        return f"Created {thing}{suffix}."
    now = shown_fields(fields)
    changes = [f"{name} from {_value(value)} to {_value(now.get(name))}" for name, value in shown_fields(was).items()]
    return f"Changed {thing}: {'; '.join(changes)}." if changes else f"Saved {thing} without a change."


def _things(kind: str, ids: Sequence[str], names: Mapping[str, str]) -> str:
    shown = [json.dumps(names[one], ensure_ascii=False) if one in names else one for one in ids[:NAMES_PER_SENTENCE]]
    more = len(ids) - len(shown)
    listed = ", ".join(shown) + (f" and {more:,} more" if more else "")
    return f"the {kind} {listed}" if len(ids) == 1 else f"the {kind}s {listed}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= CHARACTERS_PER_VALUE else text[: CHARACTERS_PER_VALUE - 1] + "…"
