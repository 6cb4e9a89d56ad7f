"""What filters and events made to hurt cost: `make bench SECTION=hostile`.

Each pair is one filter that is accepted (a pattern of 4,096 characters, `in` of 32 KiB) and one event of up to 256 KiB.
The named ones are the worst found so far, each for another part of the matcher; a generator makes more from seeds.
"""

from __future__ import annotations

import gc
import itertools
import json
import random
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.speed import matcher as ordinary
from event_service.base.errors import DomainError
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.pattern_json import MAXIMUM_PATTERN_CHARACTERS

EVENT_BYTES = 256 * 1024
SEEDS = 60
QUICK_SEEDS = 10
FILTERS = 1_000
REPEATS = 3
LOADED_IN_TIME_MS = 25
"""Pairs whose filter takes longer to add are not tried 1,000 times: so many would pass the quota of index entries, too."""

Json = dict[str, Any]
Pair = tuple[Json, Json]
ABSENT = {"exists": False}
_HASH_MODULUS = 2**61 - 1


def event(data: Json) -> Json:
    """A delivered event with this ``data``, as it is read from JSON."""
    text = json.dumps({**ordinary.event(0), "data": data}, ensure_ascii=False, separators=(",", ":"))
    assert len(text.encode()) <= EVENT_BYTES + 1_024, f"{len(text.encode()):,} bytes"
    made: Json = json.loads(text)
    return made


def _fill(make: Callable[[int], Any], size: int | None = None) -> list[Any]:
    """As many of what ``make`` makes as fit into ``size`` bytes of JSON, an event when ``None``."""
    made: list[Any] = []
    size = EVENT_BYTES - 1_024 if size is None else size
    for number in itertools.count():
        one = make(number)
        size -= len(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()) + 1
        if size < 0:
            return made
        made.append(one)
    raise AssertionError


def _entries(make: Callable[[int], Any], size: int = MAXIMUM_PATTERN_CHARACTERS - 60) -> list[Any]:
    return _fill(make, size)


# -- the worst found so far, by what they try to overload


def absent_fields_of_many_arrays() -> Pair:
    """Each array has two ways to choose, and each way leaves another field present."""
    fields = {f"a{number}": {"w": [1], "x": [ABSENT], "y": [ABSENT]} for number in range(50)}
    return {"pattern": {"data": fields}}, event({f"a{number}": [{"w": 1, "x": 1}, {"w": 1, "y": 1}] for number in range(50)})


def fields_that_may_be_absent() -> Pair:
    """Each of many fields may be absent or have a value, and there is a value that fails in each element."""
    fields = {f"f{number}": [ABSENT, "x"] for number in range(100)}
    return {"pattern": {"data": {"rows": fields}}}, event(
        {"rows": _fill(lambda number: {f"f{number % 100}": "y", f"f{(number + 1) % 100}": "x"})}
    )


def alternatives_times_arrays() -> Pair:
    """800 alternatives, all of which hold but for two fields of one array that are never in one element."""
    many = [{"n": [{"anything-but": str(number)}]} for number in range(10)]
    others = [{"m": [{"anything-but": str(number)}]} for number in range(10)]
    keys = ("id", "type", "date", "agentId", "cameraId", "workspaceId", "creationDate", "lastModified")
    pattern = {
        "$or": [{key: [{"anything-but": "0"}]} for key in keys],
        "data": {"a": {"x": [1], "y": [1]}, "$or": many, "b": {"$or": others}},
    }
    rows = _fill(lambda number: {"x": 1} if number % 2 else {"y": 1}, EVENT_BYTES - 2_048)
    return {"pattern": pattern}, event({"n": "q", "b": {"m": "q"}, "a": rows})


def alternatives_that_are_other_arrays() -> Pair:
    """1,000 alternatives that each ask three other things of one array."""

    def any_of(field: str) -> list[Json]:
        return [{field: [{"numeric": [">", number]}]} for number in range(10)]

    pattern = {"data": {"a": {"z": [1], "$or": any_of("x")}, "a.$or": any_of("y")}}
    pattern = {"data": {"a": {"$or": any_of("x"), "z": [1]}, "$or": [{"a": one} for one in any_of("y")]}}
    pattern["data"]["b"] = {"$or": any_of("x")}
    rows = _fill(lambda number: [{"x": 99, "z": 1}, {"y": 99, "z": 1}, {"x": 99, "y": 99}][number % 3], EVENT_BYTES - 2_048)
    return {"pattern": pattern}, event({"a": rows, "b": {"x": 99}})


