"""Settings name what is wrong with them; every error has one shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from backend.core import errors
from backend.core.http import install_error_handlers
from backend.core.settings import Settings, load_settings
from backend.core.tokens import SignedCookie, VisitorTokens


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANWEN_CHAT_TIMEOUT", "soon")
    with pytest.raises(errors.ConfigurationError, match="LIANWEN_CHAT_TIMEOUT"):
        load_settings()


def test_the_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = Settings(data_dir=tmp_path).signing_key()
    assert Settings(data_dir=tmp_path).signing_key() == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_postgresql_urls_use_the_installed_driver(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://db/lianwen")
    assert settings.effective_database_url == "postgresql+psycopg://db/lianwen"


def test_a_visitor_token_comes_back_and_a_forged_one_does_not() -> None:
    tokens = VisitorTokens("k" * 40, ttl=60)
    token, _ = tokens.issue(member="demo", origin="http://localhost:8000")
    assert tokens.read(token).member == "demo"
    with pytest.raises(errors.Unauthenticated):
        VisitorTokens("x" * 40, ttl=60).read(token)


def test_a_cookie_of_one_purpose_is_not_one_of_another() -> None:
    value = SignedCookie("k" * 40, purpose="staff", ttl=60).write("s1")
    assert SignedCookie("k" * 40, purpose="branch", ttl=60).read(value) is None


class Body(BaseModel):
    size: int


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/missing")
    def missing() -> None:
        raise errors.NotFound("没有这条记录。")

    @app.get("/limited")
    def limited() -> None:
        raise errors.TooManyRequests("慢一点。", retry_after=7)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("a secret path")

    @app.post("/body")
    def body(_: Body) -> None:
        return

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("GET", "/missing", None, 404, "not_found"),
        ("GET", "/limited", None, 429, "too_many_requests"),
        ("GET", "/broken", None, 500, "internal"),
        ("GET", "/no/such/page", None, 404, "not_found"),
        ("DELETE", "/missing", None, 405, "method_not_allowed"),
        ("POST", "/body", "{", 400, "malformed_body"),
        ("POST", "/body", '{"size": "many"}', 422, "invalid_input"),
    ],
)
def test_every_error_has_the_one_shape(
    client: TestClient, method: str, path: str, content: str | None, status: int, code: str
) -> None:
    answer = client.request(method, path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["code"] == code
    assert "secret path" not in answer.text


def test_a_refused_caller_is_told_when_to_return(client: TestClient) -> None:
    assert client.get("/limited").headers["retry-after"] == "7"
