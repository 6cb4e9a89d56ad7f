"""Runs MiniStack, the local AWS, as a child of :mod:`local.stack`.

Started by path with the interpreter of MiniStack's own environment, so it imports nothing of this project but
:mod:`local.host`, which holds what is changed in the pinned release, each change with its reason:

    .local/env/ministack/bin/python local/ministack_host.py DIRECTORY

``DIRECTORY`` gets ``running.json`` while it runs (so that a start after a kill can tell), and ``functions.log``: a JSON
line for each line that a function logged. It stops, cleanly, on SIGTERM and when its standard input ends, which is how
it notices that the process that started it was killed.
"""

import asyncio
import gc
import json
import logging
import os
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

# Set for this process only, which needs the package `local`: functions must find nothing but what they are deployed with.
os.environ.pop("PYTHONPATH", None)

from ministack import app  # type: ignore[import-not-found]  # only in MiniStack's environment
from ministack.services import apigateway  # type: ignore[import-not-found]  # likewise

from local.host import deployments, expressions, function_logs, queues, server, sockets, workers
from local.host.archives import Archives
from local.host.door import Door, Receive, Scope, Send
from local.host.saving import Saving

COLLECTED_AFTER = (20_000, 20, 50)
"""Objects, young and middle collections. By Python's own numbers (2,000, 10, 10) the old generation, which holds the items of all
tables, is looked through often, and all calls wait meanwhile: 30 ms for 33,000 items."""
STOP_SECONDS = 4.0
"""For connections to end. Then the process ends anyway: all that is to be kept is saved by then."""


def main(directory: Path) -> NoReturn:
    """Runs until SIGTERM or the end of standard input."""
    state = Path(os.environ["STATE_DIR"])
    port = int(os.environ["GATEWAY_PORT"])
    os.umask(0o077)  # what it writes holds tokens, signing secrets and events
    archives = Archives(directory / "unpacked")
    saving = Saving(state)
    saving.install()
    deployments.install()
    expressions.install()
    queues.install()
    sockets.install()
    function_logs.install(directory / "functions.log")
    pools = workers.install(archives)
    saving.after_loading = lambda: archives.keep_only(workers.archives_in_use())
    running = directory / "running.json"
    running.write_text(json.dumps({"pid": os.getpid(), "startedAt": time.time()}), encoding="utf-8")
    _allow_many_files()
    gc.set_threshold(*COLLECTED_AFTER)

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            saving.saw_request(scope["method"], scope["path"], headers)
        await app.app(scope, receive, send)

    def end() -> NoReturn:
        saving.save_all()
        # Only a stop that saved the state comes here; a kill leaves the file.
        running.unlink(missing_ok=True)
        pools.end()
        logging.shutdown()
        os._exit(0)  # threads that wait for a busy function would keep the interpreter

    def end_soon() -> None:
        time.sleep(STOP_SECONDS)
        end()

    try:
        saving.start()
        door = Door(watched, port, also=directory / "also-hosts.json", cors_of=_cors_of)
        server.run(lambda: _serve(server.Server(door, host=os.environ["BIND_HOST"], port=port, stop_seconds=STOP_SECONDS / 2), end_soon))
    except BaseException:  # whatever it was, the state is saved, and the log says why it ended
        logging.getLogger("ministack").exception("The local AWS cannot go on")
        raise
    finally:
        end()


async def _serve(serving: server.Server, end_soon: Callable[[], None]) -> None:
    def on_signal() -> None:
        if not serving.should_exit:
            serving.should_exit = True
            threading.Thread(target=end_soon, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    threading.Thread(target=_stop_when_the_parent_ends, daemon=True).start()
    await serving.serve()


def _allow_many_files() -> None:
    """A burst of connections must not meet the usual limit of 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _cors_of(api: str) -> Mapping[str, Any]:
    for (_, _, found), record in apigateway._apis.all_items():  # noqa: SLF001 - MiniStack has no hook for this
        if found == api:
            return record.get("corsConfiguration") or {}
    return {}


def _stop_when_the_parent_ends() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # MiniStack's own lines go to the log file that the parent gave as standard output.
    logging.getLogger("ministack").addFilter(lambda record: not re.search(r"^\n?\s*__", record.getMessage()))
    main(Path(sys.argv[1]))
