"""Which interpreter `make` chooses on a machine with several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local.tools import ROOT, interpreter

FINDER = ROOT / "local" / "find-python.sh"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def _find(path: Path, *minors: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(path), **variables}
    return subprocess.run([str(FINDER), *minors], env=environment, capture_output=True, text=True, check=False, timeout=60)


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_shim_is_followed_to_the_interpreter_behind_it(tmp_path: Path) -> None:
    _script(tmp_path / f"python{MINOR}", f'exec "{interpreter()}" "$@"')

    found = _find(tmp_path, MINOR)

    assert Path(found.stdout.strip()).resolve() == interpreter()


def test_pyenv_versions_count_although_they_are_not_on_the_path(tmp_path: Path) -> None:
    versions = tmp_path / "pyenv" / "versions" / f"{MINOR}.0" / "bin"
    _script(versions / f"python{MINOR}", f'exec "{interpreter()}" "$@"')

    found = _find(tmp_path, MINOR, PYENV_ROOT=str(tmp_path / "pyenv"))

    assert Path(found.stdout.strip()).resolve() == interpreter()


def test_interpreter_that_lies_or_does_not_start_is_passed_over(tmp_path: Path) -> None:
    _script(tmp_path / "python3.14", "exit 1")
    _script(tmp_path / f"python{MINOR}", f'exec "{interpreter()}" "$@"')

    found = _find(tmp_path, f"3.14 {MINOR}")

    assert Path(found.stdout.strip()).resolve() == interpreter()


def test_the_one_that_is_named_is_taken_or_refused_but_never_replaced(tmp_path: Path) -> None:
    _script(tmp_path / f"python{MINOR}", f'exec "{interpreter()}" "$@"')

    refused = _find(tmp_path, PYTHON=str(_script(tmp_path / "other", "exit 1")))

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "No fit CPython found" in refused.stderr
    assert "venv, ensurepip" in refused.stderr


def test_what_is_needed_is_said_without_a_fit_interpreter(tmp_path: Path) -> None:
    missing = _find(tmp_path, "3.99")

    assert missing.returncode == 1
    assert "minor version one of: 3.99" in missing.stderr
