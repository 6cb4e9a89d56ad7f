"""AWS Signature Version 4 for calls of one shape: the SDK's signer, made for all shapes, takes most of a post's time.

What is derived from the secret and the day (the signing key) is kept, and of the canonical request only what differs
from call to call is made anew. A test signs with the SDK and compares.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from botocore.credentials import ReadOnlyCredentials

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class RequestSigner:
    """Signs requests without a query to one host."""

    def __init__(self, url: str, region: str, service: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        default_port = {"https": 443, "http": 80}.get(parts.scheme)
        if parts.port is not None and parts.port != default_port:
            self._host += f":{parts.port}"
        self._region = region
        self._service = service
        self._key: tuple[str, str, bytes] = ("", "", b"")

    def headers(
        self, method: str, path: str, body: bytes, credentials: ReadOnlyCredentials, now: datetime, target: str | None = None
    ) -> dict[str, str]:
        """The headers to add to a request.

        Args:
            method: in capitals.
            path: as it is sent, percent-encoded once; it is signed encoded twice, as every service but S3 wants it
                (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
            body: all of it.
            credentials: whose name it is made in.
            now: in UTC; AWS refuses what is more than five minutes off.
            target: the operation, for services that find it in the header ``X-Amz-Target``.
        """
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        day = stamp[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        names = "host;x-amz-date"
        values = f"host:{self._host}\nx-amz-date:{stamp}\n"
        headers = {"X-Amz-Date": stamp}
        if credentials.token:
            names += ";x-amz-security-token"
            values += f"x-amz-security-token:{credentials.token}\n"
            headers["X-Amz-Security-Token"] = credentials.token
        if target is not None:
            names += ";x-amz-target"
            values += f"x-amz-target:{target}\n"
            headers["X-Amz-Target"] = target
        canonical = f"{method}\n{quote(path, safe='/~')}\n\n{values}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._signing_key(credentials.secret_key or "", day), text.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return headers

    def _signing_key(self, secret: str, day: str) -> bytes:
        if self._key[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (secret, day, key)
        return self._key[2]
