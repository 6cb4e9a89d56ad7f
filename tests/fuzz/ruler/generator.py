"""Patterns and events that have a fair chance to meet, and to fall out with somebody's reading of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

TEXTS = (
    *("", "a", "ab", "abc", "b", "ba", "A", "AB", "aB", "a*b", "a\\b", "*", "1", "1.0", "null", "true", "a.b", " a", "a ", "x/y/z.json"),
    *(
        "é",
        "É",
        "e\u0301",
        "ж",
        "Ж",
        "ß",
        "SS",
        "ss",
        "\u017f",
        "İ",
        "i",
        "I",
        "\u0131",
        "\u212a",
        "k",
        "K",
        "\u03c3",
        "ς",
        "Σ",
        "大",
        "雨大",
        "\u2028",
    ),
    *("10.0.0.1", "10.0.0.255", "10.1.2.3", "10.0.0.01", "255.255.255.255", "256.0.0.1", "::1", "0:0:0:0:0:0:0:1", "2001:db8::1"),
    *(
        "2001:DB8:0::7",
        "::ffff:a00:1",
        "fe80::1%eth0",
        "12:30",
        ":",
        "1.2.3",
        "😀",
    ),
)
BORDERS = (
    *(0, 1, -1, 1.0, 1.5, 2, 3, 10, 100, 300, 0.1, 0.2, 0.30000000000000004, 5e9, -5e9, 5000000001, -5000000001, 4999999999.999999),
    *(35.0, 1e-5, 1e-6, 123456.123456, -0.0, 2**53, 2**53 - 1, 2**53 + 1, -(2**53), 2**63, 2**64, 10**23, 1e23, 1e300, -1e300, 5e-324),
    *(1.7976931348623157e308, 0.000001, 1e15, 1e16, 1e17, 123456789012345678),
)
# Asked about one by one only: the engine's reading of these is wrong by itself (see docs/filters.md), and would hide more.
ODD_NUMBERS = (2**53 + 1, 2**63, 2**64, 123456789012345678, 10**23, 1e23, 5e-324, 1.7976931348623157e308)
NUMBERS = tuple(number for number in BORDERS if number not in (1e23, 10**23, 5e-324))
COMPARABLE = tuple(number for number in BORDERS if number not in ODD_NUMBERS)
FOLDABLE = tuple(text for text in TEXTS if max(text, default="") <= "\uffff")
BLOCKS = ("10.0.0.0/24", "10.0.0.0/8", "10.0.0.1/31", "10.128.0.0/9", "2001:db8::/32", "::/64", "::1/127", "fe80::/10", "255.0.0.0/1")
WILDCARDS = ("*", "a*", "*b", "a*b", "*a*", "x/*/z.json", "*.json", "a\\*b", "a\\\\b", "A*", "*é*", "1*", "*a*b*", "ab", "", "*大")
FIELDS = ("a", "b", "c")
SCALARS = (*TEXTS, *BORDERS, True, False, None)


def all_entries() -> Iterator[Any]:
    """Every entry of one value that :class:`Generator` makes."""
    yield from SCALARS
    for text in TEXTS:
        yield {"exactly": text}
        yield {"equals-ignore-case": text}
        yield {"anything-but": text}
        for name in ("prefix", "suffix"):
            yield {name: text}
            yield {name: {"equals-ignore-case": text}}
            if text:
                yield {"anything-but": {name: text}}
        yield {"anything-but": {"equals-ignore-case": text}}
    for number in BORDERS:
        yield {"anything-but": number}
        for operator in ("=", "<", "<=", ">", ">="):
            yield {"numeric": [operator, number]}
    for text in WILDCARDS:
        yield {"wildcard": text}
        yield {"anything-but": {"wildcard": text}}
    yield from ({"cidr": block} for block in BLOCKS)
    yield from ({"exists": exists} for exists in (True, False))


class Generator:
    """All that is random, from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    # -- patterns

    def pattern(self) -> dict[str, Any]:
        """A pattern that is nearly always accepted."""
        while True:
            pattern = self._pattern(0)
            if pattern:
                return pattern

    def _pattern(self, depth: int) -> dict[str, Any]:
        chance = self._random
        pattern: dict[str, Any] = {}
        for field in (*FIELDS, "l") if depth == 0 else FIELDS:
            if chance.random() < 0.4:
                deeper = {} if chance.random() < 0.6 or depth > 2 else self._pattern(depth + 1)
                pattern[field if chance.random() < 0.95 else f"{field}.{chance.choice(FIELDS)}"] = deeper or self._entries()
        if chance.random() < 0.15 and depth < 3:
            branches = [branch for branch in (self._pattern(depth + 1) for _ in range(chance.randint(2, 3))) if branch]
            if len(branches) > 1:
                pattern["$or"] = branches
        return pattern

    def _entries(self) -> list[Any]:
        return [self._entry() for _ in range(1 if self._random.random() < 0.6 else self._random.randint(2, 4))]

    def _entry(self) -> Any:
        chance = self._random
        kind = chance.randint(0, 14)
        if kind in (4, 5):
            name = ("prefix", "suffix")[kind - 4]
            return {name: self._text() if chance.random() < 0.7 else {"equals-ignore-case": chance.choice(FOLDABLE)}}
        if kind == 6:
            return {"equals-ignore-case": chance.choice(FOLDABLE)}
        if kind == 7:
            return {"exists": chance.random() < 0.4}
        if kind == 8:
            return {"numeric": self._bounds()}
        if kind in (9, 13):
            return {"anything-but": self._refused()}
        if kind == 10:
            return {"wildcard": chance.choice(WILDCARDS)}
        if kind == 11:
            return {"cidr": chance.choice(BLOCKS)}
        if kind == 12:
            return {"exactly": self._text()}
        return self._scalar()

    def _bounds(self) -> list[Any]:
        chance = self._random
        if chance.random() < 0.5:
            return [chance.choice(["=", "<", "<=", ">", ">="]), chance.choice(COMPARABLE)]
        low, high = sorted(chance.sample(COMPARABLE, 2))
        return [chance.choice([">", ">="]), low, chance.choice(["<", "<="]), high]

    def _refused(self) -> Any:
        chance = self._random
        kind = chance.random()
        if kind < 0.25:
            return chance.choice([self._text(), chance.choice(COMPARABLE)])
        if kind < 0.45:
            return chance.sample(TEXTS, chance.randint(1, 3))
        if kind < 0.6:
            return chance.sample(COMPARABLE, chance.randint(1, 3))
        name = chance.choice(["prefix", "suffix", "equals-ignore-case", "wildcard"])
        texts = WILDCARDS if name == "wildcard" else FOLDABLE if name == "equals-ignore-case" else [text for text in TEXTS if text]
        return {name: chance.choice(texts) if chance.random() < 0.6 else chance.sample(texts, 2)}

    def _text(self) -> str:
        return self._random.choice(TEXTS)

    def _scalar(self) -> Any:
        kind = self._random.random()
        return self._text() if kind < 0.6 else self._random.choice(NUMBERS) if kind < 0.9 else self._random.choice([True, False, None])

    # -- events

    def event(self, pattern: dict[str, Any]) -> dict[str, Any]:
        """An event, mostly one that is near to what ``pattern`` asks for."""
        return self._near(pattern) if self._random.random() < 0.75 else self._object(0)

    def _near(self, pattern: dict[str, Any]) -> dict[str, Any]:
        chance = self._random
        event: dict[str, Any] = {}
        for field, asked in pattern.items():
            if field == "$or":
                event.update(self._near(chance.choice(asked)))
            elif isinstance(asked, dict):
                count = 0 if chance.random() < 0.5 else chance.randint(1, 4)
                near = [self._near(asked) for _ in range(max(1, count))]
                event[field] = near if count else near[0]
                if count and chance.random() < 0.1:
                    event[field] = [near, *near[:1]]
            else:
                self._put_near(event, field, chance.choice(asked))
        if chance.random() < 0.3:
            event.update({key: value for key, value in self._object(0).items() if chance.random() < 0.5})
        return event

    def _put_near(self, event: dict[str, Any], field: str, entry: Any) -> None:
        chance = self._random
        value = self._value(2)
        if not isinstance(entry, dict):
            value = entry if chance.random() < 0.8 else [entry, value]
        else:
            ((name, operand),) = entry.items()
            if name == "exists" and not operand and chance.random() < 0.8:
                return
            if name in ("prefix", "suffix"):
                text = operand if isinstance(operand, str) else self._other_case(operand["equals-ignore-case"])
                value = text + self._text() if name == "prefix" else self._text() + text
            elif name == "equals-ignore-case":
                value = self._other_case(operand)
            elif name == "exactly":
                value = operand
            elif name == "numeric":
                value = chance.choice([operand[-1], operand[1], chance.choice(NUMBERS)])
            elif name == "wildcard":
                value = (
                    operand.replace("\\*", "\0").replace("*", chance.choice(["", "a", "xx", "é"])).replace("\0", "*").replace("\\\\", "\\")
                )
            elif name == "anything-but" and chance.random() < 0.5 and not isinstance(operand, dict):
                value = chance.choice(operand) if isinstance(operand, list) else operand
        event[field] = value

    def _other_case(self, text: str) -> str:
        return "".join(self._random.choice([character.lower(), character.upper()]) for character in text)

    def _object(self, depth: int) -> dict[str, Any]:
        fields = {field: self._value(depth + 1) for field in FIELDS if self._random.random() < 0.6}
        if depth == 0 and self._random.random() < 0.3:
            fields["l"] = [self._object(2) for _ in range(self._random.randint(0, 4))]
        return fields

    def _value(self, depth: int) -> Any:
        kind = self._random.random()
        if kind < 0.66 or depth > 2:
            return self._scalar()
        return [self._value(depth + 1) for _ in range(self._random.randint(0, 3))] if kind < 0.8 else self._object(depth)
