"""The benchmark of growth follows the product: its tables answer what lists and publishing ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report import plots
from benchmarks.speed import growth


def test_a_page_reads_the_same_from_100_and_1_000_endpoints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plots, "PLOTS", tmp_path)  # the plot in docs/ is that of the last run of the benchmark
    monkeypatch.setattr(growth, "QUICK_SIZES", (100, 1_000))
    monkeypatch.setattr(growth, "REPEATS", 1)
    section = growth.run(quick=True)
    read = {table.title: [row[2] for row in table.rows] for table in section.tables}
    assert read["endpoints, first page"] == [100, 100]
    assert read["events, newest page"][-1] >= 100
    assert section.goals[0].reached
    assert (tmp_path / "growth.svg").exists()
