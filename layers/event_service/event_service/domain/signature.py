"""Standard Webhooks signatures, version ``v1``: HMAC-SHA256 over id, time and the exact bytes of the body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the specification gives to every secret
# The specification asks for 24 to 64 bytes.
MINIMUM_SECRET_BYTES = 24
MAXIMUM_SECRET_BYTES = 64
NEW_SECRET_BYTES = 32

_ID_CHARACTERS = 26
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
_SHIFTS = range(5 * (_ID_CHARACTERS - 2), -1, -10)


class InvalidSecret(ValueError):
    """A signing secret that is not ``whsec_`` and the base64 of 24 to 64 bytes. The text never shows the secret."""


def new_secret() -> str:
    """A fresh random secret, in the form that receivers' libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()


def secret_key(secret: str) -> bytes:
    """The key inside a secret.

    Raises:
        InvalidSecret: wrong prefix, no base64, or fewer than 24 or more than 64 bytes.
    """
    if not secret.startswith(SECRET_PREFIX):
        raise InvalidSecret(f"a signing secret begins with {SECRET_PREFIX}")
    try:
        key = base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecret(f"after {SECRET_PREFIX} a signing secret is base64") from None
    if not MINIMUM_SECRET_BYTES <= len(key) <= MAXIMUM_SECRET_BYTES:
        raise InvalidSecret(f"a signing secret holds {MINIMUM_SECRET_BYTES} to {MAXIMUM_SECRET_BYTES} bytes, not {len(key)}")
    return key


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


def sign(valid_secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one signature for each secret, in order, with spaces between them.

    Args:
        valid_secrets: All that are valid now; more than one while a rotation's grace period lasts.
        message_id: The value of ``webhook-id``.
        timestamp: The value of ``webhook-timestamp``: this attempt's time in whole seconds since 1970.
        body: The bytes that are sent.

    Raises:
        ValueError: there is no secret; nothing is ever sent unsigned.
        InvalidSecret: one has the wrong form.
    """
    if not valid_secrets:
        raise ValueError("a webhook is never sent unsigned: at least one secret is needed")
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.digest(secret_key(secret), content, "sha256")).decode() for secret in valid_secrets)


def signed_headers(valid_secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks; arguments and errors as :func:`sign`."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(valid_secrets, message_id, timestamp, body),
    }
