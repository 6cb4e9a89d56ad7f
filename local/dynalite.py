"""`make dynalite`: tests of storage against a second DynamoDB, so that what only moto takes is noticed.

dynalite is another implementation, from npm. ``tests/dynalite`` pins it, and lists which tests cannot run on it and why.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local.console import NodeTools, find_node, run_node
from local.processes import HOST, free_port
from local.tools import LOCAL, ROOT, ToolError, tail
from tests.dynalite.cannot import PATHS

SOURCE: Final = ROOT / "tests" / "dynalite"
WORK: Final = LOCAL / "dynalite"
START_SECONDS: Final = 30
NO_DELAYS: Final = ("--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0")


def install(node: NodeTools) -> Path:
    """The program, as the lock file says.

    Raises:
        ToolError: npm failed.
    """
    stamp, lock = WORK / ".made-from", (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        WORK.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy2(SOURCE / name, WORK / name)
        run_node([*node.npm, "ci", "--ignore-scripts"], WORK, node.path)
        stamp.write_text(lock, encoding="utf-8")
    return WORK / "node_modules" / "dynalite" / "cli.js"


@contextlib.contextmanager
def running(node: NodeTools, program: Path) -> Iterator[str]:
    """Its URL, while it runs.

    Raises:
        ToolError: it did not start.
    """
    port = free_port()
    log = WORK / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([node.node, str(program), "--host", HOST, "--port", str(port), *NO_DELAYS], stdout=output, stderr=output)
    try:
        end = time.monotonic() + START_SECONDS
        while "listening" not in log.read_text(encoding="utf-8"):
            if process.poll() is not None or time.monotonic() > end:
                raise ToolError(f"dynalite did not start:\n\n{tail(log)}")
            time.sleep(0.1)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait()


def main(arguments: list[str]) -> int:
    """Runs pytest on the tests of storage; returns its exit status.

    Args:
        arguments: for pytest.
    """
    try:
        node = find_node()
        with running(node, install(node)) as url:
            command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.dynalite.plugin", *PATHS, *arguments]
            return subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "DYNALITE_URL": url}).returncode
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
