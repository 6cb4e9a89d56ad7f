"""Which addresses a webhook may reach: over both address spaces, in every spelling of IPv4 inside IPv6."""

import hashlib
import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.settings import Settings
from event_service.webhooks.addresses import AddressGuard, IpAddress, IpNetwork, parse_ipv4_spelling

# Written down apart from the product's table: the IANA registries, and what clouds keep for themselves.
NOT_PUBLIC_IPV4 = [
    ipaddress.IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
]
NOT_PUBLIC_IPV6 = [
    ipaddress.IPv6Network(text)
    for text in (
        *("::/128", "::1/128", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23"),
        *("2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10"),
        *("ff00::/8",),
    )
]
GUARD = AddressGuard()


def in_one_of(networks: list[ipaddress.IPv4Network]) -> st.SearchStrategy[int]:
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(int(network.network_address), int(network.broadcast_address)),
    )


not_public = in_one_of(NOT_PUBLIC_IPV4)
public = st.integers(0, 2**32 - 1).filter(lambda number: not any(ipaddress.IPv4Address(number) in network for network in NOT_PUBLIC_IPV4))
low_64_bits = st.integers(0, 2**64 - 1)

# Each embeds an IPv4 address (a number) into an IPv6 one.
EMBEDDINGS: dict[str, Callable[[int], int]] = {
    "mapped": lambda inner: (0xFFFF << 32) | inner,
    "compatible": lambda inner: inner,
    "translated": lambda inner: (0xFFFF << 48) | inner,
    "nat64": lambda inner: (0x0064FF9B << 96) | inner,
    "nat64 for local use, last 32 bits": lambda inner: (0x0064FF9B0001 << 80) | inner,
    "nat64 for local use, RFC 6052 /48": lambda inner: (0x0064FF9B0001 << 80) | (inner >> 16 << 64) | ((inner & 0xFFFF) << 40),
    "6to4": lambda inner: (0x2002 << 112) | (inner << 80) | 1,
    "teredo client": lambda inner: (0x20010000 << 96) | (0x08080808 << 64) | (inner ^ 0xFFFFFFFF),
    "teredo server": lambda inner: (0x20010000 << 96) | (inner << 64) | 0xF7F7F7F7,
    "isatap, private": lambda inner: (0x2600_1F18_0000_0001 << 64) | (0x00005EFE << 32) | inner,
    "isatap, global": lambda inner: (0x2600_1F18_0000_0001 << 64) | (0x02005EFE << 32) | inner,
    "isatap, link-local": lambda inner: (0xFE80 << 112) | (0x00005EFE << 32) | inner,
}


@given(not_public)
def test_an_ipv4_address_that_is_not_public_is_refused_with_a_reason(number: int) -> None:
    reason = GUARD.refusal(ipaddress.IPv4Address(number))

    assert reason
    assert reason.startswith("it ")


@given(public)
def test_every_other_ipv4_address_is_reachable(number: int) -> None:
    assert GUARD.refusal(ipaddress.IPv4Address(number)) is None


@pytest.mark.parametrize("network", NOT_PUBLIC_IPV4, ids=str)
def test_an_ipv4_block_ends_exactly_at_its_ends(network: ipaddress.IPv4Network) -> None:
    first, last = int(network.network_address), int(network.broadcast_address)

    for number in (first, last):
        assert GUARD.refusal(ipaddress.IPv4Address(number))
    for number in (first - 1, last + 1):
        if 0 <= number < 2**32 and not any(ipaddress.IPv4Address(number) in other for other in NOT_PUBLIC_IPV4):
            assert GUARD.refusal(ipaddress.IPv4Address(number)) is None


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@given(number=not_public)
def test_an_address_that_is_not_public_stays_refused_inside_ipv6(embedding: str, number: int) -> None:
    assert GUARD.refusal(ipaddress.IPv6Address(EMBEDDINGS[embedding](number)))


@pytest.mark.parametrize("embedding", ["mapped", "nat64", "isatap, private", "isatap, global"])
@given(number=public)
def test_a_public_address_stays_reachable_where_it_is_what_gets_dialled(embedding: str, number: int) -> None:
    assert GUARD.refusal(ipaddress.IPv6Address(EMBEDDINGS[embedding](number))) is None


