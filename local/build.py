"""`make build`: the artifacts of all functions and layers, with bytecode.

`sam build` does the work. Around it: the requirements must fit the lock, the third-party layer is freed of what nothing
here can use, and everything is compiled for the runtime, because without bytecode the imports of a cold start take
three times as long. Nothing is done when nothing changed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from local.tools import LOCAL, ROOT, SAM, UV, ToolError, architecture, quiet_environment, run_tool, runtime
from local.wheels import fetch_wheels

REQUIREMENTS: Final = {
    "graphql": ROOT / "functions" / "graphql_api" / "requirements.txt",
    "layer": ROOT / "layers" / "dependencies" / "requirements.txt",
}
"""Dependency group of pyproject.toml: the file that is exported from it."""

AWS_SERVICES: Final = {"dynamodb", "lambda", "sqs"}
"""The services that functions call. botocore brings the descriptions of some 400 others, 25 MB of the layer."""

SOURCES: Final = ("template.yaml", "monitoring.yaml", "console.yaml", "functions", "layers", "local/build.py", "local/wheels.py")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build left."""

    template: Path
    runtime: str
    """What they were built for, such as ``python3.13``."""
    fingerprint: str
    """Of everything that went in: sources, lock, interpreter and processor."""


def build(
    directory: Path,
    *,
    python: Path,
    processor: str,
    say: Callable[[str], None] = lambda _: None,
) -> Built:
    """Brings the artifacts in ``directory`` up to date. Safe to call from several processes at once.

    Args:
        directory: where they go.
        python: a real interpreter of the runtime's minor version, not a shim.
        processor: ``arm64`` or ``x86_64``.
        say: told what takes long.

    Raises:
        ToolError: a build step failed.
    """
    minor = _minor(python)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = Built(directory / "template.yaml", minor, _fingerprint(python, processor))
        stamp = directory / "fingerprint"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == built.fingerprint:
            return built
        stamp.unlink(missing_ok=True)
        say(f"Fetching the wheels for {minor} on {processor}")
        only_these_wheels = fetch_wheels(
            directory.with_suffix(".wheels"), REQUIREMENTS.values(), python=python, runtime=minor, processor=processor
        )
        say(f"Building the functions for {minor} on {processor}")
        run_tool(
            [
                *(SAM, "build", "--cached", "--parallel", "--template", ROOT / "template.yaml"),
                *("--build-dir", directory, "--cache-dir", directory.with_suffix(".cache")),
                *("--parameter-overrides", f"Architecture={processor} PythonRuntime={minor}"),
            ],
            log=directory.with_suffix(".log"),
            # First on the path: SAM looks up the runtime's interpreter by name, and would find a shim.
            environment=quiet_environment(
                {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "AWS_DEFAULT_REGION": "us-east-1", **only_these_wheels}
            ),
            what="sam build",
        )
        _drop_unused_service_descriptions(directory / "DependenciesLayer" / "python" / "botocore" / "data")
        say("Compiling the bytecode")
        _compile(directory, python)
        stamp.write_text(built.fingerprint, encoding="utf-8")
        return built


def defaults_of(template: Path) -> dict[str, str]:
    """The defaults of a template's parameters, those that are not empty."""

    class Loader(yaml.SafeLoader):
        """Leaves CloudFormation's short tags out: no parameter has one."""

    Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    loaded: dict[str, Any] = yaml.load(template.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a safe loader of our own
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in loaded["Parameters"].items()}
    return {name: value for name, value in defaults.items() if value}


def export_requirements(group: str) -> str:
    """The requirements file of a dependency group, as the lock has it."""
    command = [UV, "export", "--quiet", "--frozen", "--only-group", group, "--no-emit-project", "--no-annotate", "--no-header"]
    answer = subprocess.run([str(part) for part in command], cwd=ROOT, check=True, capture_output=True, text=True)
    return "# From uv.lock, by `make lock`. Do not edit.\n" + answer.stdout


def _drop_unused_service_descriptions(data: Path) -> None:
    for entry in data.iterdir():
        # The files beside the folders (endpoints, partitions, retry rules) serve all services.
        if entry.is_dir() and entry.name not in AWS_SERVICES:
            shutil.rmtree(entry)


def _compile(directory: Path, python: Path) -> None:
    # Hash-based files are byte-identical from build to build, so an unchanged function is not deployed again;
    # unchecked, because Lambda's file system does not change under them.
    command = [python, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", directory]
    answer = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise ToolError(f"compiling {directory} failed:\n{answer.stdout}{answer.stderr}")


def _minor(python: Path) -> str:
    code = "import sys; print('python%d.%d' % sys.version_info[:2])"
    return subprocess.run([str(python), "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _fingerprint(python: Path, processor: str) -> str:
    # Not the interpreter's path: a laptop and CI must get one release out of one commit.
    digest = hashlib.sha256(f"{_minor(python)} {processor}".encode())
    for path in _source_files():
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for source in SOURCES:
        path = ROOT / source
        if path.is_file():
            yield path
        else:
            yield from sorted(
                file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
            )


def interpreter_for(wanted: str | None) -> Path:
    """The interpreter of a runtime; without one, of python3.13, the template's default, where it exists, else the newest.

    Raises:
        ToolError: there is none.
    """
    finder = str(ROOT / "local" / "find-python.sh")
    fault = ""
    for minors in [wanted.removeprefix("python")] if wanted else ["3.13", "3.14 3.12 3.11"]:
        answer = subprocess.run([finder, minors], check=False, capture_output=True, text=True)
        if answer.returncode == 0:
            return Path(answer.stdout.strip())
        fault = answer.stderr.strip()
    raise ToolError(fault)


def main() -> int:
    """The command line of `make build` and `make lock`."""
    parser = argparse.ArgumentParser(prog="make build")
    parser.add_argument("--runtime", help="python3.11 to python3.14; without it python3.13 where there is one")
    parser.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64"])
    parser.add_argument("--local", action="store_true", help="what `make run` uses: this interpreter and this processor")
    parser.add_argument("--requirements", action="store_true", help="only write the requirements files from the lock")
    options = parser.parse_args()
    if options.requirements:
        for group, path in REQUIREMENTS.items():
            path.write_text(export_requirements(group), encoding="utf-8")
        return 0
    try:
        if options.local:
            python, processor, directory = interpreter_for(runtime()), architecture(), LOCAL / "build" / "local"
        else:
            python, processor, directory = interpreter_for(options.runtime), options.architecture, ROOT / ".aws-sam" / "build"
        built = build(directory, python=python, processor=processor, say=print)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"template": str(built.template), "runtime": built.runtime, "architecture": processor}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
