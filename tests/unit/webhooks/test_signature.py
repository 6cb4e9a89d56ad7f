"""Signatures that the official verifier takes, over exactly the bytes that are sent."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from event_service.configuration.secrets import new_secret
from event_service.delivery.webhook_id import webhook_id
from event_service.webhooks.signature import InvalidSecret, secret_key, sign, signed_headers

WORKSPACE = "52c6548d-3e17-4b9b-9268-ce51d6900530"
ENDPOINT = "f6b0e2b1-6a10-4ef1-8a1f-0d2f4bb1a0c7"
OLD, NEW = "whsec_" + base64.b64encode(b"o" * 24).decode(), "whsec_" + base64.b64encode(b"n" * 32).decode()


@given(st.text().map(str.encode))
def test_the_official_verifier_takes_our_signature_of_any_body(body: bytes) -> None:
    secret = new_secret()

    headers = signed_headers([secret], webhook_id(WORKSPACE, "event-1", ENDPOINT), int(time.time()), body)

    # the verifier parses the body as JSON after it has verified it: any other fault is a wrong signature
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        pytest.fail("the signature was refused")
    except ValueError:
        pass


@pytest.mark.parametrize("changed", ["body", "id", "time", "secret"])
def test_a_signature_covers_body_id_time_and_secret(changed: str) -> None:
    now = int(time.time())
    headers = signed_headers([NEW], "msg_1", now, b'{"a":1}')
    if changed == "id":
        headers["webhook-id"] = "msg_2"
    if changed == "time":
        headers["webhook-timestamp"] = str(now + 1)

    with pytest.raises(WebhookVerificationError):
        Webhook(OLD if changed == "secret" else NEW).verify(b'{"a": 1}' if changed == "body" else b'{"a":1}', headers)


def test_a_receiver_with_either_secret_verifies_during_a_rotation() -> None:
    headers = signed_headers([NEW, OLD], "msg_1", int(time.time()), b"{}")

    assert [part.partition(",")[0] for part in headers["webhook-signature"].split(" ")] == ["v1", "v1"]
    assert Webhook(NEW).verify(b"{}", headers) == {}
    assert Webhook(OLD).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)


def test_the_example_of_the_specification_gives_its_signature() -> None:
    signature = sign(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_nothing_is_ever_sent_unsigned() -> None:
    with pytest.raises(ValueError, match="never sent unsigned"):
        sign([], "msg_1", 1, b"")


@pytest.mark.parametrize(
    ("secret", "rule"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_no base64!", "is base64"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "24 to 64 bytes, not 23"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "24 to 64 bytes, not 65"),
    ],
)
def test_a_secret_of_another_form_is_refused_without_showing_it(secret: str, rule: str) -> None:
    with pytest.raises(InvalidSecret, match=rule) as refused:
        secret_key(secret)

    assert secret.removeprefix("whsec_") not in str(refused.value)
    assert refused.value.__cause__ is None


def test_new_secrets_have_32_random_bytes() -> None:
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert {len(secret_key(secret)) for secret in secrets} == {32}


def test_webhook_id_is_26_base32_characters_and_stable() -> None:
    first = webhook_id(WORKSPACE, "event-1", ENDPOINT)

    # printf '%s\n%s\n%s' WORKSPACE event-1 ENDPOINT | openssl dgst -sha256 -binary | base32 -w0 | head -c 26 | tr A-Z a-z
    assert first == "msg_zlci4ir3vegtwngaztfpfofglb"
    assert webhook_id(WORKSPACE.upper(), "event-1", ENDPOINT.upper()) == first


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_different_events_never_share_a_webhook_id(one: str, other: str) -> None:
    if one != other:
        assert webhook_id(WORKSPACE, one, ENDPOINT) != webhook_id(WORKSPACE, other, ENDPOINT)


def test_webhook_id_keeps_workspace_and_endpoint_apart() -> None:
    ids = {
        webhook_id(WORKSPACE, "e", ENDPOINT),
        webhook_id(ENDPOINT, "e", WORKSPACE),
        webhook_id(WORKSPACE, f"e\n{ENDPOINT}", ENDPOINT),
        webhook_id(WORKSPACE, "e\n", ENDPOINT),
    }

    assert len(ids) == 4