@pytest.mark.parametrize("embedding", [name for name in EMBEDDINGS if name not in {"mapped", "nat64", "isatap, private", "isatap, global"}])
@given(number=public)
def test_tunnels_and_forms_no_longer_in_use_are_refused_whatever_they_hold(embedding: str, number: int) -> None:
    assert GUARD.refusal(ipaddress.IPv6Address(EMBEDDINGS[embedding](number)))


@pytest.mark.parametrize("network", NOT_PUBLIC_IPV6, ids=str)
@given(data=st.data())
def test_an_ipv6_block_that_is_not_public_is_refused(network: ipaddress.IPv6Network, data: st.DataObject) -> None:
    number = data.draw(st.integers(int(network.network_address), int(network.broadcast_address)))

    assert GUARD.refusal(ipaddress.IPv6Address(number))


@given(st.integers(0, 2**128 - 1))
def test_ipv6_outside_global_unicast_is_reachable_only_if_mapped(number: int) -> None:
    if number >> 125 != 0b001 and number >> 32 not in {0xFFFF, 0x0064FF9B << 64}:
        assert GUARD.refusal(ipaddress.IPv6Address(number))


@given(low_64_bits.filter(lambda low: (low >> 32) not in {0x00005EFE, 0x02005EFE}))
def test_ordinary_global_unicast_is_reachable(low: int) -> None:
    for prefix in ("2600:1f18:1::", "2a00:1450:4001:81b::", "2400:cb00::", "2001:4860:4860::", "2001:200::"):
        assert GUARD.refusal(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | low)) is None


def test_an_address_with_a_zone_is_refused_whatever_stands_before_it() -> None:
    assert GUARD.refusal(ipaddress.IPv6Address("2600:1f18::1%eth0"))


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("169.254.169.254", "EC2, Azure, Google and others: instance metadata"),
        ("169.254.170.2", "ECS: credentials of the task"),
        ("fd00:ec2::254", "EC2: instance metadata over IPv6"),
        ("100.100.100.200", "Alibaba: instance metadata"),
        ("192.0.0.192", "Oracle: instance metadata"),
        ("168.63.129.16", "Azure: wire server"),
        ("fd20:ce::254", "Google: instance metadata over IPv6"),
        ("64:ff9b::a9fe:a9fe", "EC2 metadata through a NAT64 translator"),
    ],
)
def test_the_metadata_services_of_clouds_are_refused(address: str, whose: str) -> None:
    assert GUARD.refusal(ipaddress.ip_address(address)), whose


@given(st.integers(0, 2**32 - 1))
def test_an_allowed_network_lets_in_exactly_itself(number: int) -> None:
    guard = AddressGuard.allowing(["10.20.0.0/16", "fd12::/16"])
    address = ipaddress.IPv4Address(number)

    expected = None if address in ipaddress.IPv4Network("10.20.0.0/16") else GUARD.refusal(address)
    assert guard.refusal(address) == expected


def test_allowed_ipv4_network_is_reachable_mapped_not_tunnelled() -> None:
    guard = AddressGuard.allowing(["127.0.0.0/8"])

    assert guard.refusal(ipaddress.ip_address("::ffff:127.0.0.1")) is None
    assert guard.refusal(ipaddress.ip_address("2002:7f00:1::1"))
    assert guard.refusal(ipaddress.ip_address("::1"))


def test_an_allowed_ipv6_network_lets_in_exactly_itself() -> None:
    guard = AddressGuard.allowing(["::1/128", "fd12::/16"])

    assert guard.refusal(ipaddress.ip_address("::1")) is None
    assert guard.refusal(ipaddress.ip_address("fd12::9")) is None
    assert guard.refusal(ipaddress.ip_address("fd13::9"))
    assert guard.refusal(ipaddress.ip_address("127.0.0.1"))


@pytest.mark.parametrize("text", ["10.1.2.3/8", "10.0.0.0/33", "private", "", "10.0.0.0/8,172.16.0.0/12"])
def test_an_allow_list_that_is_no_list_of_networks_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a network such as 10"):
        AddressGuard.allowing([text])


