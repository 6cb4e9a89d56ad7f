"""What a benchmark hands back, how it is kept, and how `docs/benchmarks.md` is made of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.tools import LOCAL, ROOT

NOT_MEASURED = """Not measured by this command: the time from a fresh clone to the first delivered event, and loss while functions are
killed (`make soak`).
"""
DOCUMENT = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
RESULTS = PLOTS
"""One JSON file for each section, committed, so that one can be measured again alone in any clone and the others stay."""
PACKAGES = ("aiohttp", "botocore", "fastapi", "mangum", "pynamodb", "strawberry-graphql", "aws-lambda-powertools", "ministack")

INTRODUCTION = """# Speed, loss and cost

Written by `make bench`; do not edit. Every number comes from a run on the machine named beside it. Times of the processor
(CPU) are of the measured process alone; wall-clock times suffer when something else runs on the machine, and the load at the start of each
section is given so that a reader can judge them. What is compared runs in turn in the same run; a ratio is the median of the ratios of
the rounds, with the lower and the upper quartile in brackets.
"""


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that was aimed at, beside what was measured. ``reached`` is ``None`` where it was not measured."""

    what: str
    measured: str
    goal: str
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table; cells are texts or numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(slots=True)
class Section:
    """One benchmark's part of the document. ``plots`` are file names in ``docs/benchmarks`` with what they show."""

    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    plots: list[tuple[str, str]] = field(default_factory=list)
    circumstances: dict[str, str] = field(default_factory=dict)


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    ordered = sorted(values)
    last = len(ordered) - 1

    def at(share: float) -> float:
        place = share * last
        low = int(place)
        high = min(low + 1, last)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return at(0.25), at(0.5), at(0.75)


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that is not below ``percent`` of the values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, str]:
    """The median of the ratios round by round, and a text with the spread."""
    low, middle, high = quartiles(mine / other for mine, other in zip(ours, theirs, strict=True))
    return middle, f"{middle:.2f} ({low:.2f} to {high:.2f})"


def number(value: Any) -> str:
    """A cell: three significant digits or so, thousands apart."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    for limit, digits in ((100, 0), (10, 1), (1, 2), (0.01, 3)):
        if abs(value) >= limit:
            return f"{value:.{digits}f}"
    return f"{value:.2g}"


def tables_of(data: Mapping[str, Any], title: str = "") -> list[Table]:
    """Tables of what a benchmark returned: lists of records and records of records become one each, single values share one."""
    tables: list[Table] = []
    single: list[tuple[str, Any]] = []
    for name, value in data.items():
        label = f"{title} {_words(name)}".strip()
        if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            columns = list(dict.fromkeys(key for one in value for key in one))
            tables.append(Table(label, [_words(key) for key in columns], [[one.get(key, "") for key in columns] for one in value]))
        elif isinstance(value, Mapping) and value and all(isinstance(one, Mapping) for one in value.values()):
            columns = list(dict.fromkeys(key for one in value.values() for key in one))
            rows = [[_words(key), *(one.get(column, "") for column in columns)] for key, one in value.items()]
            tables.append(Table(label, ["", *(_words(column) for column in columns)], rows))
        elif isinstance(value, Mapping):
            tables.append(Table(label, ["", "value"], [[_words(key), one] for key, one in value.items()]))
        else:
            single.append((_words(name), value))
    if single:
        tables.insert(0, Table(title, ["", "value"], single))
    return tables


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


# -- circumstances ---------------------------------------------------------------------------------------------------


def circumstances(*, quick: bool) -> dict[str, str]:
    """Machine, versions, commit and load, now."""
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "run": "quick" if quick else "full",
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()} GiB, {platform.system()} {platform.machine()}",
        "interpreter": f"CPython {platform.python_version()}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def versions() -> str:
    """The packages whose speed is measured."""
    found = []
    for name in PACKAGES:
        if name == "ministack":  # lives in an environment of its own
            paths = list((LOCAL / "env" / "ministack").glob("lib/python*/site-packages/ministack-*.dist-info"))
            found += [f"ministack {path.name.removeprefix('ministack-').removesuffix('.dist-info')}" for path in paths]
        else:
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def _commit() -> str:
    def git(*arguments: str) -> str:
        answer = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
        return answer.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "functions", "layers", "template.yaml")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f}"


# -- keeping and writing ---------------------------------------------------------------------------------------------


def keep(name: str, section: Section) -> None:
    """Stores what was measured."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(asdict(section), indent=1, default=str) + "\n", encoding="utf-8")


def kept(name: str) -> Section | None:
    """What was measured last; ``None`` when nothing was."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Section(
        title=raw["title"],
        notes=raw["notes"],
        tables=[Table(**one) for one in raw["tables"]],
        goals=[Goal(**one) for one in raw["goals"]],
        plots=[(file, text) for file, text in raw["plots"]],
        circumstances=raw["circumstances"],
    )


def write(sections: Sequence[Section]) -> None:
    """Writes `docs/benchmarks.md`."""
    lines = [INTRODUCTION, f"Packages: {versions()}.", "", "## Goals", ""]
    rows = [[goal.what, goal.measured, goal.goal, _verdict(goal)] for section in sections for goal in section.goals]
    lines += _markdown(["what", "measured", "goal", ""], rows)
    lines += ["", NOT_MEASURED]
    for section in sections:
        lines += ["", f"## {section.title}", ""]
        here = section.circumstances
        if here:
            lines += [
                (
                    f"*{here['measured']}, {here['run']} run, commit {here['commit']}; {here['machine']}; {here['interpreter']}; "
                    f"load at the start {here['load']}.*"
                ),
                "",
            ]
        for note in section.notes:
            lines += [note, ""]
        for table in section.tables:
            if table.title:
                lines += [f"**{table.title}**", ""]
            lines += [*_markdown(table.columns, table.rows), ""]
        for file, text in section.plots:
            lines += [f"![{text}](benchmarks/{file})", ""]
    DOCUMENT.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _verdict(goal: Goal) -> str:
    return {True: "met", False: "**missed**", None: "not measured"}[goal.reached]


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    def cell(value: Any) -> str:
        return number(value).replace("|", "\\|").replace("\n", " ")

    numeric = [all(isinstance(row[place], int | float) for row in rows) and bool(rows) for place in range(len(columns))]
    return [
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("---:" if one else "---" for one in numeric) + " |",
        *("| " + " | ".join(cell(value) for value in row) + " |" for row in rows),
    ]
