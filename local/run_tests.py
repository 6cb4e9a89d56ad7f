"""`make test`: all tests, in two lanes side by side.

Tests that need nothing but a processor run in as many processes as there are cores. End-to-end tests share one local stack and wait
for it most of the time, so they run one after the other in a lane of their own beside those. The last line is a summary as pytest
writes it, of both lanes together.

Each run draws the seed of Python's hashes, by which sets are ordered, and prints it: a test that fails by the order of a set fails again
with ``PYTHONHASHSEED=<seed> make test``.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local.tools import LOCAL, ROOT

SLOWEST: Final = 20
PARALLEL: Final = ("--ignore=tests/e2e", "-n", str(os.cpu_count() or 2), "--dist=worksteal", f"--durations={SLOWEST}")
END_TO_END: Final = ("tests/e2e", "--durations=5")
NO_TESTS: Final = 5
"""pytest's exit status when nothing was selected, as with ``-k`` in one lane."""
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_COUNT: Final = re.compile(r"(\d+) (passed|failed|skipped|errors?|deselected|xfailed|xpassed|warnings?)")


def main(arguments: list[str]) -> int:
    """Runs both lanes; returns the exit status.

    Args:
        arguments: for pytest, in both lanes.
    """
    began = time.monotonic()
    seed = hash_seed(os.environ)
    os.environ["PYTHONHASHSEED"] = seed  # for both lanes, and for the processes that they start
    print(f"PYTHONHASHSEED={seed}", flush=True)
    log = LOCAL / "tests-e2e.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        end_to_end = subprocess.Popen(_pytest(END_TO_END, arguments), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            first, summary = _shown(_pytest(PARALLEL, arguments))
            second = end_to_end.wait()
        finally:
            if end_to_end.poll() is None:
                end_to_end.terminate()
                end_to_end.wait()
    text = log.read_text(encoding="utf-8", errors="replace")
    print("\nThe end-to-end tests, which ran beside these:\n\n" + text, flush=True)
    found = without_browser()
    if found:
        print(found)
    print(summary_of([summary, text], time.monotonic() - began), flush=True)
    return next((status for status in (first, second) if status not in (0, NO_TESTS)), first if first == second else 0)


def hash_seed(environment: Mapping[str, str]) -> str:
    """The caller's seed, or one that is drawn. (``random`` is Python's word for "draw it yourself", which nobody could repeat.)"""
    given = environment.get("PYTHONHASHSEED", "random")
    return given if given != "random" else str(random.SystemRandom().randrange(1, 2**32))


def summary_of(outputs: list[str], seconds: float) -> str:
    """One line, as pytest ends with, for several runs of it: each output's last line with counts is added up."""
    total: Counter[str] = Counter()
    for output in outputs:
        lines = [line for line in output.splitlines() if _COUNT.search(line) and " in " in line]
        if lines:
            for number, what in _COUNT.findall(lines[-1]):
                total[what.rstrip("s") if what.startswith(("error", "warning")) else what] += int(number)
        elif "no tests ran" not in output:
            total["error"] += 1  # it ended without a summary
    order = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error")
    counts = ", ".join(f"{total[what]} {what}" for what in order if total[what])
    clock = time.strftime("%H:%M:%S", time.gmtime(seconds)).lstrip("0:") if seconds >= 60 else ""
    return f"{counts or 'no tests ran'} in {seconds:.2f}s" + (f" ({clock})" if clock else "")


def without_browser() -> str:
    """What was skipped for want of a browser and how to get one; empty where there is one."""
    if any(map(shutil.which, BROWSERS)):
        return ""
    return (
        "\nNo Chromium was found, so the tests in a real browser were skipped (pytest -m browser). To run them as well:\n"
        "  Debian, Ubuntu: apt-get install chromium      macOS: brew install --cask chromium\n"
    )


def _pytest(lane: tuple[str, ...], arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *lane, *arguments]


def _shown(command: list[str]) -> tuple[int, str]:
    """Runs a command and shows its output as it comes; returns its status and its last line."""
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.strip():
                last = line
    return process.returncode, last


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main(shlex.split(os.environ.get("PYTEST", ""))))
