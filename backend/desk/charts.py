"""Bar charts that the server draws: horizontal pairs of bars, each with its number, beside the table they come from.

Only the geometry is here; ``figure_table.html`` writes the SVG, so that every label is escaped like the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 720
LABEL = 190
ROW = 40
BAR = 14
LEGEND = 30
MOST = 24
"""Rows drawn at most, the last ones; the table has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: which series it belongs to, its place in the drawing, its number in words."""

    series: int
    y: int
    width: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One label and its bars."""

    label: str
    y: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Sizes in the units of the drawing; ``left`` is where bars begin."""

    rows: tuple[Row, ...]
    legend: tuple[str, ...]
    height: int
    width: int = WIDTH
    left: int = LABEL
    thickness: int = BAR


def bars(labels: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> Chart | None:
    """One row a label and one bar a series in it, two series at most; None without a positive number."""
    labels = labels[-MOST:]
    series = [(name, values[-MOST:]) for name, values in series[:2]]
    most = max((value for _, values in series for value in values), default=0.0)
    if most <= 0:
        return None
    rows = tuple(
        _row(index, label, [values[index] for _, values in series], most) for index, label in enumerate(labels)
    )
    return Chart(rows=rows, legend=tuple(name for name, _ in series), height=ROW * len(rows) + LEGEND)


def _row(index: int, label: str, values: Sequence[float], most: float) -> Row:
    top = index * ROW + 4
    scale = (WIDTH - LABEL - 60) / most
    return Row(
        label=label if len(label) <= 13 else f"{label[:12]}…",
        y=top + BAR + 4,
        bars=tuple(
            Bar(
                series=place,
                y=top + place * (BAR + 2),
                width=round(scale * max(0.0, value), 1),
                text=f"{value:g}",
            )
            for place, value in enumerate(values)
        ),
    )
