"""Pages of what was loaded: the collections, the loads with their counts, and why something was skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from backend.core.access import Staff
from backend.core.errors import NotFound
from backend.desk.entrance import SignedIn
from backend.desk.ports import SourceLog, SourcePage
from backend.desk.rendering import Pages

SIZE = 30
KINDS = {
    "catalogue": "书目", "standard": "标准", "news": "动态", "research": "研究成果", "policy": "规章制度",
    "faq": "常见问题", "document": "文档",
}  # fmt: skip
STATES = {"done": "完成", "skips": "完成，有跳过", "failed": "失败", "running": "进行中", "cut": "中断"}


class NoSources:
    """Where nothing tells what was loaded."""

    def page(self, *, staff: Staff, collection: str, page: int, size: int) -> SourcePage:
        return SourcePage(runs=(), total=0)

    def run(self, number: int, *, staff: Staff) -> Mapping[str, Any]:
        raise NotFound("没有这次载入。")


def router(sources: SourceLog, pages: Pages) -> APIRouter:
    """Pages under ``/desk/sources``."""
    routes = APIRouter(prefix="/desk/sources", include_in_schema=False)

    @routes.get("")
    def listed(
        session: SignedIn,
        collection: Annotated[str, Query(max_length=64)] = "",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    ) -> Response:
        found = sources.page(staff=session.staff, collection=collection, page=page, size=SIZE)
        return pages.page(
            "sources.html",
            session=session,
            section="sources",
            collections=found.collections,
            collection=collection,
            runs=found.runs,
            total=found.total,
            page_number=page,
            pages=max(1, -(-found.total // SIZE)),
            kinds=KINDS,
            states=STATES,
        )

    @routes.get("/{number}")
    def one(session: SignedIn, number: int, reason: Annotated[str, Query(max_length=500)] = "") -> Response:
        try:
            run = sources.run(number, staff=session.staff)
        except NotFound as missing:
            return pages.page("error.html", session=session, section="sources", error=missing)
        skipped = list(run["report"].get("skipped_items", ()))
        return pages.page(
            "source_run.html",
            session=session,
            section="sources",
            run=run,
            states=STATES,
            reasons=Counter(item["reason"] for item in skipped).most_common(30),
            reason=reason,
            skipped=[item for item in skipped if not reason or item["reason"] == reason],
            remarks=list(run["report"].get("remarks", ()))[:200],
        )

    return routes
