"""Patron, libraries, timer and worker act in any order, with crashes between any two writes: nothing is lost.

A crash is an exception after some statement of a transaction, as a killed process leaves it: the database keeps all of
the transaction or none of it.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import create_engine, event, select, text

from backend.core.db import Base, Database, now
from backend.core.errors import LianwenError
from backend.core.jobs import JobRow, Runner
from backend.delivery import notices, requests, steps, store, timers
from backend.delivery.letters import Letter
from backend.delivery.lifecycle import OPEN_STATES, STATES, SUPPLIED, TALK, TRANSITIONS, Side, State
from backend.delivery.models import HistoryRow, NoticeRow, RequestRow, RotaRow, SupplyRow
from backend.delivery.values import TIMER, Actor
from backend.delivery.views import actor_of_staff, actor_of_visitor
from tests.delivery.library import PATRON, RULES, consortium, draft, in_days, item, office, staff_actor

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/"
ACTORS: list[Actor] = [PATRON, *(staff_actor(code) for code in ("city", "college", "county-a", "county-b"))]
ACTORS += [actor_of_staff(office()), actor_of_visitor("v_other")]
ACTIONS = sorted(transition.name for transition in TRANSITIONS)


class Post:
    """A mail server that remembers what it was given."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def send(self, *, notice_id: str, to: str, letter: Letter) -> None:
        self.ids.add(notice_id)


class Crash(BaseException):
    """The process dies here."""


