"""What the log keeps of a response body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.webhooks.exchange import KEPT_BYTES_PER_FAILURE, KEPT_BYTES_PER_SUCCESS, body_text, kept_bytes, kept_headers


@given(st.binary(max_size=400), st.integers(1, 300))
def test_any_bytes_become_text_that_can_be_stored_within_the_limit(raw: bytes, limit: int) -> None:
    text = body_text(raw[:limit], None, limit)

    assert len(text.encode()) <= limit
    assert "\x00" not in text
    assert "\x1b" not in text
    assert json.loads(json.dumps(text)) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"ok":true}', '{"ok":true}'),
        ("grün: ✓\r\n\tżółty".encode(), "grün: ✓\r\n\tżółty"),
        (b"a\x00b", "a\ufffdb"),
        (b"a\xff\xfeb", "a\ufffd\ufffdb"),
        (b"\x1b[2J", "\ufffd[2J"),
        (b"", ""),
    ],
)
def test_readable_text_stays_and_the_rest_is_replaced(raw: bytes, text: str) -> None:
    assert body_text(raw, None, 256) == text


def test_a_character_that_the_limit_cut_in_two_is_dropped() -> None:
    assert body_text("aé".encode()[:2], None, 2) == "a"


def test_a_compressed_body_is_named_and_not_unpacked() -> None:
    text = body_text(b"\x1f\x8b\x08" + b"\x00" * 100, "gzip\x1b", 256)

    assert text == "(compressed body, not shown: the receiver sent content-encoding gzip\ufffd unasked)"


def test_16_kib_of_a_failure_and_256_bytes_of_a_success_are_kept() -> None:
    assert (KEPT_BYTES_PER_FAILURE, KEPT_BYTES_PER_SUCCESS) == (16_384, 256)
    assert {status for status in range(100, 600) if kept_bytes(status) == 256} == set(range(200, 300))


def test_headers_are_kept_up_to_two_kilobytes_printable_and_in_lower_case() -> None:
    kept = kept_headers([("X-A", "a\x1b[31m"), *((f"x-{number}", "v" * 700) for number in range(10))])

    assert kept[0] == ("x-a", "a\ufffd[31m")
    assert [name for name, _ in kept] == ["x-a", "x-0", "x-1", "x-2"]
    assert sum(len(name) + len(value) for name, value in kept) <= 2_048
