"""AWS's open rule engine as a process that answers pairs of pattern and events."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
BUILT = HERE.parents[2] / ".local" / "ruler"


class Engine:
    """The engine; its jar comes from Maven Central at the first use."""

    def __init__(self) -> None:
        jars = BUILT / "jars"
        if not (BUILT / "Ruler.class").exists():
            pom = str(HERE / "pom.xml")
            subprocess.run(["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={jars}"], check=True)
            subprocess.run(["javac", "-cp", f"{jars}/*", "-d", str(BUILT), str(HERE / "Ruler.java")], check=True)
        self._process = subprocess.Popen(
            ["java", "-Xmx1g", "-XX:+UseSerialGC", "-cp", f"{BUILT}:{jars}/*", "Ruler"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, pairs: Sequence[tuple[Any, Sequence[Any]]]) -> list[str]:
        """The verdicts on each pattern's events: ``T``, ``F``, ``X`` for one that it fails on; or ``INVALID`` and the reason."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for pattern, events in pairs:
            self._process.stdin.write(json.dumps({"p": json.dumps(pattern), "e": [json.dumps(event) for event in events]}) + "\n")
        self._process.stdin.flush()
        return [self._process.stdout.readline().rstrip("\n") for _ in pairs]
