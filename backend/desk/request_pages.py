"""Pages of the delivery queue: the board, one request, its buttons. What they show and may do comes from the port."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from backend.core.errors import InputError, LianwenError, NotFound
from backend.core.http import StaffSession
from backend.desk.entrance import Csrf, SignedIn, see_other
from backend.desk.ports import VIEWS, Board, Move
from backend.desk.rendering import Pages

SIZE = 50


def router(board: Board, pages: Pages) -> APIRouter:
    """Pages under ``/desk/requests``."""
    routes = APIRouter(prefix="/desk/requests", include_in_schema=False)

    def show(
        number: str, session: StaffSession, error: LianwenError | None = None, typed: dict[str, Any] | None = None
    ) -> Response:
        try:
            found = board.request(number, staff=session.staff)
        except NotFound as missing:
            return pages.page("error.html", session=session, section="requests", error=missing)
        return pages.page(
            "request.html", session=session, section="requests", error=error, request=found, typed=typed or {}
        )

    @routes.get("")
    def queue(
        session: SignedIn,
        view: Literal["todo", "open", "closed", "all"] = "todo",
        q: Annotated[str, Query(max_length=200)] = "",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        found = board.queue(staff=session.staff, view=view, query=q.strip(), page=page, size=SIZE)
        return pages.page(
            "requests.html",
            session=session,
            section="requests",
            views=VIEWS,
            view=view,
            query=q,
            page_number=page,
            pages=max(1, -(-found.total // SIZE)),
            total=found.total,
            counts=found.counts,
            requests=found.requests,
            notices=board.notices(staff=session.staff),
        )

    @routes.get("/{number}")
    def request_page(session: SignedIn, number: str) -> Response:
        return show(number, session)

    @routes.post("/{number}/{action}", dependencies=[Csrf])
    def move(
        session: SignedIn,
        number: str,
        action: str,
        version: Annotated[int, Form()],
        reason: Annotated[str, Form(max_length=1000)] = "",
        due: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        try:
            wanted = Move(action=action, reason=reason.strip(), due=_date(due), version=version)
            board.move(number, wanted, staff=session.staff)
        except LianwenError as error:
            return show(number, session, error, {"action": action, "reason": reason, "due": due})
        return see_other(f"/desk/requests/{number}")

    return routes


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("日期应写成 2026-03-31 的样子。") from error
