"""The simulation's outcome as a table of plain text and as an SVG plot. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import escape

from backend.delivery.simulate import Outcome

COLUMNS = ("rule", "fill", "median days", "p90 days", "yuan", "gini", "worst net", "newcomers", "asked")


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """One row of texts a rule, under :data:`COLUMNS`."""
    return [
        (
            outcome.rule,
            f"{outcome.fill:.3f}",
            f"{outcome.median_days:.2f}",
            f"{outcome.p90_days:.2f}",
            f"{outcome.cost_yuan:.2f}",
            f"{outcome.gini:.3f}",
            f"{outcome.worst:+d}",
            f"{outcome.newcomer:+.2f}",
            f"{outcome.asked:.2f}",
        )
        for outcome in outcomes
    ]


def table(outcomes: Sequence[Outcome]) -> str:
    """The rows in aligned columns."""
    lines = [COLUMNS, *rows(outcomes)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    aligned = (
        "  ".join(text.ljust(width) if not column else text.rjust(width) for column, (text, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )
    return "\n".join(aligned) + "\n"


def to_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [asdict(outcome) for outcome in outcomes]


def svg(outcomes: Sequence[Outcome], *, width: int = 640, height: int = 400) -> str:
    """Fairness against waiting: one point a rule, its area the cost; the lower left is best."""
    left, top, right, bottom = 70, 20, width - 110, height - 50
    most_days = max((outcome.median_days for outcome in outcomes), default=1.0) * 1.1
    least_days = min((outcome.median_days for outcome in outcomes), default=0.0) * 0.9
    most_gini = max((outcome.gini for outcome in outcomes), default=0.0) * 1.15 or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lw-chart" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="Fairness against turnaround of {len(outcomes)} routing rules">',
        f'<path class="lw-axis" d="M{left} {top}V{bottom}H{right}" fill="none" stroke="currentColor"/>',
        f'<text x="{(left + right) / 2:.0f}" y="{height - 12}" text-anchor="middle">median days</text>',
        f'<text x="{left}" y="{top - 6}">Gini of net balance</text>',
    ]
    for step in range(5):
        days = least_days + (most_days - least_days) * step / 4
        share = most_gini * step / 4
        x, y = left + (right - left) * step / 4, bottom - (bottom - top) * step / 4
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{days:.1f}</text>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{share:.2f}</text>')
    for outcome in outcomes:
        x = left + (right - left) * (outcome.median_days - least_days) / max(1e-9, most_days - least_days)
        y = bottom - (bottom - top) * outcome.gini / most_gini
        radius = 4 + 2.5 * outcome.cost_yuan**0.5
        words = escape(f"{outcome.rule} ({outcome.cost_yuan:.2f} 元)")
        parts.append(f'<circle class="lw-bar" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill-opacity=".6"/>')
        parts.append(f'<text x="{x + radius + 4:.1f}" y="{y + 4:.1f}">{words}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
