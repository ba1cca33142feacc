"""The search endpoints as a caller sees them."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
        ({"q": "活着", "colection": "books"}, 422),
        ({"q": "活着", "year_from": "99999999999999999999"}, 422),
        ({"q": "活着", "size": "-1"}, 422),
        ({"q": "活着", "size": "1000000"}, 422),
        ({"q": "活着", "year_from": "2020", "year_to": "1990"}, 200),
    ],
)
def test_bad_input_has_the_one_error_shape(client: TestClient, params: dict[str, str], status: int) -> None:
    answer = client.get("/api/search", params=params)
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status != 200)


def test_a_parameter_given_twice_is_named(client: TestClient) -> None:
    answer = client.get("/api/search?q=a&page=1&page=2")
    assert answer.status_code == 422
    assert answer.json()["error"]["detail"]["where"] == "query.page"
    assert client.get("/api/search?q=活着&collection=books&collection=policies").status_code == 200


NAMES = st.sampled_from(
    [
        "q",
        "q",
        "q",
        "collection",
        "kind",
        "member",
        "language",
        "clc",
        "year_from",
        "year_to",
        "available",
        "page",
        "size",
    ]
)
PIECES = st.sampled_from(
    ["", "%00", "%ED%A0%80", "%FF%FE", "%F0%9F%98%80", "-1", "0", "1e9", "1000000000", "99999999999999999999", "true",
     "%22%20OR%20*", "%28%28%28", "title%3A%22x%22~5%5E2", "%2A", "GB%2FT%207714", "978-7-5643-1129-2", "../..%2F",
     "1-", "%E6%B4%BB%E7%9D%80", "I247.57%2F8042", "a*", "%E5%80%9F", "ab%20", "%E3%80%8A", "%C2%A0%E2%80%8B",
     "x%20AND%20"]
)  # fmt: skip
LONGEST_URL = 60_000
"""Characters: the test's client sends no more; the server's own limit is tested with the command that starts it."""
TEXTS = st.one_of(
    st.text(max_size=40).map(lambda text: quote(text, errors="ignore")), st.binary(max_size=20).map(quote)
)
VALUES = st.one_of(st.tuples(PIECES, st.sampled_from([1, 1, 3, 500, 20_000])), st.tuples(TEXTS, st.just(1)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_whatever_is_asked_is_answered_soon_and_in_one_of_two_shapes(
    client: TestClient, asked: list[tuple[str, tuple[str, int]]]
) -> None:
    share = LONGEST_URL // max(len(asked), 1)
    pairs = [f"{name}={piece * min(times, share // max(len(piece), 1))}" for name, (piece, times) in asked]
    began = time.process_time()
    answer = client.get(f"/api/search?{'&'.join(pairs)}")
    assert time.process_time() - began < 2
    assert answer.status_code in (200, 422)
    assert len(answer.content) < 100_000
    if answer.status_code == 200:
        assert {"total", "hits", "facets"} <= answer.json().keys()
    else:
        assert {"code", "message"} <= answer.json()["error"].keys()


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
