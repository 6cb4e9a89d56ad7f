"""What an index says that it keeps is what it keeps, by the interpreter's own count."""

from __future__ import annotations

import gc
import json
import random
import tracemalloc
import uuid
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


def _of_its_own(condition: dict[str, Any], number: int) -> str:
    return json.dumps(condition).replace('"data"', f'"data{number}"')


def _corpus() -> dict[str, list[str]]:
    """Filters as JSON texts, as a process reads them, by kind."""
    chance = random.Random(1)
    cameras = _cameras(chance, 3_000)
    letters = range(10)
    corpus = {name: [json.dumps(mix(number)) for number in range(300)] for name, mix in ordinary.MIXES.items()}
    corpus |= {make.__name__: [_of_its_own(make()[0], number) for number in range(5)] for make in hostile.NAMED[:-1]}
    corpus |= {f"generated, seed {seed}": [_of_its_own(hostile.generated(seed)[0], number) for number in range(3)] for seed in range(6)}
    corpus["1,000 alternatives of 200 fields"] = [json.dumps(hostile.alternatives_of_many_fields()[0])]
    corpus["a path of 2,000 segments"] = [json.dumps({"pattern": {f"{number:04d}" + ".a" * 2_030: ["x"]}}) for number in range(4)]
    corpus["800 cameras of its own"] = [json.dumps({"in": {"cameraIds": _cameras(chance, 800)}}) for _ in range(20)]
    corpus["800 of 3,000 cameras"] = [json.dumps({"in": {"cameraIds": chance.sample(cameras, 800)}}) for _ in range(200)]
    corpus["three $or of ten"] = [
        json.dumps({"pattern": {name: {"$or": [{f"k{number}{one}": ["v"]} for one in letters]} for name in "xyz"}}) for number in range(3)
    ]
    corpus["long texts"] = [json.dumps({"pattern": {"a": [f"{number}" + "y" * 3_900]}}) for number in range(20)]
    corpus["long Cyrillic texts"] = [
        json.dumps({"pattern": {"a": [{"equals-ignore-case": f"{number}" + "ж" * 3_900}]}}, ensure_ascii=False) for number in range(20)
    ]
    corpus["many absences"] = [
        json.dumps({"pattern": {f"{number}_{one}": [{"exists": False}] for one in range(120)}}) for number in range(9)
    ]
    corpus["many paths"] = [json.dumps({"pattern": {f"{number}_{one}": [one] for one in range(200)}}) for number in range(9)]
    return corpus


CORPUS = _corpus()


ROOMY: Final = {f"{number}": "" for number in range(200_000)}
"""A dictionary, and a copy of it, takes 149,000 more entries before it grows."""


@pytest.mark.long
@pytest.mark.parametrize("kind", CORPUS)
def test_the_estimate_is_within_twice_of_what_is_kept(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an interpreter whose table of interned texts does not grow meanwhile: of one process all tests share it, and it
    # would count with megabytes for whoever adds the text that fills it
    interned = ROOMY.copy()
    monkeypatch.setattr(conditions, "sys", SimpleNamespace(intern=lambda text: interned.setdefault(text, text)))
    # and filters that are read and added one by one
    texts = CORPUS[kind]
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
