"""`make audit`: known weaknesses of everything that comes from others.

Python packages are checked by pip-audit, as ``uv.lock`` has them, with hashes. Browser scripts are files here or are built
into the console, where no such tool finds them; the database that pip-audit also reads, OSV (https://osv.dev), is asked for them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from local.components import Script, scripts
from local.tools import LOCAL, ROOT, UV, ToolError, quiet_environment

PIP_AUDIT: Final = LOCAL / "env" / "audit" / "bin" / "pip-audit"
OSV_URL: Final = "https://api.osv.dev/v1"
OSV_TIMEOUT_SECONDS: Final = 30
QUERIES_PER_CALL: Final = 500
ACCEPTED: Final = {"CVE-2025-6493": "CodeMirror 5's Markdown mode, which the IDE's files do not contain"}
"""Weaknesses that do not apply here, with the reason."""


def export_command(groups: Sequence[str], file: Path, form: str = "requirements.txt") -> list[str]:
    """What writes the locked packages of dependency groups into a file."""
    chosen = [word for group in groups for word in ("--only-group", group)]
    return [str(UV), "export", "--quiet", "--frozen", "--no-emit-project", "--format", form, *chosen, "--output-file", str(file)]


AUDITED: Final = (("layer", "graphql", "cli", "test", "lint", "bench", "audit"), ("local",), ("sam",))
"""Groups that are installed together; the others exclude each other."""


def audit_packages(folder: Path) -> int:
    """Runs pip-audit; its output is the caller's. Returns how many of the sets of packages have weaknesses."""
    failed = 0
    for groups in AUDITED:
        file = folder / f"{groups[0]}.txt"
        subprocess.run(export_command(groups, file), cwd=ROOT, env=quiet_environment(), stdout=subprocess.DEVNULL, check=True)
        ignored = [word for name in ACCEPTED for word in ("--ignore-vuln", name)]
        # Nothing is resolved or installed: every package has its version and hash. One that cannot be looked up fails.
        command = [str(PIP_AUDIT), "--progress-spinner", "off", "--strict", "--disable-pip", "--require-hashes", *ignored, "-r", str(file)]
        print(f"Python packages of {', '.join(groups)}:", flush=True)
        failed += subprocess.run(command, cwd=ROOT, env=quiet_environment(), check=False).returncode != 0
    return failed


def weaknesses(found: Sequence[Script], url: str = OSV_URL) -> list[str]:
    """What OSV knows of browser scripts, one line a weakness.

    Raises:
        ToolError: OSV cannot be asked, or does not answer as it should. Nothing known is not the same as nothing asked.
    """
    lines: list[str] = []
    for first in range(0, len(found), QUERIES_PER_CALL):
        some = found[first : first + QUERIES_PER_CALL]
        queries = [{"package": {"name": one.name, "ecosystem": "npm"}, "version": one.version} for one in some]
        results = _ask(f"{url}/querybatch", {"queries": queries}).get("results", [])
        if len(results) != len(some):
            raise ToolError(f"{url} answered {len(results)} of {len(some)} questions.")
        for script, result in zip(some, results, strict=True):
            ids = [str(one["id"]) for one in result.get("vulns", [])]
            lines += [f"{script.name} {script.version}: https://osv.dev/{one}" for one in ids if not _is_accepted(url, one)]
    return lines


def _is_accepted(url: str, name: str) -> bool:
    # A batch tells ids only, and those of GitHub first; the CVE number is among the other names.
    return bool({name, *_ask(f"{url}/vulns/{name}").get("aliases", [])} & set(ACCEPTED))


def _ask(url: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
    body = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 - https, or a test's own server
    try:
        with urllib.request.urlopen(request, timeout=OSV_TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
            return found
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise ToolError(f"{url} cannot be asked about browser scripts: {error}") from error


def main() -> int:
    """The command line. Status 1: something is known, or could not be found out."""
    with tempfile.TemporaryDirectory() as folder:
        failed = audit_packages(Path(folder))
    found = scripts()
    try:
        lines = weaknesses(found)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Browser scripts: {len(found)} looked up, {len(lines)} weaknesses.", *lines, sep="\n")
    return 1 if failed or lines else 0


if __name__ == "__main__":
    sys.exit(main())
