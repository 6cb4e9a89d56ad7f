"""What a process runs that has imported a function and makes copies of itself.

Its text is put into MiniStack's program for functions (:mod:`local.host.original`), so it imports the standard library only.
"""

from __future__ import annotations

from typing import Any


def serve_copies() -> None:
    """Makes copies, as asked over a socket, until it is closed; returns in each copy, which has its own pipes and variables by then.

    Raises:
        RuntimeError: the import has started threads, which a copy would lack.
    """
    import asyncio
    import gc
    import json
    import os
    import selectors
    import signal
    import socket
    import threading

    control = socket.socket(fileno=int(os.environ.pop("FUNCTION_CONTROL_FD")))
    others = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    if others:
        raise RuntimeError(f"importing it starts threads ({', '.join(others)}), which copies of the process would lack")
    gc.unfreeze()  # a function may have frozen what it imported, and what is frozen is not found
    gc.collect()
    loops: list[Any] = [one for one in gc.get_objects() if isinstance(one, asyncio.SelectorEventLoop)]
    gc.freeze()  # what is there now is garbage in no copy: looking at it would only make pages of memory that they share their own
    answer: dict[str, object] = {"ready": True}
    while True:
        control.sendall(json.dumps(answer).encode() + b"\n")
        message, pipes, _, _ = socket.recv_fds(control, 65_536, 3)
        if not message:
            os._exit(0)  # the host has closed it, or has ended
        asked = json.loads(message)
        if "end" in asked:
            os.kill(asked["end"], signal.SIGKILL)
            _, status = os.waitpid(asked["end"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
            continue
        copy = os.fork()
        if copy == 0:
            control.close()
            for number, pipe in enumerate(pipes):
                os.dup2(pipe, number)
        for pipe in pipes:
            os.close(pipe)
        if copy == 0:
            for loop in loops:
                # What the kernel has of a loop would be shared with all other copies, and one would get the other's wake-ups.
                # Closing it here, without deregistering anything first, leaves it to them.
                for part in (loop._selector, loop._ssock, loop._csock):  # noqa: SLF001 - asyncio has no way to do this
                    part.close()
                loop._selector = selectors.DefaultSelector()  # noqa: SLF001 - as above
                loop._internal_fds = 0  # noqa: SLF001 - as above
                loop._make_self_pipe()  # noqa: SLF001 - as above
            os.environ.update(asked["variables"])
            return
        answer = {"pid": copy}
