"""IP addresses as event patterns read them.

A string is an address only in full dotted (IPv4) or colon (IPv6) notation. An IPv4 address in IPv6 clothes
(`::ffff:a00:1`) is the IPv4 address.
"""

from __future__ import annotations

import re

from event_service.base.errors import BadUserInput

Address = bytes
"""The 4 bytes of an IPv4 address or the 16 of an IPv6 address.

Bytes and not a number, since they are keys of dicts: Python hashes numbers without a secret, so a workspace could
choose thousands of addresses that all have one hash."""

MAXIMUM_CHARACTERS = 64
"""An address with each group in full has 39; the rest is for zeros in front. Longer texts are not even looked at."""

_V4 = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15}){3}", re.ASCII)
_V6 = re.compile(r"[0-9a-fA-F:]+", re.ASCII)
_MASK = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_MAPPED_V4 = bytes(10) + b"\xff\xff"


def parse_address(text: str) -> Address | None:
    """The address that ``text`` spells, or ``None`` when it is any other string."""
    if len(text) > MAXIMUM_CHARACTERS:
        return None
    if ":" in text:
        return _parse_v6(text) if _V6.fullmatch(text) else None
    return _parse_v4(text) if _V4.fullmatch(text) else None


def parse_network(text: str) -> tuple[int, Address]:
    """Reads CIDR notation.

    Returns:
        Bits of the mask, and the network's first address.

    Raises:
        BadUserInput: not CIDR notation, or a mask as long as the address.
    """
    parts = text.rstrip("/").split("/")
    if len(parts) != 2:
        raise BadUserInput(f"{text!r} is no CIDR block: write an address, one slash and the length of the mask")
    address = parse_address(parts[0])
    if address is None:
        raise BadUserInput(f"{parts[0]!r} is not an IPv4 or IPv6 address")
    bits = len(address) * 8
    if not _MASK.fullmatch(parts[1]) or not 0 <= int(parts[1]) < bits:
        raise BadUserInput(f"the mask {parts[1]!r} is not a whole number from 0 to {bits - 1}")
    mask = int(parts[1])
    return mask, first_address(address, mask)


def first_address(address: Address, mask: int) -> Address:
    """``address`` with all bits after the first ``mask`` set to zero."""
    size = len(address)
    beyond = size * 8 - mask
    return (int.from_bytes(address, "big") >> beyond << beyond).to_bytes(size, "big")


def _parse_v4(text: str) -> Address | None:
    parts = [int(part) for part in text.split(".")]
    return bytes(parts) if max(parts) <= 255 else None


def _parse_v6(text: str) -> Address | None:
    head, gap, tail = text.partition("::")
    left = head.split(":") if head else []
    right = tail.split(":") if tail else []
    missing = 8 - len(left) - len(right)
    if missing < 0 or (missing == 0) == bool(gap):
        return None
    value = 0
    for group in (*left, *("0",) * missing, *right):
        number = int(group, 16) if group else 0x10000
        if number > 0xFFFF:
            return None
        value = value << 16 | number
    address = value.to_bytes(16, "big")
    return address[12:] if address.startswith(_MAPPED_V4) else address
