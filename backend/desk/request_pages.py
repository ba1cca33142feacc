"""Pages of the delivery queue: the board, one request, its buttons. What they show and may do comes from the ports."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from backend.core.errors import InputError, LianwenError, NotFound
from backend.core.http import StaffSession
from backend.desk.entrance import Csrf, SignedIn, see_other
from backend.desk.ports import VIEWS, Board, Counter, Move
from backend.desk.rendering import Pages

SIZE = 50
Typed = dict[str, Any]


class RequestPage:
    """One request with everything a librarian may see of it and do with it."""

    def __init__(self, board: Board, counter: Counter, pages: Pages) -> None:
        self._board = board
        self._counter = counter
        self._pages = pages

    def __call__(
        self, number: str, session: StaffSession, error: LianwenError | None = None, typed: Typed | None = None
    ) -> Response:
        staff = session.staff
        try:
            found = self._board.request(number, staff=staff)
        except NotFound as missing:
            return self._pages.page("error.html", session=session, section="requests", error=missing)
        return self._pages.page(
            "request.html",
            session=session,
            section="requests",
            error=error,
            request=found,
            file=self._counter.file_view(number, staff=staff),
            notes=self._counter.notes(number, staff=staff),
            reading=self._counter.reading(number, staff=staff),
            typed=typed or {},
            max_bytes=self._counter.max_bytes,
            closed=not found["actions"] and not found["next_step"],
        )


def router(board: Board, counter: Counter, pages: Pages) -> APIRouter:
    """Pages under ``/desk/requests``."""
    routes = APIRouter(prefix="/desk/requests", include_in_schema=False)
    show = RequestPage(board, counter, pages)

    @routes.get("")
    def queue(
        session: SignedIn,
        view: Literal["todo", "attention", "open", "closed", "all"] = "todo",
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
            troubles=counter.troubles(staff=session.staff),
        )

    @routes.get("/{number}")
    def request_page(session: SignedIn, number: str) -> Response:
        return show(number, session)

    @routes.post("/{number}/file", dependencies=[Csrf])
    async def upload(request: Request, session: SignedIn, number: str) -> Response:
        form = await request.form()
        given = form.get("file")
        try:
            if not isinstance(given, UploadFile) or not given.filename:
                raise InputError("请选择要上传的文件。", detail={"where": "file"})
            await run_in_threadpool(
                counter.upload,
                number,
                given.file,
                staff=session.staff,
                version=_version(str(form.get("version", ""))),
                pages_checked=form.get("pages_checked") == "yes",
            )
        except LianwenError as error:
            return await run_in_threadpool(show, number, session, error, {"action": "file", "reason": _why(error)})
        finally:
            await form.close()
        return see_other(f"/desk/requests/{number}")

    @routes.post("/{number}/note", dependencies=[Csrf])
    def note(session: SignedIn, number: str, text: Annotated[str, Form(max_length=20_000)] = "") -> Response:
        try:
            counter.note(number, text, staff=session.staff)
        except LianwenError as error:
            return show(number, session, error, {"action": "note", "text": text})
        return see_other(f"/desk/requests/{number}")

    @routes.post("/{number}/file/{action}", dependencies=[Csrf])
    def manage_file(session: SignedIn, number: str, action: Literal["renew", "revoke"]) -> Response:
        try:
            manage = counter.renew_link if action == "renew" else counter.revoke
            manage(number, staff=session.staff)
        except LianwenError as error:
            return show(number, session, error)
        return see_other(f"/desk/requests/{number}")

    @routes.post("/{number}/erase", dependencies=[Csrf])
    def erase(session: SignedIn, number: str) -> Response:
        try:
            counter.erase(number, staff=session.staff)
        except LianwenError as error:
            return show(number, session, error)
        return see_other(f"/desk/requests/{number}")

    @routes.post("/{number}/{action}", dependencies=[Csrf])
    def move(
        session: SignedIn,
        number: str,
        action: str,
        version: Annotated[int, Form()],
        reason: Annotated[str, Form(max_length=20_000)] = "",
        due: Annotated[str, Form(max_length=10)] = "",
        record: Annotated[str, Form(max_length=64)] = "",
        record_id: Annotated[str, Form(max_length=64)] = "",
    ) -> Response:
        chosen = record_id.strip() or record
        try:
            wanted = Move(action=action, reason=reason.strip(), due=parse_date(due), version=version, record_id=chosen)
            board.move(number, wanted, staff=session.staff)
        except LianwenError as error:
            typed = {"action": action, "reason": reason, "due": due, "record": record, "record_id": record_id}
            return show(number, session, error, typed)
        return see_other(f"/desk/requests/{number}")

    return routes


def parse_date(text: str) -> date | None:
    """:raises InputError: when it is no date."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("日期应写成 2026-03-31 的样子。") from error


def _version(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _why(error: LianwenError) -> str:
    return str((error.detail or {}).get("reason", ""))
