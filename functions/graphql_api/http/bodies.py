"""Request bodies: from what arrived to the bytes that the sender meant, or a refusal that says where they are not."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from event_service.base.errors import BadUserInput, TooLarge

MAXIMUM_BODY_BYTES = 3_584 * 1024
"""Room for the largest publish (900 KiB) with every character beyond ASCII written as an escape, which makes three and a half times of
two bytes. Lambda takes 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

_REPLACEMENT = "\ufffd".encode()
_NONE = ("", "identity")
_GZIP = ("gzip", "x-gzip")
_DEFLATE = ("deflate",)
READ_CODINGS = "gzip, deflate"
"""For the header ``accept-encoding`` of a 415 (RFC 7694)."""


class UnreadCoding(BadUserInput):
    """The body is compressed in a way that is not read here: HTTP 415."""


def read_body(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body as its sender wrote it, unpacked.

    Args:
        headers: of the request, names in lower case, or a mapping that does not mind the case.
        body: as it arrived.

    Raises:
        TooLarge: more than ``MAXIMUM_BODY_BYTES``, as it arrived or unpacked; not more than that is unpacked.
        UnreadCoding: a content-encoding other than gzip and deflate.
        BadUserInput: the bytes are not what the content-encoding says, or were not UTF-8 before API Gateway decoded them.
    """
    _check_size(len(body), "has")
    codings = [coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")]
    codings = [coding for coding in codings if coding not in _NONE]
    if not codings:
        _check_decoded(headers.get("content-length"), body)
        return body
    if len(codings) > 1 or codings[0] not in _GZIP + _DEFLATE:
        shown = ", ".join(codings)[:60]
        raise UnreadCoding(f"content-encoding: {shown!r} is not read here: send gzip or deflate, or no content-encoding.")
    return _unpack(body, codings[0])


def _check_size(size: int, verb: str) -> None:
    if size > MAXIMUM_BODY_BYTES:
        raise TooLarge(f"The request {verb} {size:,} bytes; at most {MAXIMUM_BODY_BYTES:,} are allowed. Send fewer events at a time.")


def _check_decoded(content_length: str | None, body: bytes) -> None:
    """API Gateway hands text to Lambda as a JSON string, and writes U+FFFD for bytes that are not UTF-8.

    A sender may have meant U+FFFD. Then the body has as many bytes as were announced; a replaced byte became three.
    """
    place = body.find(_REPLACEMENT)
    if place >= 0 and content_length is not None and content_length.isdecimal() and int(content_length) != len(body):
        raise BadUserInput(f"request body: not valid UTF-8 (byte {place}).")


def _unpack(body: bytes, coding: str) -> bytes:
    """Unpacks until the limit is passed, whatever the body would unpack to."""
    unpacked, rest = bytearray(), body
    while rest:
        # 31: gzip. 15: zlib's format, which RFC 9110 calls deflate. -15: the bare stream, which many clients send under that name.
        bits = (
            31 if coding in _GZIP else 15 if rest[0] & 0x0F == 8 and (rest[0] << 8 | (rest[1] if len(rest) > 1 else 0)) % 31 == 0 else -15
        )
        unpacker = zlib.decompressobj(bits)
        try:
            unpacked += unpacker.decompress(rest, MAXIMUM_BODY_BYTES + 1 - len(unpacked))
        except zlib.error:
            raise BadUserInput(f"request body: it is not what content-encoding says: {coding}.") from None
        if len(unpacked) > MAXIMUM_BODY_BYTES:
            raise TooLarge(
                f"The request unpacks to more than {MAXIMUM_BODY_BYTES:,} bytes, which is the limit. Send fewer events at a time."
            )
        if not unpacker.eof:
            raise BadUserInput(f"request body: the {coding} data break off.")
        rest = unpacker.unused_data
        if rest and coding not in _GZIP:
            raise BadUserInput(f"request body: {len(rest)} bytes follow the end of the {coding} data.")
    return bytes(unpacked)
