"""When no member can supply, a supplier outside is written to, and the asking library records its answers."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DatabaseError

from backend.consortium import outside
from backend.consortium import store as consortium_store
from backend.core.db import Database
from backend.core.errors import InputError, NotFound
from backend.core.jobs import Runner
from backend.delivery import requests, steps, store
from backend.delivery.board import QueueBoard
from backend.delivery.models import HistoryRow, RequestRow
from backend.delivery.values import Actor
from backend.delivery.views import Viewer
from tests.delivery.library import PATRON, RULES, draft, in_days, item, librarian, staff_actor
from tests.delivery.test_steps import Post

HOME = staff_actor("county-b")


@pytest.fixture
def number(database: Database) -> str:
    """A request that every member declined."""
    with database.begin() as session:
        outside.add_outside_supplier(session, "national", name="国家图书馆", email="ill@national.example")
        outside.add_outside_supplier(session, "closed", name="不再合作", email="x@closed.example", active=False)
    with database.begin() as session:
        asked = draft(item("city", creators=("某人",), isbn="9787564311292"), pages="")
        made = requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number
    move(database, made, "decline", staff_actor("city"), reason="已借出")
    return made


def move(database: Database, number: str, action: str, actor: Actor = HOME, **more: object) -> RequestRow:
    with database.begin() as session:
        return requests.move(session, number, action, actor=actor, rules=RULES, **more)  # type: ignore[arg-type]


def letters(database: Database, post: Post | None = None) -> list[str]:
    sent = post or Post()
    Runner(database, steps.handlers(database, RULES, sent)).drain()
    return [body for to, body in sent.sent if to == "ill@national.example"]


def test_the_letter_says_what_is_wanted_and_not_who_wants_it(database: Database, number: str) -> None:
    [letter] = letters(database)
    for words in ("国家图书馆", "乙县馆", "地方志编纂", "9787564311292", number, "county-b@example.org"):
        assert words in letter
    assert "reader@example.org" not in letter


def test_its_answers_are_recorded_by_the_asking_library(database: Database, number: str) -> None:
    with pytest.raises(NotFound):
        move(database, number, "accept", staff_actor("college"))
    board = QueueBoard(database, RULES)
    assert [one["number"] for one in board.queue(staff=librarian("county-b")).requests] == [number]
    assert board.queue(staff=librarian("college")).requests == []
    for action, more in (
        ("accept", {}), ("ship", {"due": in_days(20)}), ("receive", {}), ("return", {}), ("check_in", {}),
    ):  # fmt: skip
        assert move(database, number, action, **more).state
    told = letters(database)
    assert len(told) == 3, "asked, received, returned"
    assert "已寄还" in told[2]
    with database.read() as session:
        assert store.supply(session, number) is not None
        view = requests.view(session, number, viewer=Viewer(staff=librarian("county-b")), rules=RULES)
        assert view.supplier is not None
        assert view.supplier.name == "国家图书馆"
        assert view.rota[-1].reasons == ["联盟之外，以电子邮件联系"]


def test_silence_or_refusal_ends_unfilled_with_an_explanation_and_word_to_the_supplier(
    database: Database, number: str
) -> None:
    row = move(database, number, "expire", Actor(side="timer", key="timer"))
    assert row.state == "unfilled"
    assert "国家图书馆" in row.message
    asked, left = letters(database)
    assert "请告知能否提供" in asked
    assert "不必再办理" in left


def test_a_letter_that_could_not_be_sent_is_told_to_the_asking_library(database: Database, number: str) -> None:
    Runner(database, steps.handlers(database, RULES, None)).drain()
    with database.read() as session:
        entry = store.history(session, number)[-1]
        assert (entry.action, entry.to_state) == ("message", "requested")
        assert "没有发出" in entry.reason
        assert any("没有发出" in notice.body for notice in store.unseen_notices(session, "county-b"))


@pytest.mark.parametrize(
    ("code", "name", "email"), [("a b", "x", "a@example.org"), ("a", " ", "a@example.org"), ("a", "x", "a@b\nBcc: c")]
)
def test_a_supplier_that_cannot_be_written_to_is_refused(database: Database, code: str, name: str, email: str) -> None:
    with database.begin() as session, pytest.raises(InputError):
        outside.add_outside_supplier(session, code, name=name, email=email)
    with database.read() as session:
        assert consortium_store.outside_suppliers(session) == []


@pytest.mark.parametrize("statement", [update(HistoryRow).values(reason="anders"), delete(HistoryRow)])
def test_the_database_itself_keeps_the_history(database: Database, number: str, statement: object) -> None:
    def tamper() -> None:
        with database.begin() as session:
            session.execute(statement)  # type: ignore[call-overload]

    with pytest.raises(DatabaseError, match="append-only"):
        tamper()
    with database.read() as session:
        assert [entry.action for entry in store.history(session, number)] == ["place", "decline"]
