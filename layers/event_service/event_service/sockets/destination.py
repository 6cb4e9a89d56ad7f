"""The type WEB_SOCKET: programs connect, and get what the endpoint's log holds."""

from __future__ import annotations

from collections.abc import Mapping

from event_service.base.errors import BadUserInput
from event_service.configuration.destinations import Feature, Records
from event_service.configuration.endpoint import EndpointType, Settings, contract_name


class SocketDestination:
    """Implements :class:`~event_service.configuration.destinations.Destination`."""

    type = EndpointType.WEB_SOCKET
    creation = "createWebSocketEndpoint"
    records = Records.SEQUENCES
    lacks: Mapping[Feature, str] = {
        Feature.SECRET: "only WEB_HOOK endpoints have a secret; this one is a WEB_SOCKET.",
        Feature.TEST: "this is a WEB_SOCKET endpoint; publish an event and watch its clients.",
        Feature.RETRY: "this is a WEB_SOCKET endpoint; its clients reconnect with `after`.",
    }

    def settings_of_new(self, given: Settings) -> Settings:
        return self.changed_settings(given)

    def changed_settings(self, given: Settings) -> Settings:
        if names := ", ".join(map(contract_name, given.given())):
            raise BadUserInput(f"{names}: a WEB_SOCKET endpoint has no such setting.")
        return given
