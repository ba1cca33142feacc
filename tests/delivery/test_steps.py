"""What the worker does by itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from backend.consortium.values import Member
from backend.core.db import Database, now
from backend.core.jobs import JobRow, RetryLater, Runner
from backend.delivery import requests, steps, store, timers
from backend.delivery.letters import Letter
from backend.delivery.lifecycle import STATES, State
from backend.delivery.models import NoticeRow
from backend.delivery.notices import Undeliverable
from backend.delivery.views import Viewer
from tests.delivery.library import PATRON, RULES, draft, in_days, item, office, staff_actor


class Post:
    """A mail server that can be made to fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    def send(self, *, notice_id: str, to: str, letter: Letter) -> None:
        if self.fault:
            raise self.fault
        self.sent.append((to, letter.text))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def runner(database: Database, post: Post) -> Runner:
    return Runner(database, steps.handlers(database, RULES, post))


def placed(database: Database) -> str:
    with database.begin() as session:
        asked = draft(item("city", "college"))
        return requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number


def state_of(database: Database, number: str) -> str:
    with database.read() as session:
        return requests.view(session, number, viewer=Viewer(staff=office()), rules=RULES).state


def fire(database: Database, runner: Runner) -> None:
    """Let the waiting timer fall due now."""
    with database.begin() as session:
        session.scalars(select(JobRow).where(JobRow.kind == timers.KIND)).one().due_at = now()
    runner.drain()


def test_no_answer_in_time_asks_the_next_and_then_says_so(database: Database, runner: Runner) -> None:
    number = placed(database)
    runner.drain()
    assert state_of(database, number) == "requested"
    fire(database, runner)
    with database.read() as session:
        assert [place.state for place in store.rota(session, number)] == ["expired", "asked"]
    fire(database, runner)
    assert state_of(database, number) == "unfilled"


def test_a_timer_of_a_state_that_is_over_does_nothing(database: Database, runner: Runner) -> None:
    number = placed(database)
    with database.begin() as session:
        job = session.scalars(select(JobRow).where(JobRow.kind == timers.KIND)).one()
        job.payload = {"state": "conditional"}
    runner.drain(moment=now() + timedelta(days=4))
    assert state_of(database, number) == "requested"


def test_a_loan_becomes_overdue_and_is_reminded_weekly(database: Database, runner: Runner, post: Post) -> None:
    number = placed(database)
    with database.begin() as session:
        supplier = store.request(session, number).supplier
        for action, who, fields in (
            ("ship", supplier, {"due": in_days(5)}),
            ("receive", "county-b", {}),
        ):
            requests.move(session, number, action, actor=staff_actor(who), rules=RULES, **fields)
    runner.drain()
    post.sent.clear()
    runner.drain(moment=now() + timedelta(days=7))
    assert state_of(database, number) == "overdue"
    fire(database, runner)
    with database.read() as session:
        assert [entry.action for entry in store.history(session, number)][-2:] == ["overdue", "remind"]
        assert session.scalars(select(JobRow).where(JobRow.kind == timers.KIND)).one().due_at > now()
    assert [to for to, _ in post.sent].count("reader@example.org") == 2


def test_notices_go_out_once_to_reader_and_library(database: Database, runner: Runner, post: Post) -> None:
    number = placed(database)
    runner.drain()
    runner.drain()
    assert sorted(to for to, _ in post.sent)[-1] == "reader@example.org"
    assert len(post.sent) == 2
    assert all(number in body for _, body in post.sent)


def test_a_mail_server_that_is_away_is_tried_again(database: Database, runner: Runner, post: Post) -> None:
    placed(database)
    post.fault = RetryLater("away")
    runner.drain()
    assert post.sent == []
    post.fault = None
    runner.drain(moment=now() + timedelta(minutes=1))
    assert len(post.sent) == 2


def test_an_address_refused_for_good_is_given_up(database: Database, runner: Runner, post: Post) -> None:
    placed(database)
    post.fault = Undeliverable("no such user")
    runner.drain()
    with database.read() as session:
        assert {notice.state for notice in session.scalars(select(NoticeRow))} == {"failed"}


def test_without_a_mail_server_notices_stay_on_the_page(database: Database) -> None:
    placed(database)
    Runner(database, steps.handlers(database, RULES, None)).drain()
    with database.read() as session:
        assert {notice.state for notice in session.scalars(select(NoticeRow))} == {"kept"}


def test_the_patron_is_forgotten_after_the_term(database: Database, runner: Runner) -> None:
    number = placed(database)
    with database.begin() as session:
        requests.cancel(session, number, actor=PATRON, rules=RULES)
    runner.drain(moment=now() + timedelta(days=89))
    with database.read() as session:
        assert store.patron(session, number).name == "读者"
    runner.drain(moment=now() + timedelta(days=91))
    with database.read() as session:
        patron = store.patron(session, number)
        assert (patron.name, patron.contact, patron.contact_hash) == ("", "", "")
        told = session.scalars(select(NoticeRow).where(NoticeRow.recipient == "patron"))
        assert {(notice.address, notice.body) for notice in told} == {("", "")}


def test_closed_days_do_not_count_against_a_library() -> None:
    monday = now().replace(year=2026, month=11, day=23, hour=9)
    always = Member(code="a", name="甲")
    weekend = Member(code="b", name="乙", closed_days=("6", "7"))
    friday = monday + timedelta(days=4)
    assert timers.after_open_days(friday, timedelta(days=3), always) == friday + timedelta(days=3)
    assert timers.after_open_days(friday, timedelta(days=3), weekend) == friday + timedelta(days=5)
    never = Member(code="c", name="丙", closed_days=("1", "2", "3", "4", "5", "6", "7"))
    assert timers.after_open_days(friday, timedelta(days=3), never) > friday


def test_a_request_needed_soon_waits_less() -> None:
    since = now()
    soon = timers.due_at(State.REQUESTED, since, supplier=None, due=None, needed_by=in_days(1))
    late = timers.due_at(State.REQUESTED, since, supplier=None, due=None, needed_by=in_days(60))
    assert soon < late == since + STATES[State.REQUESTED].timer
    assert soon >= since + timers.SOONEST


def test_every_open_state_has_someone_responsible() -> None:
    for state, rule in STATES.items():
        assert rule.final or (rule.responsible is not None and rule.attention is not None), state


def test_states_without_a_timer_have_none() -> None:
    assert timers.due_at(State.SHIPPED, now(), supplier=None, due=date(2030, 1, 1), needed_by=None) is None
