"""What the README shows first, pasted from top to bottom into a shell, against the running stack."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.deployed import IssuedToken
from local.stack import StackFile, free_port
from local.tools import ROOT
from tests.printed import printed

TOUR = printed("sh", "deliveries list")
WITH_CURL = printed("sh", "gql()")
FILTERS = printed("sh", "order.cancelled")

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")


def _paste(folder: Path, stack: StackFile, token: IssuedToken, *pasted: str) -> str:
    """What a shell prints, in a folder that looks like the clone of somebody who has started this stack."""
    described = dataclasses.asdict(stack) | {"token": token.token, "workspaceId": token.workspace_id}
    (folder / ".local").mkdir()
    (folder / ".local" / "stack.json").write_text(json.dumps(described), encoding="utf-8")
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    # The tool finds the stack of the clone it is installed from; here it is told.
    given = {"EVENT_SERVICE_URL": stack.graphqlUrl, "EVENT_SERVICE_TOKEN": token.token, "PATH": os.environ["PATH"], "HOME": str(folder)}
    script = "\n".join([TOUR, *pasted]).replace("9000", str(port := free_port()))
    script = script.replace("event-service receive", f"event-service receive --port {port}")
    with (folder / "shown").open("w") as shown:
        shell = subprocess.Popen(
            ["sh", "-c", script], cwd=folder, env=given, stdout=shown, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            shell.wait(100)
        finally:
            os.killpg(shell.pid, signal.SIGTERM)  # with the receiver, which the script left in the background
    return (folder / "shown").read_text(encoding="utf-8")


def test_the_tour_ends_in_a_delivery(tmp_path: Path, stack: StackFile, own_token: IssuedToken) -> None:
    shown = _paste(tmp_path, stack, own_token)

    assert re.search(r"^DELIVERED +\S+ +\S+ +1 ", shown, re.MULTILINE), shown
    assert re.search(r'^204  order\.created  \S+  \{"total": 120\}', shown, re.MULTILINE), shown


def test_the_tour_with_curl_ends_in_a_delivery_and_filters_can_be_made(tmp_path: Path, stack: StackFile, own_token: IssuedToken) -> None:
    shown = _paste(tmp_path, stack, own_token, WITH_CURL, FILTERS)

    assert '{"data":{"publishEvents":{"ok":true,"ids":["order-17"],"duplicateIds":[]}}}' in shown
    assert re.search(r'"eventId":"order-17","status":"DELIVERED","attempts":\[\{"statusCode":204\}\]', shown), shown
    assert re.search(r'\{"data":\{"endpointSecret":"whsec_', shown), shown
    assert not re.search(r'^error|"errors"', shown, re.MULTILINE), shown
