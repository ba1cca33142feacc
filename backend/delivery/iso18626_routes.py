"""``POST /iso18626``: other systems' messages."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from backend.consortium.peers import peer_of_token
from backend.consortium.values import Peer
from backend.core.errors import TooLarge, Unauthenticated
from backend.delivery.iso18626_receive import Exchange, too_large
from backend.delivery.iso18626_write import confirm


def router(exchange: Exchange) -> APIRouter:
    """The endpoint. Peers show their Bearer token; every message of theirs gets a confirmation."""
    routes = APIRouter(tags=["iso18626"])

    @routes.post("/iso18626", response_class=Response)
    async def iso18626(request: Request) -> Response:
        """An ISO 18626 message (1.2 or 2021-2) in, its confirmation out."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        peer = await run_in_threadpool(_peer, exchange, token.strip()) if scheme.lower() == "bearer" else None
        if peer is None:
            raise Unauthenticated("未知的 ISO 18626 对端：令牌缺失或无效。")
        try:
            body = await request.body()
        except TooLarge as error:
            return Response(confirm(too_large(int((error.detail or {}).get("limit", 0)))), media_type="application/xml")
        confirmation = await run_in_threadpool(exchange.receive, body, peer)
        return Response(confirm(confirmation), media_type="application/xml")

    return routes


def _peer(exchange: Exchange, token: str) -> Peer | None:
    with exchange.database.read() as session:
        return peer_of_token(session, token) if token else None
