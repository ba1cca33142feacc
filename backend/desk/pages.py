"""The librarians' desk: all its pages under ``/desk``."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from backend.core.db import Database
from backend.core.events import EventBus
from backend.desk import (
    counter_pages,
    entrance,
    knowledge_pages,
    order_pages,
    request_pages,
    source_pages,
    statistics_pages,
    ticket_pages,
)
from backend.desk.knowledge import KnowledgeSink
from backend.desk.live import Staffed
from backend.desk.ports import Board, Counter, SignIn, SourceLog
from backend.desk.rendering import HERE, LibraryNames, Pages
from backend.desk.statistics_pages import Figures


def router(
    database: Database,
    *,
    bus: EventBus,
    sign_in: SignIn,
    board: Board,
    counter: Counter,
    staffed: Staffed,
    libraries: LibraryNames,
    knowledge: KnowledgeSink,
    figures: Figures,
    sources: SourceLog | None = None,
) -> APIRouter:
    """The whole desk.

    ``staffed`` tells which members have librarians of their own, ``libraries`` gives members' names by code.
    """
    pages = Pages(libraries=libraries)
    routes = APIRouter(tags=["desk"])

    @routes.get("/desk/static/desk.js", include_in_schema=False)
    def script() -> Response:
        return FileResponse(HERE / "static" / "desk.js", media_type="text/javascript")

    routes.include_router(entrance.router(pages, sign_in))
    routes.include_router(order_pages.router(counter, pages))
    routes.include_router(request_pages.router(board, counter, pages))
    routes.include_router(counter_pages.router(counter, pages))
    routes.include_router(ticket_pages.router(database, bus, pages, staffed))
    routes.include_router(knowledge_pages.router(database, pages, staffed, knowledge))
    routes.include_router(statistics_pages.router(database, pages, staffed, figures))
    routes.include_router(source_pages.router(sources or source_pages.NoSources(), pages))
    return routes
