"""Leased steps: each runs once whoever takes it, a dead worker's are taken over, poison stands aside."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from backend.core.db import Base, Database, now
from backend.core.jobs import (
    LEASE,
    MAX_ATTEMPTS,
    Handler,
    Job,
    JobRow,
    RetryLater,
    Runner,
    finish,
    retry_stuck,
    schedule,
    stuck,
    take,
    waiting,
)

POSTGRES = os.environ.get("LIANWEN_TEST_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
WORKER = """
import os, sys, time
from datetime import timedelta
from sqlalchemy import func, select, text
from backend.core import jobs
from backend.core.db import Database
jobs.LEASE = timedelta(seconds=float(sys.argv[2]))
database = Database(sys.argv[1])
def handle(job):
    if sys.argv[3] == job.key:
        print("dying", flush=True)
        time.sleep(60)
    time.sleep(0.05)  # work: so that no worker is through before the next has started
    with database.begin() as session:
        session.execute(text("INSERT INTO ran VALUES (:job, :worker)"), {"job": job.key, "worker": os.getpid()})
runner = jobs.Runner(database, {"work": handle})
until = time.monotonic() + 50
while time.monotonic() < until:
    if not runner.drain():
        with database.read() as session:
            if not session.scalar(select(func.count()).select_from(jobs.JobRow)):
                break
        time.sleep(0.05)
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'jobs.sqlite3'}")
        JobRow.metadata.create_all(made.engine, tables=[JobRow.__table__])  # type: ignore[list-item]
        yield made
        made.close()
        return
    name = f"lianwen_jobs_{uuid.uuid4().hex[:12]}"
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    made = Database(POSTGRES.rpartition("/")[0] + f"/{name}")
    Base.metadata.create_all(made.engine, tables=[JobRow.__table__])  # type: ignore[list-item]
    yield made
    made.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def queue(database: Database, *keys: str) -> None:
    with database.begin() as session:
        for key in keys:
            schedule(session, "work", key)


def start(database: Database, *, lease: float = 60, dies_at: str = "") -> subprocess.Popen[str]:
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WORKER, url, str(lease), dies_at]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, env={"PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True)


def ran(database: Database) -> Counter[str]:
    with database.read() as session:
        return Counter(session.scalars(text("SELECT job FROM ran")))


def test_many_processes_run_each_step_once_and_take_over_from_a_dead_one(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("CREATE TABLE ran (job VARCHAR(20), worker INTEGER)"))
    keys = [f"k{number}" for number in range(60)]
    queue(database, "poisoned", *keys)
    doomed = start(database, lease=2, dies_at="poisoned")
    assert doomed.stdout is not None
    assert doomed.stdout.readline() == "dying\n"
    doomed.kill()
    workers = [start(database, lease=30) for _ in range(3)]
    for worker in [doomed, *workers]:
        worker.communicate(timeout=60)
    assert ran(database) == Counter({"poisoned": 1} | dict.fromkeys(keys, 1))
    with database.read() as session:
        assert waiting(session) == 0
        assert len(set(session.scalars(text("SELECT worker FROM ran")))) >= 2, "one worker did it all"


def test_a_lease_that_ran_out_is_given_to_another_and_the_first_cannot_finish(database: Database) -> None:
    queue(database, "a")
    with database.begin() as session:
        first = take(session, {"work"})
        assert first is not None
        assert take(session, {"work"}) is None
    with database.begin() as session:
        second = take(session, {"work"}, moment=now() + LEASE + timedelta(seconds=1))
        assert second is not None
        assert second.attempts == 2
    with database.begin() as session:
        assert not finish(session, first)
        assert finish(session, second)


def test_a_step_queued_anew_while_it_runs_runs_again(database: Database) -> None:
    seen: list[int] = []

    def handle(job: Job) -> None:
        seen.append(int(job.payload["n"]))
        if job.payload["n"] == 1:
            with database.begin() as session:
                schedule(session, "work", "a", payload={"n": 2})

    with database.begin() as session:
        schedule(session, "work", "a", payload={"n": 1})
    assert Runner(database, {"work": handle}).drain() == 2
    assert seen == [1, 2]


def exhaust(database: Database, error: Exception) -> list[str]:
    """Run a step that always fails beside one that works, for a month."""
    done: list[str] = []

    def handle(job: Job) -> None:
        if job.key == "bad":
            raise error
        done.append(job.key)

    handlers: dict[str, Handler] = {"work": handle}
    queue(database, "bad", "good")
    for hours in range(0, 24 * 30, 7):
        Runner(database, handlers).drain(moment=now() + timedelta(hours=hours))
    return done


def test_poison_lets_others_pass_is_parked_shown_and_can_be_started_again(database: Database) -> None:
    assert exhaust(database, KeyError("poison")) == ["good"]
    with database.begin() as session:
        [found] = stuck(session)
        assert (found.key, found.attempts, found.parked, found.error) == (
            "bad",
            MAX_ATTEMPTS,
            True,
            "KeyError: 'poison'",
        )
        assert retry_stuck(session) == 1
        assert stuck(session) == []
    assert Runner(database, {"work": lambda job: None}).drain() == 1


def test_what_time_may_heal_is_never_given_up_but_shown(database: Database) -> None:
    assert exhaust(database, RetryLater("away")) == ["good"]
    with database.begin() as session:
        [found] = stuck(session)
        assert found.attempts > MAX_ATTEMPTS
        assert not found.parked
        row = session.scalars(select(JobRow)).one()
        assert row.due_at <= now() + timedelta(days=31)
