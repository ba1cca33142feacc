"""The branches' pages: templates, highlighted snippets, the frame around every page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backend.core.errors import LianwenError
from backend.enterprise.entrance import Entered

BEIJING = timezone(timedelta(hours=8), "北京时间")
BADGES = {"现行": "good", "即将实施": "info", "废止": "bad"}


def pieces(text: str, highlights: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """A snippet cut at its highlights: (characters, highlighted).

    >>> pieces("动力电池安全", [(0, 4)])
    [('动力电池', True), ('安全', False)]
    """
    cut: list[tuple[str, bool]] = []
    place = 0
    for start, end in sorted(highlights):
        if start < place or end > len(text):
            continue
        cut += [(text[place:start], False), (text[start:end], True)]
        place = end
    cut.append((text[place:], False))
    return [piece for piece in cut if piece[0]]


def moment(value: datetime) -> str:
    """``2026-03-01 08:30`` in Beijing time."""
    return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


class Pages:
    """Renders the templates; everything that a record or a person wrote is escaped."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = moment
        self._environment.globals["pieces"] = pieces
        self._environment.globals["badge"] = lambda status: BADGES.get(status, "warn")

    def page(
        self, template: str, *, entered: Entered | None = None, error: LianwenError | None = None, **values: Any
    ) -> HTMLResponse:
        """A whole page; it belongs to one caller and is kept by no cache."""
        text = self._environment.get_template(template).render(
            entered=entered, error=error.message if error else "", **values
        )
        return HTMLResponse(text, error.status if error else 200, headers={"cache-control": "no-store"})