def nested_arrays() -> Pair:
    """Lists in lists in lists, with two fields that are never in one element."""

    def nest(depth: int, inside: Any) -> Any:
        return inside if not depth else [nest(depth - 1, inside)]

    rows = _fill(lambda number: nest(90, {"x": 1} if number % 2 else {"y": 1}))
    return {"pattern": {"data": {"a": {"x": [1], "y": [1]}}}}, event({"a": rows})


def lists_inside_elements() -> Pair:
    """Each element has lists of its own that must be looked into, for each of many alternatives."""
    branches = [{"x": [{"numeric": [">", number]}]} for number in range(60)]
    pattern = {"data": {"a": {"l": {"y": [1], "z": [1], "$or": branches}}}}
    return {"pattern": pattern}, event({"a": _fill(lambda number: {"l": [{"x": 99, "y": 1}, {"x": 99, "z": 1}]})})


def spellings_of_one_path() -> Pair:
    """One path leads into many arrays, each of which has all fields but never in one element."""
    keys = string.ascii_lowercase[:16]
    names = ["x.y.z", "x", "x.y"]
    inside = [{key: 1} for key in keys]
    data = {"x.y.z": inside, "x": {"y.z": inside, "y": {"z": inside}}, "x.y": {"z": inside}}
    assert len(names) == 3
    return {"pattern": {"data": {"x": {"y": {"z": {key: [1] for key in keys}}}}}}, event(data)


def colons() -> Pair:
    """A text that looks like an IPv6 address to the last character."""
    return {"pattern": {"data": {"ip": [{"cidr": "10.0.0.0/24"}, "10.0.0.1"]}}}, event({"ip": ":" * (EVENT_BYTES - 10_000) + "x"})


def addresses_and_networks() -> Pair:
    """Blocks with every length of mask, and as many addresses as fit."""
    blocks = _entries(
        lambda number: {"cidr": f"{number + 1:x}::/{number}"} if number < 128 else {"cidr": f"10.{number - 128}.0.0/{number % 31}"}
    )
    return {"pattern": {"data": {"ip": blocks}}}, event({"ip": _fill(lambda number: f"{number:x}::1")})


def addresses_beside_another_field() -> Pair:
    """Blocks that must be asked one by one, since the filter waits elsewhere."""
    blocks = _entries(lambda number: {"cidr": f"{number + 1:x}::/{number % 128}"}, 3_900)
    rows = _fill(lambda number: {"a": f"ffff:{number:x}::1"})
    return {"pattern": {"type": [ordinary.TYPE], "data": {"rows": {"a": blocks, "b": [ABSENT]}}}}, event({"rows": rows})


def ranges_on_all_levels() -> Pair:
    """Ranges that hang at as many forks as there are, and as many numbers as fit."""
    ranges = _entries(lambda number: {"numeric": [">", 2.0 ** (number * 7 % 900), "<", 2.0 ** (number * 7 % 900 + 1 + number % 90)]})
    return {"pattern": {"data": {"n": ranges}}}, event({"n": _fill(lambda number: -number)})


