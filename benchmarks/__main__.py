"""`make bench`: measures, and writes `docs/benchmarks.md`.

    python -m benchmarks [--quick] [section ...]

Without a name all sections run. What a section measured is kept beside the document and committed with it, so that one
alone can be measured again and the others stay; the document says for each when and on what it ran.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.report import page, plots
from benchmarks.report.page import Goal, Section, Table
from local.tools import ROOT

Data = Mapping[str, Any]


def _matcher(data: Data) -> Section:
    measured = data["measurements"]
    columns = ("mix", "filters", "matching", "first_ms", "median_ms", "worst_ms", "steps", "load_seconds", "memory_mib")
    rows = [[one[column] if column != "memory_mib" or one[column] else "not measured" for column in columns] for one in measured]

    def of(mix: str, filters: int) -> Any:
        return next((one for one in measured if one["mix"] == mix and one["filters"] == filters), None)

    published, large = of("published mix", 10_000), of("published mix", 100_000)
    slowest = max((one for one in measured if one["filters"] == 10_000), key=lambda one: one["median_ms"])
    goals = [
        Goal("one event against 10,000 filters, published mix", f"{published['median_ms']:.3f} ms", "≤ 1 ms", published["median_ms"] <= 1),
        Goal(
            "the slowest mix at 10,000 filters", f"{slowest['median_ms']:.2f} ms ({slowest['mix']})", "≤ 10 ms", slowest["median_ms"] <= 10
        ),
    ]
    loaded: dict[str, tuple[str, bool] | None] = dict.fromkeys(
        ("load (≤ 15 s)", "memory (≤ 256 MB)", "one event against 10,000 filters (≤ 2)")
    )
    if large:
        times = large["median_ms"] / published["median_ms"]
        loaded = {
            "load (≤ 15 s)": (f"{large['load_seconds']:.1f} s", large["load_seconds"] <= 15),
            "memory (≤ 256 MB)": (f"{large['memory_mib']:.0f} MiB", large["memory_mib"] <= 244),
            "one event against 10,000 filters (≤ 2)": (f"{times:.2f}", times <= 2),
        }
    for what, found in loaded.items():
        name, _, goal = what.rstrip(")").rpartition(" (")
        goals.append(Goal(f"100,000 filters, published mix: {name}", found[0] if found else "-", goal, found[1] if found else None))
    growth = {"published mix": [(one["filters"], one["median_ms"]) for one in measured if one["mix"] == "published mix"]}
    alone = {one["mix"]: one["median_ms"] for one in measured if one["filters"] == 10_000}
    return Section(
        title="Matching",
        notes=[
            "One 1 KB event that matches 10 filters, in milliseconds of the processor; see `benchmarks/speed/matcher.py` for the mixes."
        ],
        tables=[
            Table("", ["mix", "filters", "matching", "first ms", "median ms", "p99 ms", "steps", "load s", "MiB"], rows),
            Table("Two fields of one element of an array", ["elements", "ms"], [[int(size), one] for size, one in data["arrays"].items()]),
        ],
        goals=goals,
        plots=[
            plots.lines("matching.svg", "Matching one event as filters grow", growth, ("filters", "ms of CPU"), goal=1),
            plots.bars("matching-mixes.svg", "Matching one event against 10,000 filters", alone, "ms of CPU", goal=10),
        ],
    )


def _hostile(data: Data) -> Section:
    pairs = sorted(data["pairs"], key=lambda one: -one["match_ms"])
    worst = pairs[0]
    together = max(data["together"].items(), key=lambda one: one[1])
    columns = ("pair", "filter_bytes", "event_bytes", "steps", "match_ms", "undecided")
    return Section(
        title="Filters and events made to hurt",
        notes=[
            f"One filter and one event of up to 256 KiB, in milliseconds of the processor; the worst of {len(pairs)} pairs first (the worst: {worst['pair']}). "
            "`benchmarks/speed/hostile.py` says what each tries. Undecided: the budget ended, and the filter counts as matching."
        ],
        tables=[
            Table(
                "",
                ["pair", "filter bytes", "event bytes", "steps", "ms", "undecided"],
                [[one[column] for column in columns] for one in pairs[:30]],
            ),
            Table("1,000 such filters in one workspace, one event", ["pair", "ms"], [list(one) for one in data["together"].items()]),
        ],
        goals=[
            Goal(
                "the worst pair of one filter and one event",
                f"{worst['match_ms']:.0f} ms ({worst['pair']})",
                "≤ 250 ms",
                worst["match_ms"] <= 250,
            ),
            Goal("1,000 hostile filters and one event", f"{together[1]:,.0f} ms ({together[0]})", "≤ 2 s", together[1] <= 2_000),
        ],
    )


def _sockets(data: Data) -> Section:
    rates = {one["scenario"]: one["events_a_second"] for one in data["scenarios"]}
    single, alone = (
        data[f"processor µs of {what}"] for what in ("an event with an invocation of its own", "its post alone, in a bare loop")
    )
    text = f"{single} µs, of which its post alone takes {alone}; earlier, on a busy machine: 221 to 461 µs"
    return Section(
        title="Sockets",
        goals=[Goal("processor time of an event to one socket that has an invocation of its own", text, "≤ 250 µs", single <= 250)],
        notes=[
            "The real worker and HTTP adapter, signatures included, against a server in another process that answers as API Gateway does; tables in memory. "
            "One client's posts wait for each other. The last column counts the calls to AWS beside the posts."
        ],
        tables=page.tables_of(data),
        plots=[plots.bars("sockets.svg", "Events to sockets", rates, "events a second, times connections")],
    )


SECTIONS: dict[str, tuple[str, str, Callable[[Data], Section] | None]] = {
    "cold_start": ("speed.cold_start", "cold starts", None),
    "graphql_operations": ("speed.graphql_operations", "GraphQL operations", None),
    "matcher": ("speed.matcher", "matching", _matcher),
    "hostile": ("speed.hostile", "filters and events made to hurt", _hostile),
    "backtest": ("speed.backtest", "a filter over retained events", None),
    "router": ("speed.router", "routing", lambda data: Section("Routing", tables=page.tables_of(data))),
    "growth": ("speed.growth", "lists and publishing as more is stored", None),
    "webhook_delivery": ("speed.webhook_delivery", "webhook delivery", None),
    "webhook_saturation": ("resilience.webhook_saturation", "webhook delivery when it is full, in virtual time", None),
    "socket_saturation": ("resilience.socket_saturation", "sockets when it is full, in virtual time", None),
    "sockets": ("speed.sockets", "sockets", _sockets),
    "breaking_sockets": ("resilience.breaking_sockets", "sockets that break on the local stack", None),
    "end_to_end": ("speed.end_to_end", "end to end on the local stack", None),
    "cost": ("cost.deliveries", "cost", None),
}
"""Module in this package, what it is called while it runs, and what makes a section of what it returns."""
NOT_QUICK = ("webhook_saturation", "socket_saturation", "breaking_sockets")
"""Take a minute and more whatever is left out of them."""


def measure(name: str, *, quick: bool) -> Section:
    """Runs one benchmark."""
    module, _, convert = SECTIONS[name]
    run: Callable[[bool], Any] = importlib.import_module(f"benchmarks.{module}").run
    here = page.circumstances(quick=quick)
    data = run(quick)
    section: Section = convert(data) if convert else data
    section.circumstances = here
    return section


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measures, and writes docs/benchmarks.md.")
    parser.add_argument("--quick", action="store_true", help=f"fewer rounds, two minutes in all; without {' and '.join(NOT_QUICK)}")
    parser.add_argument("section", nargs="*", help=f"only these of: {', '.join(SECTIONS)}")
    options = parser.parse_args()
    # A name that no section has stands for all that end with it, as `saturation`.
    found = {
        given: [given] if given in SECTIONS else [name for name in SECTIONS if name.endswith(f"_{given}")] for given in options.section
    }
    asked = [name for names in found.values() for name in names]
    unknown = [given for given, names in found.items() if not names]
    if unknown:
        parser.error(f"no section is called {', '.join(unknown)}; there are: {', '.join(SECTIONS)}")
    chosen = asked or [name for name in SECTIONS if not (options.quick and name in NOT_QUICK)]
    began = time.perf_counter()
    missed: set[str] = set()
    for place, name in enumerate(chosen, 1):
        start = time.perf_counter()
        print(f"[{place}/{len(chosen)}] {SECTIONS[name][1]}", flush=True)
        section = measure(name, quick=options.quick)
        page.keep(name, section)
        missed.update(name for goal in section.goals if goal.reached is False)
        for goal in section.goals:
            verdict = {True: "met", False: "missed", None: "not measured"}[goal.reached]
            print(f"  {goal.what}: {goal.measured} (goal {goal.goal}: {verdict})")
        print(f"  {time.perf_counter() - start:.0f} s", flush=True)
    sections = [one for name in SECTIONS if (one := page.kept(name)) is not None]
    page.write(sections)
    print(f"{page.DOCUMENT.relative_to(ROOT)} written after {time.perf_counter() - began:.0f} s")
    # What is measured in virtual time is the same on every machine: a goal that is missed there is a fault.
    return int(any(name.endswith("saturation") for name in missed))


if __name__ == "__main__":
    sys.exit(main())
