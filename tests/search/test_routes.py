"""The search endpoints as a caller sees them."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.core.access import Caller
from backend.core.http import get_caller, install_error_handlers
from backend.core.limits import Unlimited
from backend.search.engine import SearchEngine
from backend.search.routes import router

BRANCH = frozenset({"ACME"})


class Gate:
    """Counts nothing."""

    limiter = Unlimited()


@pytest.fixture
def app(engine: SearchEngine) -> FastAPI:
    app = FastAPI()
    app.state.gate = Gate()
    app.include_router(router(engine))
    install_error_handlers(app)
    app.dependency_overrides[get_caller] = lambda: Caller(address="192.0.2.1")
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


def test_search_answers_in_the_contract_s_shape(client: TestClient) -> None:
    body = client.get("/api/search", params={"q": "活着", "size": 5}).json()
    assert {"total", "took_ms", "hits", "facets"} <= body.keys()
    hit = body["hits"][0]
    assert hit["id"] == "b1"
    assert hit["source_id"] == "s-b1"
    assert hit["holdings"][0] == {
        "member": "city",
        "call_number": "I247.57/8042",
        "location": "",
        "available": True,
        "loanable": True,
        "copyable": True,
        "status": "available",
        "copies": 1,
    }
    assert all(0 <= start < end <= len(hit["snippet"]) for start, end in hit["highlights"])


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"q": ""}, 422),
        ({}, 422),
        ({"q": "活着", "kind": "nonsense"}, 422),
        ({"q": "活着", "size": "101"}, 422),
        ({"q": "活着", "page": "0"}, 422),
        ({"q": "活着", "year_from": "abc"}, 422),
        ({"q": "活着", "page": "1000000000", "size": "100"}, 200),
        ({"q": "活着", "collection": "unknown"}, 200),
    ],
)
def test_bad_input_has_the_one_error_shape(client: TestClient, params: dict[str, str], status: int) -> None:
    answer = client.get("/api/search", params=params)
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status != 200)


def test_a_hidden_record_answers_like_an_unknown_one(app: FastAPI, client: TestClient) -> None:
    for path in ("", "/citation"):
        hidden = client.get(f"/api/records/e1{path}")
        unknown = client.get(f"/api/records/nothing{path}")
        assert (hidden.status_code, hidden.json()) == (unknown.status_code, unknown.json())
        assert hidden.status_code == 404
    app.dependency_overrides[get_caller] = lambda: Caller(address="192.0.2.1", branches=BRANCH)
    assert client.get("/api/records/e1").json()["title"] == "石墨烯散热膜技术要求"


def test_a_record_carries_the_text_that_citations_quote(client: TestClient) -> None:
    body = client.get("/api/records/p2").json()
    assert body["text"].startswith("读者凭身份证")
    assert body["kind"] == "policy"


def test_citations_come_in_every_style(client: TestClient) -> None:
    def cite(style: str) -> str:
        answer = client.get("/api/records/b5/citation", params={"style": style})
        assert answer.status_code == 200
        return answer.text

    assert cite("gb7714-2015") == "许军林. 地市级区域图书馆联盟建设研究[M]. 2011."
    assert cite("bibtex").startswith("@book{b5,")
    assert "TI  - 地市级区域图书馆联盟建设研究" in cite("ris")
    assert json.loads(cite("csl-json"))[0]["ISBN"] == "9787564311292"
    assert client.get("/api/records/b5/citation", params={"style": "apa"}).status_code == 422
