"""Server-rendered pages: templates, the frame around every page, times as a librarian reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backend.core.days import BEIJING
from backend.core.errors import LianwenError
from backend.core.http import StaffSession

HERE = Path(__file__).parent
SECTIONS = {
    "requests": "文献传递",
    "tickets": "读者咨询",
    "knowledge": "常见问题",
    "statistics": "统计",
    "sources": "数据来源",
}

LibraryNames = Callable[[], Mapping[str, str]]
"""Names of the members by code."""


class Pages:
    """Renders the desk's templates; everything a record or a reader wrote is escaped."""

    def __init__(self, *, libraries: LibraryNames) -> None:
        self._libraries = libraries
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = moment
        self._environment.filters["library"] = self._library

    def page(
        self,
        template: str,
        *,
        session: StaffSession | None = None,
        section: str = "",
        error: LianwenError | None = None,
        status: int | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """A whole page. With an ``error`` its message stands on top and its status is the answer's."""
        text = self._environment.get_template(template).render(
            staff=session.staff if session else None,
            csrf=session.csrf if session else "",
            sections=SECTIONS,
            section=section,
            error=error.message if error else "",
            **values,
        )
        code = status if status is not None else (error.status if error else 200)
        return HTMLResponse(text, code, headers={"cache-control": "no-store"})

    def _library(self, code: str | None) -> str:
        return self._libraries().get(code, code) if code else "联盟"


def moment(value: datetime | date | str | None) -> str:
    """``2026-03-01 08:30`` in Beijing time; a date stays a date; '' for nothing."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    return value.isoformat()
