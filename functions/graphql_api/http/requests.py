"""Reading a GraphQL request strictly: what cannot be read alike by everyone is refused before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from event_service.base import json_values
from event_service.base.errors import BadUserInput
from event_service.base.problems import Problems
from functions.graphql_api.http.negotiation import GRAPHQL_RESPONSE, JSON

_ENVELOPE_DEPTH = 10
"""``{"variables": {"events": [{"data": …}]}}``: how much deeper a body is than the JSON values in it."""

_URL_SHAPE = "send ?query=%7B%20endpoints%20%7B%20totalCount%20%7D%20%7D, and variables as JSON"
_SHAPE = 'send one JSON object such as {"query": "{ endpoints { totalCount } }", "variables": {}}'


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client asks for."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def read_graphql_request(content_type: str | None, body: bytes) -> GraphQLRequest:
    """Reads the body of a POST.

    Args:
        content_type: the header; a missing one counts as JSON.
        body: the bytes, unpacked; see :func:`~functions.graphql_api.http.bodies.read_body`.

    Raises:
        BadUserInput: not a single GraphQL request in JSON.
    """
    _check_content_type(content_type)
    if not body.strip():
        raise BadUserInput(f"The request body is empty: {_SHAPE}.")
    value = json_values.loads(body, "request body", json_values.MAXIMUM_DEPTH + _ENVELOPE_DEPTH)
    if isinstance(value, list):
        raise BadUserInput(f"The request body is a list. Batched operations are not supported: {_SHAPE}.")
    if not isinstance(value, dict):
        raise BadUserInput(f"The request body is no JSON object: {_SHAPE}.")
    return _checked(value, _SHAPE)


def read_graphql_url(parameters: Mapping[str, str]) -> GraphQLRequest:
    """Reads the parameters of a GET.

    Args:
        parameters: of the URL, decoded.

    Raises:
        BadUserInput: not a single GraphQL request, or JSON in a parameter that is none.
    """
    value: dict[str, Any] = {name: parameters[name] for name in ("query", "operationName") if name in parameters}
    problems = Problems()
    for name in ("variables", "extensions"):
        text = parameters.get(name, "")
        if text:
            value[name] = problems.collect(
                partial(json_values.loads, text.encode(), name, json_values.MAXIMUM_DEPTH + _ENVELOPE_DEPTH), None
            )
    problems.refuse()
    return _checked(value, _URL_SHAPE)


def _checked(value: Mapping[str, Any], shape: str) -> GraphQLRequest:
    query, variables, operation_name = value.get("query"), value.get("variables"), value.get("operationName")
    problems: list[str] = []
    text = query if isinstance(query, str) else ""
    if not text.strip():
        problems.append(f"query: it must be a string that holds a GraphQL document: {shape}.")
    if variables is not None and not isinstance(variables, dict):
        problems.append("variables: it must be an object, or null.")
    if operation_name is not None and not isinstance(operation_name, str):
        problems.append("operationName: it must be a string, or null.")
    # Nothing in them is read here, but a client that sends them in another form means something else.
    if value.get("extensions") is not None and not isinstance(value["extensions"], dict):
        problems.append("extensions: it must be an object, or null.")
    if problems:
        raise BadUserInput(*problems)
    return GraphQLRequest(text, variables, operation_name or None)


def _check_content_type(content_type: str | None) -> None:
    if content_type is None or not content_type.strip():
        # A page of another site can send a body without a type, and its browser asks nobody before.
        raise BadUserInput("content-type: it is missing; send JSON with 'content-type: application/json'.")
    media_type, _, parameters = content_type.partition(";")
    if media_type.strip().lower() not in (JSON, GRAPHQL_RESPONSE):
        shown = media_type.strip()[:60]
        raise BadUserInput(f"content-type: {shown!r} cannot be read here: send JSON with 'content-type: application/json'.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in ("utf-8", "utf8", "us-ascii"):
            raise BadUserInput(f"content-type: the charset {value.strip()[:40]!r} cannot be read here: JSON is UTF-8.")
