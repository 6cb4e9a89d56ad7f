"""Keys, descriptions and labels, which endpoints and event filters share: options, and parts of GraphQL documents."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli.errors import UsageError

SHOWN: Final = "key description labels"
VARIABLES: Final = "$key: String, $description: String, $labels: JSON"
ARGUMENTS: Final = "key: $key, description: $description, labels: $labels"

Key = Annotated[str | None, typer.Option(help="Your own id for it, which no other of its kind has. Empty: take it away.")]
Description = Annotated[str | None, typer.Option(help="For people. Empty: take it away.")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="A label; may be repeated. On updates all are replaced.")
]


def given_marks(key: str | None, description: str | None, labels: list[str] | None) -> dict[str, Any]:
    """As variables of a mutation; what was not given is left out."""
    given = {"key": key, "description": description, "labels": read_labels(labels)}
    return {name: value for name, value in given.items() if value is not None}


def read_labels(labels: list[str] | None) -> dict[str, str] | None:
    """Pairs from the command line; ``--label ""`` alone means none.

    Raises:
        UsageError: one has no name or no ``=``.
    """
    if not labels:
        return None
    pairs: dict[str, str] = {}
    for label in labels if labels != [""] else []:
        name, sign, value = label.partition("=")
        if not sign or not name:
            raise UsageError(f"--label: {label!r} is not NAME=VALUE.")
        pairs[name] = value
    return pairs
