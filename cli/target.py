"""Which service the tool talks to: a URL that was given, a stack in AWS, or the local stack that is running."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import NotAllowed, Unreachable, UsageError
from cli.graphql_client import GraphqlClient
from cli.http_requests import BadUrl, is_loopback, split_url

if TYPE_CHECKING:
    from event_service.access.tokens import Tokens
    from event_service.delivery.erasing import Erasing
    from local.deployed import DeployedStack


@dataclass
class Target:
    """What the options say about the service. Nothing is looked up before a command needs it."""

    url: str | None = None
    socket_url: str | None = None
    token: str | None = None
    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    stack_file: Path = field(default_factory=lambda: Path(".local/stack.json"))

    @cached_property
    def graphql(self) -> GraphqlClient:
        """The API.

        Raises:
            NotAllowed: there is no token.
            Unreachable: it is not known where the API is.
        """
        return GraphqlClient(self.url or self._described("GraphqlUrl", "graphqlUrl"), self.required_token)

    @property
    def web_socket_url(self) -> str:
        """Where sockets connect.

        Raises:
            Unreachable: it is not known, or no URL.
            UsageError: the token would be sent unencrypted to another machine.
        """
        url = self.socket_url or self._described("WebSocketUrl", "webSocketUrl")
        try:
            parts = split_url(url, ("wss", "ws"))
        except BadUrl as error:
            raise Unreachable(f"{url!r} is not the URL of a WebSocket API: {error}.") from None
        if parts.scheme == "ws" and not is_loopback(parts):
            raise UsageError(f"{url} is not encrypted: the token is sent by wss only, or by ws to this machine.")
        return url

    @property
    def required_token(self) -> str:
        if self.token:
            return self.token
        if self.url is None and self.stack is None:
            return self._of_running("token")
        raise NotAllowed("A token is needed: give --token, or set EVENT_SERVICE_TOKEN. `event-service token issue` makes one.")

    @property
    def workspace_id(self) -> str | None:
        """The workspace of the local stack's token; of no other service is it known here."""
        return self._of_running("workspaceId") if self.stack is None else None

    @cached_property
    def running(self) -> dict[str, Any]:
        """What the local stack wrote about itself."""
        try:
            value = json.loads(self.stack_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Unreachable(
                f"No local stack is ready ({self.stack_file} does not exist). Start one with `make run`, or name a deployed one with "
                "--stack NAME, or give --url, --socket-url and --token."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise Unreachable(f"{self.stack_file} cannot be read: {error}") from error
        if not isinstance(value, dict):
            raise Unreachable(f"{self.stack_file} is not what `make run` writes about a local stack.")
        return value

    def _of_running(self, key: str) -> str:
        try:
            return str(self.running[key])
        except KeyError:
            raise Unreachable(f"{self.stack_file} says no {key}: it is not what `make run` writes about a local stack.") from None

    @cached_property
    def deployed(self) -> DeployedStack:
        """The stack as CloudFormation describes it."""
        from local.deployed import describe
        from local.stack import client_settings_of
        from local.tools import ToolError

        if self.stack is None:
            name = self._of_running("stackName")
            settings = client_settings_of(self._of_running("region"), self._of_running("awsEndpointUrl"))
        else:
            name, settings = self.stack, {"region_name": self.region} if self.region else {}
        try:
            found = describe(name, settings, self.profile if self.stack else None)
        except ToolError as error:
            raise Unreachable(str(error)) from error
        if found is None:
            raise Unreachable(f"There is no stack {name!r} in this account and Region.")
        return found

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens of the stack. They are administered in its table, with AWS credentials: no token can make tokens."""
        from local.deployed import tokens_of

        if self.url is not None:
            raise UsageError("Tokens are administered in the stack's own table: give --stack NAME, not --url.")
        return tokens_of(self.deployed)

    @cached_property
    def erasing(self) -> Erasing:
        """What erases events, with AWS credentials: no token can."""
        from local.deployed import erasing_of

        if self.url is not None:
            raise UsageError("Events are erased in the stack's own tables: give --stack NAME, not --url.")
        return erasing_of(self.deployed)

    def close_sockets_of(self, token_hash: str) -> None:
        """Closes what is open with a revoked token, now; without this it would last until the socket is next looked after."""
        from local.deployed import close_sockets_of

        close_sockets_of(self.deployed, token_hash)

    def _described(self, output: str, key: str) -> str:
        if self.stack is None:
            return self._of_running(key)
        try:
            return self.deployed.outputs[output]
        except KeyError:
            raise Unreachable(f"The stack {self.stack!r} has no output {output}: is it an event-service, and is it up to date?") from None
