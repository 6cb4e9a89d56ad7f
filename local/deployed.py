"""A deployed stack, local or in AWS: what its outputs say, and the tokens in its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection

from event_service.access.storage.tokens import DynamoTokenStore
from event_service.access.token import TokenKind, TokenLife
from event_service.access.tokens import Tokens
from event_service.aws.dynamodb import Database, connect
from event_service.base.errors import Unauthenticated
from local.tools import ToolError

if TYPE_CHECKING:
    from event_service.delivery.erasing import Erasing


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """One stack as CloudFormation describes it."""

    name: str
    status: str
    outputs: dict[str, str]
    tags: dict[str, str]
    parameters: dict[str, str]
    client_settings: dict[str, Any]
    """How botocore reaches the account it is in."""
    profile: str | None = None
    """Of the person's AWS configuration; ``None``: what their environment says."""

    @property
    def release(self) -> str | None:
        """Hash of what was deployed last."""
        return self.parameters.get("Release") or self.tags.get("release")

    @property
    def is_complete(self) -> bool:
        """Whether the last deployment succeeded."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")

    def knows_token(self, token: str) -> bool:
        """Whether a token opens anything in this stack."""
        try:
            tokens_of(self).authenticate(token)
        except Unauthenticated:
            return False
        return True


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that can be shown this once."""

    workspace_id: str
    token: str
    kind: str


def describe(name: str, client_settings: dict[str, Any], profile: str | None = None) -> DeployedStack | None:
    """The stack of that name, or ``None`` where there is none.

    Args:
        name: of the stack.
        client_settings: how botocore reaches the account; empty for what the person's environment says.
        profile: of the person's AWS configuration.

    Raises:
        ToolError: no credentials, no Region, or an AWS that refuses or is not there.
    """
    try:
        client: Any = botocore.session.Session(profile=profile).create_client("cloudformation", **client_settings)
        stack = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in error.response["Error"]["Message"]:
            return None
        raise ToolError(f"CloudFormation: {error}") from error
    except BotoCoreError as error:
        raise ToolError(f"CloudFormation cannot be asked for the stack {name!r}: {error}") from error
    return DeployedStack(
        name=name,
        status=stack["StackStatus"],
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])},
        # the Region may have come from the profile or the environment
        client_settings={**client_settings, "region_name": client.meta.region_name},
        profile=profile,
    )


def tokens_of(stack: DeployedStack) -> Tokens:
    """The use cases of tokens, on the stack's own table."""
    database = Database(_connection(stack), {"tokens": stack.outputs["TokensTableName"]}.__getitem__)
    return Tokens(DynamoTokenStore(database), lambda: datetime.now(UTC), life=_token_life(stack))


def erasing_of(stack: DeployedStack) -> Erasing:
    """What erases events, on the stack's own tables."""
    from event_service.delivery.erasing import Erasing
    from event_service.delivery.storage.log import DynamoDeliveryLog
    from event_service.events.storage.events import DynamoEventStore
    from event_service.events.storage.listing import DynamoEventIndexes

    tables = {"events": "EventsTableName", "event_index": "EventIndexTableName", "deliveries": "DeliveriesTableName"}
    database = Database(_connection(stack), {name: stack.outputs[output] for name, output in tables.items()}.__getitem__)

    def clock() -> datetime:
        return datetime.now(UTC)

    # The retention counts for what is written; here nothing is.
    events, log = DynamoEventStore(database, clock, retention_days=0), DynamoDeliveryLog(database, clock, retention_days=0)
    return Erasing(events, DynamoEventIndexes(database), log)


def _token_life(stack: DeployedStack) -> TokenLife:
    """What the parameters of the stack say; 0 days: no end."""
    days = [int(one) for one in stack.outputs.get("TokenDays", "0 0").split()]
    default, maximum = (timedelta(days=one) if one else None for one in days)
    return TokenLife(default, maximum)


def issue_token(stack: DeployedStack, *, workspace_id: str | None, kind: str, name: str) -> IssuedToken:
    """Issues a token, in a new workspace where none is given."""
    text, token = tokens_of(stack).issue(workspace_id, TokenKind(kind), name)
    return IssuedToken(token.workspace_id, text, token.kind.value)


def close_sockets_of(stack: DeployedStack, token_hash: str) -> int:
    """Has the open sockets of a token that was revoked closed; returns at how many endpoints it had been used."""
    from event_service.aws.sqs import Queues
    from event_service.sockets.storage.connections import DynamoConnectionStore
    from event_service.sockets.storage.log import DynamoSocketLogStore
    from event_service.sockets.storage.queue import SqsWakeUpQueue
    from event_service.sockets.waking import wake_endpoints_of_token

    def make_client() -> Any:
        return botocore.session.Session(profile=stack.profile).create_client("sqs", **stack.client_settings)

    names = {"connections": stack.outputs["ConnectionsTableName"], "socket_log": stack.outputs["SocketLogTableName"]}
    database = Database(_connection(stack), names.__getitem__)
    log = DynamoSocketLogStore(database, lambda: datetime.now(UTC))
    queue = SqsWakeUpQueue(Queues(make_client), stack.outputs["SocketQueueUrl"])
    return wake_endpoints_of_token(DynamoConnectionStore(database), log, queue, token_hash)


def _connection(stack: DeployedStack) -> Connection:
    client_settings = stack.client_settings
    connection = connect(client_settings["region_name"], client_settings.get("endpoint_url"))
    if stack.profile is not None:
        connection.session.set_config_variable("profile", stack.profile)
    if "aws_access_key_id" in client_settings:
        # PynamoDB reads credentials from its botocore session; the local stack's must not come from a person's profile.
        connection.session.set_credentials(client_settings["aws_access_key_id"], client_settings["aws_secret_access_key"])
    return connection
