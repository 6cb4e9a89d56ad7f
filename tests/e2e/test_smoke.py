"""`make smoke` on the local stack: it says ok where all is well, and names what is not."""

from __future__ import annotations

import pytest

from local.deployed import IssuedToken
from local.smoke import Doors, Smoke
from local.stack import StackFile
from local.tools import ToolError


def _events_url(stack: StackFile) -> str:
    return stack.graphqlUrl.removesuffix("graphql") + "events"


def _doors(stack: StackFile, token: str) -> Doors:
    return Doors(stack.graphqlUrl, _events_url(stack), stack.webSocketUrl, token)


def test_smoke_says_ok_of_every_part(stack: StackFile, own_token: IssuedToken) -> None:
    said: list[str] = []

    Smoke(_doors(stack, own_token.token), said.append).run()

    assert len(said) == 9
    assert all(line.startswith("ok ") for line in said), said


def test_smoke_names_the_part_that_fails(stack: StackFile, own_token: IssuedToken) -> None:
    said: list[str] = []

    with pytest.raises(ToolError, match="a test event reaches the receiver"):
        Smoke(_doors(stack, own_token.token), said.append, receiver=_events_url(stack)).run()

    assert any(line.startswith("FAILED a test event") for line in said)
    assert said[-1] == "ok    what was made is deleted"
