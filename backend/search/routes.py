"""``GET /api/search``, ``GET /api/records/{id}`` and its citation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from backend.core.errors import InputError, NotFound
from backend.core.http import CallerDep, limited
from backend.core.limits import SEARCH
from backend.search import citations
from backend.search.engine import SearchEngine
from backend.search.values import (
    Filters,
    Hit,
    IdentifierView,
    RecordView,
    SearchPage,
    SearchRequest,
    holding_views,
)
from indexer.records import KINDS, StoredItem

Words = Annotated[list[str] | None, Query(max_length=50)]
SEVERAL = ("collection", "kind", "member", "language", "clc")
ONCE = ("q", "year_from", "year_to", "available", "page", "size", "grouped")


async def known_parameters(request: Request) -> None:
    """A filter that is misspelt, or given twice, must not be left out unnoticed.

    :raises InputError: naming the parameter.
    """
    given = request.query_params
    unknown = sorted(set(given) - set(SEVERAL) - set(ONCE))
    if unknown:
        where = {"where": f"query.{unknown[0][:40]}", "allowed": sorted([*SEVERAL, *ONCE])}
        raise InputError(f"没有这样的参数：{unknown[0][:40]}", detail=where)
    for name in ONCE:
        if len(given.getlist(name)) > 1:
            raise InputError(f"参数 {name} 只能给一次。", detail={"where": f"query.{name}"})


def router(engine: SearchEngine) -> APIRouter:
    """The search endpoints over one engine."""
    routes = APIRouter(prefix="/api", tags=["search"])

    @routes.get(
        "/search", dependencies=[Depends(known_parameters), limited("search", SEARCH)], response_model=SearchPage
    )
    def search(
        caller: CallerDep,
        q: Annotated[str, Query(max_length=200_000)] = "",
        collection: Words = None,
        kind: Words = None,
        member: Words = None,
        language: Words = None,
        clc: Words = None,
        year_from: Annotated[int | None, Query(ge=-9999, le=9999)] = None,
        year_to: Annotated[int | None, Query(ge=-9999, le=9999)] = None,
        available: bool = False,
        page: Annotated[int, Query(ge=1, le=10**9)] = 1,
        size: Annotated[int, Query(ge=1, le=100)] = 10,
        grouped: bool = False,
    ) -> Response:
        unknown = sorted(set(kind or ()) - set(KINDS))
        if unknown:
            raise InputError(
                f"没有这样的类型：{unknown[0][:40]}", detail={"where": "query.kind", "allowed": list(KINDS)}
            )
        filters = Filters(
            collections=tuple(collection or ()),
            kinds=tuple(kind or ()),
            members=tuple(member or ()),
            languages=tuple(language or ()),
            classes=tuple(clc or ()),
            year_from=year_from,
            year_to=year_to,
            available=available,
        )
        request = SearchRequest(q=q, filters=filters, page=page, size=size, grouped=grouped)
        page_found = engine.search(request, caller.audiences, own_member=caller.member)
        # written by pydantic in one go: FastAPI would first turn it into dictionaries
        return Response(page_found.model_dump_json(), media_type="application/json")

    @routes.get("/records/{item_id}", dependencies=[limited("search", SEARCH)])
    def record(item_id: str, caller: CallerDep) -> RecordView:
        item = _visible(engine, item_id, caller.audiences)
        return record_view(item, engine, caller.audiences, own_member=caller.member)

    @routes.get("/records/{item_id}/citation", dependencies=[limited("search", SEARCH)])
    def citation(item_id: str, caller: CallerDep, style: str = "gb7714-2025") -> Response:
        item = _visible(engine, item_id, caller.audiences)
        if style not in citations.STYLES:
            raise InputError(f"没有这样的引文格式：{style[:40]}", detail={"allowed": sorted(citations.STYLES)})
        made = citations.cite(item, style)
        return Response(made.text, media_type=f"{made.media_type}; charset=utf-8")

    @routes.get("/records/{item_id}/similar", dependencies=[limited("search", SEARCH)])
    def similar(item_id: str, caller: CallerDep, size: Annotated[int, Query(ge=1, le=50)] = 10) -> list[Hit]:
        _visible(engine, item_id, caller.audiences)
        return list(engine.similar(item_id, caller.audiences, limit=size))

    return routes


def record_view(
    item: StoredItem, engine: SearchEngine, audiences: frozenset[str], *, own_member: str | None
) -> RecordView:
    """The stored item as a reader sees it."""
    shared: dict[str, Any] = {
        name: getattr(item, name)
        for name in (
            "id", "source_id", "collection", "kind", "title", "text", "creators", "publisher", "year", "date",
            "url", "language", "subjects", "series", "abstract", "work_id",
        )
    }  # fmt: skip
    return RecordView(
        **shared,
        identifiers=tuple(IdentifierView.of(identifier) for identifier in item.identifiers),
        classifications=tuple(mark.number for mark in item.classifications),
        editions=engine.editions(item, audiences),
        holdings=holding_views(item.holdings, own_member=own_member),
    )


def _visible(engine: SearchEngine, item_id: str, audiences: frozenset[str]) -> StoredItem:
    item = engine.item(item_id, audiences)
    if item is None:
        raise NotFound("没有这条记录。")
    return item
