"""The type WEB_HOOK: events are sent to a URL, signed, each attempt logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from event_service.base.errors import BadUserInput
from event_service.base.problems import Problems
from event_service.configuration.destinations import Feature, Records
from event_service.configuration.endpoint import EndpointType, Settings

METHODS: Final = ("POST", "PUT", "PATCH")
"""Those that carry a body."""
DEFAULT_METHOD: Final = "POST"


class WebhookDestination:
    """Implements :class:`~event_service.configuration.destinations.Destination`."""

    type = EndpointType.WEB_HOOK
    creation = "createWebhookEndpoint"
    records = Records.ATTEMPTS
    lacks: Mapping[Feature, str] = {}

    def __init__(self, check_url: Callable[[str], object]) -> None:
        """
        Args:
            check_url: judges a URL as far as that is possible without the network, raising ``BadUserInput``.
        """
        self._check_url = check_url

    def settings_of_new(self, given: Settings) -> Settings:
        method = DEFAULT_METHOD if given.method is None else given.method
        if given.url is None:
            raise BadUserInput("url: it is missing; a WEB_HOOK endpoint needs one.")
        return self.changed_settings(replace(given, method=method))

    def changed_settings(self, given: Settings) -> Settings:
        problems = Problems()
        method = given.method
        if method is not None:
            method = problems.collect(lambda: parse_method(given.method or ""), "")
        if given.url is not None:
            problems.collect(lambda: self._check_url(given.url or ""), None)
        problems.refuse()
        return replace(given, method=method)


def parse_method(value: str) -> str:
    """Returns the method in upper case.

    Raises:
        BadUserInput: not POST, PUT or PATCH, the methods that carry a body.
    """
    method = value.upper()
    if method not in METHODS:
        shown = value if len(value) <= 20 else value[:17] + "..."
        raise BadUserInput(f"method: {shown!r} is not one of {', '.join(METHODS)}.")
    return method
