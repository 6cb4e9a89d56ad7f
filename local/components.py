"""The browser scripts that this repository holds: names and versions of the npm packages they come from.

The Python packages are in ``uv.lock``; these are in files, so that nothing else knows them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.tools import ROOT

VENDORED: Final = {
    "functions/graphql_api/ide": ("graphiql", "react", "react-dom"),
    "tests/support": ("axe-core", "graphql-http"),
}
"""By folder, the npm packages whose files it holds, as ``<package>-<version>.min.js.gz``."""
INSIDE: Final = {"graphiql": {"codemirror": "5.65.3"}}
"""Packages that are inside a file of another one."""
CONSOLE_LOCK: Final = ROOT / "console" / "package-lock.json"
_FILE: Final = re.compile(r"(?P<name>[a-z-]+)-(?P<version>\d+\.\d+\.\d+)\.min\.(js|css)\.gz")


@dataclass(frozen=True, slots=True, order=True)
class Script:
    """One npm package.

    Attributes:
        name: of the package.
        version: of it.
        shipped: whether functions serve it; others are for tests and builds only.
    """

    name: str
    version: str
    shipped: bool


def vendored_files() -> list[Path]:
    """The minified files of others."""
    return sorted(path for folder in VENDORED for path in (ROOT / folder).glob("*.min.*"))


def vendored_script(path: Path) -> Script:
    """The package that a minified file comes from.

    Raises:
        ValueError: its name does not say so, or names a package that :data:`VENDORED` does not have there.
    """
    folder = str(path.parent.relative_to(ROOT))
    found = _FILE.fullmatch(path.name)
    if found is None or found["name"] not in VENDORED.get(folder, ()):
        shown = path.relative_to(ROOT)
        raise ValueError(f"{shown}: which npm package is it? Name it <package>-<version>.min.js.gz and add it to VENDORED.")
    return Script(found["name"], found["version"], shipped=folder.startswith("functions/"))


def scripts() -> list[Script]:
    """All of them, those that the console is built from included."""
    found = {vendored_script(path) for path in vendored_files()}
    found |= {Script(name, version, one.shipped) for one in found for name, version in INSIDE.get(one.name, {}).items()}
    packages = json.loads(CONSOLE_LOCK.read_text(encoding="utf-8"))["packages"]
    for place, package in packages.items():
        if place:
            name = place.rpartition("node_modules/")[2]
            found.add(Script(name, package["version"], shipped=not (package.get("dev") or package.get("optional"))))
    return sorted(found)
