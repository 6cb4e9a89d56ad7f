"""The id of a delivery that receivers see and drop repeats by."""

from __future__ import annotations

import hashlib

_ID_CHARACTERS = 26


_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


_BASE32_PAIRS = [first + second for first in _BASE32 for second in _BASE32]


_SHIFTS = range(5 * (_ID_CHARACTERS - 2), -1, -10)


def webhook_id(workspace_id: str, event_id: str, endpoint_id: str) -> str:
    """The ``webhook-id`` of an event at an endpoint: equal for every attempt, retry and replay.

    ``msg_`` and the first 26 characters (130 bits) of the lower-case base32 of the SHA-256 of three lines: workspace id,
    event id, endpoint id, with a newline between them and none at the end. Both outer ids are UUIDs of 36 characters, so
    that two different triples never give the same text, whatever the event id holds.
    """
    digest = hashlib.sha256(f"{workspace_id.lower()}\n{event_id}\n{endpoint_id.lower()}".encode()).digest()
    number = int.from_bytes(digest[:17], "big") >> 6
    # Two characters at a time: `base64.b32encode` is written in Python and takes as long as the signature.
    return "msg_" + "".join([_BASE32_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS])
