"""IP addresses as event patterns read them.

A string is an address only in full dotted (IPv4) or colon (IPv6) notation. An IPv4 address in IPv6 clothes
(`::ffff:a00:1`) is the IPv4 address.
"""

from __future__ import annotations

import re

from event_service.base.errors import BadUserInput

Address = tuple[int, int]
"""Bits of the family (32 or 128), and the address as an integer."""

_V4 = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15}){3}", re.ASCII)
_V6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*", re.ASCII)
_MASK = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_MAPPED_V4 = 0xFFFF


def parse_address(text: str) -> Address | None:
    """The address that ``text`` spells, or ``None`` when it is any other string."""
    if _V4.fullmatch(text):
        return _parse_v4(text)
    if _V6.fullmatch(text):
        return _parse_v6(text)
    return None


def parse_network(text: str) -> tuple[int, int, int]:
    """Reads CIDR notation.

    Returns:
        Bits of the family (32 or 128), bits of the mask, and the network's leading bits as an integer.

    Raises:
        BadUserInput: not CIDR notation, or a mask as long as the address.
    """
    parts = text.rstrip("/").split("/")
    if len(parts) != 2:
        raise BadUserInput(f"{text!r} is no CIDR block: write an address, one slash and the length of the mask")
    address = parse_address(parts[0])
    if address is None:
        raise BadUserInput(f"{parts[0]!r} is not an IPv4 or IPv6 address")
    bits, value = address
    if not _MASK.fullmatch(parts[1]) or not 0 <= int(parts[1]) < bits:
        raise BadUserInput(f"the mask {parts[1]!r} is not a whole number from 0 to {bits - 1}")
    mask = int(parts[1])
    return bits, mask, value >> (bits - mask)


def _parse_v4(text: str) -> Address | None:
    value = 0
    for part in text.split("."):
        number = int(part)
        if number > 255:
            return None
        value = value << 8 | number
    return 32, value


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
    return (32, value & 0xFFFF_FFFF) if value >> 32 == _MAPPED_V4 else (128, value)
