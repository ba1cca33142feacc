"""Transactions are whole, writers queue, moments keep their zone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, update
from sqlalchemy.exc import StatementError

from backend.core.db import Database, UtcDateTime, now
from backend.core.errors import ConfigurationError

metadata = MetaData()
counter = Table(
    "counter", metadata, Column("id", Integer, primary_key=True), Column("n", Integer), Column("at", UtcDateTime)
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    metadata.create_all(made.engine)
    return made


def test_a_block_that_raises_changes_nothing(database: Database) -> None:
    def interrupted() -> None:
        with database.begin() as session:
            session.execute(insert(counter).values(id=1, n=1))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    with database.read() as session:
        assert session.execute(select(counter.c.id)).all() == []


def test_writers_queue_and_no_increment_is_lost(database: Database) -> None:
    with database.begin() as session:
        session.execute(insert(counter).values(id=1, n=0))

    def increment() -> None:
        for _ in range(20):
            with database.begin() as session:
                before = session.execute(select(counter.c.n)).scalar_one()
                session.execute(update(counter).values(n=before + 1))

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.execute(select(counter.c.n)).scalar_one() == 80


def test_moments_keep_their_zone(database: Database) -> None:
    moment = now()
    with database.begin() as session:
        session.execute(insert(counter).values(id=1, n=0, at=moment))
    with database.read() as session:
        stored = session.execute(select(counter.c.at)).scalar_one()
    assert stored == moment
    assert stored.tzinfo is UTC


def test_a_moment_without_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without zone"), database.begin() as session:
        session.execute(insert(counter).values(id=1, n=0, at=datetime(2026, 1, 1)))


def test_a_url_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match="LIANWEN_DATABASE_URL"):
        Database("not a url")
