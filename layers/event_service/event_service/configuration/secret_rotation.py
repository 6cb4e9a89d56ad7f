"""Showing and rotating the signing secrets of endpoints."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, Conflict, NotFound
from event_service.base.identifiers import parse_uuid
from event_service.configuration.destinations import Destinations, Feature
from event_service.configuration.existence import require_endpoints
from event_service.configuration.ports import ConfigurationRows, SecretStore
from event_service.configuration.requests import Requests
from event_service.configuration.secrets import EndpointSecrets, new_secret

TRIES: Final = 5
MAXIMUM_GRACE: Final = timedelta(days=7)
DEFAULT_GRACE_SECONDS: Final = 86_400


class SecretRotation:
    """The use cases behind ``endpointSecret`` and ``rotateEndpointSecret``."""

    def __init__(self, rows: ConfigurationRows, secrets: SecretStore, requests: Requests, destinations: Destinations, clock: Clock) -> None:
        self._rows = rows
        self._secrets = secrets
        self._requests = requests
        self._destinations = destinations
        self._clock = clock

    def current(self, workspace_id: str, endpoint_id: str) -> str:
        """The secret that signs an endpoint's requests.

        Raises:
            BadUserInput: a malformed id, or an endpoint whose type has no secret.
            NotFound: an unknown endpoint.
        """
        return self._secrets_of(workspace_id, endpoint_id)[1].current

    def rotate(
        self,
        workspace_id: str,
        endpoint_id: str,
        grace_period_seconds: int | None = DEFAULT_GRACE_SECONDS,
        idempotency_key: str | None = None,
    ) -> str:
        """Replaces the secret; the old one signs beside it for the grace period.

        Args:
            workspace_id: the token's workspace.
            endpoint_id: an endpoint whose requests are signed.
            grace_period_seconds: 0 to 604,800 (7 days). It also ends older secrets that would sign for longer.
            idempotency_key: of several calls with one key within 24 hours only the first rotates.

        Returns:
            The new secret.

        Raises:
            BadUserInput: a bad period, key or id, or an endpoint whose type has no secret.
            NotFound: an unknown endpoint.
            Conflict: other rotations kept winning, or the key was used for other input.
        """
        seconds = DEFAULT_GRACE_SECONDS if grace_period_seconds is None else grace_period_seconds
        maximum = int(MAXIMUM_GRACE.total_seconds())
        if not 0 <= seconds <= maximum:
            raise BadUserInput(f"gracePeriodSeconds: {seconds} is not from 0 to {maximum:,} (7 days).")
        asked = [endpoint_id.lower(), seconds]
        request = self._requests.begin(workspace_id, "rotateEndpointSecret", idempotency_key, asked)
        secret = new_secret()
        remembered = request.remembering({"secret": secret}) if request else None
        for _ in range(TRIES):
            answered = self._requests.answer_of(request)
            if answered is not None:
                return str(answered["secret"])
            parsed_id, stored = self._secrets_of(workspace_id, endpoint_id)
            rotated = stored.rotated(secret, self._clock(), timedelta(seconds=seconds))
            if self._secrets.replace(workspace_id, parsed_id, rotated, stored, remembered):
                return secret
        raise Conflict("Other rotations of this secret were faster; read the secret and decide whether to try again.")

    def _secrets_of(self, workspace_id: str, endpoint_id: str) -> tuple[str, EndpointSecrets]:
        parsed_id = parse_uuid(endpoint_id, "id")
        endpoint = require_endpoints(self._rows, workspace_id, [parsed_id])[parsed_id]
        self._destinations.require(endpoint, Feature.SECRET, "id")
        stored = self._secrets.get(workspace_id, parsed_id)
        if stored is None:
            # Deleted between the two reads.
            raise NotFound("endpoint", [parsed_id])
        return parsed_id, stored
