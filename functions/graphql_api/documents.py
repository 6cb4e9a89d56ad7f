"""GraphQL documents, read and validated. Clients send the same few texts again and again, so the results are kept."""

from __future__ import annotations

from collections import OrderedDict

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

from functions.graphql_api import limits

CACHE_SIZE = 256
CACHED_CHARACTERS = 8_192
"""Longer texts hold data as literals and do not come twice."""
CACHE_CHARACTERS = 256 * 1024
"""Of all texts together. A syntax tree takes up to 350 bytes a character, when the text is nothing but short literals."""
MAXIMUM_ERRORS = 20


class UnreadableDocument(Exception):
    """The query is not GraphQL."""

    def __init__(self, error: GraphQLSyntaxError) -> None:
        super().__init__(str(error))
        self.error = error


class InvalidDocument(Exception):
    """GraphQL, but not for this schema."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class Documents:
    """Reads documents for one schema.

    Args:
        schema: what they are validated against.
        introspection: whether they may ask for the schema.
    """

    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        self._schema = schema
        self._hide_suggestions = not introspection
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()
        self._characters = 0

    def read(self, text: str) -> DocumentNode:
        """The valid document that ``text`` holds.

        Raises:
            UnreadableDocument: a syntax error, or more than 20,000 tokens.
            BadUserInput: over one of the limits of :func:`limits.check_document`.
            InvalidDocument: it does not fit the schema; all faults together, at most 20.
        """
        document = self._known.get(text)
        if document is not None:
            self._known.move_to_end(text)
            return document
        try:
            document = parse(text, max_lexical_tokens=limits.MAXIMUM_TOKENS, max_comments=limits.MAXIMUM_COMMENTS)
        except GraphQLSyntaxError as error:
            raise UnreadableDocument(error) from None
        # Before validation, whose own cost grows with the square of the fields.
        limits.check_document(document)
        errors = validate(self._schema, document, self._rules, max_errors=MAXIMUM_ERRORS, hide_suggestions=self._hide_suggestions)
        if errors:
            raise InvalidDocument(errors)
        if len(text) <= CACHED_CHARACTERS:
            self._known[text] = document
            self._characters += len(text)
            while len(self._known) > CACHE_SIZE or self._characters > CACHE_CHARACTERS:
                oldest, _ = self._known.popitem(last=False)
                self._characters -= len(oldest)
        return document


def choose_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to run.

    Raises:
        InvalidDocument: there is none of that name, or several and no name was given.
    """
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        for operation in operations:
            if operation.name and operation.name.value == name:
                return operation
        raise InvalidDocument([GraphQLError(f"operationName: the document has no operation named {name[:60]!r}.")])
    if len(operations) != 1:
        raise InvalidDocument([GraphQLError(f"The document has {len(operations)} operations: say in operationName which one to run.")])
    return operations[0]
