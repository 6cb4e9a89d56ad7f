"""What comes from others is known by name and version, is looked up in CI, and stands in the bill of materials."""

from __future__ import annotations

import gzip
import http.server
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import yaml

from local import audit
from local.audit import AUDITED, PIP_AUDIT, audit_packages, export_command, weaknesses
from local.components import INSIDE, VENDORED, Script, scripts, vendored_files, vendored_script
from local.sbom import bill_of_materials
from local.tools import ROOT, ToolError


class Osv(http.server.BaseHTTPRequestHandler):
    """Knows a weakness of one version of one package, and one that is accepted."""

    asked: list[dict[str, Any]]
    answers = 1_000
    known: ClassVar = {("codemirror", "5.65.3"): ["GHSA-aaaa"], ("react", "0.1.0"): ["GHSA-bbbb", "CVE-2025-6493"]}
    aliases: ClassVar = {"GHSA-aaaa": ["CVE-2025-6493"], "GHSA-bbbb": ["CVE-2099-1"]}

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(question)
        pairs = [(one["package"]["name"], one["version"]) for one in question["queries"]]
        pairs = pairs[: self.answers]
        self._answer({"results": [{"vulns": [{"id": name} for name in self.known[pair]]} if pair in self.known else {} for pair in pairs]})

    def do_GET(self) -> None:
        self._answer({"aliases": self.aliases.get(self.path.rpartition("/")[2], [])})

    def _answer(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[str]:
    Osv.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_every_script_of_others_says_truly_what_it_is() -> None:
    files = vendored_files()

    assert {vendored_script(path).name for path in files} == {name for names in VENDORED.values() for name in names}
    for path in files:
        script = vendored_script(path)
        text = gzip.decompress(path.read_bytes()).decode()
        # graphiql's files have no version of their own in them, only that of what is inside
        inside = INSIDE.get(script.name)
        if inside and path.name.endswith(".js.gz"):
            assert all(f'version="{version}"' in text for version in inside.values())
        elif not inside:
            assert script.version in text


def test_no_minified_file_is_outside_of_what_is_looked_up() -> None:
    others = {*ROOT.glob("functions/**/*.min.*"), *ROOT.glob("tests/**/*.min.*")}

    assert others == set(vendored_files())


def test_a_file_without_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="which npm package is it"):
        vendored_script(ROOT / "functions" / "graphql_api" / "ide" / "jquery.min.js.gz")


def test_the_accepted_weakness_is_in_nothing_that_is_shipped() -> None:
    (ide,) = (ROOT / "functions" / "graphql_api" / "ide").glob("graphiql-*.min.js.gz")

    modes = set(re.findall(r'defineMode\("([a-z-]*)"', gzip.decompress(ide.read_bytes()).decode()))

    assert "CVE-2025-6493" in audit.ACCEPTED
    assert modes == {"graphql", "graphql-results", "graphql-variables", "javascript", "null"}


def test_scripts_of_the_console_and_of_the_ide_are_looked_up(osv: str) -> None:
    assert weaknesses(scripts(), osv) == []  # the one that is known is accepted

    asked = {(one["package"]["name"], one["version"]) for question in Osv.asked for one in question["queries"]}
    assert {
        ("graphiql", "3.9.0"),
        ("codemirror", "5.65.3"),
        ("react-dom", "18.3.1"),
        ("axe-core", "4.14.1"),
        ("graphql-http", "1.23.1"),
    } <= asked
    locked = json.loads((ROOT / "console" / "package-lock.json").read_text())["packages"]
    assert {(place.rpartition("node_modules/")[2], one["version"]) for place, one in locked.items() if place} <= asked


def test_a_known_weakness_is_told_with_its_page(osv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weaknesses([Script("react", "0.1.0", True)], osv) == ["react 0.1.0: https://osv.dev/GHSA-bbbb"]
    monkeypatch.setattr(audit, "ACCEPTED", {})
    assert len(weaknesses([Script("react", "0.1.0", True), Script("codemirror", "5.65.3", True)], osv)) == 3


def test_who_cannot_ask_does_not_say_that_all_is_well(osv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolError, match="cannot be asked"):
        weaknesses([Script("react", "0.1.0", True)], "http://127.0.0.1:9/v1")
    monkeypatch.setattr(Osv, "answers", 0)
    with pytest.raises(ToolError, match="answered 0 of 1"):
        weaknesses([Script("react", "0.1.0", True)], osv)


def test_all_packages_of_the_lock_are_audited(tmp_path: Path) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert {one for some in AUDITED for one in some} == set(groups)
    command = export_command(AUDITED[0], tmp_path / "a.txt")
    assert "--frozen" in command
    assert "--no-hashes" not in command


def test_packages_are_looked_up_by_version_and_hash_and_none_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        ran.append(command)
        return SimpleNamespace(returncode=1 if command[0] == str(PIP_AUDIT) else 0)

    monkeypatch.setattr("local.audit.subprocess.run", run)

    assert audit_packages(tmp_path) == len(AUDITED)
    audits = [command for command in ran if command[0] == str(PIP_AUDIT)]
    assert len(audits) == len(AUDITED)
    assert all({"--strict", "--disable-pip", "--require-hashes"} <= set(command) for command in audits)


def test_ci_audits_every_change_and_every_week() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "audit.yml").read_text(encoding="utf-8"))

    assert set(workflow[True]) == {"push", "pull_request", "schedule"}
    assert [step["run"] for step in workflow["jobs"]["audit"]["steps"] if "run" in step] == ["make audit", "make sbom"]


def test_the_bill_of_materials_has_what_is_deployed_and_nothing_else() -> None:
    components = bill_of_materials()["components"]

    found = {one["purl"] for one in components}
    required = set()
    for file in ("layers/dependencies/requirements.txt", "functions/graphql_api/requirements.txt"):
        pairs = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / file).read_text(), re.MULTILINE)
        required |= {f"pkg:pypi/{name}@{version}" for name, version in pairs}
    shipped = {one for one in scripts() if one.shipped}
    assert required <= found
    assert {one for one in found if one.startswith("pkg:npm/")} == {
        f"pkg:npm/{one.name.replace('@', '%40')}@{one.version}" for one in shipped
    }
    assert {"graphiql", "preact"} <= {one.name for one in shipped}
    assert {"axe-core", "graphql-http", "vite"} & {one.name for one in shipped} == set()
    assert not any("pytest" in one or "moto" in one for one in found)
    assert all(one.get("version") for one in components)
