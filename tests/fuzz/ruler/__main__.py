"""Our matcher beside AWS's open rule engine: `make fuzz RULER=1 PAIRS=10000000 SEED=1`.

First every entry that the generator knows is asked about every value that it knows. Then patterns and events are made
of them, fifteen filters in one matcher at a time. Of what differs there, three kinds are only counted: pairs that hold
an entry and a value about which the two differed already; events that spell one path in two ways (`a.b` beside `a`),
where the engine misses what may match together; and those where the engine contradicts itself, because it
answers otherwise for the whole pattern than for its parts (one branch of each `$or`, one entry of each list).
All others are made as small as possible and printed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from event_service.base.errors import BadUserInput
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.operators import OPERATORS
from tests.fuzz.ruler import generator
from tests.fuzz.ruler.engine import Engine
from tests.fuzz.ruler.generator import Generator
from tests.unit.filters.patterns.reference import alternatives

PATTERNS_PER_ROUND = 15
EVENTS_PER_PATTERN = 40
MOST_PARTS = 300
SHOWN = 3


def _parts(pattern: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pattern without ``$or`` and with one entry of each list, in all combinations."""
    for fields in alternatives(pattern):
        for entries in itertools.product(*fields.values()):
            yield {path: [entry] for path, entry in zip(fields, entries, strict=True)}


def _smaller(value: Any) -> Iterator[Any]:
    """``value`` with one thing less somewhere."""
    if isinstance(value, dict):
        for key in value:
            yield {other: child for other, child in value.items() if other != key}
        for key, child in value.items():
            for made in _smaller(child):
                yield {**value, key: made}
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield [*value[:index], *value[index + 1 :]]
            if len(value) == 1 and isinstance(child, dict) and not _is_operator(child):
                yield child
            for made in _smaller(child):
                yield [*value[:index], made, *value[index + 1 :]]


def _is_operator(entry: dict[str, Any]) -> bool:
    return len(entry) == 1 and next(iter(entry)) in OPERATORS


