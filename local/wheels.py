"""The third-party wheels of a build, each checked against its hash in the lock.

`sam build` hands the requirements, with their hashes, to pip for the machine that it runs on. Compiled wheels for Lambda that this does
not bring (another processor, macOS) it fetches one by one, by name and version, without a hash
(aws_lambda_builders/workflows/python_pip/packager.py, ``download_manylinux_wheels``): a mirror that serves another file is not noticed.
So all wheels are fetched here first, with hashes, and `sam build` gets no other source.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from pathlib import Path

from local.tools import architecture, quiet_environment, run_tool

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def fetch_wheels(directory: Path, requirements: Iterable[Path], *, python: Path, runtime: str, processor: str) -> dict[str, str]:
    """Fills a directory with the wheels for this machine and for Lambda.

    Args:
        directory: emptied first.
        requirements: files with a hash for everything.
        python: an interpreter of the runtime's minor version, with pip.
        runtime: such as ``python3.13``.
        processor: Lambda's, ``arm64`` or ``x86_64``.

    Returns:
        Environment variables that make pip take these wheels and nothing else.

    Raises:
        ToolError: a wheel is missing, or none that is offered has one of the hashes.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    minor = runtime.removeprefix("python")
    # pip works out the ABIs by itself from these; `sam build` asks for the same ones
    lambdas = ["--implementation", "cp", "--python-version", minor]
    for name in _platforms(minor, _MACHINES[processor]):
        lambdas += ["--platform", name]
    is_lambdas = platform.system() == "Linux" and architecture() == processor
    for selection in [[]] if is_lambdas else [[], lambdas]:
        for file in requirements:
            command: list[str | Path] = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command += ["--require-hashes", "--only-binary", ":all:", "--dest", directory, "--requirement", file, *selection]
            run_tool(
                command,
                log=directory.with_suffix(".log"),
                environment=quiet_environment(),
                what=f"fetching the wheels of {file.parent.name} for {processor if selection else 'this machine'}",
            )
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(directory)}


def _platforms(minor: str, machine: str) -> list[str]:
    # Amazon Linux 2 (python3.11) has glibc 2.26, Amazon Linux 2023 has 2.34.
    glibc = [17] if minor == "3.11" else [17, 28, 34]
    return [f"manylinux2014_{machine}", *(f"manylinux_2_{number}_{machine}" for number in glibc)]
