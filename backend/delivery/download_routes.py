"""``/d/TOKEN``: the reader's download.

Opening the link shows a page and costs nothing, so that mail scanners and previews take no download away; the button on
it posts and fetches the file. Every link that does not work gets the same answer.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backend.core.days import BEIJING
from backend.core.errors import NotFound
from backend.core.http import limited
from backend.core.limits import DOWNLOADS
from backend.delivery.handover import GONE, Handover, Offered

PRIVATE = {"Cache-Control": "no-store, private", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
FILE_HEADERS = PRIVATE | {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("pages")), autoescape=True, undefined=StrictUndefined
)


def router(handover: Handover) -> APIRouter:
    """The page and the file behind a link."""
    routes = APIRouter(include_in_schema=False, dependencies=[limited("download", DOWNLOADS)])

    @routes.api_route("/d/{token}", methods=["GET", "HEAD"])
    def page(token: str) -> Response:
        try:
            return _page(handover, handover.offered(token))
        except NotFound:
            return _page(handover, None)

    @routes.post("/d/{token}")
    def fetch(token: str) -> Response:
        try:
            path, number = handover.fetch(token)
        except NotFound:
            return _page(handover, None)
        return pdf(path, f"{number}.pdf", f"文献传递 {number}.pdf")

    return routes


def pdf(path: Path, plain: str, name: str) -> FileResponse:
    """The file as a download that no browser runs or keeps. ``name`` in full (RFC 6266, RFC 8187), ``plain`` for old
    browsers."""
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return FileResponse(path, media_type="application/pdf", headers=FILE_HEADERS | {"Content-Disposition": disposition})


def _page(handover: Handover, offered: Offered | None) -> HTMLResponse:
    text = _PAGES.get_template("download.html").render(
        offered=offered,
        size=size_words(offered.bytes) if offered else "",
        until=offered.view.expires_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") if offered else "",
        notice=handover.terms.notice,
        message=GONE,
    )
    return HTMLResponse(text, 200 if offered else 404, headers=PRIVATE)


def size_words(count: int) -> str:
    """>>> size_words(900), size_words(204_800), size_words(5_500_000)
    ('1 KB', '200 KB', '5.2 MB')
    """
    return f"{max(1, round(count / 1024))} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"
