"""The GraphQL function's real handler over use cases in memory."""

from __future__ import annotations

import pytest

from event_service.access.token import TokenKind
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import AGENT_TOKEN, OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door


@pytest.fixture
def services() -> FakeServices:
    """Two workspaces with a token each, and an agent's token."""
    services = FakeServices()
    services.add_token(TOKEN, WORKSPACE)
    services.add_token(OTHER_TOKEN, OTHER_WORKSPACE)
    services.add_token(AGENT_TOKEN, WORKSPACE, TokenKind.AGENT)
    return services


@pytest.fixture
def door(services: FakeServices) -> Door:
    """The way in, as API Gateway takes it."""
    return Door(services)
