"""Leases of turns, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from backend.chat import store
from backend.chat.models import Turn
from backend.core.db import Base, Database, now
from backend.core.errors import Conflict

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'chat.sqlite3'}")
        Base.metadata.create_all(made.engine)
        yield made
        made.close()
        return
    name = f"test_{secrets.token_hex(6)}"
    admin = create_engine(POSTGRES + "postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    made = Database(POSTGRES + name)
    Base.metadata.create_all(made.engine)
    yield made
    made.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


def begun(session: Session, *, key: str | None = None, ago: timedelta = timedelta(0)) -> Turn:
    conversation = store.open_conversation(session, visitor_id="v", member="city")
    return store.begin_turn(session, conversation, question="问", idempotency_key=key, moment=now() - ago)


def state_of(session: Session, turn: Turn) -> str:
    found = session.get(Turn, turn.id, populate_existing=True)
    assert found is not None
    return found.state


def test_a_turn_ends_once(database: Database) -> None:
    with database.begin() as session:
        turn = begun(session)
        assert store.finish_turn(session, turn.id, state="done", standalone="问", answer={"text": "答"})
        assert not store.finish_turn(session, turn.id, state="failed", standalone="问", answer=None)
        assert not store.ask_to_stop(session, turn.id)
        assert state_of(session, turn) == "done"


def test_a_lease_keeps_a_turn_and_its_end_frees_the_conversation(database: Database) -> None:
    with database.begin() as session:
        old, young = begun(session, ago=2 * store.STALE), begun(session)
        assert store.is_leased(session, young.id)
        assert not store.is_leased(session, old.id)
        assert not store.abandon(session, young.id)
        assert store.renew(session, [old.id]) == set()
        assert not store.abandon(session, old.id)
        assert store.abandon(session, old.id, moment=now() + 2 * store.STALE)
        assert not store.abandon(session, old.id, moment=now() + 2 * store.STALE)
        assert (state_of(session, old), state_of(session, young)) == ("failed", "running")
        conversation = store.conversation(session, old.conversation_id, visitor_id="v")
        assert store.begin_turn(session, conversation, question="再问", idempotency_key=None)


def test_a_conversation_is_busy_until_its_turns_lease_runs_out(database: Database) -> None:
    with database.begin() as session:
        turn = begun(session, ago=store.STALE / 2)
        conversation = store.conversation(session, turn.conversation_id, visitor_id="v")
        with pytest.raises(Conflict):
            store.begin_turn(session, conversation, question="再问", idempotency_key=None)
        later = now() + store.STALE
        assert store.begin_turn(session, conversation, question="再问", idempotency_key=None, moment=later)
        assert state_of(session, turn) == "failed"


def test_who_is_asked_to_stop_hears_it_when_the_lease_is_renewed(database: Database) -> None:
    with database.begin() as session:
        one, other = begun(session), begun(session)
        assert store.ask_to_stop(session, one.id)
        assert store.renew(session, [one.id, other.id]) == {one.id}
        assert store.finish_turn(session, one.id, state="stopped", standalone="问", answer={"text": "…"})
        assert store.abandon_all(session) == 1
        assert (state_of(session, one), state_of(session, other)) == ("stopped", "failed")


def test_a_replaced_turn_is_no_longer_told(database: Database) -> None:
    with database.begin() as session:
        turn = begun(session)
        store.replace_turn(session, turn.id)
        assert state_of(session, turn) == "running"  # what is being answered is not replaced
        store.finish_turn(session, turn.id, state="done", standalone="问", answer={"text": "答"})
        store.replace_turn(session, turn.id)
        assert store.turns(session, turn.conversation_id) == []
