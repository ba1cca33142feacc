"""Readers who call the endpoints, and a small catalogue for them: fixtures, made known by ``conftest``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.consortium.staff import StaffSessions
from backend.core.db import Database
from backend.core.http import Gate, install_error_handlers
from backend.core.limits import Unlimited
from backend.core.tokens import VisitorTokens
from backend.delivery.routes import router
from backend.delivery.values import ItemRef
from tests.delivery.library import RULES, item

KEY = "k" * 40
URL = "/api/delivery/requests"
HIDDEN = "branch-only"


class Shelf:
    """A catalogue of two records, one of them a branch's."""

    def item(self, record_id: str, audiences: frozenset[str]) -> ItemRef | None:
        if record_id == HIDDEN and "branch:x" not in audiences:
            return None
        return item("city", "college", item_id=record_id) if record_id in (HIDDEN, "r1", "r2") else None

    def match(self, citation: str, audiences: frozenset[str]) -> Sequence[ItemRef]:
        return [item("city", item_id="r1", title="地方志编纂", creators=("陈某",), year=2001)]


class NoBranches:
    def branches(self, address: str, cookie: str | None) -> frozenset[str]:
        return frozenset()


class Reader:
    def __init__(self, client: TestClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}", "Origin": "http://localhost"}

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._client.post(path, json=body, headers=self._headers | headers)

    def get(self, path: str) -> Any:
        return self._client.get(path, headers=self._headers)


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    app = FastAPI()
    sessions = StaffSessions(database, key=KEY, ttl=60)
    app.state.gate = Gate(VisitorTokens(KEY, ttl=60), Unlimited(), sessions, NoBranches())
    install_error_handlers(app)
    app.include_router(router(database, Shelf(), RULES))
    with TestClient(app) as made:
        yield made


@pytest.fixture
def reader(client: TestClient) -> Reader:
    return Reader(client, VisitorTokens(KEY, ttl=60).issue(member="county-b", origin="http://localhost")[0])


@pytest.fixture
def stranger(client: TestClient) -> Reader:
    return Reader(client, VisitorTokens(KEY, ttl=60).issue(member="county-b", origin="http://localhost")[0])
