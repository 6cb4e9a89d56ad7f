"""Wheels of a build have the hashes of the lock, also those for another processor."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local import build as building
from local.build import REQUIREMENTS, interpreter_for
from local.tools import ToolError, architecture, runtime
from local.wheels import fetch_wheels

PACKAGE = "propcache"
"""A small one with compiled wheels for every processor."""


def pinned(*, right: bool) -> str:
    """Its lines of the layer's requirements, with its hashes or with wrong ones."""
    text = REQUIREMENTS["layer"].read_text(encoding="utf-8")
    found = re.search(rf"^{PACKAGE}==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found
    if right:
        return found[0]
    return re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, found[0])


@pytest.mark.parametrize("processor", ["arm64", "x86_64"])
def test_wheels_with_the_right_hash_are_fetched_for_the_processor(processor: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(pinned(right=True), encoding="utf-8")

    variables = fetch_wheels(tmp_path / "wheels", [file], python=interpreter_for(runtime()), runtime=runtime(), processor=processor)

    names = [path.name for path in (tmp_path / "wheels").iterdir()]
    assert any({"arm64": "aarch64", "x86_64": "x86_64"}[processor] in name for name in names)
    assert variables == {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}


@pytest.mark.parametrize("processor", ["arm64", "x86_64"])
def test_a_wrong_hash_fails(processor: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(pinned(right=False), encoding="utf-8")

    with pytest.raises(ToolError, match="fetching the wheels of"):
        fetch_wheels(tmp_path / "wheels", [file], python=interpreter_for(runtime()), runtime=runtime(), processor=processor)


def test_hashes_for_this_processor_let_no_wheel_for_another_one_in(tmp_path: Path) -> None:
    """What `sam build` by itself lets through."""
    here, there = tmp_path / "here", tmp_path / "there"
    file = tmp_path / "requirements.txt"
    file.write_text(pinned(right=True), encoding="utf-8")
    fetch_wheels(here, [file], python=interpreter_for(runtime()), runtime=runtime(), processor=architecture())
    version = pinned(right=True).split(" ")[0]
    (wheel,) = here.iterdir()
    file.write_text(f"{version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n", encoding="utf-8")
    other = "x86_64" if architecture() == "arm64" else "arm64"

    with pytest.raises(ToolError, match=f"for {other} failed"):
        fetch_wheels(there, [file], python=interpreter_for(runtime()), runtime=runtime(), processor=other)


def test_sam_build_gets_no_other_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Mapping[str, str]] = []

    def fetch(directory: Path, *_: Any, **__: Any) -> dict[str, str]:
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(directory)}

    def run(*_: Any, environment: Mapping[str, str], **__: Any) -> None:
        seen.append(environment)
        raise ToolError("it is not really built")

    monkeypatch.setattr(building, "fetch_wheels", fetch)
    monkeypatch.setattr(building, "run_tool", run)

    with pytest.raises(ToolError, match="not really built"):
        building.build(tmp_path / "build", python=interpreter_for(runtime()), processor="arm64")

    assert [(environment["PIP_NO_INDEX"], environment["PIP_FIND_LINKS"]) for environment in seen] == [("1", str(tmp_path / "build.wheels"))]
