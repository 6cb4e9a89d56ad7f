"""Another release than this tree, for the test that upgrades the local stack and goes back.

By default it is the last tag. Where there is none, as before the first release or in a shallow clone, the test deploys this tree as
two releases: all functions, their aliases and processes change as with two trees, and only the formats are the same.
`make upgrade-test FROM=<revision>` names any other revision.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

from local.tools import LOCAL, ROOT, ToolError, architecture, quiet_environment, run_tool, runtime

VARIABLE: Final = "UPGRADE_FROM"


def other_revision() -> str | None:
    """The commit to upgrade from; ``None``: there is no tag, and none was named."""
    named = os.environ.get(VARIABLE)
    if named:
        return _git("rev-parse", "--verify", f"{named}^{{commit}}")
    try:
        return _git("rev-parse", f"{_git('describe', '--tags', '--abbrev=0', '--match', 'v*')}^{{commit}}")
    except ToolError:
        return None


def build_of(revision: str) -> Path:
    """Builds a revision with its own tools; returns the template of its artifacts.

    Raises:
        ToolError: there is no such revision, or its build failed.
    """
    tree = LOCAL / "upgrade" / revision
    template = tree / ".aws-sam" / "build" / "template.yaml"
    if not template.exists():
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(_git_bytes("archive", revision))) as archive:
            archive.extractall(tree, filter="data")
        (tree / ".local").mkdir()
        (tree / ".local" / "env").symlink_to(LOCAL / "env")
        run_tool(
            [sys.executable, "-P", "-m", "local.build", "--architecture", architecture(), "--runtime", runtime()],
            log=tree / ".local" / "build.log",
            environment=quiet_environment({"PYTHONPATH": f"{tree}{os.pathsep}{tree / 'layers' / 'event_service'}", "PWD": str(tree)}),
            what=f"the build of {revision[:12]}",
        )
    return template


def _git(*arguments: str) -> str:
    return _git_bytes(*arguments).decode().strip()


def _git_bytes(*arguments: str) -> bytes:
    answer = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True)
    if answer.returncode != 0:
        raise ToolError(f"git {' '.join(arguments)}: {answer.stderr.decode().strip()}")
    return answer.stdout
