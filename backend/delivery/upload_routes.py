"""``POST /api/delivery/requests/NUMBER/file``: a supplier's program delivers a copy.

The body is the file itself, streamed to disk. The caller is a librarian's account: its console session with the CSRF
token as a header, or user name and password (HTTP Basic) for programs that keep no session.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from backend.core.access import Staff
from backend.core.errors import Unauthenticated
from backend.core.http import check_csrf, gate_of, limited
from backend.core.limits import LOGIN, UPLOADS
from backend.delivery.counter import Counter


class Accounts(Protocol):
    """Port to the staff accounts."""

    def verify(self, username: str, password: str) -> Staff:
        """:raises Unauthenticated: for a wrong name or password."""


def router(counter: Counter, accounts: Accounts) -> APIRouter:
    """The suppliers' endpoint."""
    routes = APIRouter(prefix="/api/delivery/requests", tags=["delivery"])

    @routes.post("/{number}/file", status_code=201, dependencies=[limited("uploads", UPLOADS)])
    async def upload(
        request: Request,
        number: str,
        pages_checked: bool = False,
        share: Annotated[float | None, Query(ge=0, le=1)] = None,
    ) -> Response:
        """Deliver a copy: PDF, JPEG, PNG or TIFF as the body. ``pages_checked``: another number of pages than asked."""
        staff = await _supplier(request, accounts)
        with counter.incoming() as path:
            await counter.receive(request.stream(), path)
            view = await run_in_threadpool(
                counter.supply, number, path, staff=staff, pages_checked=pages_checked, share=share
            )
        return JSONResponse(view, 201)

    return routes


async def _supplier(request: Request, accounts: Accounts) -> Staff:
    """Who uploads; known before a byte of the body is read."""
    gate = gate_of(request)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        session = gate.staff_session(request)
        if session is None:
            raise Unauthenticated("请用馆员账号登录，或用 HTTP Basic 提供用户名和密码。")
        await check_csrf(request)
        return session.staff
    try:
        username, colon, password = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated("HTTP Basic 的内容无法读取。") from error
    if not colon:
        raise Unauthenticated("HTTP Basic 的内容无法读取。")
    gate.limiter.check("login", f"address:{gate.address(request)}", LOGIN)
    gate.limiter.check("login", f"account:{username.strip().lower()[:80]}", LOGIN)
    return await run_in_threadpool(accounts.verify, username, password)
