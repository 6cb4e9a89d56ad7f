"""What can go wrong for the person at the terminal, and the exit status that scripts see.

========  ==========================================================================================
status    meaning
========  ==========================================================================================
0         done
1         the service refused or failed (the API's error code is shown), or a receiver did not take the event
2         wrong usage
3         the service cannot be reached, or it is not known where it is
4         the token is missing, wrong or may not do this
5         done in part: some of the input was taken, the message says how far
130       interrupted
141       whoever read the output went away, as in ``| head``
========  ==========================================================================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from event_service.base.errors import STATUSES


class ExitStatus(IntEnum):
    """See the table above."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    IN_PART = 5
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


class CommandError(Exception):
    """A sentence for the person, and the status to exit with."""

    status = ExitStatus.FAILED
    code = "FAILED"

    def __init__(self, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}


class UsageError(CommandError):
    """What was typed cannot be understood."""

    status = ExitStatus.USAGE
    code = "USAGE"


class Unreachable(CommandError):
    """No answer, or nobody to ask."""

    status = ExitStatus.UNREACHABLE
    code = "UNREACHABLE"


class NotAllowed(CommandError):
    """The token does not open this."""

    status = ExitStatus.NOT_ALLOWED
    code = "UNAUTHENTICATED"


class DoneInPart(CommandError):
    """Some of it was done."""

    status = ExitStatus.IN_PART
    code = "IN_PART"


class OutputFailed(CommandError):
    """Standard output does not take the result."""

    code = "OUTPUT"


class OutputClosed(CommandError):
    """Whoever read standard output has gone: nobody is left to be told."""

    status = ExitStatus.OUTPUT_CLOSED
    code = "OUTPUT_CLOSED"

    def __init__(self) -> None:
        super().__init__("Whoever read the output went away.")


class ApiError(CommandError):
    """The API answered with errors."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        extensions = errors[0].get("extensions")
        extensions = extensions if isinstance(extensions, dict) else {}
        self.code = str(extensions.get("code", "INTERNAL"))
        # A code that only a newer service knows is a refusal like others.
        known = {code.value: ExitStatus(status.exit) for code, status in STATUSES.items()}
        self.status = known.get(self.code, ExitStatus.FAILED)
        details = {key: value for key, value in extensions.items() if key != "code"}
        super().__init__("\n".join(str(error.get("message", "")) for error in errors), details)
