"""The delivered file for librarians, and notices that could not be sent."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from backend.core.errors import LianwenError, NotFound
from backend.desk.entrance import Csrf, SignedIn, see_other
from backend.desk.ports import Counter
from backend.desk.rendering import Pages

FILE_HEADERS = {
    "Cache-Control": "no-store, private",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


def router(counter: Counter, pages: Pages) -> APIRouter:
    """``/desk/requests/NUMBER/file`` and ``/desk/notices``."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)

    @routes.get("/requests/{number}/file")
    def file(session: SignedIn, number: str) -> Response:
        try:
            path = counter.file(number, staff=session.staff)
        except NotFound as missing:
            return pages.page("error.html", session=session, section="requests", error=missing)
        name = "".join(character for character in number if character.isalnum() or character == "-")[:20]
        disposition = f'attachment; filename="{name}.pdf"'
        return FileResponse(
            path, media_type="application/pdf", headers=FILE_HEADERS | {"Content-Disposition": disposition}
        )

    @routes.post("/notices/{notice_id}/resend", dependencies=[Csrf])
    def resend(session: SignedIn, notice_id: str) -> Response:
        try:
            counter.resend(notice_id, staff=session.staff)
        except LianwenError as error:
            return pages.page("error.html", session=session, section="requests", error=error)
        return see_other("/desk/requests")

    return routes
