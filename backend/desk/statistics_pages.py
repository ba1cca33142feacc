"""The page of figures: how long readers wait for a librarian, and the tables that delivery gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from backend.core.access import Staff
from backend.core.db import Database
from backend.desk import store, tickets
from backend.desk.entrance import SignedIn
from backend.desk.live import Staffed
from backend.desk.rendering import Pages
from backend.desk.values import TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTable:
    """A table of figures: a title, column heads, rows of words and numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]


Figures = Callable[[Staff], Sequence[FigureTable]]
"""What delivery has to show to this librarian."""


def no_figures(_staff: Staff) -> Sequence[FigureTable]:
    """Where delivery keeps no figures."""
    return ()


def router(database: Database, pages: Pages, staffed: Staffed, figures: Figures) -> APIRouter:
    """``/desk/statistics``."""
    routes = APIRouter(prefix="/desk/statistics", include_in_schema=False)

    @routes.get("")
    def statistics(session: SignedIn) -> Response:
        member = session.staff.member
        with database.read() as reading:
            counts = store.count_by_state(reading, member=member, staffed=staffed(reading))
            wait = tickets.median_wait(reading, member=member)
        return pages.page(
            "statistics.html",
            session=session,
            section="statistics",
            waiting=counts.get(TicketState.WAITING, 0),
            open=counts.get(TicketState.OPEN, 0),
            closed=counts.get(TicketState.CLOSED, 0),
            wait=duration(wait),
            tables=figures(session.staff),
        )

    return routes


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
