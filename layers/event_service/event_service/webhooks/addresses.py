"""Which IP addresses a webhook may reach.

The table is our own. ``ipaddress.is_global`` and its relatives changed their verdicts between patch releases of CPython
(3.11.9, 3.12.4), know nothing of addresses that clouds give to their internals, and look into only some of the ways to
write an IPv4 address inside an IPv6 one. ``ipaddress`` is used here to parse and to hold numbers, never to judge.

Source: the IANA special-purpose address registries for both families, RFC 6890 and its updates. What IANA marks as
globally reachable but is answered by whatever server is nearest (anycast of AS112, AMT, PCP, TURN) is refused as well:
nearest may be inside our own network, and no webhook receiver lives there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# First match wins: the more exact block stands before the one around it.
_REFUSED_IPV4 = (
    ("0.0.0.0/8", "it means 'this host' or 'this network'"),
    ("10.0.0.0/8", "it belongs to a private network"),
    ("100.64.0.0/10", "it belongs to a provider's shared address space"),
    ("127.0.0.0/8", "it is a loopback address"),
    ("169.254.0.0/16", "it is link-local; clouds serve instance metadata and credentials there"),
    ("172.16.0.0/12", "it belongs to a private network"),
    ("168.63.129.16/32", "it is the address from which a cloud platform serves its own machines"),
    ("192.0.0.0/24", "it is reserved for protocols of the IETF"),
    ("192.0.2.0/24", "it is reserved for documentation"),
    ("192.31.196.0/24", "it is an anycast service of the network (AS112)"),
    ("192.52.193.0/24", "it is an anycast service of the network (AMT)"),
    ("192.88.99.0/24", "it was the anycast address of 6to4 relays"),
    ("192.168.0.0/16", "it belongs to a private network"),
    ("192.175.48.0/24", "it is an anycast service of the network (AS112)"),
    ("198.18.0.0/15", "it is reserved for benchmarks"),
    ("198.51.100.0/24", "it is reserved for documentation"),
    ("203.0.113.0/24", "it is reserved for documentation"),
    ("224.0.0.0/4", "it is a multicast address"),
    ("255.255.255.255/32", "it is the broadcast address"),
    ("240.0.0.0/4", "it is reserved"),
)

_REFUSED_IPV6 = (
    ("::/128", "it is the unspecified address"),
    ("::1/128", "it is the loopback address"),
    ("::/96", "it is an IPv4-compatible address, a form that is no longer in use"),
    ("::ffff:0:0:0/96", "it is an IPv4-translated address, which is for use inside one network"),
    ("64:ff9b:1::/48", "it belongs to a NAT64 translator for use inside one network"),
    ("100::/64", "it is discarded by routers"),
    ("100:0:0:1::/64", "it is a dummy prefix"),
    ("2001::/32", "it is a Teredo tunnel to an IPv4 address"),
    ("2001::/23", "it is reserved for protocols of the IETF"),
    ("2001:db8::/32", "it is reserved for documentation"),
    ("2002::/16", "it is a 6to4 tunnel to an IPv4 address"),
    ("2620:4f:8000::/48", "it is an anycast service of the network (AS112)"),
    ("3fff::/20", "it is reserved for documentation"),
    ("5f00::/16", "it is a segment identifier, for use inside one network"),
    ("fc00::/7", "it belongs to a private network (unique local)"),
    ("fe80::/10", "it is link-local"),
    ("fec0::/10", "it is site-local, a form that is no longer in use"),
    ("ff00::/8", "it is a multicast address"),
)


def _compile(table: Iterable[tuple[str, str]]) -> tuple[tuple[int, int, str], ...]:
    """First address, last address and reason of each block, as numbers: comparing those is all that judging does."""
    blocks = []
    for text, reason in table:
        network = ipaddress.ip_network(text)
        first = int(network.network_address)
        blocks.append((first, first | int(network.hostmask), reason))
    return tuple(blocks)


_IPV4_BLOCKS = _compile(_REFUSED_IPV4)
_IPV6_BLOCKS = _compile(_REFUSED_IPV6)

_NEVER_ON_AWS_IPV4 = _compile(
    [
        ("0.0.0.0/8", "it means this host"),
        ("127.0.0.0/8", "it is a loopback address, where the function's own runtime listens"),
        ("169.254.0.0/16", "it is link-local, where AWS serves credentials"),
        ("224.0.0.0/3", "it is a multicast or reserved address"),
    ]
)
_NEVER_ON_AWS_IPV6 = _compile(
    [
        ("::/127", "it is a loopback address, where the function's own runtime listens"),
        ("fe80::/10", "it is link-local"),
        ("fd00:ec2::/32", "AWS serves credentials there"),
        ("ff00::/8", "it is a multicast address"),
    ]
)
BROADEST = {4: 8, 6: 7}
"""Prefix of the broadest network that may be opened on AWS: 10.0.0.0/8 and fc00::/7 are the largest private ones."""

_GLOBAL_UNICAST = _compile([("2000::/3", "")])[0]
_MAPPED_PREFIX = int(ipaddress.IPv6Address("::ffff:0:0")) >> 32
_NAT64_PREFIX = int(ipaddress.IPv6Address("64:ff9b::")) >> 32
# RFC 5214: the interface identifier of ISATAP is 0000:5efe or 0200:5efe and then the IPv4 address, under any prefix.
_ISATAP_IDENTIFIERS = (0x00005EFE, 0x02005EFE)
_LOW_32_BITS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """The one judge of addresses, for create, update, test and delivery.

    ``allowed_networks`` are what the operator allowed although it is not public. The defaults refuse all that is not. ``on_aws``:
    what belongs to the function's own host is refused whatever is allowed; on a developer's machine receivers listen there.
    """

    allowed_networks: tuple[IpNetwork, ...] = ()
    on_aws: bool = False

    @classmethod
    def allowing(cls, networks: Iterable[str], *, on_aws: bool = False) -> AddressGuard:
        """A guard that lets these CIDR blocks in, besides public addresses.

        Raises:
            ValueError: one is no CIDR block, or has bits set beyond its prefix (``10.1.2.3/8``), which is more often a
                mistake than a wish for 16 million addresses; or, on AWS, it is broader than any private network.
        """
        parsed = []
        for text in networks:
            try:
                parsed.append(ipaddress.ip_network(text))
            except ValueError as error:
                raise ValueError(f"{text!r} is not a network such as 10.0.0.0/8 or fd00::/8: {error}") from error
        for network in parsed:
            if on_aws and network.prefixlen < BROADEST[network.version]:
                raise ValueError(
                    f"'{network}' is broader than any private network; name those that hold receivers, /{BROADEST[network.version]} at most"
                )
        return cls(tuple(parsed), on_aws)

    def refusal(self, address: IpAddress) -> str | None:
        """Why no request may go to ``address``, as the end of a sentence; ``None`` when it may.

        An IPv4 address inside an IPv6 one is judged itself where that is what gets dialled: mapped addresses (by our own
        kernel), NAT64 (by the translator) and ISATAP (by the tunnel). Other embeddings are refused whole. A zone
        (``fe80::1%eth0``) is refused whatever stands before it, unless its network was allowed.
        """
        never = self._never(address)
        if never is not None or self._allowed(address):
            return never
        if isinstance(address, ipaddress.IPv4Address):
            return _find(_IPV4_BLOCKS, int(address))
        number = int(address)
        if address.scope_id is not None:
            return "it names a network interface of this host"
        prefix = number >> 32
        if prefix in (_MAPPED_PREFIX, _NAT64_PREFIX):
            return self._refusal_inside(number)
        if (reason := _find(_IPV6_BLOCKS, number)) is not None:
            return reason
        if not _GLOBAL_UNICAST[0] <= number <= _GLOBAL_UNICAST[1]:
            return "it is outside the addresses that are given out for public use"
        if prefix & _LOW_32_BITS in _ISATAP_IDENTIFIERS:
            return self._refusal_inside(number)
        return None

    def _refusal_inside(self, number: int) -> str | None:
        inner = ipaddress.IPv4Address(number & _LOW_32_BITS)
        reason = self.refusal(inner)
        return None if reason is None else f"it holds the IPv4 address {inner}: {reason}"

    def _never(self, address: IpAddress) -> str | None:
        if not self.on_aws:
            return None
        return _find(_NEVER_ON_AWS_IPV4 if address.version == 4 else _NEVER_ON_AWS_IPV6, int(address))

    def _allowed(self, address: IpAddress) -> bool:
        return any(address.version == network.version and address in network for network in self.allowed_networks)


def _find(blocks: tuple[tuple[int, int, str], ...], number: int) -> str | None:
    for first, last, reason in blocks:
        if first <= number <= last:
            return reason
    return None


def parse_ipv4_spelling(text: str) -> ipaddress.IPv4Address | None:
    """Reads all that ``inet_aton`` and browsers take for an IPv4 address; ``None`` when it is out of range or none.

    That is one to four parts, each decimal, octal (leading ``0``) or hexadecimal (leading ``0x``), the last one filling
    the bytes that are left: ``127.1``, ``0177.0.0.1``, ``0x7f000001``, ``2130706433``. ``ipaddress`` refuses these, the
    system's resolver does not, and a guard that knows only one of both has a hole.
    """
    parts = text.removesuffix(".").split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers = [_number(part) for part in parts]
    *leading, last = numbers
    if last is None or last >= 256 ** (5 - len(parts)):
        return None
    value = last
    for position, number in enumerate(leading):
        if number is None or number > 255:
            return None
        value += number << (24 - 8 * position)
    return ipaddress.IPv4Address(value)


def _number(text: str) -> int | None:
    digits, base, alphabet = text, 10, "0123456789"
    if text[:2] in ("0x", "0X"):
        digits, base, alphabet = text[2:] or "0", 16, "0123456789abcdefABCDEF"
    elif len(text) > 1 and text[0] == "0":
        digits, base, alphabet = text[1:], 8, "01234567"
    # int() would also take signs, underscores and digits of other scripts; 64 is far beyond what fits in 32 bits
    if not digits or len(digits) > 64 or any(digit not in alphabet for digit in digits):
        return None
    return int(digits, base)
