"""AWS's verdict in the corners. Each line was run through EventBridge's open rule engine, whose answer it states.

Patterns and events are JSON texts, since the corners are often in what JSON can say and Python cannot.
"""

from __future__ import annotations

import json

import pytest

from tests.unit.filters.verdicts import pattern_matches

# rule, pattern, events that match, events that do not
VERDICTS: list[tuple[str, str, list[str], list[str]]] = [
    # -- values that stand for themselves
    ("numbers_compare_by_value", '{"a":[300]}', ['{"a":300.0}', '{"a":3.0e2}', '{"a":300}'], ['{"a":"300"}', '{"a":301}']),
    ("an_exponent_is_only_spelling", '{"a":[3.0e2]}', ['{"a":300}'], ['{"a":"3.0e2"}']),
    ("both_zeros_are_one", '{"a":[0]}', ['{"a":-0.0}', '{"a":-0}'], ['{"a":false}', '{"a":""}']),
    ("one_is_not_true", '{"a":[1]}', ['{"a":1}'], ['{"a":true}']),
    ("true_is_not_one", '{"a":[true]}', ['{"a":true}'], ['{"a":1}', '{"a":"true"}']),
    ("null_is_not_a_word", '{"a":[null]}', ['{"a":null}', '{"a":[null]}'], ['{"a":"null"}', "{}", '{"a":[]}', '{"a":{}}']),
    ("a_word_is_not_null", '{"a":["null"]}', ['{"a":"null"}'], ['{"a":null}']),
    ("an_empty_string_is_a_value", '{"a":[""]}', ['{"a":""}'], ['{"a":null}', "{}"]),
    (
        "an_integer_without_a_float_equals_only_itself",
        '{"a":[9007199254740993]}',
        ['{"a":9007199254740993}'],
        ['{"a":9007199254740992}', '{"a":"9007199254740993"}'],
    ),
    ("long_integers_are_told_apart", '{"a":[12345678901234567890]}', ['{"a":12345678901234567890}'], ['{"a":12345678901234567891}']),
    ("fractions_are_told_apart", '{"a":[27.807807921694092]}', ['{"a":27.807807921694092}'], ['{"a":27.80780792169409}']),
    ("case_counts", '{"a":["x"]}', ['{"a":"x"}'], ['{"a":"X"}', '{"a":"xx"}']),
    ("exactly_is_the_plain_string", '{"a":[{"exactly":"x"}]}', ['{"a":"x"}'], ['{"a":"y"}']),
    # -- addresses
    ("an_address_has_many_spellings", '{"a":["::1"]}', ['{"a":"0:0:0:0:0:0:0:1"}', '{"a":"::01"}', '{"a":"::00000001"}'], ['{"a":"::2"}']),
    ("hex_digits_have_no_case", '{"a":["fe80::A"]}', ['{"a":"FE80::a"}'], ['{"a":"fe80::b"}']),
    ("zeros_in_front_change_no_address", '{"a":["10.0.0.1"]}', ['{"a":"10.0.0.1"}', '{"a":"10.0.0.001"}'], ['{"a":"10.0.0.2"}']),
    ("v4_in_v6_clothes_is_v4", '{"a":["10.0.0.1"]}', ['{"a":"::ffff:a00:1"}'], ['{"a":"::fffe:a00:1"}']),
    ("exactly_reads_no_address", '{"a":[{"exactly":"::1"}]}', ['{"a":"::1"}'], ['{"a":"0::1"}']),
    ("what_is_no_address_is_a_string", '{"a":["300.1.1.1","12:30",":"]}', ['{"a":"300.1.1.1"}', '{"a":"12:30"}', '{"a":":"}'], []),
    (
        "cidr_takes_addresses_in_strings_only",
        '{"a":[{"cidr":"10.0.0.0/24"}]}',
        ['{"a":"10.0.0.255"}', '{"a":"::ffff:a00:5"}', '{"a":"10.0.0.01"}'],
        ['{"a":"10.0.1.0"}', '{"a":10}', '{"a":"x"}', '{"a":null}'],
    ),
    ("a_block_may_be_named_by_any_address_in_it", '{"a":[{"cidr":"10.0.0.77/31"}]}', ['{"a":"10.0.0.76"}'], ['{"a":"10.0.0.78"}']),
    ("the_largest_block_is_all_of_v4", '{"a":[{"cidr":"0.0.0.0/0"}]}', ['{"a":"255.1.1.1"}'], ['{"a":"x"}']),
    ("v6_blocks", '{"a":[{"cidr":"2001:db8::/32"}]}', ['{"a":"2001:DB8:1::1"}'], ['{"a":"2001:db9::1"}']),
    ("a_mask_may_have_a_sign_and_a_slash_after_it", '{"a":[{"cidr":"10.0.0.0/+8/"}]}', ['{"a":"10.9.9.9"}'], ['{"a":"11.0.0.0"}']),
    # -- text
    ("an_empty_prefix_takes_all_strings", '{"a":[{"prefix":""}]}', ['{"a":""}', '{"a":"x"}'], ['{"a":5}', '{"a":null}', "{}"]),
    ("an_empty_suffix_takes_all_strings", '{"a":[{"suffix":""}]}', ['{"a":"x"}'], ['{"a":5}']),
    ("an_empty_prefix_without_case", '{"a":[{"prefix":{"equals-ignore-case":""}}]}', ['{"a":"x"}'], ['{"a":5}']),
    ("an_empty_suffix_without_case", '{"a":[{"suffix":{"equals-ignore-case":""}}]}', ['{"a":"x"}'], ['{"a":5}']),
    ("an_empty_text_without_case", '{"a":[{"equals-ignore-case":""}]}', ['{"a":""}'], ['{"a":"x"}']),
    ("a_letter_stands_for_both_its_cases", '{"a":[{"equals-ignore-case":"ß"}]}', ['{"a":"SS"}', '{"a":"ß"}'], ['{"a":"ss"}', '{"a":"ẞ"}']),
    ("two_letters_do_not_stand_for_one", '{"a":[{"equals-ignore-case":"ss"}]}', ['{"a":"sS"}'], ['{"a":"ß"}']),
    ("a_final_sigma_is_its_own_lower_case", '{"a":[{"equals-ignore-case":"ς"}]}', ['{"a":"Σ"}', '{"a":"ς"}'], ['{"a":"\\u03c3"}']),
    ("the_kelvin_sign_is_an_upper_case_k", '{"a":[{"equals-ignore-case":"\\u212a"}]}', ['{"a":"k"}', '{"a":"\\u212a"}'], ['{"a":"K"}']),
    ("k_is_not_the_kelvin_sign", '{"a":[{"equals-ignore-case":"K"}]}', ['{"a":"k"}'], ['{"a":"\\u212a"}']),
    ("a_dotless_i_has_a_dotless_upper_case", '{"a":[{"equals-ignore-case":"\\u0131"}]}', ['{"a":"I"}', '{"a":"\\u0131"}'], ['{"a":"i"}']),
    ("a_dotted_i_has_a_dotted_lower_case", '{"a":[{"equals-ignore-case":"İ"}]}', ['{"a":"i\\u0307"}', '{"a":"İ"}'], ['{"a":"i"}']),
    (
        "a_prefix_may_change_its_length",
        '{"a":[{"prefix":{"equals-ignore-case":"straß"}}]}',
        ['{"a":"STRASSE"}', '{"a":"Straße"}'],
        ['{"a":"Strasse"}'],
    ),
    (
        "a_suffix_may_change_its_length",
        '{"a":[{"suffix":{"equals-ignore-case":"ßE"}}]}',
        ['{"a":"STRASSE"}', '{"a":"Straße"}'],
        ['{"a":"strasse"}'],
    ),
    ("a_suffix_is_cut_between_characters", '{"a":[{"suffix":"大"}]}', ['{"a":"雨大"}'], ['{"a":"大雨"}']),
    # -- wildcards
    (
        "a_wildcard_takes_nothing_too",
        '{"a":[{"wildcard":"a*b"}]}',
        ['{"a":"ab"}', '{"a":"axxb"}', '{"a":"a\\nb"}'],
        ['{"a":"abc"}', '{"a":"b"}'],
    ),
    ("a_wildcard_alone_takes_all_strings", '{"a":[{"wildcard":"*"}]}', ['{"a":""}', '{"a":"x"}'], ['{"a":5}', '{"a":null}']),
    ("a_wildcard_may_do_without", '{"a":[{"wildcard":"ab"}]}', ['{"a":"ab"}'], ['{"a":"abb"}']),
    ("an_empty_wildcard_is_the_empty_string", '{"a":[{"wildcard":""}]}', ['{"a":""}'], ['{"a":"x"}']),
    ("an_escaped_star_is_a_star", '{"a":[{"wildcard":"\\\\*"}]}', ['{"a":"*"}'], ['{"a":"x"}', '{"a":"\\\\*"}']),
    ("an_escaped_backslash_is_a_backslash", '{"a":[{"wildcard":"\\\\\\\\"}]}', ['{"a":"\\\\"}'], ['{"a":"x"}']),
    ("a_star_may_follow_an_escaped_star", '{"a":[{"wildcard":"*\\\\**"}]}', ['{"a":"x*y"}', '{"a":"*"}'], ['{"a":"xy"}']),
    ("pieces_do_not_overlap", '{"a":[{"wildcard":"aba*aba"}]}', ['{"a":"abaaba"}'], ['{"a":"ababa"}']),
    # -- numeric
    (
        "numeric_takes_numbers_only",
        '{"a":[{"numeric":[">",0,"<=",5]}]}',
        ['{"a":5}', '{"a":[9,3]}', '{"a":0.1}'],
        ['{"a":0}', '{"a":"3"}', '{"a":true}', '{"a":5.000000000000001}', '{"a":9007199254740993}'],
    ),
    ("numbers_reach_as_far_as_floats", '{"a":[{"numeric":["<",5000000001]}]}', ['{"a":5000000000.5}', '{"a":-1e300}'], ['{"a":1e300}']),
    ("the_smallest_numbers_count", '{"a":[{"numeric":["=",1E-320]}]}', ['{"a":1e-320}'], ['{"a":0}']),
    # -- anything-but
    (
        "anything_but_takes_every_other_kind",
        '{"a":[{"anything-but":"x"}]}',
        ['{"a":1}', '{"a":null}', '{"a":true}', '{"a":["x","y"]}'],
        ['{"a":"x"}', '{"a":["x"]}', "{}", '{"a":[]}', '{"a":{"b":"y"}}'],
    ),
    ("anything_but_a_number", '{"a":[{"anything-but":5}]}', ['{"a":"5"}', '{"a":9007199254740993}', '{"a":null}'], ['{"a":5.0}']),
    ("anything_but_a_list", '{"a":[{"anything-but":["x","y"]}]}', ['{"a":"z"}'], ['{"a":"x"}', '{"a":["x","y"]}']),
    ("anything_but_reads_no_address", '{"a":[{"anything-but":"10.0.0.1"}]}', ['{"a":"10.0.0.01"}'], ['{"a":"10.0.0.1"}']),
    (
        "either_of_two_refusals",
        '{"a":[{"anything-but":["w","x"]},{"anything-but":["y","z"]}]}',
        ['{"a":"w"}', '{"a":"z"}', '{"a":1}'],
        ["{}"],
    ),
    ("refusals_that_overlap", '{"a":[{"anything-but":["x","y"]},{"anything-but":["y","z"]}]}', ['{"a":"x"}', '{"a":"z"}'], ['{"a":"y"}']),
    ("refusals_of_other_kinds", '{"a":[{"anything-but":["1.0"]},{"anything-but":[1.0,-1]}]}', ['{"a":-1}', '{"a":"1.0"}'], ["{}"]),
    ("refusals_beside_a_value", '{"a":[{"anything-but":0.3},{"anything-but":[100,1]},100]}', ['{"a":100}', '{"a":0.3}'], ['{"b":1}']),
    (
        "anything_but_prefixes",
        '{"a":[{"anything-but":{"prefix":["in","er"]}}]}',
        ['{"a":"ok"}', '{"a":7}'],
        ['{"a":"init"}', '{"a":"error"}'],
    ),
    ("anything_but_a_suffix", '{"a":[{"anything-but":{"suffix":".png"}}]}', ['{"a":"x.jpg"}'], ['{"a":"x.png"}']),
    (
        "anything_but_without_case",
        '{"a":[{"anything-but":{"equals-ignore-case":["Yes","no"]}}]}',
        ['{"a":"maybe"}', '{"a":3}'],
        ['{"a":"YES"}', '{"a":"No"}'],
    ),
    ("anything_but_the_empty_string", '{"a":[{"anything-but":{"equals-ignore-case":""}}]}', ['{"a":"x"}'], ['{"a":""}']),
    ("anything_but_any_string", '{"a":[{"anything-but":{"wildcard":"*"}}]}', ['{"a":1}', '{"a":null}'], ['{"a":"q"}']),
    (
        "anything_but_wildcards",
        '{"a":[{"anything-but":{"wildcard":["*foo*","*bar*"]}}]}',
        ['{"a":"fobaor"}'],
        ['{"a":"sfoos"}', '{"a":"bar"}'],
    ),
    # -- exists
    (
        "exists_asks_for_a_leaf",
        '{"a":[{"exists":true}]}',
        ['{"a":null}', '{"a":""}', '{"a":[null]}'],
        ['{"a":[]}', '{"a":{}}', '{"a":{"b":1}}', '{"a":[[]]}'],
    ),
    (
        "what_is_no_leaf_is_absent",
        '{"a":[{"exists":false}]}',
        ['{"a":[]}', '{"a":{}}', '{"a":{"b":1}}', '{"b":1}', '{"a":[{"b":1}]}'],
        ['{"a":null}'],
    ),
    ("absent_or_a_value", '{"a":[{"exists":false},"x"]}', ['{"a":"x"}', "{}"], ['{"a":"y"}']),
    # -- paths
    ("dots_are_nesting", '{"a.b":[1]}', ['{"a":{"b":1}}', '{"a.b":1}', '{"a":[{"b":1}]}'], ['{"a":1}', '{"b":1}']),
    ("dots_are_nesting_anywhere", '{"a":{"b.c":[1]}}', ['{"a.b":{"c":1}}', '{"a":{"b":{"c":1}}}'], ['{"a":{"c":1}}']),
    ("the_last_of_repeated_keys_counts", '{"a":[1],"a":[2]}', ['{"a":2}'], ['{"a":1}']),
    ("the_last_of_equal_paths_counts", '{"a":{"b":[1]},"a.b":[2]}', ['{"a":{"b":2}}'], ['{"a":{"b":1}}']),
    ("repeated_objects_are_joined", '{"a":{"b":[1]},"a":{"c":[2]}}', ['{"a":{"b":1,"c":2}}'], ['{"a":{"c":2}}']),
    ("an_empty_key_outside_is_no_step", '{"":{"a":[1]}}', ['{"a":1}'], ['{"":{"a":1}}']),
    # -- $or
    ("or_takes_either", '{"$or":[{"a":[1]},{"b":[2]}]}', ['{"a":1}', '{"b":2}'], ['{"a":2}']),
    (
        "or_inside_or",
        '{"x":[1],"$or":[{"a":[1],"$or":[{"b":[1]},{"c":[1]}]},{"d":[1]}]}',
        ['{"x":1,"a":1,"c":1}', '{"x":1,"d":1}'],
        ['{"x":1,"a":1}', '{"d":1}'],
    ),
    (
        "two_ors_both_count",
        '{"a":{"$or":[{"b":[1]},{"c":[1]}]},"$or":[{"d":[1]},{"e":[1]}]}',
        ['{"a":{"c":1},"d":1}'],
        ['{"a":{"c":1}}', '{"d":1}'],
    ),
    ("a_later_field_replaces_a_branch", '{"$or":[{"a":[1]},{"b":[2]}],"a":[3]}', ['{"a":3}'], ['{"a":1}', '{"b":2}']),
    ("a_branch_replaces_an_earlier_field", '{"a":[3],"$or":[{"a":[1]},{"b":[2]}]}', ['{"a":1}', '{"a":3,"b":2}'], ['{"a":3}']),
    ("operators_make_or_a_field", '{"$or":[{"prefix":"a"},{"prefix":"b"}]}', ['{"$or":"ax"}'], ['{"$or":"c"}', '{"a":"ax"}']),
    (
        "operators_make_or_a_field_inside_too",
        '{"d":{"$or":[{"numeric":[">",0,"<=",5]},{"cidr":"10.0.0.0/8"}]}}',
        ['{"d":{"$or":3}}', '{"d":{"$or":"10.1.2.3"}}'],
        ['{"d":{"$or":9}}', '{"d":3}'],
    ),
    ("one_operator_makes_or_a_field", '{"$or":[{"cidr":"10.0.0.0/24"}]}', ['{"$or":"10.0.0.9"}'], ['{"$or":"10.0.1.9"}']),
    ("fields_beside_or_as_a_field", '{"s":["x"],"$or":{"a":[1],"b":[2]}}', ['{"s":"x","$or":{"a":1,"b":2}}'], ['{"s":"x","a":1,"b":2}']),
    ("values_make_or_a_field", '{"$or":["x","y"]}', ['{"$or":"x"}'], ['{"$or":"z"}']),
    ("an_object_makes_or_a_field", '{"$or":{"a":[1]}}', ['{"$or":{"a":1}}'], ['{"a":1}']),
    ("reserved_words_are_fields_outside_or", '{"prefix":["x"]}', ['{"prefix":"x"}'], ['{"prefix":"y"}']),
    # -- arrays
    ("an_array_matches_by_one_of_its_values", '{"a":["x"],"b":["y"]}', ['{"a":["q","x"],"b":["y","z"]}'], ['{"a":["q"],"b":["y"]}']),
    (
        "fields_of_one_array_match_in_one_element",
        '{"e":{"f":["A"],"l":["S"]}}',
        ['{"e":[{"f":"J","l":"D"},{"f":"A","l":"S"}]}', '{"e":[[{"f":"A","l":"S"}],[]]}'],
        ['{"e":[{"f":"A","l":"D"},{"f":"J","l":"S"}]}', '{"e":[[{"f":"A"}],[{"l":"S"}]]}', '{"e":[[{"f":"A"},{"l":"S"}]]}'],
    ),
    (
        "arrays_side_by_side_are_free",
        '{"a":{"x":[1]},"b":{"x":[2]}}',
        ['{"a":[{"x":0},{"x":1}],"b":[{"x":2},{"x":0}]}'],
        ['{"a":[{"x":2}],"b":[{"x":1}]}'],
    ),
    (
        "scalars_of_an_array_go_with_its_objects",
        '{"e":["x"],"e.a":[1]}',
        ['{"e":["x",{"a":1}]}', '{"e":[["x",{"a":1}]]}'],
        ['{"e":[["x"],{"a":1}]}'],
    ),
    (
        "absence_is_judged_in_the_chosen_element",
        '{"e":{"f":["A"],"i":[{"exists":false}]}}',
        ['{"e":[{"f":"J","i":1},{"f":"A"}]}'],
        ['{"e":[{"f":"A","i":1},{"f":"B"}]}'],
    ),
    (
        "absence_before_any_choice_is_absence_everywhere",
        '{"e":{"f":[{"exists":false}],"i":["x"]}}',
        ['{"e":[{"i":"x"}]}'],
        ['{"e":[{"i":"x"},{"f":1}]}'],
    ),
    (
        "absence_is_judged_in_the_chosen_element_of_a_list_inside",
        '{"a":{"aa":[1],"b":{"w":[1],"x":[{"exists":false}]}}}',
        ['{"a":[{"aa":1,"b":[{"w":1},{"x":1}]},{"aa":0}]}'],
        ['{"a":[{"aa":1,"b":[{"w":1,"x":1},{"x":1}]},{"aa":0}]}', '{"a":[{"aa":1,"b":[{"w":1},{"x":1}],"b.x":1},{"aa":0}]}'],
    ),
    (
        "one_path_may_lead_into_two_arrays",
        '{"a":{"b":["x"],"c":["y"]}}',
        ['{"a.b":"x","a":[{"c":"y"}]}', '{"a.b":"x","a":[{"b":"z"},{"c":"y"}]}'],
        ['{"a.b":["q"],"a":[{"b":"x"},{"c":"y"}]}'],
    ),
]

