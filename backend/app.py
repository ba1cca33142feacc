"""The web application: puts routers, callers, limits and pages together over :class:`backend.composition.Services`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi_swagger import patch_fastapi
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

import backend
from backend.chat.metrics import ChatMetrics
from backend.composition import Services
from backend.core import jobs
from backend.core.errors import LianwenError, NotReady
from backend.core.http import Gate, install_error_handlers
from backend.core.middleware import BodyLimit, CrossOrigin, Metrics, SecurityHeaders
from backend.core.settings import load_settings
from backend.worker import InProcess

log = logging.getLogger(__name__)

STATIC = Path(backend.__file__).parents[1] / "widget" / "static"

BODY_LIMIT = 256 * 1024
LARGER_BODIES = {r"/iso18626": 4 * 1024 * 1024}
UPLOADS = (r"/desk/requests/[^/]+/file", r"/api/delivery/requests/[^/]+/file")
ROOM = 2 * 1024 * 1024
"""Above the limit of files, so that a file a little too large is answered by the page it was sent from."""


def create_app(services: Services) -> FastAPI:
    """The application over ``services``; nothing is read from the environment here.

    :raises ConfigurationError: for a setting that cannot be used.
    """
    services.check()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        _warm(services)
        if not services.settings.redis_url:
            services.chat.recover()  # the only process: what is still being answered was left by another life
        embedded = InProcess(services) if services.database.engine.dialect.name == "sqlite" else None
        if embedded:
            embedded.start()
        yield
        await services.chat.close()
        if embedded:
            embedded.close()
        services.close()

    app = FastAPI(
        title="联问 Lianwen",
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.gate = Gate(
        tokens=services.visitor_tokens,
        limiter=services.limiter,
        staff=services.staff_sessions,
        branches=services.branch_directory,
        trusted_proxies=services.trusted_proxies,
    )
    registry = CollectorRegistry()
    registry.register(ChatMetrics(services.chat))
    install_error_handlers(app)
    patch_fastapi(app, docs_url="/docs", redirect_from_root_to_docs=False)
    for router in services.routers():
        app.include_router(router)
    _operations(app, services, registry)
    _pages(app)
    upload = services.settings.delivery_max_megabytes * 1024 * 1024 + ROOM
    app.add_middleware(BodyLimit, limit=BODY_LIMIT, larger=LARGER_BODIES | dict.fromkeys(UPLOADS, upload))
    app.add_middleware(CrossOrigin, allowed=services.origins.origin_allowed)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Metrics, registry=registry)
    return app


def from_environment() -> FastAPI:
    """Factory for a server that starts its own worker processes."""
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return create_app(Services(settings))


def _warm(services: Services) -> None:
    """Load model and index before the first reader asks. Without an index the service starts and says so."""
    try:
        services.engine.warm()
    except NotReady as error:
        log.warning("%s", error.message)


def _operations(app: FastAPI, services: Services, registry: CollectorRegistry) -> None:
    @app.get("/healthz", include_in_schema=False)
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> dict[str, str]:
        services.database.ping()
        return {"status": "ready", "snapshot": services.engine.snapshot_name()}

    waiting = Gauge("lianwen_steps_waiting", "steps of the worker that are due", registry=registry)
    stuck = Gauge("lianwen_steps_stuck", "steps of the worker that keep failing", registry=registry)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        with services.database.read() as session:
            waiting.set(jobs.waiting(session))
            stuck.set(len(jobs.stuck(session)))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def demo_page() -> FileResponse:
        return FileResponse(STATIC / "demo.html", media_type="text/html")

    @app.get("/robots.txt", include_in_schema=False)
    def robots() -> PlainTextResponse:
        return PlainTextResponse("User-agent: *\nDisallow: /desk\nDisallow: /enterprise\nDisallow: /api/\n")

    app.mount("/widget", StaticFiles(directory=STATIC), name="widget")


__all__ = ["LianwenError", "create_app", "from_environment"]
