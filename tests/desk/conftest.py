"""A small consortium with librarians, the desk's pages over it, and a delivery queue that only remembers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.consortium import members, staff
from backend.core import passwords
from backend.core.access import Caller, Staff, Visitor
from backend.core.db import Base, Database
from backend.core.errors import Conflict, InputError, NotFound
from backend.core.events import InProcessBus
from backend.core.http import Gate, install_error_handlers
from backend.core.limits import Unlimited
from backend.core.tokens import VisitorTokens
from backend.desk.live import LiveDesk
from backend.desk.pages import router
from backend.desk.ports import Move, QueuePage
from backend.desk.statistics_pages import FigureTable
from backend.desk.values import KnowledgeEntry

PASSWORD = "correct horse battery"
KEY = "k" * 40


def staffed(session: Session) -> frozenset[str]:
    return frozenset(account.member for account in staff.list_staff(session) if account.member)


class NoBranches:
    def branches(self, address: str, cookie: str | None) -> frozenset[str]:
        return frozenset()


@dataclass
class RememberedBoard:
    """One request; remembers the moves."""

    moves: list[Move] = field(default_factory=list)

    def queue(self, *, staff: Staff, view: str, query: str, page: int, size: int) -> QueuePage:
        found = [self.request("LW-1", staff=staff)] if view != "closed" else []
        return QueuePage(requests=found, total=len(found), counts={"todo": 1})

    def request(self, number: str, *, staff: Staff) -> Mapping[str, Any]:
        if number != "LW-1":
            raise NotFound("没有这份申请。")
        return {
            "number": "LW-1",
            "title": "<script>alert(1)</script>地市级区域图书馆联盟建设研究",
            "service": "loan",
            "state_label": "已发出请求",
            "attention": True,
            "requester": {"code": "city", "name": "示例市图书馆"},
            "supplier": {"code": "college", "name": "示例师范学院图书馆"},
            "citation": "",
            "matched": "",
            "pages": "",
            "needed_by": None,
            "due": None,
            "pickup": "",
            "delivery": "",
            "page_count": None,
            "note": "",
            "patron": None,
            "message": "等待答复。",
            "next_step": "",
            "updated_at": "2026-03-01T00:30:00+00:00",
            "version": 3,
            "actions": [{"name": "ship", "label": "寄出", "needs": ["due"], "danger": False}],
            "history": [
                {"at": "2026-03-01T00:30:00+00:00", "state_label": "已发出请求", "text": "已发出",
                 "reason": "", "actor": ""}
            ],
            "rota": [
                {"position": 1, "supplier": {"code": "college", "name": "示例师范学院图书馆"},
                 "state_label": "已请求", "reasons": ["可外借", "免费"]}
            ],
        }  # fmt: skip

    def move(self, number: str, move: Move, *, staff: Staff) -> Mapping[str, Any]:
        if move.version != 3:
            raise Conflict("这份申请刚刚有变化。")
        if move.due is None:
            raise InputError("请填写应还日期。")
        self.moves.append(move)
        return self.request(number, staff=staff)

    def notices(self, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        return [{"number": "LW-1", "subject": "<i>新申请</i>", "body": ""}]


class NoCounter:
    """A counter at which nothing lies. What it does is tested over the real one."""

    max_bytes = 1

    def troubles(self, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        return []

    def notes(self, number: str, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        return []

    def reading(self, number: str, *, staff: Staff) -> Mapping[str, Any] | None:
        return None

    def file_view(self, number: str, *, staff: Staff) -> Mapping[str, Any] | None:
        return None

    def __getattr__(self, name: str) -> Any:
        raise NotFound("没有这个申请号。")


class NoFigures:
    """Delivery without figures. What they show is tested over the real ones."""

    def tables(self, *, staff: Staff, since: date, until: date) -> Sequence[FigureTable]:
        return []

    def table(self, key: str, *, staff: Staff, since: date, until: date) -> FigureTable:
        raise NotFound("没有这张统计表。")

    def csv(self, key: str, *, staff: Staff, since: date, until: date) -> str:
        raise NotFound("没有这张统计表。")


@dataclass
class RememberedKnowledge:
    published: dict[str, KnowledgeEntry] = field(default_factory=dict)

    def publish(self, entry: KnowledgeEntry) -> None:
        self.published[entry.id] = entry

    def withdraw(self, entry_id: str) -> None:
        self.published.pop(entry_id, None)


@dataclass
class House:
    """Everything a desk test touches."""

    database: Database
    bus: InProcessBus
    app: FastAPI
    desk: LiveDesk
    board: RememberedBoard
    knowledge: RememberedKnowledge

    def client(self, username: str | None = None) -> TestClient:
        """A browser, signed in as that librarian."""
        browser = TestClient(self.app, follow_redirects=False)
        if username:
            answer = browser.post("/desk/login", data={"username": username, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return browser

    def reader(self, member: str = "city", name: str = "v_1") -> Caller:
        return Caller(address="192.0.2.1", visitor=Visitor(id=name, member=member, origin="https://city.example"))


def csrf(page: str) -> str:
    """The token in a page's first form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", cheap)
    database = Database(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    Base.metadata.create_all(database.engine)
    with database.begin() as session:
        for code in ("city", "college", "demo"):
            members.add_member(session, code, name=f"示例{code}图书馆", origins=[f"https://{code}.example"])
        staff.add_staff(session, "lin", password=PASSWORD, name="林", member="city")
        staff.add_staff(session, "wu", password=PASSWORD, name="吴", member="city")
        staff.add_staff(session, "he", password=PASSWORD, name="何", member="college")
        staff.add_staff(session, "office", password=PASSWORD, name="办公室", role="office", member=None)
    bus = InProcessBus()
    sessions = staff.StaffSessions(database, key=KEY, ttl=3600)
    app = FastAPI()
    app.state.gate = Gate(
        tokens=VisitorTokens(KEY, ttl=3600), limiter=Unlimited(), staff=sessions, branches=NoBranches()
    )
    install_error_handlers(app)
    board, sink = RememberedBoard(), RememberedKnowledge()
    app.include_router(
        router(
            database,
            bus=bus,
            sign_in=sessions,
            board=board,
            counter=NoCounter(),
            staffed=staffed,
            libraries=lambda: {"city": "示例市图书馆"},
            knowledge=sink,
            figures=NoFigures(),
        )
    )
    yield House(database, bus, app, LiveDesk(database, bus, staffed=staffed), board, sink)
    database.close()
