"""The branch's pages as a person and as an attacker meet them."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI

from tests.enterprise.conftest import PASSWORD, client, sign_in

INSIDE = "10.20.3.4"


def token(page: str) -> str:
    match = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert match is not None
    return match.group(1)


@pytest.mark.parametrize("path", ["/enterprise", "/enterprise?q=石墨烯", "/enterprise/items/o1", "/enterprise/topics"])
def test_from_elsewhere_every_page_leads_to_the_login(app: FastAPI, path: str) -> None:
    answer = client(app).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/enterprise/login?next=/enterprise")
    assert "散热膜" not in answer.text


def test_inside_the_network_the_pages_open_without_an_account(app: FastAPI) -> None:
    page = client(app, INSIDE).get("/enterprise", params={"q": "石墨烯"})
    assert page.status_code == 200
    assert "石墨烯散热膜产线投产" in page.text
    assert "授权网络内访问" in page.text
    assert page.headers["cache-control"] == "no-store"


def test_markup_in_an_item_is_shown_and_never_run(app: FastAPI) -> None:
    for path in ("/enterprise?q=散热膜产线", "/enterprise/items/n1"):
        text = client(app, INSIDE).get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text
    assert "<b>" not in client(app, INSIDE).get("/enterprise", params={"q": "<b>石墨烯"}).text


def test_a_standard_shows_its_state_and_the_chain_of_replacements_in_order(app: FastAPI) -> None:
    text = client(app, INSIDE).get("/enterprise/items/o2").text
    chain = text[text.index("代替关系") :]
    assert chain.index("GB 1-2001") < chain.index("GB 1-2011") < chain.index("GB 1-2030")
    assert chain.index("废止") < chain.index("现行") < chain.index("即将实施")


def test_an_item_of_another_branch_is_missing(app: FastAPI) -> None:
    answer = client(app, INSIDE).get("/enterprise/items/x1")
    assert answer.status_code == 404
    assert "其他分馆" not in answer.text


def test_login_leads_back_and_never_to_another_site(app: FastAPI) -> None:
    browser = client(app)
    form = {"username": "acme", "password": PASSWORD}
    ours = browser.post("/enterprise/login", data={**form, "next": "/enterprise/topics"})
    assert ours.headers["location"] == "/enterprise/topics"
    for away in ("https://evil.example/enterprise", "//evil.example/enterprise", "/desk", "/enterprise\\@evil"):
        assert browser.post("/enterprise/login", data={**form, "next": away}).headers["location"] == "/enterprise"


def test_a_wrong_password_shows_the_form_again_with_401(app: FastAPI) -> None:
    answer = sign_in(client(app), password="wrong")
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_login_form_from_another_site_is_refused(app: FastAPI) -> None:
    answer = client(app).post(
        "/enterprise/login",
        data={"username": "acme", "password": PASSWORD},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403


def test_topics_and_followed_standards_are_made_and_removed_by_an_account(app: FastAPI) -> None:
    browser = client(app)
    sign_in(browser)
    csrf = token(browser.get("/enterprise/topics").text)
    form = {"csrf_token": csrf, "name": "散热", "query": "石墨烯 散热", "kinds": ["news"]}
    assert browser.post("/enterprise/topics", data=form).status_code == 303
    assert browser.post("/enterprise/topics", data=form).status_code == 409
    assert browser.post("/enterprise/follow", data={"csrf_token": csrf, "number": "GB 1-2011"}).status_code == 303
    page = browser.get("/enterprise/topics").text
    assert "石墨烯 散热" in page
    assert "GB 1-2011" in page
    for action in re.findall(r'action="(/enterprise/(?:topics|watches)/[^"]+/remove)"', page):
        assert browser.post(action, data={"csrf_token": csrf}).status_code == 303
        assert browser.post(action, data={"csrf_token": csrf}).status_code == 404
    assert "石墨烯 散热" not in browser.get("/enterprise/topics").text


@pytest.mark.parametrize(
    "path", ["/enterprise/topics", "/enterprise/follow", "/enterprise/alerts/read", "/enterprise/logout"]
)
def test_nothing_changes_without_the_forms_token_or_an_account(app: FastAPI, path: str) -> None:
    assert client(app, INSIDE).post(path, data={"query": "石墨烯", "number": "GB 1-2011"}).status_code == 401
    browser = client(app)
    sign_in(browser)
    answer = browser.post(path, data={"csrf_token": "wrong", "query": "石墨烯", "number": "GB 1-2011"})
    assert answer.status_code == 403


def test_one_branch_cannot_remove_what_another_follows(app: FastAPI) -> None:
    acme, other = client(app), client(app)
    sign_in(acme)
    sign_in(other, "other")
    csrf = token(acme.get("/enterprise/topics").text)
    acme.post("/enterprise/topics", data={"csrf_token": csrf, "query": "石墨烯"})
    action = re.findall(r'action="(/enterprise/topics/[^"]+/remove)"', acme.get("/enterprise/topics").text)[0]
    foreign = token(other.get("/enterprise/topics").text)
    assert other.post(action, data={"csrf_token": foreign}).status_code == 404
    assert action in acme.get("/enterprise/topics").text


@pytest.mark.parametrize("query", ["", " ", "😀", "\x00", "a" * 2_000, "'; DROP TABLE x; --", "page=1&kind=x"])
def test_odd_queries_get_a_page(app: FastAPI, query: str) -> None:
    assert client(app, INSIDE).get("/enterprise", params={"q": query, "kind": "none"}).status_code in (200, 422)
