"""Nobody sees the desk without signing in, and nobody is signed in or out by another site."""

from __future__ import annotations

import pytest

from tests.desk.conftest import PASSWORD, House, csrf


@pytest.mark.parametrize(
    "path", ["/desk", "/desk/requests", "/desk/requests/LW-1", "/desk/tickets", "/desk/knowledge", "/desk/statistics"]
)
def test_a_page_sends_a_stranger_to_the_login_and_back(house: House, path: str) -> None:
    answer = house.client().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/desk/login?next={path}"


def test_signing_in_leads_to_the_wanted_page(house: House) -> None:
    answer = house.client().post("/desk/login", data={"username": "LIN", "password": PASSWORD, "next": "/desk/tickets"})
    assert answer.headers["location"] == "/desk/tickets"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize("target", ["https://evil.example/desk/x", "//evil.example/desk/", "/desk/\\evil", "/other"])
def test_the_login_leads_to_no_other_site(house: House, target: str) -> None:
    answer = house.client().post("/desk/login", data={"username": "lin", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/desk/requests"


@pytest.mark.parametrize("username", ["lin", "nobody", "<b>x</b>", ""])
def test_a_wrong_password_and_an_unknown_name_read_the_same(house: House, username: str) -> None:
    answer = house.client().post("/desk/login", data={"username": username, "password": "wrong wrong"})
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert "<b>x" not in answer.text


def test_a_login_form_on_another_site_is_refused(house: House) -> None:
    answer = house.client().post(
        "/desk/login", data={"username": "lin", "password": PASSWORD}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403


def test_signing_out_ends_the_session_on_the_server(house: House) -> None:
    browser = house.client("lin")
    cookie = dict(browser.cookies)
    page = browser.get("/desk/tickets").text
    assert browser.post("/desk/logout").status_code == 403
    assert browser.post("/desk/logout", data={"csrf_token": csrf(page)}).status_code == 303
    stolen = house.client()
    stolen.cookies.update(cookie)
    assert stolen.get("/desk/tickets").status_code == 303
