"""Draws how search grows with the catalogue: ``python -m tests.benchmarks.growth REPORT.json… --svg FILE``.

The reports are what ``lianwen bench search --save`` keeps, one a size. Both scales are logarithmic; one line a figure.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 760, 420, 70, 40, 430, 320

Report = Mapping[str, Any]

SERIES: tuple[tuple[str, str, Callable[[Report], float]], ...] = (
    ("search p50, ms", "#1f5fa8", lambda report: report["in_process"]["searches"]["all"]["p50"]),
    ("search p99, ms", "#c2410c", lambda report: report["in_process"]["searches"]["all"]["p99"]),
    ("processor time of a search, ms", "#15803d", lambda report: report["in_process"]["searches"]["all"]["cpu"]),
    ("one write, ms", "#7e22ce", lambda report: report["freshness"]["write"] * 1000),
    ("resident, MiB", "#525252", lambda report: report["in_process"]["resident"]),
)


def growth(reports: Sequence[Report]) -> str:
    """The drawing as SVG."""
    ordered = sorted(reports, key=lambda report: report["records"])
    values = {name: [max(value(report), 0.1) for report in ordered] for name, _, value in SERIES}
    sizes = [math.log10(report["records"]) for report in ordered]
    low = math.floor(math.log10(min(map(min, values.values()))))
    high = math.ceil(math.log10(max(map(max, values.values()))))

    def x(size: float) -> float:
        return LEFT + 20 + (PLOT_WIDTH - 40) * (size - sizes[0]) / ((sizes[-1] - sizes[0]) or 1)

    def y(value: float) -> float:
        return TOP + PLOT_HEIGHT * (high - math.log10(value)) / (high - low)

    parts = [_frame(ordered, low, high, x, y)]
    for row, (name, colour, _) in enumerate(SERIES):
        points = [(x(size), y(value)) for size, value in zip(sizes, values[name], strict=True)]
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}">'
            f"<title>{escape(name)}: {value:g}</title></circle>"
            for (px, py), value in zip(points, values[name], strict=True)
        ]
        told = " → ".join(f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in values[name])
        at = TOP + 24 + row * 48
        parts.append(f'<rect x="{LEFT + PLOT_WIDTH + 20}" y="{at - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(LEFT + PLOT_WIDTH + 38, at, name))
        parts.append(_text(LEFT + PLOT_WIDTH + 38, at + 18, told))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img"><title>Search by size of the catalogue</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _frame(
    reports: Sequence[Report], low: int, high: int, x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    loads = ", ".join(f"{report['load']:g}" for report in reports)
    head = f"lianwen bench search, {reports[0]['cores']} cores, synthetic records (load average {loads})"
    parts = [_text(LEFT, 22, head)]
    for power in range(low, high + 1):
        at = y(10**power)
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + PLOT_WIDTH}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, at + 4, f"{10**power:,g}", anchor="end"))
    for report in reports:
        label = f"{report['records']:,}"
        parts.append(_text(x(math.log10(report["records"])), TOP + PLOT_HEIGHT + 22, label, anchor="middle"))
    parts.append(_text(LEFT + PLOT_WIDTH / 2, TOP + PLOT_HEIGHT + 44, "records", anchor="middle"))
    return "".join(parts)


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", type=Path, nargs="+")
    parser.add_argument("--svg", type=Path, required=True)
    options = parser.parse_args()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in options.reports]
    options.svg.write_text(growth(reports), encoding="utf-8")


if __name__ == "__main__":
    main()
