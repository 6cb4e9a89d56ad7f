"""`event-service`: the daily chores at the command line, for local and deployed stacks."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer._click.exceptions import ClickException  # Typer brings its own Click and gives this out nowhere else
from typer.core import TyperGroup

from cli.commands import (
    changes,
    configuration,
    connections,
    deliveries,
    endpoints,
    events,
    filters,
    jobs,
    listen,
    publish,
    receive,
    replay,
    token,
    why,
)
from cli.errors import CommandError, ExitStatus, OutputClosed, OutputFailed, Unreachable, UsageError
from cli.output import Output
from cli.session import Session
from cli.target import Target
from event_service.base.errors import DomainError, Unavailable

STACK_FILE: Final = Path(__file__).resolve().parent.parent / ".local" / "stack.json"

_FLAGS: Final = ("--json",)
_VALUES: Final = ("--url", "--socket-url", "--token", "--stack", "--profile", "--region", "--stack-file")


class _Root(TyperGroup):
    """Takes the common options anywhere on the line, and turns whatever went wrong into a sentence and an exit status."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _common_options_first(args))

    def main(self, args: Any = None, *others: Any, **named: Any) -> Any:
        """Runs the tool and exits."""
        given = list(sys.argv[1:] if args is None else args)
        before = given[: given.index("--")] if "--" in given else given
        status = self._run(given, Output(as_json="--json" in before), *others, **{**named, "standalone_mode": False})
        sys.exit(status)

    def _run(self, given: list[str], output: Output, *others: Any, **named: Any) -> int:
        try:
            _check_encoding(given)
            result = super().main(given, *others, **named)
            return result if isinstance(result, int) else int(ExitStatus.DONE)
        except ClickException as error:
            if output.as_json:
                output.error(error.format_message(), UsageError.code, {})
            else:
                shown = StringIO()
                error.show(file=shown)
                output.note(shown.getvalue().rstrip("\n"))
            return error.exit_code
        except OutputClosed as error:
            _give_output_up()
            return int(error.status)
        except CommandError as error:
            if isinstance(error, OutputFailed):
                _give_output_up()
            output.error(error.message, error.code, error.details)
            return int(error.status)
        except DomainError as error:  # from the tokens, which are not behind the API
            output.error(error.message, error.code.value, {})
            return int(ExitStatus.FAILED)
        except Unavailable as error:
            output.error(str(error), Unreachable.code, {})
            return int(ExitStatus.UNREACHABLE)
        except (KeyboardInterrupt, typer.Abort):
            output.note("interrupted")
            return int(ExitStatus.INTERRUPTED)
        except Exception as error:  # the last resort: a person gets a sentence, a developer with `python -X dev` the traceback
            if sys.flags.dev_mode:
                raise
            output.error(f"This should not have happened ({type(error).__name__}): {error}", "INTERNAL", {})
            return int(ExitStatus.FAILED)


def _check_encoding(given: list[str]) -> None:
    """Python reads arguments that are not UTF-8 as halves of surrogate pairs, which nothing can send."""
    for number, argument in enumerate(given, 1):
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(f"Argument {number} ({argument[:40]!r}) is not UTF-8.")


def _give_output_up() -> None:
    """Python writes out what is left when it ends, and complains of a closed pipe or a full disk then."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _common_options_first(args: list[str]) -> list[str]:
    """`endpoints list --json` is what people type; Click wants `--json endpoints list`."""
    common: list[str] = []
    rest: list[str] = []
    waiting = iter(args)
    for argument in waiting:
        if argument == "--":
            rest.extend([argument, *waiting])
        elif argument in _FLAGS or argument.partition("=")[0] in _VALUES:
            common.append(argument)
            if argument in _VALUES:
                common.extend(value for value in [next(waiting, None)] if value is not None)
        else:
            rest.append(argument)
    return common + rest


app = typer.Typer(
    name="event-service",
    cls=_Root,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 service unreachable, 4 token not allowed, 5 done in part, "
    "130 interrupted, 141 the output's reader went away.",
)


@app.callback()
def main(  # noqa: PLR0917 - Typer calls it, by name
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: results on standard output, errors on standard error.")] = False,
    token: Annotated[str | None, typer.Option(envvar="EVENT_SERVICE_TOKEN", help="The token; of the local stack it is known.")] = None,
    stack: Annotated[str | None, typer.Option(envvar="EVENT_SERVICE_STACK", help="A stack in AWS, instead of the local one.")] = None,
    profile: Annotated[str | None, typer.Option(help="With --stack: a profile of your AWS configuration.")] = None,
    region: Annotated[str | None, typer.Option(help="With --stack: its Region.")] = None,
    url: Annotated[str | None, typer.Option(envvar="EVENT_SERVICE_URL", help="The GraphQL API, instead of a stack.")] = None,
    socket_url: Annotated[str | None, typer.Option(envvar="EVENT_SERVICE_SOCKET_URL", help="With --url: where sockets connect.")] = None,
    stack_file: Annotated[Path, typer.Option(help="What `make run` wrote about the local stack.", show_default=False)] = STACK_FILE,
) -> None:
    """Endpoints, event filters, events and deliveries of an event-service.

    Without --stack or --url it talks to the local stack that `make run` started. These options may stand anywhere on the line.
    """
    target = Target(url=url, socket_url=socket_url, token=token, stack=stack, profile=profile, region=region, stack_file=stack_file)
    context.obj = Session(target, Output(as_json))


app.add_typer(token.app, name="token")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(filters.app, name="filters")
app.add_typer(events.app, name="events")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(connections.app, name="connections")
app.command("changes")(changes.changes)
app.command("configuration")(configuration.configuration)
app.command("why")(why.why)
app.command("publish")(publish.publish)
app.command("replay")(replay.replay)
app.command("jobs")(jobs.jobs)
app.command("job")(jobs.job)
app.command("listen")(listen.listen)
app.command("receive")(receive.receive)


if __name__ == "__main__":
    app()
