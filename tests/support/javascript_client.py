"""The JavaScript client that the documentation prints, run by Node: one process for all clients of a test run."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

from local.console import find_node
from tests.printed import printed

_DRIVER = """
const clients = new Map();
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, last, connected, text } = JSON.parse(line);
  const handled = [];
  if (!clients.has(id)) clients.set(id, {});
  const one = clients.get(id);
  if (last !== undefined) one.self = follower((frame) => one.handled.push(frame), last);
  one.handled = handled;
  if (connected) one.self.first = true;
  if (text !== undefined) one.self.take(text);
  process.stdout.write(JSON.stringify({ last: one.self.last, handled }) + "\\n");
});
"""
_ids = count()


@cache
def _node() -> subprocess.Popen[str]:
    node = shutil.which("node") or find_node().node
    script = printed("js", "function follower") + _DRIVER
    process = subprocess.Popen([node, "-e", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


class JavaScriptClient:
    """As the clients in Python: told of connections and texts, it handles events."""

    def __init__(self, last: int, handle: Callable[[dict[str, Any]], None]) -> None:
        self._handle = handle
        self._id = next(_ids)
        self.last = 0
        self._tell(last=last)

    def connected(self) -> None:
        self._tell(connected=True)

    def take(self, text: str) -> None:
        self._tell(text=text)

    def _tell(self, **what: Any) -> None:
        process = _node()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"id": self._id, **what}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        self.last = answer["last"]
        for frame in answer["handled"]:
            self._handle(frame)
