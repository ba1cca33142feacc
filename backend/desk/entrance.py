"""Who may open a page of the desk; signing in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from backend.core.errors import Unauthenticated
from backend.core.http import STAFF_COOKIE, StaffSession, check_csrf, check_same_site, gate_of, own_page
from backend.core.limits import LOGIN
from backend.desk.ports import SignIn
from backend.desk.rendering import Pages

HOME = "/desk/requests"


def signed_in(request: Request) -> StaffSession:
    """The librarian's session; without one the browser is sent to the login page and back afterwards."""
    session = gate_of(request).staff_session(request)
    if session is None:
        wanted = request.url.path if request.method == "GET" else HOME
        raise HTTPException(303, headers={"Location": f"/desk/login?next={quote(wanted)}"})
    return session


SignedIn = Annotated[StaffSession, Depends(signed_in)]
Csrf = Depends(check_csrf)


def see_other(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def safe_next(path: str) -> str:
    """Where to go after the login: a page of this desk, never another site."""
    return own_page(path, under="/desk") or HOME


def router(pages: Pages, sign_in: SignIn) -> APIRouter:
    """Login and logout."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)

    @routes.get("")
    def desk(_session: SignedIn) -> Response:
        return see_other(HOME)

    @routes.get("/login")
    def login_page(next: str = HOME) -> Response:
        return pages.page("login.html", next=safe_next(next), username="")

    @routes.post("/login", dependencies=[Depends(check_same_site)])
    def login(
        request: Request,
        username: Annotated[str, Form(max_length=80)] = "",
        password: Annotated[str, Form(max_length=500)] = "",
        next: Annotated[str, Form(max_length=500)] = HOME,
    ) -> Response:
        gate = gate_of(request)
        gate.limiter.check("login", f"address:{gate.address(request)}", LOGIN)
        gate.limiter.check("login", f"account:{username.strip().lower()}", LOGIN)
        try:
            cookie = sign_in.sign_in(username, password)
        except Unauthenticated as error:
            return pages.page("login.html", error=error, next=safe_next(next), username=username)
        answer = see_other(safe_next(next))
        answer.set_cookie(
            STAFF_COOKIE,
            cookie,
            max_age=sign_in.ttl,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    @routes.post("/logout", dependencies=[Csrf])
    def logout(request: Request) -> Response:
        sign_in.sign_out(request.cookies[STAFF_COOKIE])
        answer = see_other("/desk/login")
        answer.delete_cookie(STAFF_COOKIE)
        return answer

    return routes
