"""``POST /api/visitors``: a token for a reader on a member's web site."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.consortium.members import check_origin
from backend.consortium.store import member as find_member
from backend.core.db import Database
from backend.core.errors import OriginNotAllowed, Unauthenticated
from backend.core.http import gate_of
from backend.core.limits import VISITORS
from backend.core.tokens import VisitorTokens

RENEWABLE = int(timedelta(days=7).total_seconds())
"""Seconds after which an old token no longer brings its visitor id back."""


class VisitorAsk(BaseModel):
    model_config = ConfigDict(extra="ignore")

    member: str = Field(min_length=1, max_length=40)


class VisitorToken(BaseModel):
    """A Bearer token and the moment it expires (UTC)."""

    token: str
    expires_at: datetime


def router(database: Database, tokens: VisitorTokens) -> APIRouter:
    """The visitors' endpoint."""
    routes = APIRouter(prefix="/api", tags=["visitors"])

    @routes.post("/visitors")
    def visitors(ask: VisitorAsk, request: Request) -> VisitorToken:
        """A visitor token bound to the calling site. An old token in ``Authorization`` keeps its visitor's id."""
        gate = gate_of(request)
        gate.limiter.check("visitors", f"address:{gate.address(request)}", VISITORS)
        with database.read() as session:
            member = find_member(session, ask.member)
        if member is None or not member.active:
            raise OriginNotAllowed("没有这个成员馆，或这个网站不在它的名单上。", detail={"member": ask.member})
        origin = check_origin(member, request.headers.get("origin"))
        token, expires_at = tokens.issue(
            member=member.library, origin=origin, visitor_id=_known_visitor(request, tokens, member.library, origin)
        )
        return VisitorToken(token=token, expires_at=expires_at)

    return routes


def _known_visitor(request: Request, tokens: VisitorTokens, member: str, origin: str) -> str | None:
    """The id in the old token, when it was issued here for the same member and site not long ago."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    try:
        visitor = tokens.read(token.strip(), max_age=RENEWABLE)
    except Unauthenticated:
        return None
    return visitor.id if (visitor.member, visitor.origin) == (member, origin) else None
