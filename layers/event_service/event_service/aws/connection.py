"""The SDK's one DynamoDB client, as PynamoDB makes it, with time-outs, retries and a pool for all tables of a process."""

from __future__ import annotations

from typing import Final

import botocore.session
from botocore.config import Config
from pynamodb.connection import Connection

from event_service.aws.user_agent import USER_AGENT

CONNECT_TIMEOUT_SECONDS: Final = 1
READ_TIMEOUT_SECONDS: Final = 3
SDK_RETRIES: Final = 2
CONNECTIONS: Final = 32
"""In the pool; use cases run up to 16 calls at once."""


class _Connection(Connection):
    """With a fixed ``User-Agent``, for which PynamoDB has no setting."""

    @property
    def session(self) -> botocore.session.Session:
        session = super().session
        session.set_default_client_config(Config(user_agent=USER_AGENT))
        return session


def connect(region: str, endpoint_url: str | None) -> Connection:
    """The connection that all tables share. The botocore client is made on its first use."""
    return _Connection(
        region=region,
        host=endpoint_url,
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        max_retry_attempts=SDK_RETRIES,
        max_pool_connections=CONNECTIONS,
    )
