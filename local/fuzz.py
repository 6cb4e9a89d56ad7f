"""`make fuzz`: all property tests with random examples for some minutes, and what they found as tests to paste.

`make test` runs them with the same examples each time, so that a change and not luck decides. Here each round tries others, and
examples that failed are kept in ``.local/fuzz`` and tried first in the next round. No seed is given: with one, Hypothesis keeps none.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import pytest

from local.tools import ROOT

FINDINGS: Final = "FUZZ_FINDINGS"
"""Environment variable: the file that failures are written to, a JSON line each."""
_FOUND: Final = re.compile(r"(?:Failing test case|Falsifying example): (?P<test>\w+)\(\n(?P<arguments>.*?)\n\s*(?:\| )?\)", re.DOTALL)
NO_TESTS: Final = 5


def to_paste(node: str, report: str) -> str | None:
    """The decorator that makes the found example a test of its own; ``None`` when the report holds no example.

    Args:
        node: pytest's name of the test.
        report: the text of the failure.
    """
    plain = re.sub(r"^(?:E\s+|\s*\| ?)", "", report, flags=re.MULTILINE)
    found = _FOUND.search(plain)
    if found is None:
        return None
    lines = [line.strip() for line in found["arguments"].splitlines()]
    arguments = [re.sub(r"\s*# or any other generated value$", "", line) for line in lines if line and not line.startswith("#")]
    path, _, test = node.partition("::")
    body = "\n".join(f"    {line}" for line in arguments)
    return f"# {path}, above {test.partition('[')[0]}:\n@example(\n{body}\n)"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """As a pytest plugin: writes down what failed."""
    path = os.environ.get(FINDINGS)
    if path and report.failed and report.when == "call":
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"node": report.nodeid, "report": report.longreprtext}) + "\n")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--tests", nargs="*", default=["tests/unit", "tests/integration", "tests/contract"])
    options = parser.parse_args()
    end = time.monotonic() + options.minutes * 60
    shown: set[str] = set()
    rounds = 0
    with tempfile.TemporaryDirectory() as directory:
        findings = Path(directory) / "findings.jsonl"
        while time.monotonic() < end:
            rounds += 1
            status = _round(options.tests, findings, end - time.monotonic())
            print(f"round {rounds}: {'nothing found' if status == 0 else 'see below'}", flush=True)
            if status not in (0, 1):
                print("The property tests could not be run; run: make unit", file=sys.stderr)
                return status
            for node, text in _new(findings, shown):
                print(f"\n{node} fails:\n\n{text}\n", flush=True)
    print(f"{rounds} rounds; {len(shown)} tests failed." + (" What failed is tried first in the next run." if shown else ""))
    return 1 if shown else 0


def _round(tests: list[str], findings: Path, seconds: float) -> int:
    command = [
        *(sys.executable, "-m", "pytest", *tests, "-m", "hypothesis", "-q", "-p", "local.fuzz", "-n", str(os.cpu_count() or 2)),
        *("--hypothesis-profile=fuzz", "--no-header"),
    ]
    environment = os.environ | {FINDINGS: str(findings)}
    try:
        answer = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=max(30, seconds))
    except subprocess.TimeoutExpired:
        return 0  # the time is over; what it found until then is written down
    if answer.returncode not in (0, 1):
        print(answer.stdout + answer.stderr, file=sys.stderr)
    return answer.returncode


def _new(findings: Path, shown: set[str]) -> list[tuple[str, str]]:
    found = []
    if findings.exists():
        for line in findings.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            if one["node"] not in shown:
                shown.add(one["node"])
                found.append((one["node"], to_paste(one["node"], one["report"]) or one["report"]))
    return found


if __name__ == "__main__":
    sys.exit(main())