CASES = [
    pytest.param(pattern, event, verdict, id=f"{rule}-{number}")
    for rule, pattern, matching, others in VERDICTS
    for number, (event, verdict) in enumerate([*((one, True) for one in matching), *((one, False) for one in others)])
]


@pytest.mark.parametrize(("pattern", "event", "verdict"), CASES)
def test_a_corner_has_the_verdict_of_aws(pattern: str, event: str, verdict: bool) -> None:
    assert pattern_matches(pattern, json.loads(event)) is verdict


# Where we differ on purpose; decision 0018 (docs/decisions) says why.
DIFFERENT: list[tuple[str, str, list[str], list[str]]] = [
    ("characters_beyond_16_bits_have_case", '{"a":[{"equals-ignore-case":"𐐀😀"}]}', ['{"a":"𐐨😀"}'], ['{"a":"????"}']),
    ("a_v4_block_holds_no_v6_address", '{"a":[{"cidr":"0.0.0.0/0"}]}', [], ['{"a":"::1"}']),
    ("the_quotes_of_a_string_are_no_part_of_it", '{"a":[{"prefix":"ab\\""}]}', ['{"a":"ab\\"c"}'], ['{"a":"ab"}']),
    (
        "a_value_beside_a_range_counts",
        '{"a":["true",{"numeric":[">",-5000000001,"<=",0]},{"prefix":"a "}]}',
        ['{"a":"true"}'],
        ['{"a":"false"}'],
    ),
    (
        "a_string_beside_a_range_counts",
        '{"a":[{"exactly":"k"},{"numeric":[">",-5000000001]},{"suffix":"b"}]}',
        ['{"a":"k"}'],
        ['{"a":"K"}'],
    ),
    (
        "a_wildcard_beside_any_case_accepts_no_more",
        '{"a":[{"wildcard":"*b"},{"equals-ignore-case":"\u017f"}]}',
        ['{"a":"ab"}'],
        ['{"a":"ba"}'],
    ),
    (
        "refusals_in_a_branch_and_outside",
        '{"a":[{"anything-but":{"wildcard":"*a*"}}],"$or":[{"b":[1]},{"a":[{"anything-but":{"equals-ignore-case":"x"}}]}]}',
        ['{"a":"\u0416"}'],
        ['{"a":"x"}'],
    ),
    (
        "two_spellings_of_a_path_count_both",
        '{"c":{"a":[1],"b":["i"]}}',
        ['{"c":[{"a":1,"b":"q"}],"c.b":"i"}', '{"c":[{"b":"q"},{"a":1}],"c.b":"i"}'],
        ['{"c":[{"a":1,"b":"q"}],"c.b":"j"}'],
    ),
    ("the_smallest_number_compares", '{"a":[{"numeric":[">",0]}]}', ['{"a":5e-324}', '{"a":1e23}'], ['{"a":0}']),
    ("integers_are_floats_if_they_are_equal", '{"a":[1e23]}', ['{"a":100000000000000000000000}'], ['{"a":99999999999999999999999}']),
    ("numbers_are_no_addresses", '{"a":[{"cidr":"255.0.0.0/1"}]}', ['{"a":"200.0.0.1"}'], ['{"a":9007199254740992}']),
    ("no_number_is_beyond_the_largest", '{"a":[{"numeric":[">",1.7976931348623157e308]}]}', [], ['{"a":1.7976931348623157e308}']),
    ("an_empty_key_at_the_end_is_a_step", '{"a":{"":[1]}}', ['{"a":{"":1}}'], ['{"a":1}']),
]


@pytest.mark.parametrize(("rule", "pattern", "matching", "others"), DIFFERENT, ids=[case[0] for case in DIFFERENT])
def test_an_accident_of_the_rule_engine_is_not_copied(rule: str, pattern: str, matching: list[str], others: list[str]) -> None:
    assert all(pattern_matches(pattern, json.loads(event)) for event in matching)
    assert not any(pattern_matches(pattern, json.loads(event)) for event in others)
