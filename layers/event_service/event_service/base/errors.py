"""What can go wrong, in terms a caller understands.

Every error that a caller may see is a :class:`DomainError`. Each door (GraphQL, CloudEvents, WebSocket, command line)
shows it by its ``code``, and the statuses of a code stand in :data:`STATUSES`: a new code needs a row there, and no
change at any door. Whatever is not a ``DomainError`` is our own fault and is shown masked, as ``INTERNAL``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ErrorCode(StrEnum):
    """The values of ``extensions.code``."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    CONFLICT = "CONFLICT"
    TOO_LARGE = "TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Status:
    """How the doors show one code.

    Attributes:
        meaning: for the documentation.
        http: status of the CloudEvents door. GraphQL answers 200 and shows the code itself.
        web_socket: status of a refused WebSocket connect.
        exit: status of the command-line tool.
    """

    meaning: str
    http: int
    web_socket: int
    exit: int


STATUSES: Final[Mapping[ErrorCode, Status]] = MappingProxyType(
    {
        ErrorCode.UNAUTHENTICATED: Status("No token, or one that is unknown, revoked or expired.", 401, 401, 4),
        ErrorCode.FORBIDDEN: Status("A valid token that may not do this.", 403, 403, 4),
        ErrorCode.NOT_FOUND: Status("Ids that do not exist in the token's workspace.", 404, 404, 1),
        ErrorCode.BAD_USER_INPUT: Status("Input that breaks a stated rule; all faults are named together.", 400, 400, 1),
        ErrorCode.CONFLICT: Status(
            "Another change was faster, a key is taken, or an idempotency key was used for other input.", 409, 409, 1
        ),
        ErrorCode.TOO_LARGE: Status("A limit on size, count or time was passed; the message names what would fit.", 413, 413, 1),
        ErrorCode.RATE_LIMITED: Status("Too much at once; try again in a few seconds.", 429, 429, 1),
        ErrorCode.INTERNAL: Status("A fault of the service; the request id is in its log.", 500, 500, 1),
    }
)
"""Every code has a row: a test compares them."""


class DomainError(Exception):
    """An error whose text is written for the person who made the call. ``retry_after_seconds`` says when the same call may
    succeed; ``None``: it will not, or nobody knows."""

    code: ErrorCode = ErrorCode.INTERNAL
    retry_after_seconds: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthenticated(DomainError):
    """No token, or one that is unknown, revoked or expired."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(DomainError):
    """A valid token that may not do this."""

    code = ErrorCode.FORBIDDEN


class NotFound(DomainError):
    """Ids that do not exist in the caller's workspace; foreign ids look exactly like this."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, what: str, ids: Sequence[str]) -> None:
        super().__init__(f"No {what} with id {', '.join(ids)} in this workspace; nothing was changed.")
        self.ids = list(ids)


class BadUserInput(DomainError):
    """Input that breaks a stated rule. ``problems`` holds one sentence a fault, so that several are reported together."""

    code = ErrorCode.BAD_USER_INPUT

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


class Conflict(DomainError):
    """Other changes kept winning, so that the caller may try again; or what was asked for is taken. ``ids`` say by whom."""

    code = ErrorCode.CONFLICT

    def __init__(self, message: str, ids: Sequence[str] = (), retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.ids = list(ids)
        self.retry_after_seconds = retry_after_seconds


class TooLarge(DomainError):
    """A limit on size or count was passed; the message names it and what would fit."""

    code = ErrorCode.TOO_LARGE


class RateLimited(DomainError):
    """AWS throttled us, also after our own retries."""

    code = ErrorCode.RATE_LIMITED
    retry_after_seconds = 5


class Unavailable(Exception):
    """A remote call failed or timed out and its outcome is unknown. Ours, not the caller's: shown masked."""
