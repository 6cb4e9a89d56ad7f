"""The directory of the local stack holds tokens, signing secrets and events: only its owner may look into it."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from local.stack import LocalStack
from local.tools import ToolError


@pytest.mark.parametrize("mode", [None, 0o755])
def test_only_its_owner_may_enter_the_directory_of_the_stack(mode: int | None, tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    if mode is not None:
        directory.mkdir(mode=mode)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(ToolError):  # the directory is made before the port is looked at
            LocalStack(directory=directory, port=taken.getsockname()[1]).start()

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [path.name for path in directory.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
