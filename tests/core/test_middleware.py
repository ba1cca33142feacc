"""Bodies are bounded, foreign origins learn nothing, pages run only their own scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest

from backend.core.http import install_error_handlers
from backend.core.middleware import BodyLimit, CrossOrigin, Metrics, SecurityHeaders

LIBRARY = "https://lib.example.org"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> TestClient:
    app = FastAPI()
    install_error_handlers(app)

    @app.post("/api/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    @app.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("<p>你好</p>")

    @app.get("/api/items/{item_id}")
    def item(item_id: str) -> str:
        return item_id

    app.add_middleware(BodyLimit, limit=100, larger={"/api/large": 1000})
    app.add_middleware(CrossOrigin, allowed=lambda origin: origin == LIBRARY)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Metrics, registry=registry)
    return TestClient(app)


def test_a_declared_body_over_the_limit_is_refused_unread(client: TestClient) -> None:
    answer = client.post("/api/echo", content=b"x" * 101)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert client.post("/api/echo", content=b"x" * 100).json() == 100


def test_a_streamed_body_is_cut_when_it_grows_over_the_limit(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 10

    answer = client.post("/api/echo", content=chunks())
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


def test_a_member_site_may_call_and_a_foreign_one_may_not(client: TestClient) -> None:
    preflight = {"origin": LIBRARY, "access-control-request-method": "POST"}
    allowed = client.options("/api/echo", headers=preflight)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == LIBRARY
    refused = client.options("/api/echo", headers={**preflight, "origin": "https://evil.example"})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    foreign = client.get("/api/items/1", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers


def test_pages_carry_a_strict_content_policy(client: TestClient) -> None:
    policy = client.get("/page").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy


def test_metrics_count_by_route_and_not_by_id(client: TestClient, registry: CollectorRegistry) -> None:
    client.get("/api/items/one")
    client.get("/api/items/two")
    text = generate_latest(registry).decode()
    assert 'lianwen_http_requests_total{method="GET",route="/api/items/{item_id}",status="200"} 2.0' in text
    assert "items/one" not in text
