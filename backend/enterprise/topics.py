"""``/enterprise/topics``: topics and followed standards of a branch, for its signed-in accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, LianwenError, NotFound
from backend.enterprise import alerts, store
from backend.enterprise.entrance import HOME, Entered, Entrance, check_form, login_path
from backend.enterprise.library import Shelf
from backend.enterprise.rendering import BEIJING, Pages
from backend.enterprise.standards import status_on
from backend.search.engine import SearchEngine

PATH = f"{HOME}/topics"


def topic_routes(
    pages: Pages, entrance: Entrance, database: Database, engine: SearchEngine, head: Callable[[], int]
) -> APIRouter:
    """The pages and forms; everything that changes something needs an account and its form token."""
    routes = APIRouter(include_in_schema=False)

    def show(entered: Entered, error: LianwenError | None = None, **form: str) -> Response:
        code = entered.branch.code
        with database.read() as session:
            topics, watches = store.topics(session, code), store.watches(session, code)
            news, unread = store.alerts(session, code, limit=50), store.unread(session, code)
        filled = {"name": "", "query": "", **form}
        return pages.page(
            "topics.html", entered=entered, error=error, topics=topics, watches=watches, news=news, unread=unread,
            kinds=alerts.KINDS, form=filled,
        )  # fmt: skip

    @routes.get(PATH)
    def topics_page(request: Request) -> Response:
        entered = entrance.entered(request)
        if entered is None:
            return RedirectResponse(login_path(request), 303)
        return show(entered)

    @routes.post(PATH)
    async def add(
        request: Request,
        name: Annotated[str, Form(max_length=120)] = "",
        query: Annotated[str, Form(max_length=500)] = "",
        kinds: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        entered = entrance.account(request)
        await check_form(request, entered)
        try:
            with database.begin() as session:
                alerts.add_topic(
                    session, entered.branch.code, name=name, query=query, kinds=kinds or (), head=head()
                )  # fmt: skip
        except (InputError, Conflict) as error:
            return show(entered, error, name=name, query=query)
        return RedirectResponse(PATH, 303)

    @routes.post(f"{PATH}/{{topic_id}}/remove")
    async def remove(request: Request, topic_id: str) -> Response:
        entered = entrance.account(request)
        await check_form(request, entered)
        with database.begin() as session:
            alerts.remove_topic(session, entered.branch.code, topic_id)
        return RedirectResponse(PATH, 303)

    @routes.post(f"{HOME}/follow")
    async def follow(request: Request, number: Annotated[str, Form(max_length=80)] = "") -> Response:
        entered = entrance.account(request)
        await check_form(request, entered)
        shelf = Shelf(engine, entered.branch.code)
        standard = shelf.standard(number)
        if standard is None:
            raise NotFound("没有这项标准。")
        today = datetime.now(BEIJING).date()
        with database.begin() as session:
            status = status_on(standard, today, shelf.standard)
            alerts.follow(session, entered.branch.code, standard, status=status, today=today)
        return RedirectResponse(f"{HOME}/items/{standard.item_id}", 303)

    @routes.post(f"{HOME}/watches/{{watch_id}}/remove")
    async def unfollow(request: Request, watch_id: str) -> Response:
        entered = entrance.account(request)
        await check_form(request, entered)
        with database.begin() as session:
            alerts.unfollow(session, entered.branch.code, watch_id)
        return RedirectResponse(PATH, 303)

    @routes.post(f"{HOME}/alerts/read")
    async def read(request: Request) -> Response:
        entered = entrance.account(request)
        await check_form(request, entered)
        with database.begin() as session:
            store.mark_read(session, entered.branch.code, now())
        return RedirectResponse(PATH, 303)

    return routes
