"""What every route shares: who calls, how often they may, how errors look.

Routes take their caller with ``CallerDep`` (or ``VisitorDep``, ``StaffDep``). The resolver behind it is put together in
``backend.app``; staff and branches are looked up through ports, so that core imports no domain.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from backend.core.access import Caller, Network, Staff, Visitor, client_address
from backend.core.errors import (
    Forbidden,
    InputError,
    LianwenError,
    MalformedBody,
    OriginNotAllowed,
    TooManyRequests,
    Unauthenticated,
)
from backend.core.limits import Limiter, Rate
from backend.core.tokens import VisitorTokens

log = logging.getLogger(__name__)

STAFF_COOKIE = "lianwen_staff"
BRANCH_COOKIE = "lianwen_branch"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A signed-in librarian and the CSRF token of that session."""

    staff: Staff
    csrf: str


class StaffDirectory(Protocol):
    """Port to the staff accounts: who does this session cookie belong to?"""

    def session(self, cookie: str) -> StaffSession | None: ...


class BranchDirectory(Protocol):
    """Port to the enterprise branches: which of them is a caller at this address, or with this cookie, in?"""

    def branches(self, address: str, cookie: str | None) -> frozenset[str]: ...


@dataclass(slots=True)
class Gate:
    """Resolves callers and counts their calls. One per application, at ``app.state.gate``."""

    tokens: VisitorTokens
    limiter: Limiter
    staff: StaffDirectory
    branches: BranchDirectory
    trusted_proxies: Sequence[Network] = field(default_factory=tuple)

    def address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        return client_address(peer, request.headers.get("x-forwarded-for", ""), self.trusted_proxies)

    def caller(self, request: Request) -> Caller:
        """Who calls. A wrong or foreign token is an error, no token is not."""
        address = self.address(request)
        session = self.staff_session(request)
        return Caller(
            address=address,
            visitor=self._visitor(request),
            staff=session.staff if session else None,
            branches=self.branches.branches(address, request.cookies.get(BRANCH_COOKIE)),
        )

    def staff_session(self, request: Request) -> StaffSession | None:
        cookie = request.cookies.get(STAFF_COOKIE)
        return self.staff.session(cookie) if cookie else None

    def _visitor(self, request: Request) -> Visitor | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        visitor = self.tokens.read(token.strip())
        origin = request.headers.get("origin")
        if origin is not None and origin != visitor.origin:
            raise OriginNotAllowed("访客令牌不属于这个网站。", detail={"origin": origin})
        return visitor


def gate_of(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def get_caller(request: Request) -> Caller:
    return gate_of(request).caller(request)


CallerDep = Annotated[Caller, Depends(get_caller)]


def get_visitor_caller(caller: CallerDep) -> Caller:
    if caller.visitor is None:
        raise Unauthenticated("请先用 POST /api/visitors 取得访客令牌。")
    return caller


VisitorDep = Annotated[Caller, Depends(get_visitor_caller)]


def get_staff(request: Request) -> StaffSession:
    session = gate_of(request).staff_session(request)
    if session is None:
        raise Unauthenticated("请先登录馆员工作台。")
    return session


StaffDep = Annotated[StaffSession, Depends(get_staff)]


async def check_csrf(request: Request) -> None:
    """Every state-changing console request carries the session's CSRF token, as a header or a form field.

    :raises Forbidden: when it does not, or when the request comes from another site.
    """
    session = get_staff(request)
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        await request.close()  # an uploaded file is let go at once
        raise Forbidden("页面已失效，请刷新后重试。", detail={"reason": "csrf"})


def check_same_site(request: Request) -> None:
    """A login form sent from another site would sign the visitor in as somebody else.

    :raises Forbidden: when the browser says that it comes from there.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("请在本站的登录页登录。", detail={"reason": "cross_site"})


def own_page(path: str, *, under: str) -> str | None:
    """``path`` when it is a page of ours below ``under``, and not its login or logout; None for anything else."""
    parts = urlsplit(path)
    ours = not parts.scheme and not parts.netloc and "\\" not in path
    inside = parts.path == under or parts.path.startswith(f"{under}/")
    return path if ours and inside and not parts.path.startswith(f"{under}/log") else None


def limited(kind: str, rate: Rate) -> Any:
    """A dependency that counts the caller's calls of this kind."""

    def check(request: Request, caller: CallerDep) -> None:
        gate = gate_of(request)
        gate.limiter.check(kind, caller.limit_key, rate)

    return Depends(check)


def install_error_handlers(app: FastAPI) -> None:
    """Give every error the one JSON shape; what nobody foresaw is logged and answered without its text."""

    def lianwen(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, LianwenError):
            raise error
        headers = {"Retry-After": str(int(error.retry_after))} if isinstance(error, TooManyRequests) else None
        return JSONResponse(error.to_json(), error.status, headers=headers)

    def validation(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        wrapped = describe_validation(error)
        return JSONResponse(wrapped.to_json(), wrapped.status)

    def http(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, f"http_{error.status_code}")
        body = {"error": {"code": code, "message": str(error.detail)}}
        return JSONResponse(body, error.status_code, headers=error.headers)

    def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen error in %s %s", request.method, request.url.path, exc_info=error)
        return JSONResponse(LianwenError("服务内部出错，已记录。").to_json(), 500)

    handlers: dict[type[Exception], Callable[[Request, Exception], JSONResponse]] = {
        LianwenError: lianwen,
        RequestValidationError: validation,
        HTTPException: http,
        Exception: unforeseen,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def describe_validation(error: RequestValidationError) -> InputError:
    """The first fault in words, all of them in ``detail``; the input itself is not echoed."""
    faults = [
        {"where": ".".join(str(part) for part in fault["loc"]), "problem": fault["msg"]} for fault in error.errors()
    ]
    malformed = any(fault["type"] == "json_invalid" for fault in error.errors())
    kind = MalformedBody if malformed else InputError
    message = "请求正文不是有效的 JSON。" if malformed else f"{faults[0]['where']}: {faults[0]['problem']}"
    return kind(message, detail={"faults": faults})
