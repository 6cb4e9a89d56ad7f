"""Wake-ups: what the queue in front of socket delivery carries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from event_service.base import json_values
from event_service.sockets.connection import Shard

FORMAT = 1


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Says that there may be something to do for an endpoint's connections; what, is read.

    Attributes:
        shard: only these connections; ``None``: all, or whoever serves them decides on shards.
        prefix: the hash prefix of the one connection it is about; ``None``: it is about all. Where there are shards, it
            saves the others a useless wake-up.
        continuation: how often the work was continued through the queue.
        deleted: the endpoint is no more, so its log is to be forgotten also if nobody is connected.
    """

    workspace_id: str
    endpoint_id: str
    shard: Shard | None = None
    prefix: str | None = None
    continuation: int = 0
    deleted: bool = False

    @property
    def group(self) -> str:
        """One worker at a time serves a group."""
        if self.shard is None:
            return self.endpoint_id
        return f"{self.endpoint_id}#{self.shard.index}of{self.shard.count}"

    def text(self, *, repeat: bool = False) -> str:
        """The JSON text that is sent. A repeat needs no mark: waking twice does no harm."""
        del repeat
        value: dict[str, Any] = {"v": FORMAT, "workspaceId": self.workspace_id, "endpointId": self.endpoint_id}
        if self.shard is not None:
            value["shard"] = [self.shard.index, self.shard.count]
        if self.prefix is not None:
            value["prefix"] = self.prefix
        if self.continuation:
            value["continuation"] = self.continuation
        if self.deleted:
            value["deleted"] = True
        return json_values.dumps(value)

    @classmethod
    def parse(cls, text: str) -> WakeUp:
        """Reads what :meth:`text` made.

        Raises:
            ValueError: another format, which a newer version of the code wrote.
        """
        value = json.loads(text)
        if value["v"] != FORMAT:
            raise ValueError(f"wake-up of format {value['v']!r}; this version reads {FORMAT}")
        shard = value.get("shard")
        return cls(
            workspace_id=value["workspaceId"],
            endpoint_id=value["endpointId"],
            shard=Shard(*shard) if shard else None,
            prefix=value.get("prefix"),
            continuation=value.get("continuation", 0),
            deleted=value.get("deleted", False),
        )
