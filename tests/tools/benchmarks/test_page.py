"""`make bench SECTION=x` measures one section anew and leaves the others of docs/benchmarks.md as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.report import page
from benchmarks.report.page import Goal, Section, Table
from local.tools import ROOT


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page and its results in a folder of this test, begun with two sections."""
    monkeypatch.setattr(page, "DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(page, "RESULTS", tmp_path)
    for name, measured in (("router", 1.5), ("cost", 2.5)):
        section = Section(
            title=name.title(),
            notes=["A note."],
            tables=[Table("", ["what", "how many"], [["one", measured]])],
            goals=[Goal(f"a goal of {name}", "1", "≤ 2", True)],
            circumstances=page.circumstances(quick=False),
        )
        page.keep(name, section)
    return tmp_path / "benchmarks.md"


def _sections(document: Path) -> dict[str, str]:
    _, *parts = re.split(r"^## (.*)\n", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_one_section_measured_again_leaves_the_others(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measure", lambda name, *, quick: Section("Cost", tables=[Table("", ["what"], [[f"{name} again"]])]))
    monkeypatch.setattr(bench, "ROOT", document.parent)
    monkeypatch.setattr("sys.argv", ["bench", "cost"])

    assert bench.main() == 0

    assert list(_sections(document)) == ["Goals", "Router", "Cost"]
    assert "cost again" in _sections(document)["Cost"]
    assert "1.50" in _sections(document)["Router"]
    assert "a goal of router" in _sections(document)["Goals"]
    assert "a goal of cost" not in _sections(document)["Goals"]


def test_every_section_of_the_committed_page_has_its_results_beside_it() -> None:
    kept = [name for name in bench.SECTIONS if page.kept(name) is not None]

    assert list(_sections(page.DOCUMENT)) == ["Goals", *(section.title for name in kept if (section := page.kept(name)))]
    assert {path.stem for path in page.RESULTS.glob("*.json")} == set(kept), "results of a section that is gone"


def test_the_committed_page_is_what_its_results_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed = page.DOCUMENT.read_text(encoding="utf-8")
    monkeypatch.setattr(page, "DOCUMENT", tmp_path / "benchmarks.md")

    page.write([section for name in bench.SECTIONS if (section := page.kept(name)) is not None])

    # the line of packages names what is installed here
    def without_packages(text: str) -> str:
        return re.sub(r"^Packages: .*\n", "", text, flags=re.MULTILINE)

    assert without_packages((tmp_path / "benchmarks.md").read_text(encoding="utf-8")) == without_packages(committed)


@pytest.mark.parametrize("name", sorted(bench.SECTIONS))
def test_every_section_is_a_module_that_can_be_run(name: str) -> None:
    module = ROOT / "benchmarks" / (bench.SECTIONS[name][0].replace(".", "/") + ".py")

    assert re.search(r"^def run\(", module.read_text(encoding="utf-8"), re.MULTILINE)
