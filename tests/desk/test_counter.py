"""The counter over the real queue: requests for patrons, uploads, links, notes, erasure, figures; and what hostile
fields, files and neighbours get."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.consortium import members, staff
from backend.core.days import today
from backend.core.http import install_error_handlers
from backend.core.middleware import BodyLimit, SecurityHeaders
from backend.delivery import file_models, requests
from backend.delivery.board import QueueBoard
from backend.delivery.copyright import CopyrightLedger
from backend.delivery.counter import Counter
from backend.delivery.handover import Handover
from backend.delivery.reports import Reports
from backend.delivery.rules import Rules
from backend.delivery.shelf import FileShelf
from backend.delivery.values import HoldingRef, ItemRef, RequestDraft
from backend.delivery.views import actor_of_visitor
from backend.desk import pages as desk_pages
from backend.wiring import DeskBoard, DeskCounter, DeskFigures
from tests.delivery import uploads
from tests.desk.conftest import KEY, PASSWORD, House, RememberedKnowledge, csrf, staffed

assert file_models.FileRow.__tablename__ == "delivery_file"

EVIL = "<script>evil()</script><img src=x onerror=evil()>\"'{{7*7}}</textarea><svg onload=evil()>"


class Lookup:
    """One book, which the college holds."""

    def item(self, record_id: str, audiences: frozenset[str]) -> ItemRef | None:
        return book() if record_id == "r1" else None

    def match(self, citation: str, audiences: frozenset[str]) -> Sequence[ItemRef]:
        return [book()] if "地方志" in citation else []


def book(title: str = "地方志编纂") -> ItemRef:
    holdings = (HoldingRef(member="college", call_number="K29"),)
    return ItemRef(id="r1", title=title, creators=("陈某",), year=2001, holdings=holdings)


@pytest.fixture
def desk(house: House, tmp_path: Path) -> House:
    """The house with the real queue behind its pages."""
    with house.database.begin() as session:
        members.add_member(session, "county", name="县馆")
        staff.add_staff(session, "zhou", password=PASSWORD, name="周", member="county")
        for service in ("loan", "copy"):
            members.add_agreement(
                session, requester="city", supplier="college", service=service, page_price_fen=20, max_pages=50,
                valid_from=date(2020, 1, 1),
            )  # fmt: skip
    handover = Handover(
        database=house.database, shelf=FileShelf(directory=tmp_path / "files", max_bytes=1024 * 1024), key=KEY,
        public_url="https://lib.example",
    )  # fmt: skip
    rules = Rules(copyright=CopyrightLedger(key=KEY), download=handover.download, withdraw=handover.withdraw)
    counter = Counter(database=house.database, rules=rules, handover=handover, lookup=Lookup())
    gate = house.app.state.gate
    house.app = FastAPI()
    house.app.state.gate = gate
    install_error_handlers(house.app)
    house.app.include_router(
        desk_pages.router(
            house.database,
            bus=house.bus,
            sign_in=gate.staff,
            board=DeskBoard(QueueBoard(house.database, rules, Lookup())),
            counter=DeskCounter(counter),
            staffed=staffed,
            libraries=dict,
            knowledge=RememberedKnowledge(),
            figures=DeskFigures(Reports(house.database)),
        )
    )
    house.app.add_middleware(BodyLimit, limit=256 * 1024, larger={r"/desk/requests/[^/]+/file": 2 * 1024 * 1024})
    house.app.add_middleware(SecurityHeaders)
    return house


def place(house: House, **more: Any) -> str:
    values: dict[str, Any] = {
        "member": "city", "service": "copy", "item": book(), "patron_name": "读者", "patron_contact": "r@example.org",
        "pages": "1-3", "delivery": "electronic",
    }  # fmt: skip
    with house.database.begin() as session:
        asked = RequestDraft(**(values | more))
        actor = actor_of_visitor("v_1")
        return requests.place(session, asked, actor=actor, rules=Rules(), visitor_id="v_1").number


def post(browser: TestClient, number: str, what: str, **fields: Any) -> Any:
    page = browser.get(f"/desk/requests/{number}").text
    version = re.search(r'name="version" value="(\d+)"', page)
    form = {"csrf_token": csrf(page), "version": version[1] if version else "0"}
    files = fields.pop("files", None)
    return browser.post(f"/desk/requests/{number}/{what}", data=form | fields, files=files)


def upload(browser: TestClient, number: str, content: bytes, name: str = "scan.pdf", **fields: str) -> Any:
    return post(browser, number, "file", files={"file": (name, content, "application/pdf")}, **fields)


def order(browser: TestClient, step: str, **fields: str) -> Any:
    page = browser.get("/desk/requests/new").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    form = {
        "csrf_token": csrf(page),
        "key": key[1],
        "step": step,
        "name": "赵",
        "contact": "139",
        "citation": "地方志编纂",
    }
    return browser.post("/desk/requests/new", data=form | fields)


class Markup(HTMLParser):
    """Collects what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.active += [f"{tag} {name}" for name, _ in attributes if name.startswith("on")]
        if tag == "script" and ("src", "/desk/static/desk.js") not in attributes:
            self.active.append(tag)
        if tag in ("iframe", "object", "embed") or (tag == "img"):
            self.active.append(tag)


