"""How long one event takes against many event filters: `python -m benchmarks.speed.matcher`.

Each mix has the same few filters that match and as many more as asked for that do not. The published mix is 50 % two
exact fields of which one is shared by all, 15 % prefix or suffix, 15 % numeric, 10 % anything-but, 10 % wildcard or
exists. Each kind is also measured alone, and so are mixes made to hurt: nothing to tell the filters apart by but what
they have in common, or conditions that hold half each and never together.

Times are of the processor, so that whatever else runs on the machine does not count.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.filters.matching.matcher import Matcher

Condition = dict[str, Any]

MATCHING = 10
EVENTS = 20
REPEATS = 9
SIZES = (10, 100, 1_000, 10_000, 100_000)
QUICK_SIZES = (100, 10_000)
TYPE = "device.measurement"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table. Processor time in milliseconds an event, memory in MiB, steps as :class:`Budget` counts them."""

    mix: str
    filters: int
    matching: float
    first_ms: float
    median_ms: float
    worst_ms: float
    steps: float
    load_seconds: float
    memory_mib: float


def event(number: int) -> dict[str, Any]:
    """A delivered event of about 1 KB; ``number`` varies what filters look at."""
    chance = random.Random(number)
    readings = [{"sensor": f"s-{index}", "value": round(chance.uniform(0, 100), 2), "unit": "C", "ok": True} for index in range(6)]
    return {
        "id": f"event-{number}",
        "type": TYPE,
        "date": "2026-11-24T08:00:00.000000+00:00",
        "data": {
            "device": f"device-{number}",
            "serial": f"SN-{number:08d}-EU",
            "path": f"/site/{number}/building/b-{number % 7}/floor/{number % 5}/room/r{number}.json",
            "level": 41.5 + number / 1_000,
            "count": 5_000 + number,
            "status": "online",
            "address": f"10.{number % 256}.0.7",
            "note": "A plain sentence that no filter looks at, as events have them. " * 2,
            "readings": readings,
        },
        "agentId": "0b6f5a0e-3c59-4a5e-8a0f-1f3f0f9f1c11",
        "cameraId": "5f0c0f7e-8a67-4a53-9d0b-0a6b3c1d2e22",
        "workspaceId": "8f14e45f-ceea-467f-a0e6-c1d2e3f4a5b6",
        "creationDate": "2026-11-24T08:00:00.000000+00:00",
        "lastModified": "2026-11-24T08:00:00.000000+00:00",
    }


# -- conditions that do not match; `number` makes each another


def _exact(number: int) -> Condition:
    return {"pattern": {"type": [TYPE], "data": {"device": [f"other-{number}"]}}}


def _listed(number: int) -> Condition:
    return {"in": {"eventTypes": [TYPE.upper()], "cameraIds": [f"camera-{number}"]}}


def _prefix_or_suffix(number: int) -> Condition:
    entry = {"prefix": f"SN-X{number:07d}"} if number % 2 else {"suffix": f"-{number}X"}
    return {"pattern": {"type": [TYPE], "data": {"serial": [entry]}}}


def _ignoring_case(number: int) -> Condition:
    entries = ({"equals-ignore-case": f"DEVICE-X{number}"}, {"prefix": {"equals-ignore-case": f"Other-{number}"}})
    return {"pattern": {"data": {"device": [entries[number % 2]]}}}


def _numeric(number: int) -> Condition:
    low = 50 + number / 10
    bounds = [[">", low], [">=", low, "<", low + 3], ["<", -low]][number % 3]
    return {"pattern": {"data": {"level": [{"numeric": bounds}]}}}


def _anything_but(number: int) -> Condition:
    return {"pattern": {"type": [TYPE], "data": {"status": [{"anything-but": ["online", f"state-{number}"]}]}}}


def _wildcard_or_exists(number: int) -> Condition:
    if number % 2:
        return {"pattern": {"data": {"path": [{"wildcard": f"/site/*/room/q{number}*.json"}]}}}
    return {"pattern": {"type": [TYPE], "data": {f"extra-{number}": [{"exists": True}]}}}


def _wildcard(number: int) -> Condition:
    return {"pattern": {"data": {"path": [{"wildcard": f"*/x{number}/*"}]}}}


def _cidr(number: int) -> Condition:
    return {"pattern": {"data": {"address": [{"cidr": f"172.{number % 256}.{number // 256 % 256}.0/24"}, f"192.168.{number % 256}.1"]}}}


def _alternatives(number: int) -> Condition:
    return {"pattern": {"type": [TYPE], "$or": [{"data": {"device": [f"x{number}"]}}, {"data": {"count": [number + 100_000]}}]}}


