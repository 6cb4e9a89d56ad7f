"""The plots of `docs/benchmarks.md`, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.report.page import PLOTS

# Text stays text, and an unchanged plot stays the same file.
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["svg.hashsalt"] = "event-service"


def bars(file: str, title: str, values: Mapping[str, float], unit: str, goal: float | None = None) -> tuple[str, str]:
    """Horizontal bars, the first on top; a dashed line where the goal is. Returns what a section's ``plots`` needs."""
    figure = Figure(figsize=(7, 0.7 + 0.34 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color="#4878a8")
    axes.bar_label(drawn, fmt="%.3g", padding=3, fontsize=8)
    axes.set_xlabel(unit)
    axes.set_title(title, fontsize=10)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    if goal is not None:
        axes.axvline(goal, color="#c0504d", linestyle="--", linewidth=1)
    return _save(figure, file, title)


def lines(
    file: str, title: str, series: Mapping[str, Sequence[tuple[float, float]]], labels: tuple[str, str], goal: float | None = None
) -> tuple[str, str]:
    """Lines over logarithmic axes, for what grows. ``labels`` are those of the axes."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, points in series.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=4, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if goal is not None:
        axes.axhline(goal, color="#c0504d", linestyle="--", linewidth=1, label="goal")
    axes.legend(fontsize=8)
    return _save(figure, file, title)


def distributions(file: str, title: str, series: Mapping[str, Sequence[float]], unit: str) -> tuple[str, str]:
    """The share of values up to each value."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for name, values in series.items():
        axes.ecdf(list(values), label=name)
    axes.set_xscale("log")
    axes.set_xlabel(unit)
    axes.set_ylabel("share")
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8)
    return _save(figure, file, title)


def _save(figure: Figure, file: str, title: str) -> tuple[str, str]:
    PLOTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOTS / file, metadata={"Date": None})
    return file, title
