"""The pages of figures: how long readers wait for a librarian, and what delivery has to show, with charts and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Protocol

from fastapi import APIRouter, Query
from fastapi.responses import Response

from backend.core.access import Staff
from backend.core.days import today
from backend.core.db import Database
from backend.core.errors import InputError, LianwenError
from backend.core.http import StaffSession
from backend.desk import store, tickets
from backend.desk.charts import Chart, bars
from backend.desk.entrance import SignedIn
from backend.desk.live import Staffed
from backend.desk.rendering import Pages
from backend.desk.values import TicketState

DEFAULT_SPAN = timedelta(days=364)
Day = Annotated[str, Query(max_length=30)]


class FigureTable(Protocol):
    """A table of figures: rows of words and numbers under heads. ``charted`` columns are drawn as bars, named by the
    first ``label`` columns; ``links`` lead from each row to a table of its own."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> tuple[tuple[str | int | float, ...], ...]: ...
    @property
    def charted(self) -> tuple[int, ...]: ...
    @property
    def label(self) -> int: ...
    @property
    def links(self) -> tuple[str, ...]: ...


class Figures(Protocol):
    """What delivery has to show to a librarian for a span of days."""

    def tables(self, *, staff: Staff, since: date, until: date) -> Sequence[FigureTable]:
        """:raises InputError: for a span that cannot be used."""

    def table(self, key: str, *, staff: Staff, since: date, until: date) -> FigureTable:
        """:raises NotFound: when there is no such table for them."""

    def csv(self, key: str, *, staff: Staff, since: date, until: date) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A table with its chart."""

    table: FigureTable
    chart: Chart | None


def router(database: Database, pages: Pages, staffed: Staffed, figures: Figures) -> APIRouter:
    """``/desk/statistics``."""
    routes = APIRouter(prefix="/desk/statistics", include_in_schema=False)

    @routes.get("")
    def statistics(session: SignedIn, since: Day = "", until: Day = "") -> Response:
        error, tables = None, []
        first, last = today() - DEFAULT_SPAN, today()
        try:
            first, last = span(since, until)
            tables = [draw(each) for each in figures.tables(staff=session.staff, since=first, until=last)]
        except LianwenError as problem:
            error = problem
        member = session.staff.member
        with database.read() as reading:
            counts = store.count_by_state(reading, member=member, staffed=staffed(reading))
            wait = tickets.median_wait(reading, member=member)
        return pages.page(
            "statistics.html",
            session=session,
            section="statistics",
            error=error,
            waiting=counts.get(TicketState.WAITING, 0),
            open=counts.get(TicketState.OPEN, 0),
            closed=counts.get(TicketState.CLOSED, 0),
            wait=duration(wait),
            tables=tables,
            since=first.isoformat(),
            until=last.isoformat(),
        )

    @routes.get("/{key}.csv")
    def csv(session: SignedIn, key: str, since: Day = "", until: Day = "") -> Response:
        try:
            first, last = span(since, until)
            text = figures.csv(key, staff=session.staff, since=first, until=last)
        except LianwenError as problem:
            return _refused(pages, session, problem)
        name = "".join(letter for letter in key if letter.isalnum() or letter in "-_")[:60]
        headers = {
            "Content-Disposition": f'attachment; filename="{name}_{first}_{last}.csv"',
            "Cache-Control": "no-store",
        }
        return Response(text.encode("utf-8"), media_type="text/csv; charset=utf-8", headers=headers)

    @routes.get("/{key}")
    def one(session: SignedIn, key: str, since: Day = "", until: Day = "") -> Response:
        try:
            first, last = span(since, until)
            table = figures.table(key, staff=session.staff, since=first, until=last)
        except LianwenError as problem:
            return _refused(pages, session, problem)
        return pages.page(
            "figure.html",
            session=session,
            section="statistics",
            shown=draw(table),
            since=first.isoformat(),
            until=last.isoformat(),
        )

    return routes


def _refused(pages: Pages, session: StaffSession, problem: LianwenError) -> Response:
    return pages.page("error.html", session=session, section="statistics", error=problem)


def span(since: str, until: str) -> tuple[date, date]:
    """The days asked for; the last twelve months by default.

    :raises InputError: when one is no date.
    """
    last = _day(until) or today()
    return _day(since) or last - DEFAULT_SPAN, last


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError("日期应写成 2026-03-31 的样子。", detail={"where": "since"}) from error


def draw(table: FigureTable) -> Shown:
    """The table with the chart of its charted columns."""
    labels = [" ".join(str(cell) for cell in row[: table.label]) for row in table.rows]
    series = [
        (table.columns[column], [_value(row[column]) for row in table.rows]) for column in table.charted
    ]  # fmt: skip
    return Shown(table=table, chart=bars(labels, series))


def _value(cell: str | int | float) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def duration(seconds: float | None) -> str:
    """Words for a time span.

    >>> duration(None), duration(50), duration(3700)
    ('—', '50 秒', '1 小时 1 分')
    """
    if seconds is None:
        return "—"
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{int(seconds)} 秒"
    return f"{minutes} 分" if minutes < 60 else f"{minutes // 60} 小时 {minutes % 60} 分"