class Queue(RuleBasedStateMachine):
    """The delivery queue under everything that may happen to it."""

    database: Database

    @initialize()
    def empty(self) -> None:
        self._keys: dict[str, str] = {}
        self._post = Post()
        with self.database.begin() as session:
            for row in session.scalars(select(JobRow)):
                session.delete(row)
        self._before = set(self._numbers())

    @rule(key=st.sampled_from("abcdef"), service=st.sampled_from(["loan", "copy"]), crash=st.integers(0, 25))
    def place(self, key: str, service: str, crash: int) -> None:
        name = f"{id(self)}-{key}"
        holders = ["city", "college", "county-a"][: 1 + ord(key) % 3]
        asked = draft(item(*holders, item_id=f"r{name}"), service=service)
        with self._dying(crash), self.database.begin() as session:
            made = requests.place(
                session, asked, actor=PATRON, rules=RULES, idempotency_key=f"{name}-{service}", visitor_id="v_1"
            )
            number = made.number
        if not self._died:
            assert self._keys.setdefault(f"{key}{service}", number) == number

    @rule(
        pick=st.integers(0, 50), action=st.sampled_from(ACTIONS), who=st.sampled_from(ACTORS), crash=st.integers(0, 40)
    )
    def act(self, pick: int, action: str, who: Actor, crash: int) -> None:
        if numbers := self._mine():
            due = in_days(20)
            with self._dying(crash), self.database.begin() as session:
                requests.move(
                    session, numbers[pick % len(numbers)], action, actor=who, rules=RULES, reason="原因", due=due
                )

    @rule(pick=st.integers(0, 50), choose=st.integers(0, 9))
    def act_as_allowed(self, pick: int, choose: int) -> None:
        """Someone who may, does something they may: otherwise few requests get far."""
        numbers = self._mine()
        if not numbers:
            return
        number = numbers[pick % len(numbers)]
        with self.database.read() as session:
            row = store.request(session, number)
            assert row is not None
            moves = [t.name for t in TRANSITIONS if State(row.state) in t.sources and t.service in (None, row.service)]
        if moves:
            office_actor = actor_of_staff(office())
            with self._dying(0), self.database.begin() as session:
                action = moves[choose % len(moves)]
                requests.move(session, number, action, actor=office_actor, rules=RULES, reason="原因", due=in_days(9))

    @rule(pick=st.integers(0, 50), crash=st.integers(0, 40))
    def time_passes(self, pick: int, crash: int) -> None:
        """A timer falls due; its worker may die in the middle, and another runs the step again."""
        with self.database.begin() as session:
            waiting = session.scalars(select(JobRow).where(JobRow.kind == timers.KIND)).all()
            if not waiting:
                return
            waiting[pick % len(waiting)].due_at = now()
        runner = Runner(self.database, steps.handlers(self.database, RULES, None))
        with self._dying(crash):
            runner.drain()
        with self.database.begin() as session:
            for job in session.scalars(select(JobRow)):
                job.leased_until = None
        runner.drain()

    @rule(crash=st.integers(0, 30))
    def notices_go_out(self, crash: int) -> None:
        """The worker sends what is queued, and may die between sending and noting it."""
        runner = Runner(self.database, {notices.KIND: steps.handlers(self.database, RULES, self._post)[notices.KIND]})
        with self._dying(crash):
            runner.drain(limit=5)
        with self.database.begin() as session:
            for job in session.scalars(select(JobRow)):
                job.leased_until = None

    @rule(pick=st.integers(0, 50), who=st.sampled_from(ACTORS))
    def two_at_once(self, pick: int, who: Actor) -> None:
        """Two act on what they saw at the same moment: the second is told, and changes nothing."""
        numbers = self._mine()
        if not numbers:
            return
        number = numbers[pick % len(numbers)]
        with self.database.read() as session:
            row = store.request(session, number)
            assert row is not None
            seen = row.version
            open_to = [
                t.name for t in TRANSITIONS if State(row.state) in t.sources and t.service in (None, row.service)
            ]
        done = 0
        for actor in (actor_of_staff(office()), who):
            with self._dying(0), self.database.begin() as session:
                requests.move(
                    session, number, open_to[0], actor=actor, rules=RULES, version=seen, reason="原因", due=in_days(9)
                )
            done += not self._died
        assert done <= 1

    def teardown(self) -> None:
        """When all is quiet again: every letter went out, and nothing that is due is left."""
        Runner(self.database, steps.handlers(self.database, RULES, self._post)).drain()
        with self.database.read() as session:
            assert not session.scalars(select(JobRow).where(JobRow.due_at <= now())).all()
            for notice in session.scalars(select(NoticeRow).where(NoticeRow.number.in_(self._mine()))):
                assert notice.state == "sent"
                assert notice.id in self._post.ids

    @invariant()
    def balances_add_up(self) -> None:
        with self.database.read() as session:
            supplied = list(session.scalars(select(SupplyRow)))
            net: dict[str, int] = {}
            for one in supplied:
                net[one.supplier] = net.get(one.supplier, 0) + 1
                net[one.requester] = net.get(one.requester, 0) - 1
            assert sum(net.values()) == 0
            for borrower, lender, count in store.supply_totals(session, now() - timedelta(days=1), list(net)):
                assert count == sum((one.requester, one.supplier) == (borrower, lender) for one in supplied)

    @invariant()
    def the_books_agree(self) -> None:
        with self.database.read() as session:
            for row in session.scalars(select(RequestRow).where(RequestRow.number.in_(self._mine()))):
                self._check(session, row)
            for number in self._keys.values():
                assert store.request(session, number) is not None, "a request was lost"

    def _check(self, session: Any, row: RequestRow) -> None:
        state = State(row.state)
        history = store.history(session, row.number)
        assert history[0].action == "place"
        assert history[-1].to_state == row.state
        assert [entry.version for entry in history if entry.action != "remind"] == list(range(1, row.version + 1))
        assert all(a.to_state == b.from_state for a, b in itertools.pairwise(history))
        assert (row.closed_at is not None) == STATES[state].final
        self._check_notices(session, row, history)
        if STATES[state].responsible is Side.SUPPLIER:
            assert row.supplier is not None, "nobody is responsible"
        asked = [place for place in store.rota(session, row.number) if place.state == "asked"]
        if state is State.REQUESTED:
            assert [place.supplier for place in asked] == [row.supplier]
        if state in OPEN_STATES and STATES[state].timer:
            job = session.scalar(select(JobRow).where(JobRow.kind == timers.KIND, JobRow.unique_key == row.number))
            assert job is not None, "nobody will wake this request"
        served = [e.action for e in history if e.action in (*SUPPLIED, "report_problem")]
        supplied = len(served) - 2 * served.count("report_problem")
        assert supplied in (0, 1), "served twice"
        assert (session.get(SupplyRow, row.number) is not None) == bool(supplied)

    def _check_notices(self, session: Any, row: RequestRow, history: list[HistoryRow]) -> None:
        """The reader hears of each change once, and a letter that is not sent has a worker's step."""
        told = session.scalars(select(NoticeRow).where(NoticeRow.number == row.number)).all()
        to_reader = [one.history_id for one in told if one.recipient == "patron"]
        assert len(to_reader) == len(set(to_reader))
        spoken = {entry.id for entry in history if entry.action not in TALK}
        silent = {entry.id for entry in history if State(entry.to_state) in notices.SILENT_FOR_PATRON}
        assert set(to_reader) == spoken - silent
        for one in told:
            if one.state == "queued":
                assert session.scalar(select(JobRow).where(JobRow.unique_key == one.id)) is not None

    def _numbers(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(RequestRow.number).order_by(RequestRow.created_at, RequestRow.number)))

    def _mine(self) -> list[str]:
        return [number for number in self._numbers() if number not in self._before]

    @contextmanager
    def _dying(self, after: int) -> Iterator[None]:
        """Die after so many statements (0: live). What is refused is refused whole; that is no failure."""
        self._died = False
        left = after
        dead: list[Any] = []

        def count(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            nonlocal left
            if statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
                return
            left -= 1
            if left == 0:
                dead.append(cursor.connection)
                raise Crash

        if after:
            event.listen(self.database.engine, "before_cursor_execute", count)
        try:
            yield
        except (Crash, LianwenError):
            self._died = True
        finally:
            if after:
                event.remove(self.database.engine, "before_cursor_execute", count)
            for connection in dead:  # a dead process holds no connection
                connection.close()
                self.database.engine.dispose()


def explore(database: Database, *, examples: int) -> None:
    machine = type("Explored", (Queue,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def answer(
    database: Database, number: str, action: str, who: Actor, start: threading.Barrier, outcomes: list[str]
) -> None:
    start.wait()
    try:
        with database.begin() as session:
            requests.move(session, number, action, actor=who, rules=RULES, reason="x", due=in_days(5))
        outcomes.append(action)
    except LianwenError:
        outcomes.append("")


def race(database: Database) -> None:
    """Everyone answers the same request at the same moment: one wins, the others are told."""
    for round_ in range(5):
        with database.begin() as session:
            asked = draft(item("city", item_id=f"race{round_}"))
            number = requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1").number
        start = threading.Barrier(4)
        outcomes: list[str] = []

        tries = [("cancel", PATRON), ("decline", staff_actor("city")), ("ship", staff_actor("city"))]
        tries.append(("expire", TIMER))
        threads = [threading.Thread(target=answer, args=(database, number, *each, start, outcomes)) for each in tries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(outcomes) == 4
        assert len([done for done in outcomes if done]) == 1
        with database.read() as session:
            assert len(store.history(session, number)) == 2


def same_key_at_once(database: Database) -> None:
    """The same Idempotency-Key from many connections makes one request."""
    start, numbers, faults = threading.Barrier(4), [], []

    def place() -> None:
        start.wait()
        try:
            with database.begin() as session:
                asked = draft(item("city", item_id="once"))
                made = requests.place(session, asked, actor=PATRON, rules=RULES, idempotency_key="once")
            numbers.append(made.number)
        except LianwenError as error:
            faults.append(error)

    threads = [threading.Thread(target=place) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert len(numbers) == 4
    assert len(set(numbers)) == 1


def workers_share(database: Database) -> None:
    """Many workers, each step once."""
    with database.begin() as session:
        for index in range(20):
            asked = draft(item("city", "college", item_id=f"w{index}"))
            requests.place(session, asked, actor=PATRON, rules=RULES)
    with database.begin() as session:
        for job in session.scalars(select(JobRow).where(JobRow.kind == timers.KIND)):
            job.due_at = now() - timedelta(minutes=1)
    runners = [Runner(database, steps.handlers(database, RULES, None)) for _ in range(3)]
    threads = [threading.Thread(target=runner.drain) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as session:
        expired = session.scalars(select(HistoryRow.number).where(HistoryRow.action == "expire")).all()
        assert len(expired) == len(set(expired)) == 20
        assert {p.state for p in session.scalars(select(RotaRow).where(RotaRow.position == 1))} == {"expired"}


CHECKS = [lambda database: explore(database, examples=8), race, same_key_at_once, workers_share]


@pytest.mark.parametrize("check", CHECKS, ids=["any order", "race", "same key", "workers"])
def test_on_sqlite(check: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'race.sqlite3'}")
        Base.metadata.create_all(database.engine)
        consortium(database)
        check(database)
        database.close()


@pytest.mark.services
@pytest.mark.parametrize("check", CHECKS, ids=["any order", "race", "same key", "workers"])
def test_on_postgresql(check: Any) -> None:
    name = f"lianwen_race_{uuid.uuid4().hex[:12]}"
    admin = create_engine(POSTGRES + "postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(POSTGRES + name)
    try:
        Base.metadata.create_all(database.engine)
        consortium(database)
        check(database)
    finally:
        database.close()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
