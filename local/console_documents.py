"""Writes ``console/src/api/documents.ts``: the console's GraphQL operations with the types of their variables and answers.

The operations are in ``console/src/api/*.graphql``. They are validated against ``docs/schema.graphql``, so a change of the schema
that breaks the console fails here, in a test that needs no Node:

    python -m local.console_documents [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeNode,
    build_schema,
    parse,
    print_ast,
    type_from_ast,
    validate,
)

from local.tools import ROOT, ToolError

SCHEMA: Final = ROOT / "docs" / "schema.graphql"
OPERATIONS: Final = ROOT / "console" / "src" / "api"
DOCUMENTS: Final = OPERATIONS / "documents.ts"
SCALARS: Final = {"ID": "string", "String": "string", "Int": "number", "Float": "number", "Boolean": "boolean", "JSON": "Json"}
"""Every other scalar of the schema is sent as a string."""
HEAD: Final = """\
// Written by local/console_documents.py from the .graphql files beside it and docs/schema.graphql. Do not edit.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** An operation with the types of its answer and of its variables. */
export interface Operation<Answer, Variables> {
  readonly name: string;
  readonly kind: "query" | "mutation";
  readonly text: string;
  /** Never there: it carries the types. */
  readonly types?: { answer: Answer; variables: Variables };
}
"""


class _Writer:
    """The TypeScript of one set of operations."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
        self._operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        self._named: dict[str, GraphQLEnumType | GraphQLInputObjectType] = {}

    def text(self) -> str:
        """The whole file."""
        parts = [self._fragment(one) for one in self._fragments.values()]
        parts += [self._operation(one) for one in self._operations]
        written: set[str] = set()
        inputs: list[str] = []
        while missing := sorted(self._named.keys() - written):
            for name in missing:
                inputs.append(self._input(self._named[name]))
                written.add(name)
        return "\n".join([HEAD, *inputs, *parts])

    def _fragment(self, fragment: FragmentDefinitionNode) -> str:
        of = self._object(fragment.type_condition.name.value)
        return f"export type {fragment.name.value} = {self._selected(of, fragment.selection_set, 0)};\n"

    def _operation(self, operation: OperationDefinitionNode) -> str:
        root = self._schema.get_root_type(operation.operation)
        if operation.name is None or root is None:
            raise ToolError("each operation of the console has a name, and a root in the schema")
        name = operation.name.value
        variables = []
        for one in operation.variable_definitions or ():
            required = isinstance(type_from_ast(self._schema, one.type), GraphQLNonNull) and one.default_value is None
            variables.append(f"  {one.variable.name.value}{'' if required else '?'}: {self._variable(one.type)};\n")
        declared = "{\n" + "".join(variables) + "}" if variables else "Record<string, never>"
        text = "\n\n".join([print_ast(operation), *(print_ast(self._fragments[one]) for one in self._spread(operation.selection_set))])
        return (
            f"export type {name}Answer = {self._selected(root, operation.selection_set, 0)};\n"
            f"export type {name}Variables = {declared};\n"
            f"export const {name}: Operation<{name}Answer, {name}Variables> = {{\n"
            f"  name: {json.dumps(name)},\n  kind: {json.dumps(operation.operation.value)},\n  text: {json.dumps(text)},\n}};\n"
        )

    def _spread(self, selections: SelectionSetNode, known: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The fragments that a selection needs, each once."""
        for selection in selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in known:
                    known = self._spread(self._fragments[name].selection_set, (*known, name))
            elif isinstance(selection, FieldNode) and selection.selection_set:
                known = self._spread(selection.selection_set, known)
        return known

    def _selected(self, of: GraphQLObjectType, selections: SelectionSetNode, depth: int) -> str:
        fields = []
        spread = []
        indent = "  " * (depth + 1)
        for selection in selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                spread.append(selection.name.value)
                continue
            if not isinstance(selection, FieldNode):
                raise ToolError("inline fragments are not known here: name the fragment")
            name = selection.alias.value if selection.alias else selection.name.value
            kind = of.fields[selection.name.value].type
            fields.append(f"{indent}{name}: {self._answer(kind, selection.selection_set, depth + 1)};\n")
        own = "{\n" + "".join(fields) + "  " * depth + "}" if fields else ""
        return " & ".join([*spread, *([own] if own else [])])

    def _answer(self, kind: object, selections: SelectionSetNode | None, depth: int, *, nullable: bool = True) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._answer(kind.of_type, selections, depth, nullable=False)
        if isinstance(kind, GraphQLList):
            inner = self._answer(kind.of_type, selections, depth)
            text = f"({inner})[]" if " | " in inner or " & " in inner else f"{inner}[]"
        elif isinstance(kind, GraphQLObjectType) and selections is not None:
            text = self._selected(kind, selections, depth)
        else:
            text = self._leaf(kind)
        return f"{text} | null" if nullable else text

    def _variable(self, node: TypeNode) -> str:
        return self._given(type_from_ast(self._schema, node))

    def _given(self, kind: object, *, nullable: bool = True) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._given(kind.of_type, nullable=False)
        if isinstance(kind, GraphQLList):
            inner = self._given(kind.of_type)
            text = f"({inner})[]" if " | " in inner else f"{inner}[]"
        else:
            text = self._leaf(kind)
        return f"{text} | null" if nullable else text

    def _leaf(self, kind: object) -> str:
        if isinstance(kind, GraphQLScalarType):
            return SCALARS.get(kind.name, "string")
        if not isinstance(kind, (GraphQLEnumType, GraphQLInputObjectType)):
            raise ToolError(f"the console selects {kind}, which is neither a scalar, an enum, an input nor an object")
        self._named[kind.name] = kind
        return kind.name

    def _input(self, kind: GraphQLEnumType | GraphQLInputObjectType) -> str:
        if isinstance(kind, GraphQLEnumType):
            return f"export type {kind.name} = {' | '.join(json.dumps(value) for value in kind.values)};\n"
        fields = []
        for name, field in kind.fields.items():
            required = isinstance(field.type, GraphQLNonNull)
            fields.append(f"  {name}{'' if required else '?'}: {self._given(field.type)};\n")
        return f"export interface {kind.name} {{\n{''.join(fields)}}}\n"

    def _object(self, name: str) -> GraphQLObjectType:
        found = self._schema.type_map[name]
        if not isinstance(found, GraphQLObjectType):
            raise ToolError(f"a fragment on {name}: the console knows fragments on object types only")
        return found


def documents(schema_text: str, operations: str) -> str:
    """The text of ``documents.ts``.

    Args:
        schema_text: in GraphQL's schema language.
        operations: all operations and fragments of the console.

    Raises:
        ToolError: the operations do not fit the schema; it names each fault and its line.
    """
    schema = build_schema(schema_text)
    document = parse(operations)
    if faults := validate(schema, document):
        raise ToolError("The console does not fit docs/schema.graphql:\n" + "\n".join(str(one) for one in faults))
    return _Writer(schema, document).text()


def current() -> str:
    """The text that ``documents.ts`` must have now."""
    sources: list[Path] = sorted(OPERATIONS.glob("*.graphql"))
    return documents(SCHEMA.read_text(encoding="utf-8"), "\n".join(one.read_text(encoding="utf-8") for one in sources))


def main(arguments: list[str]) -> int:
    """Writes the file, or with ``--check`` only compares it; returns the exit status."""
    try:
        text = current()
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments == ["--check"]:
        return int(DOCUMENTS.read_text(encoding="utf-8") != text)
    DOCUMENTS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
