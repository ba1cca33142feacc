"""``search`` and ``ask``: what a reader would see, at a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.cli import common, console
from backend.core.access import PUBLIC
from backend.search.values import Filters, Hit, SearchRequest


def register(app: typer.Typer) -> None:
    app.command("search")(search_command)
    app.command("ask")(ask_command)


def search_command(
    query: Annotated[str, typer.Argument(help="words, a question, a title, an ISBN, a call number, a standard number")],
    collection: Annotated[list[str] | None, typer.Option(help="only this collection (repeatable)")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="only this kind (repeatable)")] = None,
    member: Annotated[list[str] | None, typer.Option(help="only what this member holds (repeatable)")] = None,
    audience: Annotated[list[str] | None, typer.Option(help="search as this audience, too: branch:CODE, staff")] = None,
    size: Annotated[int, typer.Option(min=1, max=100, help="hits to show")] = 10,
    page: Annotated[int, typer.Option(min=1, help="page of hits")] = 1,
    as_json: common.JsonOption = False,
) -> None:
    """Search records and documents."""
    filters = Filters(collections=tuple(collection or ()), kinds=tuple(kind or ()), members=tuple(member or ()))
    request = SearchRequest(q=query, filters=filters, page=page, size=size)
    with common.services() as services:
        found = services.engine.search(request, frozenset({PUBLIC, *(audience or ())}))
    if as_json:
        console.print_json(found.model_dump(mode="json"))
        return
    console.out.print(f"{found.total} 条 · {found.took_ms:.0f} ms", markup=False)
    for number, hit in enumerate(found.hits, start=1 + (page - 1) * size):
        _print_hit(number, hit)
    for suggestion in found.suggestions:
        console.out.print(f"试试：{suggestion}", markup=False)


def _print_hit(number: int, hit: Hit) -> None:
    imprint = "，".join(part for part in ("; ".join(hit.creators), hit.publisher, str(hit.year or "")) if part)
    console.out.print(f"{number}. {hit.title}  [{hit.why}]", markup=False)
    if imprint:
        console.out.print(f"   {imprint}", markup=False)
    for holding in hit.holdings:
        state = "可借" if holding.available and holding.loanable else "在馆" if holding.available else "已借出"
        console.out.print(f"   {holding.member} {holding.call_number} {state}", markup=False)


def ask_command(
    question: Annotated[str, typer.Argument(help="a question in Chinese or English")],
    member: Annotated[str, typer.Option(help="ask as a reader of this member")] = "",
    as_json: common.JsonOption = False,
) -> None:
    """Answer a question with citations, as the chat does."""
    with common.services() as services:
        turn = services.ask(question, member=member or None)
    if as_json:
        console.print_json(turn)
        return
    console.out.print(turn["text"], markup=False)
    for source in turn["sources"]:
        console.out.print(f"[{source['n']}] {source['title']} ({source['collection']})", markup=False)
