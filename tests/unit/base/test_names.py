"""Names that people give."""

from __future__ import annotations

import pytest

from event_service.base.errors import BadUserInput
from event_service.base.names import parse_name


@pytest.mark.parametrize("name", ["a\x00b", "a\u202eb", "a\u200bb", "a\u2066b", "a\u2028b", "a\ud800", "\ufeffa", "a\x85b", "a\u00adb"])
def test_a_name_with_a_character_that_cannot_be_seen_is_refused(name: str) -> None:
    with pytest.raises(BadUserInput, match=r"name: \w+ characters such as U\+[0-9A-F]{4} are not allowed."):
        parse_name(name)


@pytest.mark.parametrize("name", ["Grüße", "Заказы и доставка", "مرحبا", "🚀 launch", "a" * 256, "event-service.x"])
def test_a_name_that_can_be_seen_is_kept(name: str) -> None:
    assert parse_name(f"  {name} ") == name
