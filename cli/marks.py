"""Keys, descriptions and labels, which endpoints and event filters share: options, and parts of GraphQL documents."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from cli.errors import UsageError


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


@dataclass(frozen=True, slots=True)
class _Mark:
    """One of them.

    Attributes:
        flag: its option.
        annotation: the option as Typer wants it.
        graphql_type: of its argument in mutations.
        read: the argument's value from that of the option.
    """

    flag: str
    annotation: Any
    graphql_type: str = "String"
    read: Callable[[Any], Any] = lambda given: given


_MARKS: Final[Mapping[str, _Mark]] = {
    "key": _Mark(
        "--key", Annotated[str | None, typer.Option(help="Your own id for it, which no other of its kind has. Empty: take it away.")]
    ),
    "description": _Mark("--description", Annotated[str | None, typer.Option(help="For people. Empty: take it away.")]),
    "labels": _Mark(
        "--label",
        Annotated[
            list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="A label; may be repeated. On updates all are replaced.")
        ],
        "JSON",
        read_labels,
    ),
}

NAMES: Final = tuple(_MARKS)
FLAGS: Final = [one.flag for one in _MARKS.values()]
SHOWN: Final = " ".join(_MARKS)
VARIABLES: Final = ", ".join(f"${name}: {one.graphql_type}" for name, one in _MARKS.items())
ARGUMENTS: Final = ", ".join(f"{name}: ${name}" for name in _MARKS)


def with_marks(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command an option for each mark, in place of its parameter ``marks``. What is given of them reaches it there,
    as variables of a mutation.

    Example::

        @app.command()
        @with_marks
        def update(context: typer.Context, endpoint: Id, marks: Marks) -> None: ...
    """
    signature = inspect.signature(command, eval_str=True)
    own = [one for one in signature.parameters.values() if one.name != "marks"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=one.annotation) for name, one in _MARKS.items()
    ]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        marks = {name: one.read(given.pop(name)) for name, one in _MARKS.items()}
        command(**given, marks={name: value for name, value in marks.items() if value is not None})

    parameters = [*own, *options]
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # Typer reads it
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_options


Marks = dict[str, Any]
"""What is given of them, by name."""