def runs_nothing(page: str) -> None:
    reader = Markup()
    reader.feed(page)
    assert reader.active == []


def test_two_librarians_and_a_stranger_around_a_delivery(desk: House) -> None:
    number = place(desk)
    supplier, home, stranger = desk.client("he"), desk.client("lin"), desk.client("zhou")
    assert upload(home, number, uploads.pdf(3)).status_code in (404, 409)
    assert upload(supplier, number, uploads.pdf(3)).status_code == 303
    for browser in (supplier, home):
        assert "电子文件" in browser.get(f"/desk/requests/{number}").text
        answer = browser.get(f"/desk/requests/{number}/file")
        assert answer.content.startswith(b"%PDF-")
        assert answer.headers["content-disposition"] == f'attachment; filename="{number}.pdf"'
        assert answer.headers["cache-control"] == "no-store, private"
    assert "/d/" not in supplier.get(f"/desk/requests/{number}").text
    assert stranger.get(f"/desk/requests/{number}").status_code == 404
    assert stranger.get(f"/desk/requests/{number}/file").status_code == 404
    token = csrf(stranger.get("/desk/requests").text)
    for what in ("file/renew", "file/revoke", "erase", "note", "accept"):
        form = {"csrf_token": token, "version": "1", "text": "x"}
        assert stranger.post(f"/desk/requests/{number}/{what}", data=form).status_code == 404
    assert post(home, number, "file/renew").status_code == 303
    assert post(home, number, "file/revoke").status_code == 303
    assert supplier.get(f"/desk/requests/{number}/file").status_code == 404


def test_a_form_without_its_token_or_from_nobody_changes_nothing(desk: House) -> None:
    number = place(desk)
    supplier = desk.client("he")
    files = {"file": ("x.pdf", uploads.pdf(3), "application/pdf")}
    answer = supplier.post(f"/desk/requests/{number}/file", data={"csrf_token": "wrong"}, files=files)
    assert answer.status_code == 403
    assert desk.client().post(f"/desk/requests/{number}/file", files=files).status_code in (303, 401)
    assert "已发出请求" in supplier.get(f"/desk/requests/{number}").text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"MZ\x90\x00", "可执行文件"),
        (b"<html><script>evil()</script>", "网页"),
        (uploads.locked_pdf(), "打开口令"),
        (uploads.pdf(9), "页数不同，已核对"),
        (b"", "空"),
    ],
)
def test_a_refused_upload_says_why_on_the_page(desk: House, content: bytes, words: str) -> None:
    number = place(desk)
    answer = upload(desk.client("he"), number, content, name=f"{EVIL}.pdf")
    assert answer.status_code == 422
    assert words in answer.text
    runs_nothing(answer.text)


def test_too_large_an_upload_is_cut(desk: House) -> None:
    number = place(desk)
    answer = upload(desk.client("he"), number, b"%PDF-" + b"0" * (3 * 1024 * 1024))
    assert answer.status_code == 413
    answer = upload(desk.client("he"), number, b"%PDF-" + b"0" * (1024 * 1024 + 100))
    assert answer.status_code == 413
    assert "1 MB 的上限" in answer.text


