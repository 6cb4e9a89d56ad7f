"""What is built of the console is in the repository: it must be what its sources make, small, and licensed."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil

import pytest

from local.console import FILES, SOURCE, WORK, build, fingerprint, recorded
from local.tools import ROOT

FIRST_LOAD_BYTES = 200_000
BUILDS_HERE = shutil.which("npm") is not None and (os.environ.get("CI") == "true" or (WORK / "source" / "node_modules").exists())


def _files() -> dict[str, bytes]:
    return {
        path.relative_to(FILES).as_posix().removesuffix(".gz"): gzip.decompress(path.read_bytes()) for path in sorted(FILES.rglob("*.gz"))
    }


def test_the_console_was_built_from_the_sources_of_now() -> None:
    assert recorded()["sources"] == fingerprint(), "functions/console/files is stale: run make console"


def test_the_console_holds_what_the_build_left() -> None:
    assert recorded()["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in _files().items()}


@pytest.mark.skipif(not BUILDS_HERE, reason="no Node, or none of the console's packages: make console")
def test_building_it_again_gives_the_same_bytes() -> None:
    assert build(print) == _files()


def test_the_first_load_is_small() -> None:
    page = _files()["index.html"].decode()
    first = [name for name in _files() if name.startswith("assets/") and name in page]

    size = sum((FILES / f"{name}.gz").stat().st_size for name in ["index.html", *first])

    assert len(first) == 3, "a script, a style sheet and an icon"
    assert size <= FIRST_LOAD_BYTES


def test_the_page_asks_for_nothing_elsewhere_and_has_no_inline_script() -> None:
    page = _files()["index.html"].decode()

    assert "://" not in page
    assert " style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count('<script type="module" crossorigin src="console/assets/') == 1


def test_the_licence_of_each_package_in_it_is_there() -> None:
    packages = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    shipped = {place.rpartition("node_modules/")[2]: one for place, one in packages.items() if place and not one.get("dev")}
    text = _files()["licenses.txt"].decode()

    assert "preact" in shipped
    for name, package in shipped.items():
        assert package["license"] in ("MIT", "Apache-2.0", "ISC", "BSD-3-Clause"), name
        assert f"\n{name} {package['version']} ({package['license']})\n" in text
    assert text.count("Permission is hereby granted") >= len(shipped)


def test_packages_are_locked_and_named_by_no_host() -> None:
    lock = (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    wanted = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))

    assert "resolved" not in lock
    assert all(version[0].isdigit() for part in ("dependencies", "devDependencies") for version in wanted[part].values())


def test_the_set_up_of_the_service_needs_no_node() -> None:
    assert "node" not in (ROOT / "local/setup.sh").read_text(encoding="utf-8")
