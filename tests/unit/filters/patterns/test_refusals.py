"""What AWS refuses is refused, with the place of the fault and what would be allowed there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from event_service.filters.patterns import compile as compile_module
from event_service.filters.patterns import operators, pattern_json
from event_service.filters.patterns.compile import compile_pattern, parse_pattern
from event_service.filters.patterns.faults import PatternError
from tests.unit.filters.verdicts import pattern_matches

# pattern, path of the fault, words of the reason
REFUSALS: list[tuple[str, str, str]] = [
    # -- not a pattern
    ("", "pattern", "not JSON"),
    ('{"a":[1]', "pattern", "not JSON"),
    ('{"a":[1,]}', "pattern", "not JSON"),
    ('{"a":[01]}', "pattern", "not JSON"),
    ("{a:[1]}", "pattern", "not JSON"),
    ('{"a":["x"]} more', "pattern", "not JSON"),
    ('{"a":[NaN]}', "pattern", "NaN"),
    ('{"a":[1e999]}', "pattern", "too large"),
    ('{"a":["\\ud800"]}', "pattern", "surrogate"),
    ("[]", "pattern", "JSON object"),
    ('[{"a":[1]}]', "pattern", "JSON object"),
    ("null", "pattern", "JSON object"),
    ("{}", "pattern", "empty object"),
    ('{"a":{"b":{}}}', "pattern.a.b", "empty object"),
    # -- fields
    ('{"a":1}', "pattern.a", "list of allowed values"),
    ('{"a":"x"}', "pattern.a", "list of allowed values"),
    ('{"a":null}', "pattern.a", "list of allowed values"),
    ('{"a":[]}', "pattern.a", "empty list"),
    ('{"a":["x",["y"]]}', "pattern.a[1]", "inside a list"),
    ('{"a b":[{}]}', 'pattern["a b"][0]', "exactly one operator"),
    ('{"":[{}]}', 'pattern[""][0]', "exactly one operator"),
    ('{"a":[{"prefix":"x","suffix":"y"}]}', "pattern.a[0]", "not 2"),
    ('{"a":[{"prefix":"x","prefix":"y"}]}', "pattern.a[0]", "not 2"),
    ('{"a":["x",{"foo":1}]}', "pattern.a[1].foo", "'foo' is no operator"),
    # -- operators on text
    ('{"a":[{"exactly":5}]}', "pattern.a[0].exactly", "string"),
    ('{"a":[{"prefix":5}]}', "pattern.a[0].prefix", "string"),
    ('{"a":[{"prefix":null}]}', "pattern.a[0].prefix", "string"),
    ('{"a":[{"prefix":["x"]}]}', "pattern.a[0].prefix", "string"),
    ('{"a":[{"prefix":{}}]}', "pattern.a[0].prefix", "only key"),
    ('{"a":[{"prefix":{"wildcard":"x"}}]}', "pattern.a[0].prefix", "only key"),
    ('{"a":[{"prefix":{"equals-ignore-case":"x","y":1}}]}', "pattern.a[0].prefix", "only key"),
    ('{"a":[{"suffix":{"equals-ignore-case":5}}]}', "pattern.a[0].suffix.equals-ignore-case", "string"),
    ('{"a":[{"equals-ignore-case":["x"]}]}', "pattern.a[0].equals-ignore-case", "string"),
    ('{"a":[{"wildcard":5}]}', "pattern.a[0].wildcard", "string"),
    ('{"a":[{"wildcard":"a**b"}]}', "pattern.a[0].wildcard", "position 1"),
    ('{"a":[{"wildcard":"a\\\\b"}]}', "pattern.a[0].wildcard", "escapes neither"),
    ('{"a":[{"wildcard":"a\\\\"}]}', "pattern.a[0].wildcard", "escapes neither"),
    # -- cidr
    ('{"a":[{"cidr":5}]}', "pattern.a[0].cidr", "string"),
    ('{"a":[{"cidr":"10.0.0.0"}]}', "pattern.a[0].cidr", "one slash"),
    ('{"a":[{"cidr":"10.0.0.0/8/9"}]}', "pattern.a[0].cidr", "one slash"),
    ('{"a":[{"cidr":"10.0.0.0/32"}]}', "pattern.a[0].cidr", "0 to 31"),
    ('{"a":[{"cidr":"10.0.0.0/-1"}]}', "pattern.a[0].cidr", "0 to 31"),
    ('{"a":[{"cidr":"::/128"}]}', "pattern.a[0].cidr", "0 to 127"),
    ('{"a":[{"cidr":"::ffff:a00:0/104"}]}', "pattern.a[0].cidr", "0 to 31"),
    ('{"a":[{"cidr":"foo/8"}]}', "pattern.a[0].cidr", "not an IPv4 or IPv6 address"),
    ('{"a":[{"cidr":"256.0.0.0/8"}]}', "pattern.a[0].cidr", "not an IPv4 or IPv6 address"),
    ('{"a":[{"cidr":"1::2::3/8"}]}', "pattern.a[0].cidr", "not an IPv4 or IPv6 address"),
    ('{"a":[{"cidr":"::10.0.0.0/8"}]}', "pattern.a[0].cidr", "not an IPv4 or IPv6 address"),
    # -- numeric
    ('{"a":[{"numeric":5}]}', "pattern.a[0].numeric", "list"),
    ('{"a":[{"numeric":[]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":[">"]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":[">","1"]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":[">",true]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":["!=",1]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":["<",1,">",0]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":["=",1,"<",2]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":[">",1,"<",3,"<",4]}]}', "pattern.a[0].numeric", "numeric takes"),
    ('{"a":[{"numeric":[">",1,"<",1]}]}', "pattern.a[0].numeric", "less than the upper"),
    ('{"a":[{"numeric":[">",2,"<",1]}]}', "pattern.a[0].numeric", "less than the upper"),
    ('{"a":[{"numeric":["=",9007199254740993]}]}', "pattern.a[0].numeric[1]", "64-bit float"),
    ('{"a":[{"numeric":[">",0,"<",27.8078079216940921]}]}', "pattern.a[0].numeric[3]", "64-bit float"),
    ('{"a":[{"numeric":["=",1E-325]}]}', "pattern.a[0].numeric[1]", "64-bit float"),
    # -- exists
    ('{"a":[{"exists":"true"}]}', "pattern.a[0].exists", "true or false"),
    ('{"a":[{"exists":1}]}', "pattern.a[0].exists", "true or false"),
    ('{"a":[{"exists":null}]}', "pattern.a[0].exists", "true or false"),
    # -- anything-but
    ('{"a":[{"anything-but":[]}]}', "pattern.a[0].anything-but", "empty list"),
    ('{"a":[{"anything-but":["x",1]}]}', "pattern.a[0].anything-but", "list of strings"),
    ('{"a":[{"anything-but":null}]}', "pattern.a[0].anything-but", "string or a number"),
    ('{"a":[{"anything-but":[true]}]}', "pattern.a[0].anything-but", "string or a number"),
    ('{"a":[{"anything-but":[["x"]]}]}', "pattern.a[0].anything-but", "string or a number"),
    ('{"a":[{"anything-but":9007199254740993}]}', "pattern.a[0].anything-but", "64-bit float"),
    ('{"a":[{"anything-but":{}}]}', "pattern.a[0].anything-but", "only key"),
    ('{"a":[{"anything-but":{"exists":true}}]}', "pattern.a[0].anything-but", "only key"),
    ('{"a":[{"anything-but":{"numeric":["=",1]}}]}', "pattern.a[0].anything-but", "only key"),
    ('{"a":[{"anything-but":{"prefix":"x","suffix":"y"}}]}', "pattern.a[0].anything-but", "only key"),
    ('{"a":[{"anything-but":{"prefix":""}}]}', "pattern.a[0].anything-but.prefix", "empty prefix"),
    ('{"a":[{"anything-but":{"suffix":["x",""]}}]}', "pattern.a[0].anything-but.suffix", "empty suffix"),
    ('{"a":[{"anything-but":{"prefix":[]}}]}', "pattern.a[0].anything-but.prefix", "empty list"),
    ('{"a":[{"anything-but":{"prefix":[1]}}]}', "pattern.a[0].anything-but.prefix", "list of strings"),
    ('{"a":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}', "pattern.a[0].anything-but.prefix", "list of strings"),
    ('{"a":[{"anything-but":{"wildcard":["x","**"]}}]}', "pattern.a[0].anything-but.wildcard[1]", "position 0"),
    # -- $or
    ('{"$or":[]}', "pattern.$or", "at least two"),
    ('{"$or":[{"a":[1]}]}', "pattern.$or", "at least two"),
    ('{"$or":[{"a":[1]},{}]}', "pattern.$or[1]", "empty object"),
    ('{"$or":[{"a":[1]},{"b":[2]},[{"c":[3]}]]}', "pattern.$or[2]", "only objects"),
    ('{"$or":[{"a":[1]},{"prefix":["x"]}]}', "pattern.$or[1].prefix", "reserved word"),
    ('{"$or":[{"a":[1]},{"b":{"exists":[true]}}]}', "pattern.$or[1].b.exists", "reserved word"),
    ('{"$or":[{"a":[1]},{"in-date-range":["x"]}]}', "pattern.$or[1].in-date-range", "reserved word"),
    ('{"$or":[{"numeric":123},{"prefix":"abc"}]}', "pattern.$or[0].numeric", "reserved word"),
    ('{"d":{"$or":[{"prefix":"a"},{"suffix":"b"}],"x":[{"anything-but":{"wildcard":"q"}}]}}', "pattern.d.$or[0].prefix", "reserved word"),
]


@pytest.mark.parametrize(("pattern", "path", "reason"), REFUSALS)
def test_a_refused_pattern_names_the_place_and_the_reason(pattern: str, path: str, reason: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)

    assert caught.value.path == path
    assert reason in caught.value.reason
    assert caught.value.message.startswith(f"{path}: ")


def _as_objects() -> list[tuple[Any, str, str]]:
    """The refusals that Python objects can say: repeated keys, long fractions and NaN get lost in them."""
    result = []
    for pattern, path, reason in REFUSALS:
        try:
            parsed = json.loads(pattern)
        except ValueError:
            continue
        if "NaN" not in pattern and json.dumps(parsed, separators=(",", ":")) == pattern:
            result.append((parsed, path, reason))
    return result


@pytest.mark.parametrize(("pattern", "path", "reason"), _as_objects())
def test_an_object_is_refused_like_the_string_that_holds_it(pattern: Any, path: str, reason: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)

    assert (caught.value.path, reason in caught.value.reason) == (path, True)


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern({"a": 1, "b": [], "c": ["x", {"numeric": [">"]}]})

    assert [fault.path for fault in caught.value.faults] == ["pattern.a", "pattern.b", "pattern.c[1].numeric"]
    assert len(caught.value.problems) == 3
    with pytest.raises(PatternError) as caught:
        compile_pattern({"$or": [1, {"a": 1}, 2], "b": 1})
    assert [fault.path for fault in caught.value.faults] == ["pattern.$or[0]", "pattern.$or[1].a", "pattern.$or[2]", "pattern.b"]


def test_no_more_than_ten_faults_are_reported() -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern({f"k{number}": 1 for number in range(30)})

    assert len(caught.value.faults) == compile_module.MAXIMUM_FAULTS_REPORTED


@pytest.mark.parametrize("value", [5, True, None, ["x"], object()])
def test_what_is_neither_object_nor_string_is_refused(value: Any) -> None:
    with pytest.raises(PatternError):
        compile_pattern(value)


# -- limits


def test_alternatives_are_bounded_before_they_are_made() -> None:
    # given ten $or of four branches each: a million alternatives, written in 3 KB
    def branches(name: str) -> list[dict[str, Any]]:
        return [{f"{name}{number}": [1]} for number in range(4)]

    exploding = {f"f{level}": {"$or": branches("b")} for level in range(10)}
    assert len(json.dumps(exploding)) < pattern_json.MAXIMUM_PATTERN_CHARACTERS

    with pytest.raises(PatternError, match="1,000 alternatives"):
        compile_pattern(exploding)


def test_alternatives_as_many_as_allowed_are_accepted() -> None:
    ten = [{f"b{number}": [1]} for number in range(10)]

    compiled = compile_pattern({f"f{level}": {"$or": ten} for level in range(3)})

    assert len(compiled.alternatives) == compile_module.MAXIMUM_ALTERNATIVES


def test_equal_alternatives_are_one() -> None:
    assert len(compile_pattern({"$or": [{"a": [1]}, {"a": [1]}]}).alternatives) == 1


def test_wildcards_are_bounded() -> None:
    allowed = "a*" * operators.MAXIMUM_WILDCARDS_PER_TEXT
    compile_pattern({"a": [{"wildcard": allowed}]})

    with pytest.raises(PatternError, match="at most 32"):
        compile_pattern({"a": [{"wildcard": f"{allowed}b*"}]})
    with pytest.raises(PatternError, match="128 wildcards in all"):
        compile_pattern({"a": [{"wildcard": f"{number}{allowed}"} for number in range(5)]})


def test_the_size_of_a_pattern_is_bounded() -> None:
    limit = pattern_json.MAXIMUM_PATTERN_CHARACTERS
    fitting = {"a": ["x" * (limit - len('{"a":[""]}'))]}
    compile_pattern(fitting)
    compile_pattern(json.dumps(fitting, separators=(",", ":")))

    too_long = {"a": ["x" * limit]}
    for pattern in (too_long, json.dumps(too_long)):
        with pytest.raises(PatternError, match="4,096 are allowed"):
            compile_pattern(pattern)


def test_the_fields_of_one_alternative_are_bounded() -> None:
    compile_pattern({f"k{number}": [1] for number in range(compile_module.MAXIMUM_FIELDS)})

    with pytest.raises(PatternError, match="more than 256 fields"):
        compile_pattern({f"k{number}": [1] for number in range(compile_module.MAXIMUM_FIELDS + 1)})


# -- what is kept


def test_a_string_is_kept_as_the_object_it_holds() -> None:
    assert parse_pattern('{"a": [1, 2.50, "x", null], "a.b": [{"anything-but": ["y"]}]}') == {
        "a": [1, 2.5, "x", None],
        "a.b": [{"anything-but": ["y"]}],
    }


def test_repeated_keys_are_kept_by_what_they_mean() -> None:
    assert parse_pattern('{"a": [1], "b": {"c": [1]}, "a": [2], "b": {"d": [3]}}') == {"b": {"c": [1], "d": [3]}, "a": [2]}


def test_repeated_keys_that_no_object_can_say_are_refused() -> None:
    twice = '{"$or":[{"a":[1]},{"b":[2]}],"$or":[{"c":[1]},{"d":[2]}]}'
    assert pattern_matches(twice, {"a": 1, "d": 2})

    with pytest.raises(PatternError, match="write each key once"):
        parse_pattern(twice)


def test_faults_are_named_as_the_caller_names_the_pattern() -> None:
    with pytest.raises(PatternError, match=r"^eventFiltersInput\.pattern\.a: "):
        parse_pattern({"a": 1})
