"""What every HTTP exchange passes: a limit on bodies, cross-origin rules, security headers, metrics.

Plain ASGI, because Starlette's base class for middleware buffers around streams.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.errors import LianwenError, OriginNotAllowed, TooLarge

ALLOWED_HEADERS = "authorization, content-type, idempotency-key, last-event-id, x-csrf-token"
ALLOWED_METHODS = "GET, POST, DELETE, OPTIONS"

PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS_POLICY = PAGE_POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


async def _refuse(error: LianwenError, scope: Scope, send: Send) -> None:
    body = json.dumps(error.to_json(), ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def size_words(count: int) -> str:
    """>>> size_words(1000), size_words(262_144), size_words(67_108_864)
    ('1000 字节', '256 KB', '64 MB')
    """
    if count < 1024:
        return f"{count} 字节"
    return f"{count // 1024} KB" if count < 1024 * 1024 else f"{count // (1024 * 1024)} MB"


class BodyLimit:
    """Refuses a body over its limit before reading it (declared) or as soon as it grows over it (streamed)."""

    def __init__(self, app: ASGIApp, *, limit: int, larger: Mapping[str, int]) -> None:
        """``limit`` bytes; ``larger`` gives path patterns (regular expressions) their own."""
        self._app = app
        self._limit = limit
        self._larger = [(re.compile(pattern), size) for pattern, size in larger.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((size for pattern, size in self._larger if pattern.fullmatch(scope["path"])), self._limit)
        declared = Headers(scope=scope).get("content-length", "0")
        error = TooLarge(f"请求正文过大，上限 {size_words(limit)}。", detail={"limit": limit})
        if not declared.isdigit() or int(declared) > limit:
            await _refuse(error, scope, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise error
            return message

        await self._app(scope, counted, send)


class CrossOrigin:
    """CORS by the members' own lists: an origin that no member names gets no answer from a browser's point of view.

    Refusal of foreign origins for tokens is the gate's work; this only tells browsers who may read.
    """

    def __init__(self, app: ASGIApp, *, allowed: Callable[[str], bool]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin")
        known = origin is not None and self._allowed(origin)
        if scope["method"] == "OPTIONS" and origin is not None:
            await self._preflight(origin, known, scope, send)
            return

        async def with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("vary", "Origin")
                if known and origin:
                    headers["access-control-allow-origin"] = origin
                    headers["access-control-expose-headers"] = "retry-after"
            await send(message)

        await self._app(scope, receive, with_origin)

    async def _preflight(self, origin: str, known: bool, scope: Scope, send: Send) -> None:
        if not known:
            await _refuse(OriginNotAllowed("这个网站不在任何成员馆的名单上。", detail={"origin": origin}), scope, send)
            return
        headers = {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": ALLOWED_METHODS,
            "access-control-allow-headers": ALLOWED_HEADERS,
            "access-control-max-age": "600",
            "vary": "Origin",
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 204, "headers": raw})
        await send({"type": "http.response.body", "body": b""})


class SecurityHeaders:
    """Pages run only their own scripts and are framed by nobody; the widget's files may be loaded from anywhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "strict-origin-when-cross-origin")
                if path.startswith("/widget/"):
                    headers["access-control-allow-origin"] = "*"
                    headers["cross-origin-resource-policy"] = "cross-origin"
                elif headers.get("content-type", "").startswith("text/html"):
                    policy = DOCS_POLICY if path.startswith("/docs") else PAGE_POLICY
                    headers.setdefault("content-security-policy", policy)
            await send(message)

        await self._app(scope, receive, hardened)


class Metrics:
    """Counts and times of requests by route template, never by raw path (an id is no label)."""

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "lianwen_http_requests", "HTTP requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "lianwen_http_seconds",
            "seconds until the first byte of an answer",
            ["method", "route"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                self._requests.labels(scope["method"], route, str(message["status"])).inc()
                self._seconds.labels(scope["method"], route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)
