"""`make sbom`: everything of others that is deployed, as one CycloneDX document (https://cyclonedx.org)."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

from local.audit import export_command
from local.components import scripts
from local.tools import LOCAL, ROOT, quiet_environment

DEPLOYED_GROUPS: Final = ("layer", "graphql")
"""The dependency groups that layers/dependencies and the GraphQL function are built from."""
DEFAULT_FILE: Final = LOCAL / "sbom.cdx.json"


def bill_of_materials() -> dict[str, Any]:
    """The document: Python packages as locked, and the scripts that functions serve to browsers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "packages.json"
        command = export_command(DEPLOYED_GROUPS, file, "cyclonedx1.5")
        subprocess.run(command, cwd=ROOT, env=quiet_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    document["components"] = [
        *(one for one in document["components"] if one.get("purl")),
        *(_of_script(one.name, one.version) for one in scripts() if one.shipped),
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    document["metadata"]["component"] = {
        "type": "application",
        "bom-ref": project["name"],
        "name": project["name"],
        "version": project["version"],
    }
    known = {project["name"], *(one["bom-ref"] for one in document["components"])}
    document["dependencies"] = [
        {**one, "dependsOn": [name for name in one.get("dependsOn", []) if name in known]}
        for one in document.get("dependencies", [])
        if one["ref"] in known
    ]
    return document


def _of_script(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make sbom")
    parser.add_argument("--file", type=Path, default=DEFAULT_FILE)
    file = parser.parse_args().file
    file.parent.mkdir(parents=True, exist_ok=True)
    document = bill_of_materials()
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{len(document['components'])} components: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
