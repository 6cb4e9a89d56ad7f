"""Which item, and what is done with it in a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model


@dataclass(frozen=True, slots=True)
class Key:
    """The primary key of one item of a model's table, as Python values."""

    model: type[Model]
    hash: Any
    range: Any = None


@dataclass(slots=True)
class Write:
    """One action of a transaction."""

    item: Model | None = None
    key: Key | None = None
    actions: Sequence[Action] = ()
    condition: Condition | None = None
    kind: str = field(default="Put")

    @classmethod
    def put(cls, item: Model, condition: Condition | None = None) -> Write:
        return cls(item=item, condition=condition, kind="Put")

    @classmethod
    def update(cls, key: Key, actions: Sequence[Action], condition: Condition | None = None) -> Write:
        return cls(key=key, actions=actions, condition=condition, kind="Update")
