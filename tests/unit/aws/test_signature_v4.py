"""Our signature against the SDK's, which is the reference."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from event_service.aws.signature_v4 import RequestSigner


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("token", [None, "session/token=="])
@pytest.mark.parametrize(
    "url",
    [
        "https://abcdef1234.execute-api.us-east-1.amazonaws.com/live/@connections/L0SM9cOFvHcCIhw%3D",
        "https://abcdef1234.execute-api.us-east-1.amazonaws.com:443/live/@connections/a%2Bb%2Fc%3D%3D",
        "http://127.0.0.1:4566/_aws/execute-api/abc/live/@connections/plain",
    ],
)
def test_the_signature_is_the_one_that_the_sdk_makes(method: str, token: str | None, url: str) -> None:
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    body = "é".encode() * 100 if method == "POST" else b""
    reference = AWSRequest(method=method, url=url, data=body)
    SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(reference)
    moment = datetime.strptime(reference.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    headers = RequestSigner(url, "us-east-1", "execute-api").headers(method, urlsplit(url).path, body, credentials, moment)

    assert headers == {name: reference.headers[name] for name in headers}
    assert headers["Authorization"] == reference.headers["Authorization"]


def test_another_day_and_another_secret_are_other_signatures() -> None:
    signer = RequestSigner("https://a.example/live", "us-east-1", "execute-api")
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 1)]
    secrets = [ReadOnlyCredentials("A", secret, None) for secret in ("x", "y")]

    made = [signer.headers("POST", "/live", b"", secret, day)["Authorization"] for secret in secrets for day in days]

    assert made[0] == made[2] != made[1]
    assert made[3] == made[5] != made[4]
    assert len(set(made)) == 4
