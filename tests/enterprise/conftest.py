"""A branch ACME over a small shelf, with its pages in a bare application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.core.db import Base, Database
from backend.core.http import Gate, install_error_handlers
from backend.core.limits import Unlimited
from backend.core.tokens import VisitorTokens
from backend.enterprise import branches
from backend.enterprise.branches import Branches
from backend.enterprise.routes import router
from backend.search import routes as search_routes
from backend.search.engine import SearchEngine
from indexer.build import build
from indexer.records import IndexItem
from indexer.snapshot import SnapshotStore
from tests.search.library import FakeCatalogue, HashingEmbedder, item

PASSWORD = "correct horse 9"
SECRET = "branch:ACME"


def standard(item_id: str, number: str, title: str, audience: str = SECRET, **facts: Any) -> IndexItem:
    entry = item(
        item_id, f"{number} {title}", f"{number}《{title}》的题录。", kind="standard", collection="ent-standards",
        audience=audience, standard=number,
    )  # fmt: skip
    return IndexItem(item=replace(entry.item, metadata=facts), passages=entry.passages)


def shelf() -> list[IndexItem]:
    return [
        standard("o1", "GB 1-2001", "石墨烯膜", status="废止", effective_date="2001-05-01", replaced_by=["GB 1-2011"]),
        standard("o2", "GB 1-2011", "石墨烯膜", status="现行", effective_date="2011-05-01", replaces=["GB 1-2001"],
                 replaced_by=["GB 1-2030"]),
        standard("o3", "GB 1-2030", "石墨烯膜", status="即将实施", effective_date="2030-01-01", replaces=["GB 1-2011"]),
        item("n1", "石墨烯散热膜产线投产", "一条石墨烯散热膜产线<script>alert(1)</script>投产。", kind="news",
             collection="ent-news", audience=SECRET),
        item("x1", "其他分馆的石墨烯内参", "其他分馆的石墨烯资料。", kind="news", collection="other",
             audience="branch:OTHER"),
        item("p1", "图书馆举办阅读讲座", "公开的讲座资讯。", kind="news", collection="news"),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> SearchEngine:
    catalogue, embedder = FakeCatalogue(shelf()), HashingEmbedder()
    store = SnapshotStore(tmp_path_factory.mktemp("branch") / "index")
    build(catalogue, store, embedder)
    return SearchEngine(store, catalogue, embedder)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    Base.metadata.create_all(made.engine)
    with made.begin() as session:
        branches.add_branch(session, "ACME", name="示例企业分馆", networks=["10.20.0.0/16"])
        branches.add_branch(session, "OTHER", name="另一分馆", networks=["10.30.0.0/16"])
        branches.add_account(session, "ACME", "acme", password=PASSWORD, name="示例企业")
        branches.add_account(session, "OTHER", "other", password=PASSWORD)
    yield made
    made.close()


@pytest.fixture
def directory(database: Database) -> Branches:
    return Branches(database, key="k" * 32, ttl=3600, seconds=0)


@pytest.fixture
def app(database: Database, engine: SearchEngine, directory: Branches) -> FastAPI:
    class NoStaff:
        def session(self, cookie: str) -> None:
            return None

    made = FastAPI()
    install_error_handlers(made)
    made.state.gate = Gate(
        tokens=VisitorTokens("k" * 32, ttl=60), limiter=Unlimited(), staff=NoStaff(), branches=directory
    )
    made.include_router(search_routes.router(engine))
    made.include_router(router(database, engine, directory, lambda: 6))
    return made


def client(app: FastAPI, address: str = "203.0.113.9") -> httpx.Client:
    """A browser at this address."""
    return TestClient(app, client=(address, 50000), base_url="http://testserver", follow_redirects=False)


def sign_in(browser: httpx.Client, username: str = "acme", password: str = PASSWORD) -> httpx.Response:
    return browser.post("/enterprise/login", data={"username": username, "password": password})
