"""Waking groups: the number of the run that a wake-up names is read after what it is about was committed."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.sockets.messages import WakeUp
from event_service.sockets.ports import ConnectionStore, LogHead, SocketLogStore, WakeUpQueue


def wake_endpoints(log: SocketLogStore, queue: WakeUpQueue, endpoints: Sequence[tuple[str, str]], *, deleted: bool = False) -> None:
    """Wakes all connections of endpoints after a change that is committed.

    Args:
        log: knows the turns.
        queue: takes the wake-ups.
        endpoints: workspace and endpoint id of each.
        deleted: they were deleted.
    """
    heads = log.heads([endpoint_id for _, endpoint_id in endpoints])
    queue.send([WakeUp(workspace, one, turn=heads[one].turn, deleted=deleted) for workspace, one in endpoints if one in heads])


def wake_endpoints_of_token(connections: ConnectionStore, log: SocketLogStore, queue: WakeUpQueue, token_hash: str) -> int:
    """Has the connections that were opened with a token closed: who serves them finds it revoked. Call it when it is.

    Args:
        connections: know where the token was used.
        log: knows the turns.
        queue: takes the wake-ups.
        token_hash: whose connections they are.

    Returns:
        At how many endpoints it had been used.
    """
    endpoints = connections.endpoints_of_token(token_hash)
    if endpoints:
        wake_endpoints(log, queue, endpoints)
    return len(endpoints)


def wake_group(connections: ConnectionStore, queue: WakeUpQueue, wake_up: WakeUp, head: LogHead) -> None:
    """Wakes one group.

    Args:
        connections: know the turns of groups other than 0.
        queue: takes the wake-up.
        wake_up: whose turn does not count.
        head: read after what the wake-up is about was committed.
    """
    group = wake_up.group
    turn = head.turn if group == 0 else connections.turns(wake_up.endpoint_id, [group]).get(group, 0)
    queue.send([WakeUp(wake_up.workspace_id, wake_up.endpoint_id, group, turn, wake_up.deleted)])
