"""Whether a connection that should be idle has something to read: an answer that nobody asked for, or its end."""

from __future__ import annotations

import select


def is_readable(descriptor: int) -> bool:
    """What the kernel has received counts, also before an event loop has read it: after a pause (a frozen Lambda) it lies there.

    Args:
        descriptor: of the socket.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
