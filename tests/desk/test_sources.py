"""The page of what was loaded: counts, states, reasons; a librarian sees the loads of their own library only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.core.access import Role, Staff
from backend.core.errors import NotFound
from backend.desk.rendering import Pages
from backend.desk.source_pages import STATES, router
from backend.wiring import LoggedSources
from indexer.catalogue import Catalogue
from indexer.ingest import IngestOptions, ingest
from indexer.sources.values import SourceError
from tests.desk.conftest import House
from tests.indexer.factories import catalogue

OFFICE = Staff(id="s1", username="office", name="办公室", role=Role.OFFICE, member=None)
LIN = Staff(id="s2", username="lin", name="林", role=Role.LIBRARIAN, member="city")


@pytest.fixture
def loaded(tmp_path: Path) -> Catalogue:
    """Three loads: one of the city with a wrong line, one of the college's branch, one that failed."""
    books = catalogue(tmp_path)
    path = tmp_path / "faq.jsonl"
    path.write_text(json.dumps({"id": "1", "title": "t", "text": "x"}) + '\n{"id": 2}\n<b>oops\n', encoding="utf-8")
    ingest(books, [str(path)], IngestOptions(collection="faq", kind="faq", member="city"))
    path.write_text(json.dumps({"id": "1", "title": "t", "text": "x"}), encoding="utf-8")
    ingest(books, [str(path)], IngestOptions(collection="secret", member="college", audience="branch:X"))
    with pytest.raises(SourceError):
        ingest(books, [str(tmp_path / "absent")], IngestOptions(collection="faq", member="city"))
    books.start_run("faq/city", now=1.0)
    return books


def test_every_load_has_its_state_and_its_counts(loaded: Catalogue) -> None:
    page = LoggedSources(loaded).page(staff=OFFICE, collection="", page=1, size=10)
    assert [(run["state"], run["report"].get("skipped")) for run in page.runs] == [
        ("cut", None), ("failed", None), ("done", 0), ("skips", 2),
    ]  # fmt: skip
    assert {(one["name"], one["items"]) for one in page.collections} == {("faq", 1), ("secret", 1)}


def test_a_librarian_sees_the_loads_of_their_own_library(loaded: Catalogue) -> None:
    sources = LoggedSources(loaded)
    page = sources.page(staff=LIN, collection="", page=1, size=10)
    assert {run["member"] for run in page.runs} == {"city"}
    assert [one["name"] for one in page.collections] == ["faq"]
    secret = next(run for run in sources.page(staff=OFFICE, collection="secret", page=1, size=10).runs)
    with pytest.raises(NotFound):
        sources.run(secret["id"], staff=LIN)


def test_the_pages_tell_why_something_was_skipped(house: House, loaded: Catalogue) -> None:
    app = FastAPI()
    app.state.gate = house.app.state.gate
    app.include_router(router(LoggedSources(loaded), Pages(libraries=lambda: {"city": "示例市图书馆"})))
    browser = TestClient(app, follow_redirects=False)
    assert browser.get("/desk/sources").status_code == 303
    browser.cookies = house.client("lin").cookies
    listing = browser.get("/desk/sources").text
    assert STATES["skips"] in listing
    assert "示例市图书馆" in listing
    number = LoggedSources(loaded).page(staff=LIN, collection="", page=1, size=10).runs[-1]["id"]
    told = browser.get(f"/desk/sources/{number}").text
    assert "缺少 title" in told
    assert "第 3 行" in told
    filtered = browser.get(f"/desk/sources/{number}", params={"reason": "缺少 title"}).text
    assert "第 2 行" in filtered
    assert "第 3 行" not in filtered
    assert browser.get("/desk/sources/9999").status_code == 404
