"""Standard Webhooks signatures, version ``v1``: HMAC-SHA256 over id, time and the exact bytes of the body."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

from event_service.configuration.secrets import MAXIMUM_SECRET_BYTES, MINIMUM_SECRET_BYTES, SECRET_PREFIX


class InvalidSecret(ValueError):
    """A signing secret that is not ``whsec_`` and the base64 of 24 to 64 bytes. The text never shows the secret."""


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
