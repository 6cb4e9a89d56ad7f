"""`make doctor`: what this machine has of what the project needs, and what to do about the rest.

It runs before anything is installed, so it imports the standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_PORT: Final = 4566
LEAST_DISK: Final = 2 * 1024**3
"""The environments take about 700 MB, a build 300 MB, and the local stack keeps what is published."""
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        what: was looked for.
        found: what there is, for a person; empty when it is missing.
        cure: what to do when it is missing.
        needed: whether `make run` and `make test` need it.
    """

    what: str
    found: str
    cure: str = ""
    needed: bool = True

    def line(self) -> str:
        """As it is printed."""
        if self.found:
            return f"ok       {self.what}: {self.found}"
        return f"{'MISSING' if self.needed else 'without'}  {self.what}: {self.cure}"


def examine(root: Path, environment: Mapping[str, str], find: Callable[[str], str | None] = shutil.which) -> list[Finding]:
    """Everything that is looked at.

    Args:
        root: of the clone.
        environment: variables; ``PORT`` is the one that `make run` takes.
        find: finds a command's path.
    """
    return [
        _interpreter(root, environment),
        *(Finding(name, find(name) or "", f"install {name}") for name in ("make", "git")),
        _environments(root),
        _port(root, environment.get("PORT", str(DEFAULT_PORT))),
        _disk(root),
        Finding(
            "Chromium",
            next((path for path in map(find, BROWSERS) if path), ""),
            "tests in a browser are skipped. Debian, Ubuntu: apt-get install chromium; macOS: brew install --cask chromium",
            needed=False,
        ),
        Finding("Docker", find("docker") or "", "only `make invoke` and `make start-api` need it", needed=False),
        Finding("Node.js", find("node") or "", "only changes of the console need it (`make console`)", needed=False),
    ]


def _interpreter(root: Path, environment: Mapping[str, str]) -> Finding:
    asked = subprocess.run(
        ["sh", str(root / "local" / "find-python.sh")], capture_output=True, text=True, check=False, env=dict(environment), timeout=60
    )
    return Finding("CPython 3.11 to 3.14", asked.stdout.strip(), asked.stderr.strip() or "install one from python.org")


def _environments(root: Path) -> Finding:
    made = [folder for folder in (".venv", ".local/env/ministack", ".local/env/sam") if (root / folder / ".made-from").exists()]
    return Finding("environments", ", ".join(made), "`make run` and `make test` make them, which takes about two minutes", needed=False)


def _port(root: Path, text: str) -> Finding:
    what = f"port {text} for the local stack"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        return Finding(what, "", "PORT is a number from 1 to 65535")
    running = _stack_of(root)
    try:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(("127.0.0.1", int(text)))
    except OSError as error:
        if running is not None and f":{text}/" in running:
            return Finding(what, f"taken by the stack of this clone, {running}")
        return Finding(
            what, "", f"it cannot be used ({error.strerror}). End what listens there, or choose another: make run PORT={int(text) + 1}"
        )
    return Finding(what, "free")


def _stack_of(root: Path) -> str | None:
    """The address of the stack that runs in this clone, as far as its file says."""
    try:
        address = json.loads((root / ".local" / "stack.json").read_text(encoding="utf-8"))["graphqlUrl"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if isinstance(address, str) else None


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    found = f"{free / 1024**3:.1f} GiB free"
    return Finding("disk", found if free >= LEAST_DISK else "", f"{found}; {LEAST_DISK / 1024**3:.0f} GiB are needed")


def main() -> int:
    """Prints the findings; 1 when something is missing that is needed."""
    findings = examine(ROOT, os.environ)
    for finding in findings:
        print(finding.line())
    missing = [finding.what for finding in findings if finding.needed and not finding.found]
    print(f"\nTo do first: {', '.join(missing)}." if missing else "\nReady for `make run` and `make test`.")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