def _elements(number: int) -> Condition:
    return {"pattern": {"data": {"readings": {"sensor": [f"s-{number % 6}"], "value": [{"numeric": [">", 101 + number]}]}}}}


def _published(number: int) -> Condition:
    kinds = (_exact,) * 10 + (_prefix_or_suffix,) * 3 + (_numeric,) * 3 + (_anything_but,) * 2 + (_wildcard_or_exists,) * 2
    return kinds[number % 20](number // 20)


# -- made to hurt


def _halves(number: int) -> Condition:
    """Two ranges that hold for every event, and a third that never does."""
    return {
        "pattern": {
            "data": {
                "level": [{"numeric": [">", -number, "<", 100 + number]}],
                "count": [{"numeric": [">", -number, "<", 20_000_000 + number]}],
                "readings": {"value": [{"numeric": ["<", -1 - number]}]},
            }
        }
    }


def _crossing(number: int) -> Condition:
    """Ranges open at one end: the first holds for every event, the second for none."""
    return {"pattern": {"data": {"count": [{"numeric": [">", -number]}], "level": [{"numeric": [">", 1_000 + number]}]}}}


def _broad(number: int) -> Condition:
    """Anything-but that holds, each another, beside one that does not."""
    return {
        "pattern": {"data": {"device": [{"anything-but": [f"x{number}"]}], "status": [{"anything-but": {"prefix": ["on", f"x{number}"]}}]}}
    }


def _similar_wildcards(number: int) -> Condition:
    """Wildcards of two letters only, so that all contain what all contain."""
    text = f"{number:017b}".replace("0", "/").replace("1", "o")
    return {"pattern": {"data": {"path": [{"wildcard": f"*{text}*"}]}}}


def _shared_only(number: int) -> Condition:
    """Only shared exact values, and an absence that no event has."""
    return {"pattern": {"type": [TYPE], "data": {"status": ["online"], "level": [{"exists": False}, f"never-{number}"]}}}


def _matching(number: int, case: int) -> Condition:
    """Matches the event with this number."""
    conditions: tuple[Condition, ...] = (
        {"pattern": {"type": [TYPE], "data": {"device": [f"device-{number}"]}}},
        {"pattern": {"data": {"serial": [{"prefix": f"SN-{number:08d}"}]}}},
        {"pattern": {"data": {"level": [{"numeric": [">", 41, "<", 43]}], "count": [5_000 + number]}}},
        {"pattern": {"data": {"status": [{"anything-but": "offline"}], "count": [5_000 + number]}}},
        {"pattern": {"data": {"path": [{"wildcard": f"/site/{number}/*/room/*.json"}]}}},
        {"pattern": {"data": {"address": [{"cidr": "10.0.0.0/8"}], "device": [f"device-{number}"]}}},
        {"in": {"eventTypes": ["DEVICE.Measurement"]}, "pattern": {"data": {"count": [5_000 + number]}}},
        {"pattern": {"data": {"serial": [{"suffix": f"{number:08d}-EU"}], "missing": [{"exists": False}]}}},
        {"pattern": {"$or": [{"data": {"device": [f"device-{number}"]}}, {"data": {"device": ["none"]}}]}},
        {"pattern": {"data": {"device": [f"device-{number}"], "readings": {"sensor": ["s-1"], "unit": ["C"]}}}},
    )
    return conditions[case]


MIXES: dict[str, Callable[[int], Condition]] = {
    "published mix": _published,
    "two exact, one shared": _exact,
    "in lists": _listed,
    "prefix and suffix": _prefix_or_suffix,
    "ignoring case": _ignoring_case,
    "numeric": _numeric,
    "anything-but": _anything_but,
    "wildcard and exists": _wildcard_or_exists,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "$or": _alternatives,
    "array elements": _elements,
    "hurting: ranges that hold": _halves,
    "hurting: crossing ranges": _crossing,
    "hurting: anything-but": _broad,
    "hurting: similar wildcards": _similar_wildcards,
    "hurting: shared values only": _shared_only,
}


def load(mix: Callable[[int], Condition], size: int, matcher: Matcher | None = None) -> Matcher:
    """``matcher``, or a new one, with ``size`` filters of which each of the events 0 to EVENTS - 1 matches ``MATCHING``."""
    matcher = Matcher() if matcher is None else matcher
    for number in range(size):
        matcher.add(f"other-{number}", mix(number))
    for number in range(EVENTS):
        for case in range(MATCHING):
            matcher.add(f"match-{number}-{case}", _matching(number, case))
    return matcher


def measure(name: str, size: int, *, memory: bool = True) -> Measurement:
    """Loads and matches one mix; with ``memory``, loads it a second time under tracemalloc, which slows it."""
    mix = MIXES[name]
    gc.collect()
    start = time.thread_time()
    matcher = load(mix, size)
    load_seconds = time.thread_time() - start
    events = [json.loads(json.dumps(event(number))) for number in range(EVENTS)]
    counted: list[tuple[int, int]] = []
    start = time.thread_time()
    matcher.matches(events[0])
    first_ms = (time.thread_time() - start) * 1_000
    for _ in range(REPEATS):
        # where many are found in vain the matcher mends that by and by
        counted = [_count(matcher, one) for one in events]
    gc.collect()
    times = []
    for _ in range(REPEATS):
        for one in events:
            start = time.thread_time()
            matcher.matches(one)
            times.append((time.thread_time() - start) * 1_000)
    used = 0
    if memory:
        del matcher
        gc.collect()
        tracemalloc.start()
        kept = load(mix, size)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert kept.matches(event(0))
    return Measurement(
        mix=name,
        filters=size,
        matching=statistics.mean(matching for matching, _ in counted),
        first_ms=first_ms,
        median_ms=statistics.median(times),
        worst_ms=sorted(times)[-max(1, len(times) // 100)],
        steps=statistics.mean(steps for _, steps in counted),
        load_seconds=load_seconds,
        memory_mib=used / 2**20,
    )


def _measure_alone(what: tuple[str, int]) -> Measurement:
    return measure(*what, memory=False)


def _count(matcher: Matcher, one: dict[str, Any]) -> tuple[int, int]:
    budget = Budget()
    return len(matcher.matches(one, budget)), STEPS_PER_EVENT - budget.left


def large_arrays() -> dict[int, float]:
    """Milliseconds to match two fields of one array's elements, by the number of elements."""
    matcher = Matcher()
    matcher.add("pair", {"pattern": {"data": {"rows": {"a": ["hit"], "b": [{"numeric": [">", 0]}]}}}})
    result = {}
    for size in (750, 1_500, 3_000):
        rows = [{"a": "hit", "b": -index} for index in range(size)]
        one = {**event(0), "data": {"rows": rows}}
        times = []
        for _ in range(REPEATS):
            start = time.thread_time()
            assert matcher.matches(one) == set()
            times.append((time.thread_time() - start) * 1_000)
        result[size] = statistics.median(times)
    return result


def run(quick: bool = False) -> dict[str, Any]:
    """Measures and prints; returns what was printed.

    Args:
        quick: the published mix and the mixes made to hurt only, at two sizes.
    """
    plan = [("published mix", size) for size in (QUICK_SIZES if quick else SIZES)]
    plan += [(name, 10_000) for name in MIXES if name != "published mix" and (not quick or name.startswith("hurting"))]
    if not quick:
        plan += [(name, 100_000) for name in MIXES if name != "published mix" and not name.startswith("hurting")]
    print(f"event: {len(json.dumps(event(0), separators=(',', ':')))} bytes of JSON; each matches {MATCHING} filters")
    print(f"{'mix':<28}{'filters':>9}{'matching':>10}{'first ms':>10}{'median ms':>11}{'p99 ms':>9}{'steps':>9}{'load s':>8}{'MiB':>8}")
    measurements = []

    def note(result: Measurement) -> None:
        measurements.append(result)
        print(
            f"{result.mix:<28}{result.filters:>9,}{result.matching:>10.1f}{result.first_ms:>10.3f}{result.median_ms:>11.3f}"
            f"{result.worst_ms:>9.3f}{result.steps:>9,.0f}{result.load_seconds:>8.2f}{result.memory_mib:>8.1f}",
            flush=True,
        )

    alone = [(name, size) for name, size in plan if name != "published mix" and size == 100_000]
    for name, size in plan[: len(plan) - len(alone)]:
        # Loading under tracemalloc takes four times as long: only for the mix that has a goal.
        note(measure(name, size, memory=not quick and name == "published mix"))
    # What has no goal of its own is measured on all cores: loading 100,000 filters of each kind takes minutes on one.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), max_workers=os.cpu_count()) as processes:
        for result in processes.map(_measure_alone, alone):
            note(result)
    arrays = large_arrays()
    for size, milliseconds in arrays.items():
        print(f"two fields of the same element, array of {size:>5,} objects: {milliseconds:.2f} ms")
    return {"measurements": [asdict(result) for result in measurements], "arrays": arrays}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two sizes, and only the mixes that are promised something")
    run(quick=parser.parse_args().quick)
