"""How every figure looks: colors that the color-blind can tell apart, text that a phone shows large enough.

Figures are drawn narrow (`WIDTH`), so that on a phone nothing shrinks and on a desk two stand side by side.
Text stays text in the SVG, and the same data give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.5  # inches: 324 points fill a phone's screen at a little more than their own size
# Okabe and Ito's palette, in the order of use; black is kept for what is published.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
PUBLISHED = "#000000"
FAINT = "#6b6b6b"

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "virtuall",
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
}


class Sheet:
    """A figure in the making: its panels and, once done, its SVG."""

    def __init__(self, figure: Figure, panels: list[Axes]) -> None:
        self.figure, self.panels, self.svg = figure, panels, ""


@dataclass(frozen=True)
class Drawn:
    """A figure of the page with the sentence below it."""

    svg: str
    note: str = ""


@contextmanager
def drawing(height: float, heights: Sequence[float] = (1.0,), share_time: bool = False) -> Iterator[Sheet]:
    """A sheet to draw on, in our style; its `svg` is read after the block.

    Parameters
    ----------
    height : float
        Inches.
    heights : sequence of float
        Relative heights of the panels, one below the other.
    share_time : bool
        All panels have one horizontal axis, labelled at the lowest.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots(
            len(heights), 1, squeeze=False, sharex=share_time, gridspec_kw={"height_ratios": list(heights)}
        )
        sheet = Sheet(figure, [panel for (panel,) in axes])
        yield sheet
        sheet.svg = _svg(figure)


def describe(svg: str, words: str) -> str:
    """Give a figure a description for those who cannot see it."""
    from markupsafe import escape

    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(words)}" ', 1)


def _svg(figure: Figure) -> str:
    engine = figure.get_layout_engine()
    if engine is not None:  # lay out once, not at every one of the passes of savefig
        engine.execute(figure)
        figure.set_layout_engine("none")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = buffer.getvalue()
    start, end = svg.index("<svg "), svg.index(">", svg.index("<svg "))
    # Without a width of its own the figure takes that of the page.
    head = re.sub(r'\s(width|height)="[^"]*"', "", svg[start:end])
    # Matplotlib numbers its parts; on a page with several figures those ids would stand twice.
    return head + re.sub(r'\sid="[A-Za-z0-9]+_\d+"', "", svg[end:])
