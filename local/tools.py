"""Where things are, and how the programs of other environments are run."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCAL: Final = ROOT / ".local"
SAM: Final = LOCAL / "env" / "sam" / "bin" / "sam"
SAM_PYTHON: Final = LOCAL / "env" / "sam" / "bin" / "python"
MINISTACK_PYTHON: Final = LOCAL / "env" / "ministack" / "bin" / "python"
UV: Final = LOCAL / "env" / "uv" / "bin" / "uv"


class ToolError(Exception):
    """Something a person can act on; its text is all they need to see."""


def interpreter() -> Path:
    """The CPython behind this environment. `sam build` wants the interpreter itself, not a link in an environment."""
    return Path(os.path.realpath(sys.executable))


def runtime() -> str:
    """The Lambda runtime that this interpreter can stand for, such as ``python3.13``."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def architecture() -> str:
    """This machine's processor, as Lambda calls it."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def quiet_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a started program gets: paths, locale and certificates of the caller, and none of their AWS settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TERM", "TZ", "USER")
        or name.startswith(("LC_", "SSL_", "PIP_", "UV_"))
        or name.upper() in ("HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")
    }
    return kept | {"SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true"} | dict(extra or {})


def run_tool(command: Sequence[str | os.PathLike[str]], *, log: Path, environment: Mapping[str, str], what: str) -> None:
    """Runs a program to its end, its output in ``log``.

    However this ends, nothing of the program is left: it has a process group of its own, which is ended with it.

    Raises:
        ToolError: it failed; the message holds the end of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            _end_group(process)
            raise
    if status != 0:
        raise ToolError(f"{what} failed (status {status}). The end of {log}:\n\n{tail(log)}")


def tail(path: Path, lines: int = 40) -> str:
    """The last lines of a text file."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