def needles_that_nearly_fit() -> Pair:
    """Pieces of wildcards that fail at their last character, at each place of texts of one letter."""
    needles = [{"wildcard": f"*{'a' * (20 + number % 30)}ba*{number}"} for number in range(60)]
    return {"pattern": {"data": {"t": needles}}}, event({"t": _fill(lambda number: "a" * (EVENT_BYTES // 10 + number) + "ba")})


def wildcards_of_many_pieces() -> Pair:
    """All stars that are allowed, over one long text."""
    stars = [{"wildcard": "*".join(f"{letter}{number}" for number in range(31)) + "*"} for letter in "abcd"]
    text = "".join(f"{letter}{number}" for letter in "abcd" for number in range(31)) * (EVENT_BYTES // 900)
    return {"pattern": {"data": {"t": [*stars, {"anything-but": {"wildcard": "q*"}}]}}}, event({"t": text})


def wildcards_over_many_texts() -> Pair:
    """Wildcards of one letter, over as many texts as fit."""
    wildcards = [{"wildcard": f"*a{number}b"} for number in range(125)]
    return {"pattern": {"data": {"t": wildcards}}}, event({"t": _fill(lambda number: f"a{number}a{number}c")})


def spellings_in_both_cases() -> Pair:
    """Texts that are one but for their case, on both sides."""

    def spelled(number: int) -> str:
        return "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate("abcdefghijklmno"))

    texts = _entries(lambda number: {"equals-ignore-case": spelled(number * 3) + "\u00df"})
    return {"pattern": {"data": {"t": texts}}}, event({"t": _fill(lambda number: spelled(number) + "s")})


def beginnings_without_case() -> Pair:
    """Long beginnings of letters that have two forms of different length."""
    texts = _entries(lambda number: {"prefix": {"equals-ignore-case": "\u00df" * (20 + number) + "x"}})
    return {"pattern": {"data": {"t": texts}}}, event({"t": _fill(lambda number: "SS" * 400 + str(number))})


def beginnings_and_endings_of_all_lengths() -> Pair:
    """Beginnings and endings of as many lengths as fit, and texts with all of them."""
    texts = _entries(lambda number: {"prefix": "a" * number + "b"} if number % 2 else {"suffix": "b" + "a" * number})
    return {"pattern": {"data": {"t": texts}}}, event({"t": _fill(lambda number: "a" * 60 + str(number) + "a" * 60)})


def integers_with_one_hash() -> Pair:
    """Integers beyond all floats that Python hashes alike."""
    return {"pattern": {"data": {"n": [1]}}}, event({"n": _fill(lambda number: 2**53 + 1 + (number + 7) * _HASH_MODULUS)})


def all_but_a_few() -> Pair:
    """Lists of refused values, and as many values as fit."""
    refused = _entries(lambda number: {"anything-but": [f"v{number}", f"v{number + 1}"]})
    refused[0] = {"anything-but": {"suffix": ["0", "1", "2"]}}
    return {"pattern": {"data": {"t": refused, "u": ["never"]}}}, event({"t": _fill(lambda number: f"v{number}"), "u": "other"})


def all_but_wildcards() -> Pair:
    """Refused wildcards, which are asked one by one of each value."""
    refused = [{"anything-but": {"wildcard": [f"*{number}*z" for number in range(60)]}}]
    return {"pattern": {"data": {"t": refused}}}, event({"t": _fill(lambda number: f"{number}" * 4 + "z")})


def every_operator_at_once() -> Pair:
    """One list with every operator, and as many different values as fit."""
    one = [
        "10.0.0.1",
        {"cidr": "10.0.0.0/8"},
        {"prefix": "never"},
        {"suffix": "never"},
        {"prefix": {"equals-ignore-case": "never"}},
        {"suffix": {"equals-ignore-case": "never"}},
        {"equals-ignore-case": "never"},
        {"wildcard": "n*ver"},
        {"numeric": ["<", -1]},
        {"anything-but": {"prefix": list("0123456789")}},
    ]
    return {"pattern": {"data": {"t": one}}}, event({"t": _fill(str)})


def a_path_of_many_segments() -> Pair:
    """A path of 2,000 segments, and an event as deep as JSON may be."""
    path = ".".join("a" * 2_000)
    deep: Any = {".".join("a" * 1_900): {"a": 1}}
    for _ in range(90):
        deep = {"a": deep}
    return {"pattern": {path: ["x"]}}, event(deep)


def a_long_key_above_many() -> Pair:
    """A key of 4,000 characters above as many objects as fit."""
    return {"pattern": {"data": {"k" * 4_000: {"a": ["x"]}}}}, event(
        {"k" * 4_000: _fill(lambda number: {"a": number % 10}, EVENT_BYTES - 6_000)}
    )


def as_many_values_as_fit() -> Pair:
    """The smallest values there are."""
    return {"pattern": {"data": {"n": [2]}}}, event({"n": [1] * (EVENT_BYTES // 2 - 1_024)})


def as_many_lists_as_fit() -> Pair:
    """The smallest lists there are, with a second field to be found in one of them."""
    return {"pattern": {"data": {"n": [1], "n.x": [ABSENT, 1]}}}, event({"n": [[1]] * (EVENT_BYTES // 4 - 1_024)})


def all_lists_of_in() -> Pair:
    """`in` of 32 KiB, and as many profile groups as fit."""
    condition = {
        "in": {
            "profileGroupIds": [f"g{number:012x}" for number in range(1_000)],
            "cameraIds": [f"c{number:010x}" for number in range(1_000)],
        }
    }
    return condition, event({"identification_data": [{"profile_groups": _fill(lambda number: f"h{number:x}")}]})


def alternatives_of_many_fields() -> Pair:
    """1,000 alternatives of 200 fields each, all of which are there."""
    ten = [{"n": [{"anything-but": str(number)}]} for number in range(10)]
    fields: Json = {f"{number:x}": [1] for number in range(200)}
    pattern = {"data": {**fields, "p": {"$or": ten}, "q": {"$or": ten}, "r": {"$or": ten}, "zz": ["never"]}}
    data = {**dict.fromkeys(fields, 1), "p": {"n": "x"}, "q": {"n": "x"}, "r": {"n": "x"}, "zz": "other"}
    return {"pattern": pattern}, event(data)


NAMED: tuple[Callable[[], Pair], ...] = (
    absent_fields_of_many_arrays,
    fields_that_may_be_absent,
    alternatives_times_arrays,
    alternatives_that_are_other_arrays,
    nested_arrays,
    lists_inside_elements,
    spellings_of_one_path,
    colons,
    addresses_and_networks,
    addresses_beside_another_field,
    ranges_on_all_levels,
    needles_that_nearly_fit,
    wildcards_of_many_pieces,
    wildcards_over_many_texts,
    spellings_in_both_cases,
    beginnings_without_case,
    beginnings_and_endings_of_all_lengths,
    integers_with_one_hash,
    all_but_a_few,
    all_but_wildcards,
    every_operator_at_once,
    a_path_of_many_segments,
    a_long_key_above_many,
    as_many_values_as_fit,
    as_many_lists_as_fit,
    all_lists_of_in,
    alternatives_of_many_fields,
)


# -- made by chance


def generated(seed: int) -> Pair:
    """A filter and an event near their limits: some kinds of entries on some fields, and values that nearly fit them, in some shape."""
    chance = random.Random(seed)
    kinds = chance.sample(sorted(_KINDS), chance.randint(1, 4))
    fields = [f"f{number}" for number in range(chance.randint(1, 3))]
    entries: Json = {}
    share = (MAXIMUM_PATTERN_CHARACTERS - 600) // len(fields)
    for field in fields:
        entries[field] = _entries(lambda number: _KINDS[kinds[number % len(kinds)]][0](chance, number), share)
        if chance.random() < 0.4:
            entries[field].append(ABSENT)
    pattern: Json = {"data": {"rows": entries}}
    if chance.random() < 0.5:
        pattern["$or"] = [{"type": [{"anything-but": str(number)}]} for number in range(chance.randint(2, 10))]

    def value(number: int) -> Any:
        return _KINDS[kinds[number % len(kinds)]][1](chance, number)

    shapes: tuple[Callable[[int], Any], ...] = (
        lambda number: {field: value(number) for field in fields},
        lambda number: {chance.choice(fields): value(number)},
        lambda number: [{chance.choice(fields): [value(number), value(number + 1)]} for _ in range(3)],
        lambda number: {field: [value(number + step) for step in range(5)] for field in fields},
    )
    return {"pattern": pattern}, event({"rows": _fill(chance.choice(shapes), EVENT_BYTES - 4_096)})


_Maker = Callable[[random.Random, int], Any]
_KINDS: dict[str, tuple[_Maker, _Maker]] = {
    "exact": (lambda chance, number: f"v{number}", lambda chance, number: f"v{number + chance.randint(0, 9_999)}"),
    "numbers": (
        lambda chance, number: {"numeric": [">", number * 10.5, "<", number * 10.5 + 2.0 ** chance.randint(-9, 30)]},
        lambda chance, number: round(chance.uniform(-100, 10_000), chance.randint(0, 6)),
    ),
    "beginnings": (
        lambda chance, number: {"prefix": "ab" * chance.randint(1, 40)},
        lambda chance, number: "ab" * chance.randint(1, 39) + f"a{number}",
    ),
    "endings": (
        lambda chance, number: {"suffix": "ba" * chance.randint(1, 40)},
        lambda chance, number: f"{number}" + "ba" * chance.randint(1, 39),
    ),
    "case": (
        lambda chance, number: {"equals-ignore-case": "".join(chance.choice((one, one.upper())) for one in "stra\u00dfenbahn")},
        lambda chance, number: "".join(chance.choice((one, one.upper())) for one in "strassenbah") + str(number % 10),
    ),
    "beginnings without case": (
        lambda chance, number: {"prefix": {"equals-ignore-case": "\u00e9" * chance.randint(1, 30)}},
        lambda chance, number: "\u00c9" * chance.randint(1, 29) + str(number),
    ),
    "wildcards": (
        lambda chance, number: {
            "wildcard": "*".join(chance.choice(("ab", "aab", "b")) for _ in range(3 if number < 120 else 1)) + f"{number}"
        },
        lambda chance, number: "".join(chance.choice("ab") for _ in range(chance.choice((5, 50, 5_000)))),
    ),
    "networks": (
        lambda chance, number: {"cidr": f"{chance.randint(0, 65_535):x}::/{chance.randint(0, 127)}"},
        lambda chance, number: f"{chance.randint(0, 65_535):x}::{number % 65_536:x}",
    ),
    "anything but": (lambda chance, number: {"anything-but": [f"v{number}", f"v{number + 1}"]}, lambda chance, number: f"v{number % 50}"),
    "anything but beginnings": (
        lambda chance, number: {"anything-but": {"prefix": [f"{number}", "a", "v"]}},
        lambda chance, number: f"a{number}",
    ),
    "anything but wildcards": (
        lambda chance, number: {"anything-but": {"wildcard": f"*{'a' * chance.randint(1, 30)}b" if number < 60 else "a"}},
        lambda chance, number: "a" * chance.choice((3, 30, 3_000)) + "b",
    ),
    "absent": (lambda chance, number: ABSENT, lambda chance, number: None),
}


def corpus(seeds: int) -> Iterator[tuple[str, Pair]]:
    """All pairs: those with names, and ``seeds`` made by chance whose patterns are accepted."""
    for make in NAMED:
        yield make.__name__.replace("_", " "), make()
    for seed in range(seeds):
        pair = generated(seed)
        try:
            Matcher().add("f", pair[0])
        except DomainError:
            continue
        yield f"generated, seed {seed}", pair


# -- measuring


@dataclass(frozen=True, slots=True)
class Measurement:
    """One pair: milliseconds of the processor, and whether the budget ended."""

    pair: str
    filter_bytes: int
    event_bytes: int
    steps: int
    compile_ms: float
    match_ms: float
    undecided: int


def measure(name: str, pair: Pair) -> Measurement:
    """Times one filter and one event, the best of a few times since others use the machine."""
    condition, one = pair
    best, start = 1e9, time.thread_time()
    Matcher().add("f", condition)
    compile_ms = (time.thread_time() - start) * 1_000
    budget = Budget()
    for _ in range(REPEATS):
        matcher = Matcher()
        matcher.add("f", condition)
        gc.collect()
        budget = Budget()
        start = time.thread_time()
        matcher.matches(one, budget)
        best = min(best, (time.thread_time() - start) * 1_000)
    size = len(json.dumps(condition, ensure_ascii=False, separators=(",", ":")).encode())
    return Measurement(
        name,
        size,
        len(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()),
        STEPS_PER_EVENT - budget.left,
        compile_ms,
        best,
        budget.undecided,
    )


def crowd(condition: Json, number: int) -> Json:
    """``condition``, made different by a field that every event has, so that nothing is shared but what differs not."""
    pattern = dict(condition["pattern"])
    return {**condition, "pattern": {**pattern, "workspaceId": [{"anything-but": f"w{number}"}]}}


def many_filters(pairs: dict[str, Pair]) -> dict[str, float]:
    """Milliseconds for 1,000 filters of each pair in one workspace, and its event; and of all pairs mixed."""
    result = {}
    mixed = list(pairs.items())
    for name, (condition, one) in mixed:
        matcher = Matcher()
        for number in range(FILTERS):
            matcher.add(str(number), crowd(condition, number))
        budget = Budget()
        gc.collect()
        start = time.thread_time()
        matcher.matches(one, budget)
        result[f"{name} ({budget.undecided} undecided)"] = (time.thread_time() - start) * 1_000
    return result


def run(quick: bool = False) -> dict[str, Any]:
    """Measures and prints; returns what was printed, the worst pairs first."""
    pairs = dict(corpus(QUICK_SEEDS if quick else SEEDS))
    measured = sorted((measure(name, pair) for name, pair in pairs.items()), key=lambda one: -one.match_ms)
    print(f"{'pair':<42}{'filter':>8}{'event':>9}{'steps':>11}{'add ms':>8}{'match ms':>10}  budget")
    for one in measured:
        ended = "ended" if one.undecided else ""
        print(
            f"{one.pair:<42}{one.filter_bytes:>8,}{one.event_bytes:>9,}{one.steps:>11,}{one.compile_ms:>8.1f}{one.match_ms:>10.1f}  {ended}"
        )
    hurting = [one for one in measured if "pattern" in pairs[one.pair][0] and one.compile_ms < LOADED_IN_TIME_MS]
    chosen = [one.pair for one in hurting[: 2 if quick else 6]]
    together = many_filters({name: pairs[name] for name in chosen})
    for name, milliseconds in together.items():
        print(f"{FILTERS:,} filters: {name}: {milliseconds:,.0f} ms")
    return {"pairs": [asdict(one) for one in measured], "together": together}
