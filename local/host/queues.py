"""Polls queues for functions as AWS does: several batches side by side, FIFO queues too."""

from __future__ import annotations

import time
from typing import Any, Final

from ministack.services import lambda_svc, sqs  # type: ignore[import-not-found]  # only in MiniStack's environment

from local.host.gathering import Gathering

PAUSE_SECONDS: Final = 0.2
"""After a batch whose function failed. Its messages stay invisible as on AWS; the others need not wait for that."""
LOOK_SECONDS: Final = 0.002
"""Between two looks at the queues when the first found nothing. MiniStack takes 0.05 s, and looks whenever a batch ends: from 20 events
a second on, most of them waited for that."""


def install() -> None:
    """Puts this in the place of MiniStack's own."""
    original = lambda_svc._sqs_esm_concurrency  # noqa: SLF001 - MiniStack has no hooks for this
    load = sqs.load_persisted_state
    dispatch, poll = lambda_svc._dispatch_esm_batch, lambda_svc._poll_sqs  # noqa: SLF001 - as above
    gathering = Gathering()

    def dispatch_counted(mapping: str, run: Any, *arguments: Any) -> None:
        gathering.add(sum(len(one["Records"]) for one in arguments if isinstance(one, dict) and "Records" in one))
        dispatch(mapping, run, *arguments)

    def poll_gathered() -> bool:
        pause = gathering.pause()
        if pause:
            time.sleep(pause)
        processed: bool = poll()
        return processed

    def concurrency(mapping: dict[str, Any], function: dict[str, Any], config: dict[str, Any], queue: Any = None) -> int:
        # CloudFormation parameters arrive as text, which MiniStack compares with a number, and its poller dies of it.
        scaling = mapping.get("ScalingConfig") or {}
        if isinstance(scaling.get("MaximumConcurrency"), str):
            mapping["ScalingConfig"] = scaling | {"MaximumConcurrency": int(scaling["MaximumConcurrency"])}
        # MiniStack polls a FIFO queue with one batch at a time, for fear that two could reorder a group. They cannot: it gives out
        # no message of a group of which one is out. One slow endpoint would keep all others waiting.
        del queue
        limit: int = original(mapping, function, config, None)
        return limit

    def load_with_nothing_out(data: dict[str, Any]) -> None:
        load(data)
        give_out_again()

    lambda_svc._sqs_esm_concurrency = concurrency  # noqa: SLF001 - as above
    lambda_svc._dispatch_esm_batch = dispatch_counted  # noqa: SLF001 - as above
    lambda_svc._poll_sqs = poll_gathered  # noqa: SLF001 - as above
    lambda_svc._ESM_BACKOFF_SECONDS = PAUSE_SECONDS  # noqa: SLF001 - as above
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = LOOK_SECONDS  # noqa: SLF001 - as above
    sqs.load_persisted_state = load_with_nothing_out


def give_out_again() -> None:
    """Makes visible what had been given out when the last run ended: nobody works on it any more."""
    for queue in sqs._queues._data.values():  # noqa: SLF001 - as above
        for message in queue["messages"]:
            if message.get("receive_count") and message.get("receipt_handle"):
                message["visible_at"] = 0.0
