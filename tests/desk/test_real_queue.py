"""The desk over the real delivery queue: two librarians carry a loan from request to return."""

from __future__ import annotations

from datetime import date

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.consortium import members
from backend.core.db import now
from backend.core.http import install_error_handlers
from backend.delivery import requests
from backend.delivery.board import QueueBoard
from backend.delivery.rules import Rules
from backend.delivery.values import HoldingRef, ItemRef, RequestDraft
from backend.delivery.views import actor_of_visitor
from backend.desk import entrance, request_pages
from backend.desk.rendering import Pages
from tests.delivery.library import in_days
from tests.desk.conftest import House, NoCounter, csrf

RULES = Rules()


@pytest.fixture
def number(house: House) -> str:
    """A request of the city library's reader for a book that the college holds, on the real board."""
    with house.database.begin() as session:
        members.add_agreement(
            session, requester="city", supplier="college", service="loan", valid_from=date(2020, 1, 1)
        )
        item = ItemRef(id="r1", title="<b>地方志</b>", holdings=(HoldingRef(member="college", call_number="K29"),))
        asked = RequestDraft(
            member="city", service="loan", item=item, patron_name="读者", patron_contact="reader@example.org"
        )
        placed = requests.place(session, asked, actor=actor_of_visitor("v_1"), rules=RULES, visitor_id="v_1")
    gate = house.app.state.gate
    house.app = FastAPI()
    house.app.state.gate = gate
    install_error_handlers(house.app)
    pages = Pages(libraries=dict)
    house.app.include_router(entrance.router(pages, gate.staff))
    house.app.include_router(request_pages.router(QueueBoard(house.database, RULES), NoCounter(), pages))
    return placed.number


def press(browser: TestClient, number: str, action: str, **fields: str) -> int:
    page = browser.get(f"/desk/requests/{number}").text
    version = page.split('name="version" value="')[1].split('"')[0]
    form = {"csrf_token": csrf(page), "version": version} | fields
    return browser.post(f"/desk/requests/{number}/{action}", data=form).status_code


def test_two_librarians_carry_a_loan_through(house: House, number: str) -> None:
    lending, borrowing = house.client("he"), house.client("lin")
    assert 'role="status"' in lending.get("/desk/requests").text
    assert 'role="status"' not in lending.get("/desk/requests").text
    assert "&lt;b&gt;地方志&lt;/b&gt;" in lending.get("/desk/requests").text
    assert "reader@example.org" not in lending.get(f"/desk/requests/{number}").text
    assert "reader@example.org" in borrowing.get(f"/desk/requests/{number}").text
    assert press(lending, number, "accept") == 303
    assert press(lending, number, "ship") == 422
    assert press(lending, number, "ship", due=in_days(20).isoformat()) == 303
    assert press(lending, number, "check_in") in (403, 409)
    assert press(borrowing, number, "receive") == 303
    assert press(borrowing, number, "return") == 303
    assert press(lending, number, "check_in") == 303
    page = borrowing.get(f"/desk/requests/{number}").text
    assert "已办结" in page
    assert now().strftime("%Y") in page


def test_the_office_sees_the_board_and_a_search(house: House, number: str) -> None:
    office = house.client("office")
    assert number in office.get("/desk/requests?view=all").text
    assert number in office.get(f"/desk/requests?view=open&q={number}").text
    assert "没有找到" in office.get("/desk/requests?view=all&q=nothing%25").text
