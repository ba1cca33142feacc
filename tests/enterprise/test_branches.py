"""Who is in a branch, and that nothing of it is seen from elsewhere."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from backend.core.db import Database
from backend.core.errors import Conflict, InputError, LianwenError, NotFound, Unauthenticated
from backend.enterprise import branches
from backend.enterprise.branches import Branches
from backend.enterprise.models import AccountRow, BranchRow
from tests.enterprise.conftest import PASSWORD, client, sign_in

INSIDE, OUTSIDE, ELSEWHERE = "10.20.3.4", "203.0.113.9", "10.30.1.1"
QUERIES = ("石墨烯", "GB 1-2011", "散热膜产线", "石墨烯散热膜产线投产")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (INSIDE, {"ACME"}),
        ("::ffff:10.20.3.4", {"ACME"}),
        (ELSEWHERE, {"OTHER"}),
        ("10.21.0.1", set()),
        ("127.0.0.1", set()),
        ("not an address", set()),
        ("", set()),
    ],
)
def test_an_address_is_in_the_branches_whose_networks_hold_it(
    directory: Branches, database: Database, address: str, expected: set[str]
) -> None:
    assert directory.branches(address, None) == expected
    with database.read() as session:
        assert branches.resolve(branches.list_branches(session), address) == expected


def test_a_closed_branch_has_no_callers(directory: Branches, database: Database) -> None:
    cookie = directory.sign_in("acme", PASSWORD)
    with database.begin() as session:
        session.execute(select(BranchRow).where(BranchRow.code == "ACME")).scalar_one().active = False
    assert directory.branches(INSIDE, cookie) == frozenset()


@pytest.mark.parametrize(("username", "password"), [("acme", "wrong"), ("nobody", PASSWORD), ("", ""), ("ACME ", "")])
def test_a_wrong_name_or_password_is_refused_alike(directory: Branches, username: str, password: str) -> None:
    with pytest.raises(Unauthenticated, match="用户名或密码不正确"):
        directory.sign_in(username, password)


def test_a_session_ends_with_sign_out_a_new_password_or_a_closed_account(
    directory: Branches, database: Database
) -> None:
    first, second, third = (directory.sign_in("acme", PASSWORD) for _ in range(3))
    assert directory.branches(OUTSIDE, first) == {"ACME"}
    directory.sign_out(first)
    assert directory.session(first) is None
    with database.begin() as session:
        branches.set_password(session, "acme", "another password")
    assert directory.session(second) is None
    assert directory.session(third) is None
    fourth = directory.sign_in("acme", "another password")
    with database.begin() as session:
        session.execute(select(AccountRow).where(AccountRow.username == "acme")).scalar_one().active = False
    assert directory.session(fourth) is None


def test_a_forged_cookie_is_nobody(directory: Branches) -> None:
    assert directory.branches(OUTSIDE, "forged") == frozenset()
    assert directory.branches(OUTSIDE, directory.sign_in("acme", PASSWORD) + "x") == frozenset()


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.0/7", "nonsense", ""])
def test_a_network_that_is_none_or_opens_the_branch_to_everybody_is_refused(database: Database, network: str) -> None:
    with database.begin() as session, pytest.raises(LianwenError):
        branches.add_branch(session, "ACME", name="示例", networks=[network])


def test_adding_again_replaces_networks_and_keeps_one_branch(database: Database) -> None:
    with database.begin() as session:
        changed = branches.add_branch(session, "ACME", name="新名", networks=["10.40.0.1/16"])
        assert (changed.name, changed.networks) == ("新名", ("10.40.0.0/16",))
        assert [branch.code for branch in branches.list_branches(session)] == ["ACME", "OTHER"]


def test_accounts_need_a_branch_a_free_name_and_a_password(database: Database) -> None:
    with database.begin() as session:
        with pytest.raises(NotFound):
            branches.add_account(session, "NONE", "x", password=PASSWORD)
        with pytest.raises(Conflict):
            branches.add_account(session, "ACME", "Acme", password=PASSWORD)
        with pytest.raises(InputError):
            branches.add_account(session, "ACME", "y", password="short")


def _everything(app: FastAPI, address: str, cookies: dict[str, str] | None = None) -> str:
    """All that searching and reading gives a caller, as one text, without the echoed query."""
    browser = client(app, address)
    for name, value in (cookies or {}).items():
        browser.cookies.set(name, value)
    seen = [json.dumps(browser.get("/api/search", params={"q": q, "size": 100}).json(), ensure_ascii=False)
            for q in QUERIES]  # fmt: skip
    for item_id in ("o1", "o2", "o3", "n1"):
        answers = [browser.get(f"/api/records/{item_id}{tail}") for tail in ("", "/citation", "/similar")]
        assert {answer.status_code for answer in answers} <= {200, 404}
        seen += [answer.text for answer in answers]
    seen.append(browser.get("/api/records/p1/similar").text)
    return "\n".join(seen)


@pytest.mark.parametrize("address", [OUTSIDE, ELSEWHERE, "127.0.0.1"])
def test_from_elsewhere_nothing_of_a_branch_is_found_counted_or_suggested(app: FastAPI, address: str) -> None:
    seen = _everything(app, address)
    assert "散热膜" not in seen
    assert "石墨烯膜" not in seen
    assert "ent-standards" not in seen
    assert "ent-news" not in seen
    assert "branch:ACME" not in seen
    browser = client(app, address)
    for query in QUERIES:
        page = browser.get("/api/search", params={"q": query}).json()
        visible = {hit["id"] for hit in page["hits"]}
        assert visible <= {"p1", "x1"} if address == ELSEWHERE else visible <= {"p1"}
        assert page["total"] == len(visible)
        for facet in page["facets"].values():
            assert sum(value["count"] for value in facet) <= page["total"]


def test_the_branch_itself_finds_its_collections_by_address_or_account(app: FastAPI, directory: Branches) -> None:
    assert "散热膜" in _everything(app, INSIDE)
    assert "散热膜" in _everything(app, OUTSIDE, {"lianwen_branch": directory.sign_in("acme", PASSWORD)})
    assert "其他分馆" not in _everything(app, INSIDE)


def test_another_branchs_account_sees_only_its_own(app: FastAPI) -> None:
    browser = client(app)
    assert sign_in(browser, "other").status_code == 303
    found = {hit["id"] for hit in browser.get("/api/search", params={"q": "石墨烯"}).json()["hits"]}
    assert "x1" in found
    assert not found & {"o1", "o2", "o3", "n1"}


def test_whoami_names_the_callers_branches(app: FastAPI) -> None:
    assert client(app, INSIDE).get("/api/enterprise/whoami").json() == {
        "branches": [{"code": "ACME", "name": "示例企业分馆"}]
    }
    assert client(app, OUTSIDE).get("/api/enterprise/whoami").json() == {"branches": []}


def test_a_forwarded_address_counts_only_behind_a_declared_proxy(app: FastAPI) -> None:
    header = {"x-forwarded-for": INSIDE}
    assert client(app, OUTSIDE).get("/api/enterprise/whoami", headers=header).json() == {"branches": []}
