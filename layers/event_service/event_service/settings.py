"""Settings: the only place that reads the environment.

``template.yaml`` sets these variables; a template test compares both. Each is read on first use and checked then, so
that a function needs only what it uses and a wrong value is named, not met as a strange fault later.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property, lru_cache


class SettingsError(Exception):
    """A variable is missing or has a value that is not allowed."""


class Settings:
    """Typed access to the environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def _text(self, name: str, default: str | None = None) -> str:
        value = self._environment.get(name, "")
        if value:
            return value
        if default is None:
            raise SettingsError(f"the environment variable {name} is not set")
        return default

    def _integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        text = self._text(name, str(default))
        if not text.isascii() or not text.isdigit() or not minimum <= int(text) <= maximum:
            raise SettingsError(f"{name}={text!r}: a whole number from {minimum} to {maximum} is needed")
        return int(text)

    def _choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = self._text(name, default)
        if text not in allowed:
            raise SettingsError(f"{name}={text!r}: one of {', '.join(allowed)} is needed")
        return text

    def _flag(self, name: str) -> bool:
        return self._choice(name, "false", ("true", "false")) == "true"

    # -- AWS -----------------------------------------------------------------------------------------------------

    @cached_property
    def region(self) -> str:
        """The Region; Lambda sets it."""
        return self._text("AWS_REGION", self._text("AWS_DEFAULT_REGION", "us-east-1"))

    @cached_property
    def aws_endpoint_url(self) -> str | None:
        """Where AWS is, when it is not AWS: set for the local stack only."""
        return self._environment.get("AWS_ENDPOINT_URL") or None

    @cached_property
    def on_aws(self) -> bool:
        """Whether this is a function in AWS: Lambda says where its runtime listens, and the local stack where it plays AWS."""
        return "AWS_LAMBDA_RUNTIME_API" in self._environment and self.aws_endpoint_url is None

    # -- Tables --------------------------------------------------------------------------------------------------

    @cached_property
    def tokens_table(self) -> str:
        """Tokens by hash."""
        return self._text("TOKENS_TABLE")

    @cached_property
    def changes_table(self) -> str:
        """The chain of change sets."""
        return self._text("CHANGES_TABLE")

    @cached_property
    def endpoints_table(self) -> str:
        """Endpoint rows, as they are listed."""
        return self._text("ENDPOINTS_TABLE")

    @cached_property
    def endpoints_by_id_table(self) -> str:
        """Endpoint rows again, as they are delivered to."""
        return self._text("ENDPOINTS_BY_ID_TABLE")

    @cached_property
    def secrets_table(self) -> str:
        """Signing secrets, and answers to idempotency keys."""
        return self._text("SECRETS_TABLE")

    @cached_property
    def event_filters_table(self) -> str:
        """Event filter rows."""
        return self._text("EVENT_FILTERS_TABLE")

    @cached_property
    def links_table(self) -> str:
        """Links, both ways."""
        return self._text("LINKS_TABLE")

    @cached_property
    def events_table(self) -> str:
        """Events by id."""
        return self._text("EVENTS_TABLE")

    @cached_property
    def event_index_table(self) -> str:
        """Events by profile and activity."""
        return self._text("EVENT_INDEX_TABLE")

    @cached_property
    def deliveries_table(self) -> str:
        """The log of attempts."""
        return self._text("DELIVERIES_TABLE")

    @cached_property
    def due_table(self) -> str:
        """Retries that wait, and the backlogs of endpoints that are off."""
        return self._text("DUE_TABLE")

    @cached_property
    def connections_table(self) -> str:
        """Open WebSocket connections."""
        return self._text("CONNECTIONS_TABLE")

    @cached_property
    def socket_log_table(self) -> str:
        """What was sent to each WEB_SOCKET endpoint, by sequence."""
        return self._text("SOCKET_LOG_TABLE")

    # -- Queues and sockets --------------------------------------------------------------------------------------

    @cached_property
    def routing_queue_url(self) -> str:
        """From publishing to routing."""
        return self._text("ROUTING_QUEUE_URL")

    @cached_property
    def webhook_queue_url(self) -> str:
        """From routing to webhook delivery."""
        return self._text("WEBHOOK_QUEUE_URL")

    @cached_property
    def job_queue_url(self) -> str:
        """Steps of jobs."""
        return self._text("JOB_QUEUE_URL")

    @cached_property
    def own_lane_queue_url(self) -> str:
        """Asks for the lanes of endpoints in trouble, and for backlogs, to be served."""
        return self._text("OWN_LANE_QUEUE_URL")

    @cached_property
    def socket_queue_url(self) -> str:
        """Wake-ups for socket delivery (FIFO)."""
        return self._text("SOCKET_QUEUE_URL")

    @cached_property
    def socket_backlog_queue_url(self) -> str:
        """Turns of single connections, and what else must not hold up a group."""
        return self._text("SOCKET_BACKLOG_QUEUE_URL")

    @cached_property
    def web_socket_management_url(self) -> str:
        """The endpoint of the WebSocket API's management interface."""
        return self._text("WEB_SOCKET_MANAGEMENT_URL")

    @cached_property
    def webhook_function(self) -> str:
        """The webhook function's alias, which tests endpoints."""
        return self._text("WEBHOOK_FUNCTION")

    # -- Behaviour -----------------------------------------------------------------------------------------------

    @cached_property
    def event_retention_days(self) -> int:
        """How long events and the delivery log are kept."""
        return self._integer("EVENT_RETENTION_DAYS", 14, 4, 365)

    @cached_property
    def socket_retention_hours(self) -> int:
        """How long a socket can resume."""
        return self._integer("SOCKET_RETENTION_HOURS", 24, 1, 24 * 14)

    @cached_property
    def socket_posts_per_second(self) -> int:
        """Posts that all executions of socket delivery may make together, beside a few of each."""
        return self._integer("SOCKET_POSTS_PER_SECOND", 8_000, 200, 1_000_000)

    @cached_property
    def socket_slow_client_seconds(self) -> int:
        """After so long, a socket that takes nothing is closed."""
        return self._integer("SOCKET_SLOW_CLIENT_SECONDS", 30, 10, 600)

    @cached_property
    def socket_limits(self) -> tuple[int, int, int, int]:
        """Connections open of an endpoint, a workspace and a token, and connects of a workspace a second (written to one key)."""
        names = (("SOCKETS_PER_ENDPOINT", 10_000), ("SOCKETS_PER_WORKSPACE", 20_000), ("SOCKETS_PER_TOKEN", 5_000))
        endpoint, workspace, token = (self._integer(name, default, 1, 1_000_000) for name, default in names)
        return endpoint, workspace, token, self._integer("SOCKET_CONNECTS_PER_SECOND", 500, 1, 900)

    @cached_property
    def web_socket_auth(self) -> str:
        """``token``, or ``endpoint-id`` for the documented connect by id alone."""
        return self._choice("WEB_SOCKET_AUTH", "token", ("token", "endpoint-id"))

    @cached_property
    def allow_http(self) -> bool:
        """Whether webhook URLs may be http."""
        return self._flag("ALLOW_HTTP")

    @cached_property
    def allowed_networks(self) -> tuple[str, ...]:
        """CIDR blocks that webhooks may reach although they are not public."""
        return tuple(part.strip() for part in self._text("ALLOWED_NETWORKS", " ").split(",") if part.strip())

    @cached_property
    def webhook_timeout_seconds(self) -> int:
        """The total deadline of one attempt, from DNS to the last byte."""
        return self._integer("WEBHOOK_TIMEOUT_SECONDS", 15, 1, 60)

    @cached_property
    def maximum_requests_per_endpoint(self) -> int:
        """Requests from its backlog that may be open at one receiver at once."""
        return self._integer("MAXIMUM_REQUESTS_PER_ENDPOINT", 100, 1, 1_000)

    @cached_property
    def max_endpoints(self) -> int:
        """Endpoints a workspace may hold."""
        return self._integer("MAX_ENDPOINTS", 10_000, 1, 100_000)

    @cached_property
    def max_event_filters(self) -> int:
        """Event filters a workspace may hold."""
        return self._integer("MAX_EVENT_FILTERS", 100_000, 1, 1_000_000)

    @cached_property
    def graphql_ide(self) -> bool:
        """Whether browsers get the GraphQL IDE."""
        return self._flag("GRAPHQL_IDE")

    @cached_property
    def graphql_introspection(self) -> bool:
        """Whether the schema can be asked for."""
        return self._flag("GRAPHQL_INTROSPECTION")

    @cached_property
    def statistics(self) -> bool:
        """Whether what happens is counted for charts."""
        return self._flag("COUNT_STATISTICS")

    @cached_property
    def event_bus_workspace_id(self) -> str:
        """The workspace that events from the EventBridge rule belong to."""
        return self._text("EVENT_BUS_WORKSPACE_ID")

    # -- Logs and metrics ----------------------------------------------------------------------------------------

    @cached_property
    def log_level(self) -> int:
        """The least important lines of ours that are written, as a number of ``logging``."""
        name = self._choice("POWERTOOLS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARN", "ERROR"))
        return {"DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40}[name]

    @cached_property
    def metrics_namespace(self) -> str:
        """Where CloudWatch keeps the metrics."""
        return self._text("POWERTOOLS_METRICS_NAMESPACE", "EventService")

    @cached_property
    def service_name(self) -> str:
        """The function, as log lines name it."""
        return self._text("POWERTOOLS_SERVICE_NAME", "event-service")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings(os.environ)
