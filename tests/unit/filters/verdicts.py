"""What the product's matcher says about one filter and one event."""

from __future__ import annotations

from typing import Any

from event_service.filters.matching.matcher import Matcher


def matches(condition: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether a matcher with this one filter finds it."""
    matcher = Matcher()
    matcher.add("f", condition)
    return matcher.matches(event) == {"f"}


def pattern_matches(pattern: Any, event: dict[str, Any]) -> bool:
    """The same for a filter that is only a pattern, an object or a string that holds one."""
    return matches({"pattern": pattern}, event)
