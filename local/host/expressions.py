"""Parses each expression of DynamoDB once.

MiniStack tokenizes and checks conditions, key conditions and filters anew for every call, some of them for every item: a tenth of the
thread that answers all calls. A program has some dozens of them, with the values apart.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from ministack.services import dynamodb  # type: ignore[import-not-found]  # only in MiniStack's environment

REMEMBERED: Final = 1_000


def install() -> None:
    """Puts this in the place of MiniStack's own."""
    tokens = lru_cache(REMEMBERED)(dynamodb._tokenize)  # noqa: SLF001 - MiniStack has no hooks for this

    def tokenize(expression: str) -> list[Any]:
        return list(tokens(expression))  # whose list a caller may change

    dynamodb._tokenize = tokenize  # noqa: SLF001 - as above
    dynamodb._condition_syntax_error = lru_cache(REMEMBERED)(dynamodb._condition_syntax_error)  # noqa: SLF001 - as above
