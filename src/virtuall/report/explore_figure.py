"""Figures of an exploration: a heat map over two numbers, a curve over one, and the trade-off between two terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from virtuall.analysis.explore_result import Explored, Row
from virtuall.report.drawing import COLORS, FAINT, PUBLISHED, describe, drawing
from virtuall.report.explore_table import unit_words
from virtuall.report.words import number_words
from virtuall.trial.comparison import SHARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More cells than this are shown as points: their numbers would not be read.
_CELLS = 12
_MAP = "cividis"  # the same to the color-blind, and in gray


def explore_figures(found: Explored) -> list[str]:
    """The figures (SVG) that this exploration has: of its dials, of the trade-off."""
    numeric = [place for place, dial in enumerate(found.dials) if dial.numeric]
    figures = []
    if len(found.dials) == 1 and numeric:
        figures += [_curve(found, ""), *(_curve(found, name) for name in found.measures)]
    elif len(found.dials) == 2 and len(numeric) == 2:
        figures += [_map(found, ""), *(_map(found, name) for name in _terms(found))]
    if len(found.exploration.weighted) > 1:
        figures.append(tradeoff_figure(found))
    if not figures:
        figures.append(_ranked(found))
    return figures


def _terms(found: Explored) -> list[str]:
    return list(dict.fromkeys(term.measure for term in found.exploration.terms))


def _value(row: Row, found: Explored, name: str) -> float:
    """The utility, or a measure as it is drawn."""
    if not name:
        return row.score.utility
    return _scale(found, name) * row.score.measures[name].value


def _scale(found: Explored, name: str) -> float:
    return 100.0 if name and found.measures[name].unit == SHARE else 1.0


def _label(found: Explored, name: str) -> str:
    return f"{name}, {unit_words(found.measures[name])}" if name else "utility, points"


def _axis(found: Explored, place: int) -> str:
    dial = found.dials[place]
    return dial.name if dial.unit in ("", "1") else f"{dial.name}, {dial.unit}"


def _numbers(found: Explored, place: int) -> np.ndarray:
    return np.array([row.numbers[place] for row in found.rows], np.float64)


def _curve(found: Explored, name: str) -> str:
    """Differences to the base over the one dial, with their intervals."""
    rows = sorted(found.rows, key=lambda row: row.numbers[0] or 0.0)
    x = np.array([row.numbers[0] for row in rows], np.float64)
    scale = _scale(found, name)
    intervals = [row.score.measures[name].to_base if name else row.score.to_base for row in rows]
    value, low, high = (scale * np.array(each) for each in zip(*intervals, strict=True))
    with drawing(3.0) as sheet:
        (panel,) = sheet.panels
        panel.axhline(0.0, color="black", linewidth=0.9)
        panel.fill_between(x, low, high, color=COLORS[0], alpha=0.2, linewidth=0, label="95 % interval")
        panel.plot(x, value, marker="o", color=COLORS[0], label="candidate minus base")
        _base_line(panel, found)
        points = "percentage points" if scale != 1.0 else "points" if not name else found.measures[name].unit
        panel.set_xlabel(_axis(found, 0))
        panel.set_ylabel(f"minus base, {points}")
        panel.set_title(_wrapped(name or "Utility"))
        sheet.figure.legend(loc="outside lower left", ncols=3, columnspacing=1.0, handletextpad=0.5)
    return describe(sheet.svg, f"{name or 'utility'} over {found.dials[0].name}, difference to the base with interval")


def _base_line(panel: Axes, found: Explored) -> None:
    base = found.dials[0].base.number
    if base is not None:
        panel.axvline(base, color=FAINT, linewidth=1.0, linestyle=":", label="base")


def _map(found: Explored, name: str) -> str:
    """A measure over two dials: cells for the few values of a grid, else points."""
    x, y = _numbers(found, 0), _numbers(found, 1)
    z = np.array([_value(row, found, name) for row in found.rows], np.float64)
    columns, rows = np.unique(x), np.unique(y)
    cells = len(columns) <= _CELLS and len(rows) <= _CELLS and len(found.rows) > 0.5 * len(columns) * len(rows)
    with drawing(3.9) as sheet:
        (panel,) = sheet.panels
        panel.grid(visible=False)
        if cells:
            _cells(panel, found, columns, rows, x, y, z)
        else:
            _points(panel, found, x, y, z)
        outside = cells and any(row.beyond for row in found.rows)
        panel.set_xlabel(_axis(found, 0) + ("\n* beyond the shipped regimens" if outside else ""))
        panel.set_ylabel(_axis(found, 1))
        panel.set_title(_wrapped(_label(found, name).capitalize() if not name else _label(found, name)))
        handles, labels = panel.get_legend_handles_labels()
        sheet.figure.legend(handles, labels, loc="outside lower left", ncols=3, columnspacing=1.0, handletextpad=0.3)
    best = found.rows[0].words
    return describe(
        sheet.svg, f"{_label(found, name)} over {_axis(found, 0)} and {_axis(found, 1)}; the best is {best}"
    )


def _cells(
    panel: Axes, found: Explored, columns: np.ndarray, rows: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> None:
    table = np.full((len(rows), len(columns)), np.nan)
    across, up = np.searchsorted(columns, x), np.searchsorted(rows, y)
    table[up, across] = z
    image = panel.imshow(table, origin="lower", aspect="auto", cmap=_MAP)
    dark = np.nanmin(z) + 0.55 * (np.nanmax(z) - np.nanmin(z))
    for place in range(len(z)):
        color = "white" if z[place] < dark or np.nanmax(z) == np.nanmin(z) else "black"
        words = number_words(z[place]) + ("*" if found.rows[place].beyond else "")
        panel.text(across[place], up[place] - 0.12, words, ha="center", va="center", fontsize=9.5, color=color)
    best = 0
    named = {place for place, row in enumerate(found.rows) if row.is_base}
    for place in sorted({best, *named}):
        told = " ".join(w for w, is_so in (("best", place == best), ("base", place in named)) if is_so)
        color = "white" if z[place] < dark or np.nanmax(z) == np.nanmin(z) else "black"
        panel.text(
            across[place], up[place] + 0.25, told, ha="center", va="center", fontsize=8.5, weight="bold", color=color
        )
    panel.set_xticks(range(len(columns)), [f"{each:g}" for each in columns])
    panel.set_yticks(range(len(rows)), [f"{each:g}" for each in rows])
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    panel.tick_params(length=0)
    panel.figure.colorbar(image, ax=panel, fraction=0.05, pad=0.02)


def _points(panel: Axes, found: Explored, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    drawn = panel.scatter(x, y, c=z, cmap=_MAP, s=42, edgecolors="black", linewidths=0.5, label="candidate")
    panel.scatter(
        x[:1], y[:1], marker="*", s=190, facecolors="none", edgecolors=COLORS[1], linewidths=1.8, label="best"
    )
    base = [place for place, row in enumerate(found.rows) if row.is_base]
    panel.scatter(
        x[base], y[base], marker="D", s=95, facecolors="none", edgecolors="black", linewidths=1.5, label="base"
    )
    panel.figure.colorbar(drawn, ax=panel, fraction=0.05, pad=0.02)


def tradeoff_figure(found: Explored) -> str:
    """The first two weighted terms against each other, with those that no other beats."""
    first, second = (term.measure for term in found.exploration.weighted[:2])
    x, y = (np.array([_value(row, found, name) for row in found.rows]) for name in (second, first))
    front = np.array([row.score.pareto for row in found.rows], bool)
    base = np.array([row.is_base for row in found.rows], bool)
    breaks = np.array([row.score.excess > 0 for row in found.rows], bool)
    with drawing(3.9) as sheet:
        (panel,) = sheet.panels
        plain = ~front & ~breaks
        panel.scatter(x[plain], y[plain], color=FAINT, s=26, label="candidate")
        if breaks.any():
            panel.scatter(x[breaks], y[breaks], marker="x", color=FAINT, s=30, label="breaks a limit")
        order = np.argsort(x[front], kind="stable")
        panel.plot(
            x[front][order],
            y[front][order],
            color=COLORS[0],
            marker="s",
            markersize=6,
            linewidth=1.2,
            linestyle="--",
            label="front (Pareto)",
        )
        panel.scatter(
            x[base], y[base], marker="D", s=95, facecolors="none", edgecolors=PUBLISHED, linewidths=1.6, label="base"
        )
        panel.scatter(
            x[:1], y[:1], marker="*", s=190, facecolors="none", edgecolors=COLORS[1], linewidths=1.8, label="best"
        )
        panel.set_xlabel(_wrapped(_label(found, second)))
        panel.set_ylabel(_wrapped(_label(found, first), 34))
        panel.set_title("Trade-off")
        panel.margins(0.1)
        sheet.figure.legend(loc="outside lower left", ncols=3, columnspacing=1.0, handletextpad=0.3)
    words = f"{first} against {second}: {int(front.sum())} of {len(found.rows)} candidates are beaten by no other"
    return describe(sheet.svg, words)


def _ranked(found: Explored) -> str:
    """Utilities in their order, where nothing else can be drawn."""
    shown = found.rows[:40]
    places = np.arange(len(shown))
    value, low, high = (np.array(each) for each in zip(*(row.score.to_base for row in shown), strict=True))
    with drawing(1.3 + 0.3 * len(shown)) as sheet:
        (panel,) = sheet.panels
        panel.axvline(0.0, color="black", linewidth=0.9)
        panel.hlines(places, low, high, color=COLORS[0], linewidth=4.5, alpha=0.35)
        panel.plot(value, places, "o", color=COLORS[0])
        panel.set_yticks(places, [row.words for row in shown])
        panel.invert_yaxis()
        panel.set_xlabel("utility minus base, points (95 % interval)")
        panel.set_title("Utility")
    return describe(sheet.svg, f"utility of {len(shown)} candidates minus that of the base, with intervals")


def _wrapped(words: str, width: int = 46) -> str:
    import textwrap

    return textwrap.fill(words, width)