def test_another_number_of_pages_can_be_confirmed(desk: House) -> None:
    number = place(desk)
    supplier = desk.client("he")
    assert upload(supplier, number, uploads.pdf(7)).status_code == 422
    assert upload(supplier, number, uploads.pdf(7), pages_checked="yes").status_code == 303


def test_a_copy_over_the_limits_is_refused_with_the_alternative(desk: House) -> None:
    number = place(desk, pages="第三章")
    answer = upload(desk.client("he"), number, uploads.pdf(31))
    assert answer.status_code == 409
    assert "改为借阅原书" in answer.text


def test_html_in_every_field_is_shown_and_not_run(desk: House) -> None:
    number = place(
        desk, item=book(EVIL), citation=EVIL, matched=EVIL, patron_name=EVIL, patron_contact=EVIL, pages=EVIL[:90],
        pickup=EVIL, note=EVIL,
    )  # fmt: skip
    supplier, home = desk.client("he"), desk.client("lin")
    assert post(home, number, "note", text=EVIL).status_code == 303
    assert post(supplier, number, "offer_conditions", reason=EVIL).status_code == 303
    for browser in (supplier, home, desk.client("office")):
        for path in (
            f"/desk/requests/{number}",
            "/desk/requests?view=all",
            "/desk/statistics",
            f"/desk/requests?q={EVIL}",
        ):
            page = browser.get(path)
            assert page.status_code == 200
            runs_nothing(page.text)
            assert "{{7*7}}" in page.text or "statistics" in path
            assert "script-src 'self'" in page.headers["content-security-policy"]
    answer = order(home, "quote", citation=EVIL, name=EVIL, contact=EVIL, pages_wanted=EVIL[:90], note=EVIL)
    runs_nothing(answer.text)
    answer = post(supplier, number, "withdraw", reason=EVIL)
    runs_nothing(answer.text)


LONG = "长" * 10_000


@pytest.mark.parametrize(
    "field", ["name", "contact", "citation", "pages_wanted", "pickup", "note", "record_id", "needed_by"]
)
def test_ten_thousand_characters_are_refused_with_what_was_typed_kept(desk: House, field: str) -> None:
    answer = order(desk.client("lin"), "place", **{field: LONG})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "赵" in answer.text or field == "name"


def test_long_reasons_and_notes_are_refused_on_the_page(desk: House) -> None:
    number = place(desk)
    supplier = desk.client("he")
    for what, field in (("decline", "reason"), ("note", "text")):
        answer = post(supplier, number, what, **{field: LONG})
        assert answer.status_code == 422
        assert "文字过长" in answer.text


def test_control_and_direction_characters_are_taken_out(desk: House) -> None:
    home = desk.client("lin")
    answer = order(home, "place", name="赵\x00\x1b[31m\u202e先生", citation="地方志编纂")
    page = home.get(answer.headers["location"]).text
    assert "赵" in page
    assert not re.search("[\x00\x1b\u202e]", page)


def test_a_request_for_a_patron_is_looked_at_and_then_placed_once(desk: House) -> None:
    home = desk.client("lin")
    looked = order(home, "quote", citation="陈某. 地方志编纂[M]. 2001", service="copy", pages_wanted="1-5").text
    assert "按题名核对为《地方志编纂》" in looked
    assert "5 页合计 1.00 元" in looked
    page = home.get("/desk/requests/new").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    form = {"csrf_token": csrf(page), "key": key[1], "step": "place", "name": "赵", "contact": "139", "record_id": "r1"}
    first, again = (home.post("/desk/requests/new", data=form) for _ in range(2))
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    twice = order(home, "place", record_id="r1", contact="1 39")
    assert twice.status_code == 409
    assert "这位读者已有同样的申请" in twice.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"record_id": "nothing"}, "没有这条记录"),
        ({"citation": ""}, "题名"),
        ({"needed_by": "2020-01-01"}, "已经过去"),
        ({"needed_by": "9999-12-31"}, "太远"),
        ({"needed_by": "soon"}, "日期应写成"),
        ({"name": " "}, "姓名和联系方式"),
    ],
)
def test_an_order_that_cannot_be_used_says_why(desk: House, fields: dict[str, str], words: str) -> None:
    answer = order(desk.client("lin"), "place", **fields)
    assert answer.status_code == 422
    assert words in answer.text


