"""The simulation's outcome as a table of plain text and as an SVG plot. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.sax.saxutils import escape

from backend.delivery.simulation_study import Estimate, Summary

COLUMNS = {
    "fill": ("fill", 3),
    "median_days": ("median days", 2),
    "p90_days": ("p90 days", 2),
    "cost_yuan": ("yuan", 2),
    "gini": ("gini", 3),
    "worst": ("worst net", 0),
    "newcomer": ("newcomers", 2),
    "asked": ("asked", 2),
}
"""Figure → heading and digits."""

COMPARED = ("gini", "median_days", "cost_yuan")


def table(summaries: Sequence[Summary]) -> str:
    """One line a rule: each figure as mean ± half its 95 % confidence interval."""
    head = ("rule", *(title for title, _ in COLUMNS.values()))
    body = [
        (one.rule, *(_shown(one.figures[figure], digits) for figure, (_, digits) in COLUMNS.items()))
        for one in summaries
    ]
    return _aligned([head, *body])


def differences(summaries: Sequence[Summary]) -> str:
    """Our rule minus each other, on the same years: below 0 ours is better; * where the interval leaves 0 out."""
    head = ("ours minus", *(COLUMNS[figure][0] for figure in COMPARED))
    body = [
        (one.rule, *(_difference(one.versus[figure], COLUMNS[figure][1]) for figure in COMPARED))
        for one in summaries
        if one.rule != "ours"
    ]
    return _aligned([head, *body])


def _shown(estimate: Estimate, digits: int) -> str:
    return f"{estimate.mean:.{digits}f} ±{estimate.half:.{digits}f}"


def _difference(estimate: Estimate, digits: int) -> str:
    sure = "*" if abs(estimate.mean) > estimate.half > 0 else " "
    return f"{estimate.mean:+.{digits}f} ±{estimate.half:.{digits}f}{sure}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    aligned = (
        "  ".join(text.rjust(width) if column else text.ljust(width) for column, (text, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )
    return "\n".join(line.rstrip() for line in aligned) + "\n"


def to_json(summaries: Sequence[Summary], curve: Sequence[Summary]) -> dict[str, Any]:
    return {"rules": [asdict(one) for one in summaries], "fairness_curve": [asdict(one) for one in curve]}


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plot's area and scales: median days to the right, Gini upwards."""

    left: int
    top: int
    right: int
    bottom: int
    least: float
    most: float
    gini: float

    def x(self, days: float) -> float:
        return self.left + (self.right - self.left) * (days - self.least) / max(1e-9, self.most - self.least)

    def y(self, gini: float) -> float:
        return self.bottom - (self.bottom - self.top) * gini / self.gini


def svg(summaries: Sequence[Summary], curve: Sequence[Summary] = (), *, width: int = 720, height: int = 440) -> str:
    """Fairness against waiting: one point a rule with its intervals, its area the cost; the lower left is best.

    ``curve``: our rule with fairness worth ever more, as a line.
    """
    every = [*summaries, *curve]
    days = [one.figures["median_days"] for one in every]
    frame = _Frame(
        left=70,
        top=24,
        right=width - 130,
        bottom=height - 50,
        least=min((one.mean - one.half for one in days), default=0.0) * 0.98,
        most=max((one.mean + one.half for one in days), default=1.0) * 1.02,
        gini=max((one.figures["gini"].mean + one.figures["gini"].half for one in every), default=0.0) * 1.1 or 1.0,
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lw-chart" viewBox="0 0 {width} {height}" role="img"'
        f' font-size="13" fill="currentColor"'
        f' aria-label="Fairness against turnaround of {len(summaries)} routing rules">',
        *_axes(frame, height),
        *_line(frame, curve),
    ]
    for one in summaries:
        parts += _point(frame, one)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(frame: _Frame, height: int) -> list[str]:
    parts = [
        f'<path class="lw-axis" d="M{frame.left} {frame.top}V{frame.bottom}H{frame.right}" fill="none"'
        ' stroke="currentColor"/>',
        f'<text x="{(frame.left + frame.right) / 2:.0f}" y="{height - 12}" text-anchor="middle">median days</text>',
        f'<text x="{frame.left - 60}" y="{frame.top - 8}">Gini of net balance</text>',
    ]
    for step in range(5):
        days = frame.least + (frame.most - frame.least) * step / 4
        gini = frame.gini * step / 4
        parts.append(f'<text x="{frame.x(days):.0f}" y="{frame.bottom + 18}" text-anchor="middle">{days:.1f}</text>')
        parts.append(f'<text x="{frame.left - 8}" y="{frame.y(gini) + 4:.0f}" text-anchor="end">{gini:.2f}</text>')
    return parts


def _line(frame: _Frame, curve: Sequence[Summary]) -> list[str]:
    places = [(frame.x(c.figures["median_days"].mean), frame.y(c.figures["gini"].mean), c.rule) for c in curve]
    if not places:
        return []
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    labels = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"><title>{escape(name)}</title></circle>' for x, y, name in places
    ]
    return [f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-dasharray="4 3"/>', *labels]


def _point(frame: _Frame, one: Summary) -> list[str]:
    days, gini, cost = (one.figures[figure] for figure in ("median_days", "gini", "cost_yuan"))
    x, y, radius = frame.x(days.mean), frame.y(gini.mean), 4 + 2.5 * max(0.0, cost.mean) ** 0.5
    words = escape(f"{one.rule} ({cost.mean:.2f} 元)")
    return [
        f'<circle class="lw-bar" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill-opacity=".6"/>',
        f'<path d="M{frame.x(days.mean - days.half):.1f} {y:.1f}H{frame.x(days.mean + days.half):.1f}'
        f'M{x:.1f} {frame.y(gini.mean - gini.half):.1f}V{frame.y(gini.mean + gini.half):.1f}" stroke="currentColor"/>',
        f'<text x="{x + 6:.1f}" y="{y - radius - 3:.1f}">{words}</text>',
    ]
