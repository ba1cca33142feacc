"""Members, origins, agreements, accounts, sessions, peers, visitor tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.consortium import members, peers, routes, staff
from backend.core.db import Base, Database
from backend.core.errors import Conflict, InputError, NotFound, Unauthenticated
from backend.core.http import Gate, install_error_handlers
from backend.core.limits import Unlimited
from backend.core.tokens import VisitorTokens

KEY = "k" * 40


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    Base.metadata.create_all(made.engine)
    yield made
    made.close()


class NoBranches:
    def branches(self, address: str, cookie: str | None) -> frozenset[str]:
        return frozenset()


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    tokens = VisitorTokens(KEY, ttl=60)
    with database.begin() as session:
        members.add_member(
            session, "city", name="示例市图书馆", origins=["https://lib.example.org", "http://localhost:*"]
        )
        members.add_member(session, "county", name="示例县图书馆", origins=["https://county.example.org"])
    app = FastAPI()
    app.state.gate = Gate(tokens, Unlimited(), staff.StaffSessions(database, key=KEY, ttl=60), NoBranches())
    install_error_handlers(app)
    app.include_router(routes.router(database, tokens))
    with TestClient(app) as made:
        yield made


@pytest.mark.parametrize(
    ("origin", "pattern", "fits"),
    [
        ("https://lib.example.org", "https://lib.example.org", True),
        ("https://LIB.example.org:443", "https://lib.example.org", True),
        ("http://lib.example.org", "https://lib.example.org", False),
        ("https://lib.example.org.evil.net", "https://lib.example.org", False),
        ("https://evil.net/https://lib.example.org", "https://lib.example.org", False),
        ("http://localhost:5173", "http://localhost:*", True),
        ("http://localhost", "http://localhost:*", True),
        ("http://localhost.evil.net:80", "http://localhost:*", False),
        ("http://localhost:*", "http://localhost:*", False),
        ("null", "http://localhost:*", False),
        ("", "http://localhost:*", False),
        ("http://localhost:99999", "http://localhost:*", False),
    ],
)
def test_an_origin_fits_only_its_own_entry(origin: str, pattern: str, fits: bool) -> None:
    assert members.origin_matches(origin, pattern) is fits


@pytest.mark.parametrize("bad", ["", "ftp://x", "https://", "https://u@h", "https://h/path", "*", "https://h:1:*"])
def test_an_unusable_origin_is_refused(bad: str) -> None:
    with pytest.raises(InputError):
        members.normalise_origin(bad)


def test_adding_a_member_twice_brings_it_up_to_date(database: Database) -> None:
    with database.begin() as session:
        members.add_member(session, "a", name="甲", origins=["https://a.example"])
        again = members.add_member(
            session, "a", name="甲馆", origins=["https://b.example"], closed_days=["7", "2026-10-01"]
        )
        assert again.name == "甲馆"
        assert again.origins == ("https://b.example",)
        assert [found.code for found in members.list_members(session)] == ["a"]


def test_agreements_name_two_known_members_and_sane_terms(database: Database) -> None:
    with database.begin() as session:
        members.add_member(session, "a", name="甲")
        members.add_member(session, "b", name="乙")
        made = members.add_agreement(
            session, requester="a", supplier="b", service="copy", page_price_fen=50, max_pages=30
        )
        assert members.list_agreements(session) == [made]
        with pytest.raises(InputError):
            members.add_agreement(session, requester="a", supplier="a", service="loan")
        with pytest.raises(InputError):
            members.add_agreement(session, requester="a", supplier="b", service="gift")
        with pytest.raises(InputError):
            members.add_agreement(session, requester="a", supplier="b", service="loan", price_fen=-1)
        with pytest.raises(NotFound):
            members.add_agreement(session, requester="a", supplier="x", service="loan")


def test_a_session_ends_on_the_server(database: Database) -> None:
    sessions = staff.StaffSessions(database, key=KEY, ttl=60)
    with database.begin() as session:
        members.add_member(session, "a", name="甲")
        staff.add_staff(session, "Wang", password="correct horse", member="a")
        with pytest.raises(Conflict):
            staff.add_staff(session, "wang", password="correct horse", member="a")
    cookie = sessions.sign_in("wang", "correct horse")
    found = sessions.session(cookie)
    assert found is not None
    assert (found.staff.username, found.staff.member) == ("wang", "a")
    assert sessions.session(cookie + "x") is None
    sessions.sign_out(cookie)
    assert sessions.session(cookie) is None


def test_a_changed_password_ends_every_session(database: Database) -> None:
    sessions = staff.StaffSessions(database, key=KEY, ttl=60)
    with database.begin() as session:
        staff.add_staff(session, "office", password="correct horse", role="office", member=None)
    cookie = sessions.sign_in("office", "correct horse")
    with database.begin() as session:
        staff.set_password(session, "office", "another horse")
    assert sessions.session(cookie) is None
    with pytest.raises(Unauthenticated):
        sessions.sign_in("office", "correct horse")
    with pytest.raises(Unauthenticated):
        sessions.sign_in("nobody", "correct horse")


def test_a_librarian_needs_a_member_and_a_long_password(database: Database) -> None:
    with database.begin() as session:
        with pytest.raises(InputError):
            staff.add_staff(session, "x", password="correct horse", member=None)
        with pytest.raises(InputError):
            staff.add_staff(session, "x", password="short", role="office", member=None)


def test_a_peer_is_known_by_its_token(database: Database) -> None:
    with database.begin() as session:
        peers.add_peer(session, "ISIL:CN-1", url="https://p.example/iso18626", token="secret-token")
        found = peers.peer_of_token(session, "secret-token")
        assert found is not None
        assert found.symbol == "ISIL:CN-1"
        assert peers.peer_of_token(session, "secret-tokem") is None
        with pytest.raises(Conflict):
            peers.add_peer(session, "ISIL:CN-2", url="https://q.example/", token="secret-token")
        with pytest.raises(InputError):
            peers.add_peer(session, "ISIL:CN-2", url="file:///etc/passwd", token="another-token")


def test_a_visitor_gets_a_token_for_a_listed_site_only(client: TestClient) -> None:
    ok = client.post("/api/visitors", json={"member": "city"}, headers={"Origin": "http://localhost:8000"})
    assert ok.status_code == 200
    assert set(ok.json()) == {"token", "expires_at"}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "https://county.example.org"}):
        refused = client.post("/api/visitors", json={"member": "city"}, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "origin_not_allowed"
    unknown = client.post("/api/visitors", json={"member": "x"}, headers={"Origin": "http://localhost"})
    assert unknown.json()["error"]["code"] == "origin_not_allowed"


def test_an_old_token_keeps_its_visitor_but_only_at_home(client: TestClient) -> None:
    tokens = VisitorTokens(KEY, ttl=60)
    home = {"Origin": "http://localhost:1"}
    first = client.post("/api/visitors", json={"member": "city"}, headers=home).json()["token"]
    known = tokens.read(first).id

    def renewed(member: str, origin: str, token: str) -> str:
        answer = client.post(
            "/api/visitors", json={"member": member}, headers={"Origin": origin, "Authorization": f"Bearer {token}"}
        )
        return tokens.read(answer.json()["token"]).id

    assert renewed("city", "http://localhost:1", first) == known
    assert renewed("city", "https://lib.example.org", first) != known
    assert renewed("county", "https://county.example.org", first) != known
    assert renewed("city", "http://localhost:1", first[:-2] + "xx") != known


def test_the_origin_list_serves_browsers_preflights(database: Database, client: TestClient) -> None:
    known = members.OriginList(database)
    assert known.origin_allowed("https://lib.example.org")
    assert known.origin_allowed("http://localhost:3000")
    assert not known.origin_allowed("https://evil.example")