def test_the_office_names_the_library_it_asks_for(desk: House) -> None:
    office = desk.client("office")
    assert "所属成员馆" in order(office, "place").text
    assert order(office, "place", member="city", record_id="r1").status_code == 303


def test_a_librarian_says_what_a_citation_means(desk: House) -> None:
    number = place(desk, item=None, citation="地方志的编纂方法 陈某")
    home = desk.client("lin")
    page = home.get(f"/desk/requests/{number}").text
    assert "目录中可能是" in page
    assert post(home, number, "match", record_id="nothing").status_code == 422
    assert post(home, number, "match", record="r1").status_code == 303
    assert "示例college图书馆" in home.get(f"/desk/requests/{number}").text


def test_a_patron_is_forgotten_at_their_wish_once_it_is_over(desk: House) -> None:
    number = place(desk, note="我住三楼")
    home = desk.client("lin")
    assert post(home, number, "erase").status_code == 409
    assert post(home, number, "cancel").status_code == 303
    assert "r@example.org" in home.get(f"/desk/requests/{number}").text
    assert post(desk.client("he"), number, "erase").status_code == 404
    assert post(home, number, "erase").status_code == 303
    page = home.get(f"/desk/requests/{number}").text
    assert "r@example.org" not in page
    assert "我住三楼" not in page


def test_notes_are_for_colleagues_only(desk: House) -> None:
    number = place(desk)
    home, supplier = desk.client("lin"), desk.client("he")
    assert post(home, number, "note", text="读者要彩色的").status_code == 303
    assert "读者要彩色的" in desk.client("wu").get(f"/desk/requests/{number}").text
    assert "读者要彩色的" not in supplier.get(f"/desk/requests/{number}").text


def test_figures_of_ones_own_library_with_csv_and_a_statement(desk: House) -> None:
    number = place(desk)
    upload(desk.client("he"), number, uploads.pdf(3))
    home, supplier, stranger = desk.client("lin"), desk.client("he"), desk.client("zhou")
    page = home.get("/desk/statistics").text
    assert "ISO 11620" in page
    assert "<svg" in page
    assert "0.60" in page
    link = re.search(r'href="(/desk/statistics/statement-[^"]+)"', page)
    assert link
    statement = link[1].replace("&amp;", "&")
    assert number in supplier.get(statement).text
    assert number in home.get(statement).text
    assert stranger.get(statement).status_code == 404
    assert "0.60" not in stranger.get("/desk/statistics").text
    csv = home.get(statement.replace("?", ".csv?"))
    assert csv.content.startswith(b"\xef\xbb\xbf")
    assert csv.headers["content-type"].startswith("text/csv")
    assert f"{number},地方志编纂,3,0.60" in csv.text
    for table in ("indicators", "months", "members", "services", "supplying", "exchanges", "settlements", "cells"):
        assert home.get(f"/desk/statistics/{table}.csv").status_code == 200
        assert home.get(f"/desk/statistics/{table}").status_code == 200
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert "0.60" not in home.get(f"/desk/statistics?since={tomorrow}&until={tomorrow}").text


@pytest.mark.parametrize(
    "query",
    ["since=x", "since=2026-13-01", "since=2026-02-01&until=2026-01-01", "since=1800-01-01", "until=9999-12-31"],
)
def test_a_span_that_cannot_be_used_is_refused(desk: House, query: str) -> None:
    answer = desk.client("lin").get(f"/desk/statistics?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_a_table_that_there_is_not(desk: House) -> None:
    home = desk.client("lin")
    for path in ("nothing", "nothing.csv", "statement-nothing", f"{EVIL}.csv"):
        assert home.get(f"/desk/statistics/{path}").status_code == 404


def test_a_title_that_is_a_formula_is_quoted_for_spreadsheets(desk: House) -> None:
    number = place(desk, item=book('=HYPERLINK("https://evil.example")'))
    upload(desk.client("he"), number, uploads.pdf(3))
    home = desk.client("lin")
    link = re.search(r'href="(/desk/statistics/statement-[^"]+)"', home.get("/desk/statistics").text)
    assert link
    text = home.get(link[1].replace("&amp;", "&").replace("?", ".csv?")).text
    assert "'=HYPERLINK" in text
