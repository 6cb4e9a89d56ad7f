"""Addresses are read as the standard library reads them, and a little more generously, as AWS does."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_service.filters.patterns.ip_addresses import MAXIMUM_CHARACTERS, first_address, parse_address, parse_network

SPELLINGS = st.one_of(
    st.text(alphabet="0123456789.", max_size=16),
    st.text(alphabet="0123456789abcdefABCDEF:", max_size=24),
    st.lists(st.integers(0, 300), min_size=3, max_size=5).map(lambda parts: ".".join(map(str, parts))),
    st.lists(st.sampled_from(["", "0", "1", "ffff", "a0", "10000"]), min_size=1, max_size=10).map(":".join),
    st.ip_addresses().map(str),
)


@settings(max_examples=500)
@given(SPELLINGS)
def test_what_the_standard_library_reads_is_read_alike(text: str) -> None:
    try:
        expected = ipaddress.ip_address(text)
    except ValueError:
        return
    mapped = expected.ipv4_mapped if isinstance(expected, ipaddress.IPv6Address) else None
    address = mapped or expected
    if "." in text and ":" in text:
        assert parse_address(text) is None  # dotted endings are not read
    else:
        assert parse_address(text) == address.packed


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        ":1",
        "1:",
        "10000::",
        "g::",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.",
        "1.2.3.4 ",
        "1.2.3.٤",
        "::1.2.3.4",
        "x",
        ":" * 30_000 + "x",
        "::" + "0" * MAXIMUM_CHARACTERS,
    ],
)
def test_other_strings_are_no_addresses(text: str) -> None:
    assert parse_address(text) is None


@settings(max_examples=300)
@given(address=st.ip_addresses(), data=st.data())
def test_a_network_holds_what_the_standard_library_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject
) -> None:
    # newer interpreters write mapped addresses with a dotted ending, which is not read
    known = parse_address(str(address))
    assume(known is not None)
    assert known is not None
    mask = data.draw(st.integers(0, len(known) * 8 - 1))
    family = ipaddress.IPv4Address if len(known) == 4 else ipaddress.IPv6Address
    other = data.draw(st.binary(min_size=len(known), max_size=len(known)))

    length, network = parse_network(f"{address}/{mask}")

    assert length == mask
    expected = ipaddress.ip_network(f"{family(known)}/{mask}", strict=False)
    assert (first_address(other, mask) == network) == (family(other) in expected)


def test_a_text_of_up_to_64_characters_may_be_an_address() -> None:
    longest = "::" + "1".zfill(MAXIMUM_CHARACTERS - 2)

    assert parse_address(longest) == bytes(15) + b"\1"
    assert parse_address("::0" + longest[2:]) is None
