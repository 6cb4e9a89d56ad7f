"""Who changed what, and who read a secret: one line in the log for each, so that it can be told afterwards.

Publishing has no such line: it changes nothing that anybody set, and its traces are in the summary of the invocation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    value_from_ast_untyped,
)

from event_service.access.token import Token
from functions.graphql_api.context import TOKEN_ID_CHARACTERS

_LOG = logging.getLogger(__name__)

NOT_AUDITED: Final = frozenset({"__typename", "publishEvents"})
SECRETS: Final = frozenset({"endpointSecret"})
"""Queries whose answer is a secret."""
MAXIMUM_IDS: Final = 100
MAXIMUM_ID_CHARACTERS: Final = 64


def audit(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
    token: Token,
    data: Mapping[str, Any] | None,
    errors: list[dict[str, Any]],
) -> None:
    """Writes the lines of one executed operation.

    Args:
        document: what was asked.
        operation: the one of its operations that was executed.
        variables: their values.
        token: of the caller.
        data: what was answered.
        errors: as they were answered; the first element of ``path`` names the field.
    """
    audited = [
        field
        for field in _fields(document, operation.selection_set, set())
        if (field.name.value in SECRETS if operation.operation is OperationType.QUERY else field.name.value not in NOT_AUDITED)
    ]
    failed = {error["path"][0] for error in errors if error.get("path")}
    for field in audited:
        name = field.alias.value if field.alias else field.name.value
        if data is not None and name not in data:
            continue  # left out by @skip or @include
        answered = data.get(name) if data is not None else None
        _LOG.info(
            "audit: %s",
            field.name.value,
            extra={
                "operation": field.name.value,
                "token_id": token.token_hash[:TOKEN_ID_CHARACTERS],
                "ids": list(_ids(field, variables or {}, answered))[:MAXIMUM_IDS],
                "outcome": "failed" if name in failed else "done" if data is not None else "not known",
            },
        )


def _fields(document: DocumentNode, selections: SelectionSetNode, seen: set[str]) -> Iterator[FieldNode]:
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(document, selection.selection_set, seen)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            for definition in document.definitions:
                if isinstance(definition, FragmentDefinitionNode) and definition.name.value == selection.name.value:
                    yield from _fields(document, definition.selection_set, seen)


def _ids(field: FieldNode, variables: Mapping[str, Any], answered: Any) -> Iterator[str]:
    """Ids that were given, and the id of what was made if it was asked for; each once."""
    given = [
        value_from_ast_untyped(argument.value, dict(variables))
        for argument in field.arguments or ()
        if argument.name.value.lower().endswith(("id", "ids"))
    ]
    made = [answered.get("id")] if isinstance(answered, Mapping) else []
    flat = [one for value in [*given, *made] for one in (value if isinstance(value, list) else [value])]
    yield from dict.fromkeys(one[:MAXIMUM_ID_CHARACTERS] for one in flat if isinstance(one, str))
