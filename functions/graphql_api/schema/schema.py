"""The schema, put together."""

from collections.abc import Iterator

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.extensions.base_extension import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from functions.graphql_api.schema.changes import ChangeQueries
from functions.graphql_api.schema.event_types import EventTypeQueries
from functions.graphql_api.schema.explanations import ExplanationQueries
from functions.graphql_api.schema.jobs import JobQueries
from functions.graphql_api.schema.matching import MatchingQueries
from functions.graphql_api.schema.mutations import Mutation
from functions.graphql_api.schema.past_configuration import PastConfigurationQueries
from functions.graphql_api.schema.queries import Query
from functions.graphql_api.schema.scalars import SCALARS
from functions.graphql_api.schema.statistics import StatisticsQueries


class PreparedDocument(SchemaExtension):
    """Hands Strawberry the document that was read and validated before the token was spent on it."""

    def on_parse(self) -> Iterator[None]:
        """In place of parsing."""
        self.execution_context.graphql_document = self.execution_context.context.document
        yield

    def on_validate(self) -> Iterator[None]:
        """In place of validating."""
        self.execution_context.pre_execution_errors = []
        yield


class Schema(strawberry.Schema):
    """Strawberry's schema, with its own logging off: it writes messages that quote what the caller sent."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Errors are logged where they are shown, in ``errors.to_graphql``."""

    @property
    def core(self) -> GraphQLSchema:
        """graphql-core's schema; Strawberry has no public name for it."""
        return self._schema


@strawberry.type(name="Query")
class RootQuery(
    Query, ChangeQueries, PastConfigurationQueries, ExplanationQueries, MatchingQueries, StatisticsQueries, EventTypeQueries, JobQueries
):
    """Everything that can be read."""


def build_schema() -> Schema:
    """The schema of the contract."""
    return Schema(RootQuery, Mutation, extensions=[PreparedDocument], config=StrawberryConfig(scalar_map=SCALARS))
