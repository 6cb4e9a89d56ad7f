"""What can go wrong in terms a caller understands.

Every error that a door may show is a :class:`DomainError`; the doors translate it by its ``code`` and nothing else, so
that a new error needs no change there. Anything that is not a ``DomainError`` is our own fault and is shown masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


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


class DomainError(Exception):
    """An error whose text is written for the person who made the call."""

    code: ErrorCode = ErrorCode.INTERNAL

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
    """Other changes kept winning; the caller may try again."""

    code = ErrorCode.CONFLICT


class TooLarge(DomainError):
    """A limit on size or count was passed; the message names it and what would fit."""

    code = ErrorCode.TOO_LARGE


class RateLimited(DomainError):
    """AWS throttled us, also after our own retries."""

    code = ErrorCode.RATE_LIMITED


class Unavailable(Exception):
    """A remote call failed or timed out and its outcome is unknown. Ours, not the caller's: shown masked."""
