"""What an index says that it keeps is what it keeps, by the interpreter's own count."""

from __future__ import annotations

import gc
import json
import random
import tracemalloc
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

import pytest

from benchmarks.speed import hostile
from benchmarks.speed import matcher as ordinary
from event_service.filters.matching import conditions
from event_service.filters.matching.matcher import Matcher
from event_service.filters.matching.size import index_entries

BYTES_PER_ENTRY = 300


def _cameras(chance: random.Random, number: int) -> list[str]:
    return [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(number)]


def _all(conditions: Iterable[Any], *, ascii_only: bool = True) -> list[str]:
    return [json.dumps(condition, ensure_ascii=ascii_only) for condition in conditions]


def _of_a_mix(mix: Callable[[int], Any]) -> list[str]:
    return _all(map(mix, range(300)))


def _hostile(make: Callable[[], Any], number: int) -> list[str]:
    """The filter of a pair, each time for another field. Its event, of which nothing is used, takes most of the time: a small one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile, "EVENT_BYTES", 24 * 1024)
        condition = json.dumps(make()[0])
    return [condition.replace('"data"', f'"data{one}"') for one in range(number)]


def _cameras_of_its_own() -> list[str]:
    chance = random.Random(1)
    return _all({"in": {"cameraIds": _cameras(chance, 800)}} for _ in range(20))


def _shared_cameras() -> list[str]:
    """Each camera in 53 filters, as where 200 filters list 800 of 3,000."""
    chance = random.Random(1)
    cameras = _cameras(chance, 375)
    return _all({"in": {"cameraIds": chance.sample(cameras, 200)}} for _ in range(100))


def _alternatives_of_many_fields() -> list[str]:
    six = [{"n": [{"anything-but": str(number)}]} for number in range(6)]
    return _all([{"pattern": {**{f"{number:x}": [1] for number in range(200)}, **{name: {"$or": six} for name in "xyz"}}}])


def _many_alternatives() -> list[str]:
    letters = range(10)
    return _all({"pattern": {name: {"$or": [{f"k{number}{one}": ["v"]} for one in letters]} for name in "xyz"}} for number in range(3))


def _long_texts(letter: str, rule: Callable[[str], Any]) -> list[str]:
    return _all(({"pattern": {"a": [rule(f"{number}" + letter * 3_900)]}} for number in range(20)), ascii_only=letter.isascii())


CORPUS: dict[str, Callable[[], list[str]]] = {
    **{name: partial(_of_a_mix, mix) for name, mix in ordinary.MIXES.items()},
    **{make.__name__: partial(_hostile, make, 5) for make in hostile.NAMED[:-1]},
    **{f"generated, seed {seed}": partial(_hostile, partial(hostile.generated, seed), 3) for seed in range(6)},
    "216 alternatives of 200 fields": _alternatives_of_many_fields,
    "a path of 2,000 segments": lambda: _all({"pattern": {f"{number:04d}" + ".a" * 2_030: ["x"]}} for number in range(4)),
    "800 cameras of its own": _cameras_of_its_own,
    "200 of 375 cameras": _shared_cameras,
    "three $or of ten": _many_alternatives,
    "long texts": lambda: _long_texts("y", lambda text: text),
    "long Cyrillic texts": lambda: _long_texts("ж", lambda text: {"equals-ignore-case": text}),
    "many absences": lambda: _all({"pattern": {f"{number}_{one}": [{"exists": False}] for one in range(120)}} for number in range(9)),
    "many paths": lambda: _all({"pattern": {f"{number}_{one}": [one] for one in range(200)}} for number in range(9)),
}
"""Filters as JSON texts, as a process reads them, by kind. They are made by the test of the kind: to make all takes seconds, and every
process of a run of tests loads this module."""


ROOMY: Final = {f"{number}": "" for number in range(200_000)}
"""A dictionary, and a copy of it, takes 149,000 more entries before it grows."""


@pytest.fixture(scope="module")
def frozen() -> None:
    """Garbage is collected twice for each kind. What other tests of this process have left is not looked through each time."""
    gc.collect()
    gc.freeze()


@pytest.mark.long
@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("kind", CORPUS)
def test_the_estimate_is_within_twice_of_what_is_kept(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an interpreter whose table of interned texts does not grow meanwhile: of one process all tests share it, and it
    # would count with megabytes for whoever adds the text that fills it
    interned = ROOMY.copy()
    monkeypatch.setattr(conditions, "sys", SimpleNamespace(intern=lambda text: interned.setdefault(text, text)))
    # and filters that are read and added one by one
    texts = CORPUS[kind]()
    gc.collect()
    tracemalloc.start()
    matcher = Matcher()
    for number, text in enumerate(texts):
        matcher.add(f"filter-{number}", json.loads(text))
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    # then the estimate is right within a factor of two, and a quota in entries bounds the memory
    assert kept / 2 <= matcher.estimated_bytes <= kept * 2
    assert kept <= BYTES_PER_ENTRY * sum(index_entries(json.loads(text)) for text in texts)

    # and nothing is left of it afterwards
    for number in range(len(texts)):
        matcher.remove(f"filter-{number}")
    assert matcher.estimated_bytes == 0


def test_moving_filters_keep_the_estimate() -> None:
    matcher = ordinary.load(ordinary.MIXES["hurting: crossing ranges"], 300)
    before = matcher.estimated_bytes

    for number in range(ordinary.EVENTS):
        matcher.matches(ordinary.event(number))

    assert before / 2 <= matcher.estimated_bytes <= before * 2
