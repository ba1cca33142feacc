"""``/enterprise``: search over a branch's collections, standards, topics; ``/api/enterprise/whoami``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from backend.core.db import Database
from backend.core.errors import InputError, NotFound, NotReady, Unauthenticated
from backend.core.http import BRANCH_COOKIE, CallerDep, check_same_site, gate_of, limited
from backend.core.limits import LOGIN, SEARCH
from backend.enterprise import alerts, branches, store
from backend.enterprise.branches import Branches
from backend.enterprise.entrance import HOME, Entered, Entrance, check_form, login_path, safe_next
from backend.enterprise.library import Shelf
from backend.enterprise.rendering import BEIJING, Pages
from backend.enterprise.standards import chain, standard_of, status_on
from backend.enterprise.topics import topic_routes
from backend.search.engine import SearchEngine
from backend.search.values import Filters, SearchRequest

TABS = {"": "全部产业文献", **alerts.KINDS}
INDUSTRY = ("standard", "news", "research")
PAGE = 10
EXAMPLES = ("GB/T 7714-2015", "动力电池 底部撞击", "预包装食品标签 新标准", "陶瓷 铅镉溶出", "智能制造 成熟度")


def router(database: Database, engine: SearchEngine, directory: Branches, head: Callable[[], int]) -> APIRouter:
    """Every page and endpoint of the branches. ``head()`` is the catalogue's latest revision."""
    pages, entrance = Pages(), Entrance(database, directory)
    routes = APIRouter(tags=["enterprise"])
    routes.include_router(_entry(pages, entrance))
    routes.include_router(_library(pages, entrance, database, engine))
    routes.include_router(topic_routes(pages, entrance, database, engine, head))
    routes.include_router(_api(database))
    return routes


def _entry(pages: Pages, entrance: Entrance) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get(f"{HOME}/login")
    def login_page(next: Annotated[str, Query(max_length=500)] = HOME) -> Response:
        return pages.page("login.html", next=safe_next(next), username="")

    @routes.post(f"{HOME}/login")
    def login(
        request: Request,
        username: Annotated[str, Form(max_length=80)] = "",
        password: Annotated[str, Form(max_length=500)] = "",
        next: Annotated[str, Form(max_length=500)] = HOME,
    ) -> Response:
        check_same_site(request)
        gate = gate_of(request)
        gate.limiter.check("login", f"address:{gate.address(request)}", LOGIN)
        gate.limiter.check("login", f"branch-account:{username.strip().lower()}", LOGIN)
        try:
            cookie = entrance.directory.sign_in(username, password)
        except Unauthenticated as error:
            return pages.page("login.html", error=error, next=safe_next(next), username=username)
        answer = RedirectResponse(safe_next(next), 303)
        answer.set_cookie(
            BRANCH_COOKIE, cookie, max_age=entrance.directory.ttl, httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    @routes.post(f"{HOME}/logout")
    async def logout(request: Request) -> Response:
        entered = entrance.account(request)
        await check_form(request, entered)
        entrance.directory.sign_out(request.cookies[BRANCH_COOKIE])
        answer = RedirectResponse(f"{HOME}/login", 303)
        answer.delete_cookie(BRANCH_COOKIE)
        return answer

    return routes


def _library(pages: Pages, entrance: Entrance, database: Database, engine: SearchEngine) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get(HOME, dependencies=[limited("search", SEARCH)])
    def home(
        request: Request,
        q: Annotated[str, Query(max_length=2_000)] = "",
        kind: Annotated[str, Query(max_length=20)] = "",
        page: Annotated[int, Query(ge=1, le=100)] = 1,
    ) -> Response:
        entered = entrance.entered(request)
        if entered is None:
            return RedirectResponse(login_path(request), 303)
        frame: dict[str, Any] = {"tabs": TABS, "kind": kind if kind in TABS else "", "q": q, "examples": EXAMPLES}
        if not q.strip():
            return pages.page("home.html", entered=entered, found=None, **frame, **_followed(database, entered))
        try:
            found = engine.search(_asked(q, frame["kind"], page), entered.caller.audiences)
        except (InputError, NotReady) as error:
            return pages.page("home.html", entered=entered, error=error, found=None, **frame, **_nothing())
        shelf = Shelf(engine, entered.branch.code)
        today = _today()
        states = {hit.id: _state(shelf, hit.id, today) for hit in found.hits if hit.kind == "standard"}
        return pages.page("results.html", entered=entered, found=found, states=states, page_size=PAGE, **frame)

    @routes.get(f"{HOME}/items/{{item_id}}", dependencies=[limited("search", SEARCH)])
    def item(request: Request, item_id: str) -> Response:
        entered = entrance.entered(request)
        if entered is None:
            return RedirectResponse(login_path(request), 303)
        found = engine.item(item_id, entered.caller.audiences)
        if found is None:
            return pages.page("missing.html", entered=entered, error=NotFound("没有这条文献。"))
        shelf = Shelf(engine, entered.branch.code)
        numbers = [identifier.value for identifier in found.identifiers if identifier.scheme == "standard"]
        standard = standard_of(found.id, numbers[0], found.title, found.metadata) if numbers else None
        if found.kind != "standard" or standard is None:
            return pages.page("item.html", entered=entered, item=found, standard=None, steps=[], state="", watch=None)
        today = _today()
        steps = [(one, status_on(one, today, shelf.standard)) for one in chain(standard, shelf.standard)]
        with database.read() as session:
            watch = store.watch_row(session, entered.branch.code, standard.number)
        return pages.page(
            "item.html", entered=entered, item=found, standard=standard, steps=steps, watch=watch,
            state=status_on(standard, today, shelf.standard),
        )  # fmt: skip

    return routes


def _api(database: Database) -> APIRouter:
    routes = APIRouter(prefix="/api/enterprise")

    @routes.get("/whoami")
    def whoami(caller: CallerDep) -> dict[str, Any]:
        """The branches that the caller is in."""
        with database.read() as session:
            names = {branch.code: branch.name for branch in branches.list_branches(session)}
        return {"branches": [{"code": code, "name": names.get(code, code)} for code in sorted(caller.branches)]}

    return routes


def _asked(q: str, kind: str, page: int) -> SearchRequest:
    return SearchRequest(q=q, filters=Filters(kinds=(kind,) if kind else INDUSTRY), page=page, size=PAGE)


def _today() -> date:
    return datetime.now(BEIJING).date()


def _state(shelf: Shelf, item_id: str, today: date) -> str:
    item = shelf.engine.item(item_id, shelf.audiences)
    if item is None:
        return ""
    numbers = [identifier.value for identifier in item.identifiers if identifier.scheme == "standard"]
    standard = standard_of(item.id, numbers[0] if numbers else "", item.title, item.metadata)
    return status_on(standard, today, shelf.standard)


def _nothing() -> dict[str, Any]:
    return {"news": [], "unread": 0, "topics": [], "watches": []}


def _followed(database: Database, entered: Entered) -> dict[str, Any]:
    """What the branch follows, for its first page."""
    code = entered.branch.code
    with database.read() as session:
        topics, watches = store.topics(session, code), store.watches(session, code)
        news, unread = store.alerts(session, code, limit=5), store.unread(session, code)
    return {"news": news, "unread": unread, "topics": topics, "watches": watches}
