"""Addresses are read as the standard library reads them, and a little more generously, as AWS does."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_service.filters.patterns.ip_addresses import parse_address, parse_network

SPELLINGS = st.one_of(
    st.text(alphabet="0123456789.", max_size=16),
    st.text(alphabet="0123456789abcdefABCDEF:", max_size=24),
    st.lists(st.integers(0, 300), min_size=3, max_size=5).map(lambda parts: ".".join(map(str, parts))),
    st.lists(st.sampled_from(["", "0", "1", "ffff", "a0", "10000"]), min_size=1, max_size=10).map(":".join),
    st.ip_addresses().map(str),
)


@settings(max_examples=500, deadline=None)
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
        assert parse_address(text) == (address.max_prefixlen, int(address))


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
    ],
)
def test_other_strings_are_no_addresses(text: str) -> None:
    assert parse_address(text) is None


@settings(max_examples=300, deadline=None)
@given(address=st.ip_addresses(), data=st.data())
def test_a_network_holds_what_the_standard_library_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject
) -> None:
    # newer interpreters write mapped addresses with a dotted ending, which is not read
    assume(parse_address(str(address)) is not None)
    bits, value = parse_address(str(address)) or (0, 0)
    mask = data.draw(st.integers(0, bits - 1))
    family = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
    other = data.draw(st.integers(0, 2**bits - 1).map(family))

    family_bits, length, network = parse_network(f"{address}/{mask}")

    assert (family_bits, length) == (bits, mask)
    expected = ipaddress.ip_network(f"{family(value)}/{mask}", strict=False)
    assert (int(other) >> (bits - mask) == network) == (other in expected)