def address_at(network: IpNetwork, number: int) -> IpAddress | None:
    if not 0 <= number < 2**network.max_prefixlen:
        return None
    return ipaddress.IPv4Address(number) if network.version == 4 else ipaddress.IPv6Address(number)


def just_before(network: IpNetwork) -> IpAddress | None:
    return address_at(network, int(network.network_address) - 1)


def first(network: IpNetwork) -> IpAddress | None:
    return network.network_address


def last(network: IpNetwork) -> IpAddress | None:
    return network.broadcast_address


def just_after(network: IpNetwork) -> IpAddress | None:
    return address_at(network, int(network.broadcast_address) + 1)


def test_every_python_gives_the_same_verdicts() -> None:
    """The digest below was computed once; a version of Python whose ``ipaddress`` judges differently would change it."""
    verdicts = hashlib.sha256()
    for count in range(20_000):
        seed = hashlib.sha256(b"%d" % count).digest()
        inner = int.from_bytes(seed[:4], "big")
        addresses: list[IpAddress] = [ipaddress.IPv4Address(inner), ipaddress.IPv6Address(seed[:16])]
        addresses += [ipaddress.IPv6Address(embed(inner)) for embed in EMBEDDINGS.values()]
        verdicts.update(bytes(GUARD.refusal(address) is None for address in addresses))
    networks: list[IpNetwork] = [*NOT_PUBLIC_IPV4, *NOT_PUBLIC_IPV6]
    edges = [edge(network) for network in networks for edge in (just_before, first, last, just_after)]
    verdicts.update(bytes(GUARD.refusal(address) is None for address in edges if address is not None))

    assert verdicts.hexdigest() == "1b4949a697887533a02255a4bf905bf90baefc4e545ff12a1483986cebb49b1d"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0x7F.0x0.0x0.0x1", "127.0.0.1"),
        ("00000177.0.0.0000001", "127.0.0.1"),
        ("0", "0.0.0.0"),  # noqa: S104 - parsed, not bound
        ("0x", "0.0.0.0"),  # noqa: S104 - parsed, not bound
        ("10.65535", "10.0.255.255"),
        ("127.0.0.1.", "127.0.0.1"),
        ("256.0.0.1", None),
        ("1.2.3.256", None),
        ("1.2.65536", None),
        ("4294967296", None),
        ("1.2.3.4.5", None),
        ("08.0.0.1", None),
        ("1..2", None),
        ("", None),
        ("0xg", None),
        ("1_0.0.0.1", None),
        ("+1.0.0.1", None),
        ("\u0661.0.0.1", None),
        ("1" * 5000, None),
    ],
)
def test_spellings_of_ipv4_are_read_as_resolvers_read_them(text: str, address: str | None) -> None:
    assert parse_ipv4_spelling(text) == (None if address is None else ipaddress.IPv4Address(address))


OPENED = ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "fe80::/10", "fc00::/7", "::1/128")


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.9.9.9", "0.1.2.3", "169.254.169.254", "::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
)
def test_nobody_opens_the_functions_own_host_on_aws(text: str) -> None:
    """Lambda's runtime API listens on loopback, and credentials are served at link-local addresses."""
    guard = AddressGuard.allowing(OPENED, on_aws=True)

    assert guard.refusal(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["10.1.2.3", "fd12::9", "::ffff:10.1.2.3"])
def test_private_networks_can_be_opened_on_aws(text: str) -> None:
    assert AddressGuard.allowing(OPENED, on_aws=True).refusal(ipaddress.ip_address(text)) is None


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "8.0.0.0/7"])
def test_nobody_opens_everything_on_aws(text: str) -> None:
    with pytest.raises(ValueError, match="broader than any private network"):
        AddressGuard.allowing([text], on_aws=True)
    assert AddressGuard.allowing([text]).allowed_networks


def test_a_function_in_aws_is_told_from_the_local_stack() -> None:
    runtime = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}

    assert Settings(runtime).on_aws
    assert not Settings({**runtime, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).on_aws
    assert not Settings({}).on_aws