def _operators(pattern: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(pattern, dict):
        for key, value in pattern.items():
            found |= ({key} if key in OPERATORS or key == "$or" else set()) | _operators(value)
    elif isinstance(pattern, list):
        for value in pattern:
            found |= _operators(value)
    return found


def _entries(pattern: Any) -> Iterator[str]:
    """Each entry of each list, as JSON."""
    for key, value in pattern.items():
        if isinstance(value, dict):
            yield from _entries(value)
        elif key == "$or":
            for branch in value:
                yield from _entries(branch)
        else:
            yield from map(json.dumps, value)


def _spells_a_path_in_two_ways(event: Any) -> bool:
    """Whether an object has both a key and one that begins with it and a dot."""
    if isinstance(event, dict):
        inside = any(map(_spells_a_path_in_two_ways, event.values()))
        return inside or any(other.startswith(f"{key}.") for key in event for other in event)
    return isinstance(event, list) and any(map(_spells_a_path_in_two_ways, event))


def _scalars(event: Any) -> Iterator[str]:
    """Each value that is neither object nor list, as JSON."""
    if isinstance(event, dict | list):
        for value in event.values() if isinstance(event, dict) else event:
            yield from _scalars(value)
    else:
        yield json.dumps(event)


def _matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool | None:
    """What we say; ``None`` when we refuse the pattern."""
    matcher = Matcher()
    try:
        matcher.add("f", {"pattern": pattern})
    except BadUserInput:
        return None
    return bool(matcher.matches(event))


class Comparison:
    """What was found."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._different: dict[str, set[str]] = {}
        self.pairs = 0
        self.matching = 0
        self.found: Counter[str] = Counter()

    def one_by_one(self) -> None:
        """Asks about each entry and each value alone."""
        for entry in generator.all_entries():
            pattern = {"a": [entry]}
            (answer,) = self._engine.ask([(pattern, [{"a": value} for value in generator.SCALARS])])
            if answer.startswith("INVALID") or _matches(pattern, {}) is None:
                self._compare_refusals(pattern, "refused" if _matches(pattern, {}) is None else "", answer)
                continue
            for value, theirs in zip(generator.SCALARS, answer, strict=True):
                ours = _matches(pattern, {"a": value})
                self.pairs += 1
                if theirs != ("T" if ours else "F"):
                    self._different.setdefault(json.dumps(entry), set()).add(json.dumps(value))
                    said = f"ours {ours}, the engine's {theirs}"
                    print(f"alone: {said}: {json.dumps(entry, ensure_ascii=False)} | {json.dumps(value, ensure_ascii=False)}")

    def round(self, made: Generator) -> None:
        """Compares some patterns in one matcher with the engine, each with its events."""
        matcher = Matcher()
        pairs: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = []
        for number in range(PATTERNS_PER_ROUND):
            pattern = made.pattern()
            refusal = ""
            try:
                matcher.add(str(number), {"pattern": pattern})
            except BadUserInput as error:
                refusal = str(error)
            pairs.append((refusal, pattern, [made.event(pattern) for _ in range(EVENTS_PER_PATTERN)]))
        answers = self._engine.ask([(pattern, events) for _, pattern, events in pairs])
        for number, ((refusal, pattern, events), theirs) in enumerate(zip(pairs, answers, strict=True)):
            if refusal or theirs.startswith("INVALID"):
                self._compare_refusals(pattern, refusal, theirs)
                continue
            for event, verdict in zip(events, theirs, strict=True):
                ours = str(number) in matcher.matches(event)
                self.pairs += 1
                self.matching += ours
                if verdict != ("T" if ours else "F"):
                    self._explain(pattern, event, ours, verdict)

    def _compare_refusals(self, pattern: dict[str, Any], refusal: str, theirs: str) -> None:
        if not refusal:
            smaller = True
            while smaller:
                smaller = False
                made = list(_smaller(pattern))
                for one, answer in zip(made, self._engine.ask([(one, []) for one in made]), strict=True):
                    if answer.startswith("INVALID") and _matches(one, {}) is not None:
                        pattern, theirs, smaller = one, answer, True
                        break
            self._note(f"only the engine refuses: {theirs[8:60]}", json.dumps(pattern, ensure_ascii=False))
        elif not theirs.startswith("INVALID"):
            self._note("only we refuse", f"{refusal} {json.dumps(pattern, ensure_ascii=False)}")

    def _explain(self, pattern: dict[str, Any], event: dict[str, Any], ours: bool, theirs: str) -> None:
        values = set(_scalars(event))
        if any(not values.isdisjoint(self._different.get(entry, ())) for entry in _entries(pattern)):
            self.found["an entry and a value that differ alone"] += 1
            return
        if self._contradicts_itself(pattern, event, ours):
            return
        pattern, event = self._shrunk(pattern, event, ours, theirs)
        if self._contradicts_itself(pattern, event, ours):
            return
        if ours and _spells_a_path_in_two_ways(event):
            self.found["the engine misses values of a path that the event spells in two ways"] += 1
            return
        kind = f"ours {ours}, the engine's {theirs}: {', '.join(sorted(_operators(pattern)))}"
        self._note(kind, f"{json.dumps(pattern, ensure_ascii=False)} | {json.dumps(event, ensure_ascii=False)}")

    def _contradicts_itself(self, pattern: dict[str, Any], event: dict[str, Any], ours: bool) -> bool:
        parts = list(itertools.islice(_parts(pattern), MOST_PARTS))
        verdicts = self._engine.ask([(part, [event]) for part in parts])
        if len(parts) == MOST_PARTS or ("T" in verdicts) is not ours:
            return False
        self.found[f"the engine contradicts itself: {not ours} for the whole, {ours} for the parts"] += 1
        return True

    def _shrunk(self, pattern: dict[str, Any], event: dict[str, Any], ours: bool, theirs: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The smallest pair, as far as leaving out one thing at a time leads, about which the two differ as about this one."""
        smaller = True
        while smaller:
            smaller = False
            made = [(one, event) for one in _smaller(pattern)] + [(pattern, one) for one in _smaller(event)]
            for (one, other), answer in zip(made, self._engine.ask([(one, [other]) for one, other in made]), strict=True):
                if answer == theirs and _matches(one, other) is ours:
                    pattern, event, smaller = one, other, True
                    break
        return pattern, event

    def _note(self, kind: str, example: str) -> None:
        self.found[kind] += 1
        if self.found[kind] <= SHOWN:
            print(f"{kind}\n    {example}", flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make fuzz RULER=1", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    made = Generator(options.seed)
    with Engine() as engine:
        comparison = Comparison(engine)
        comparison.one_by_one()
        rounds = 0
        while comparison.pairs < options.pairs:
            comparison.round(made)
            rounds += 1
            if rounds % 500 == 0:
                print(f"-- {comparison.pairs:,} pairs, {comparison.matching:,} matching, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{comparison.pairs:,} pairs, {comparison.matching:,} of them match; seed {options.seed}")
    for kind, count in comparison.found.most_common():
        print(f"{count:>8,} {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
