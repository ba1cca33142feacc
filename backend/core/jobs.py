"""Due work as leased rows: many workers, no step run twice at once, none lost when a worker dies.

A job is due at a moment, is leased for a while by the worker that takes it, and is deleted when done. A worker that
dies lets its lease run out and another takes the job; what a job does must therefore be safe to repeat (each handler
changes rows by guarded updates). The same code runs on SQLite and PostgreSQL. Redis, where configured, only wakes
workers sooner.

A step that fails backs off and lets the others pass. What time may heal (:class:`RetryLater`: a peer or a mail server
that is away) is tried for ever, every six hours in the end; anything else is parked after :data:`MAX_ATTEMPTS` for a
person to look at (``lianwen worker --stuck``), and can be started again (``--retry``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text, UniqueConstraint, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from backend.core.db import Base, Database, UtcDateTime, now
from backend.core.ids import new_id

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 12
WORRYING = 6
"""Tries after which a person is told: about an hour."""
MAX_BACKOFF = timedelta(hours=6)


_DUE = "jobs.due"


class JobRow(Base):
    """One due step. ``unique_key`` keeps a step from being queued twice; ``parked``: gave up, someone must look."""

    __tablename__ = "core_job"
    __table_args__ = (UniqueConstraint("kind", "unique_key"), Index("ix_core_job_due", "parked", "due_at"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    unique_key: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(String(40))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    parked: Mapped[bool] = mapped_column(default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A leased step. ``attempts`` counts this one."""

    id: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    attempts: int
    lease: str


class RetryLater(Exception):
    """Raised by a handler: a reason that time may heal."""


Handler = Callable[[Job], None]


def schedule(
    session: Session,
    kind: str,
    key: str,
    *,
    payload: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
    fresh: bool = False,
) -> None:
    """Queue a step in the caller's transaction; one of that kind and key that waits already moves to ``due_at``.

    ``fresh``: the key is new for certain (it holds the id of a row that this transaction made), nothing is looked for.
    """
    moment = now()
    due = due_at or moment
    if due <= moment:
        session.info[_DUE] = True
    row = JobRow(
        id=new_id("j_"), kind=kind, unique_key=key, payload=dict(payload or {}), due_at=due, attempts=0, parked=False
    )
    if fresh:
        session.add(row)
        return
    moved = session.execute(
        update(JobRow)
        .where(JobRow.kind == kind, JobRow.unique_key == key)
        .values(due_at=due, payload=row.payload, parked=False, attempts=0, lease=None, leased_until=None)
        .returning(JobRow.id)
    ).first()
    if moved is not None:
        return
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another transaction queued the same step meanwhile: it is queued, which is what was asked
        log.debug("job %s %s was queued by someone else", kind, key)


def ring_when_due(database: Database, ring: Callable[[], None]) -> None:
    """Call ``ring`` after each commit that queued a step for now."""

    def committed(session: Session) -> None:
        if session.info.pop(_DUE, False):
            ring()

    database.after_commit(committed)


def drop(session: Session, kind: str, key: str) -> None:
    """Forget a step that is no longer wanted."""
    session.execute(delete(JobRow).where(JobRow.kind == kind, JobRow.unique_key == key))


def take(session: Session, kinds: set[str], *, moment: datetime | None = None) -> Job | None:
    """Lease the job that has been due longest, or None.

    PostgreSQL gives each worker a row that no other looks at; on SQLite the writing transaction is alone anyway. The
    kind is compared as an expression so that the index of due moments is walked and not that of kinds: with thousands
    of steps waiting, sorting them all to find the first took 17 ms, walking 1.
    """
    at = moment or now()
    free = (JobRow.leased_until.is_(None)) | (JobRow.leased_until <= at)
    row = session.scalars(
        select(JobRow)
        .where(JobRow.parked.is_(False), JobRow.due_at <= at, free, JobRow.kind.concat("").in_(sorted(kinds)))
        .order_by(JobRow.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    row.lease, row.leased_until, row.attempts = new_id(), at + LEASE, row.attempts + 1
    session.flush()
    return Job(
        id=row.id, kind=row.kind, key=row.unique_key, payload=row.payload, attempts=row.attempts, lease=row.lease
    )


def finish(session: Session, job: Job) -> bool:
    """Delete a done job, if this lease still holds it (it may have been queued anew meanwhile)."""
    done = session.execute(delete(JobRow).where(JobRow.id == job.id, JobRow.lease == job.lease).returning(JobRow.id))
    return done.first() is not None


def fail(session: Session, job: Job, reason: str, *, hopeless: bool, moment: datetime | None = None) -> None:
    """Try again later, ever more slowly; park it for a person when it is ``hopeless`` and was tried often enough."""
    wait = min(timedelta(seconds=10) * 3 ** min(job.attempts - 1, 20), MAX_BACKOFF)
    session.execute(
        update(JobRow)
        .where(JobRow.id == job.id, JobRow.lease == job.lease)
        .values(
            lease=None,
            leased_until=None,
            last_error=reason[:2000],
            due_at=(moment or now()) + wait,
            parked=hopeless and job.attempts >= MAX_ATTEMPTS,
        )
    )


def waiting(session: Session) -> int:
    """Steps that are due and not done."""
    query = select(func.count()).select_from(JobRow).where(JobRow.parked.is_(False), JobRow.due_at <= now())
    return session.scalar(query) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A step that failed again and again. ``parked``: it is not tried any more."""

    kind: str
    key: str
    attempts: int
    error: str
    due_at: datetime
    parked: bool


def stuck(session: Session, *, limit: int = 200) -> list[Stuck]:
    """The steps a person should look at, parked ones first."""
    query = select(JobRow).where(JobRow.parked | (JobRow.attempts >= WORRYING))
    rows = session.scalars(query.order_by(JobRow.parked.desc(), JobRow.due_at).limit(limit))
    return [
        Stuck(
            kind=row.kind,
            key=row.unique_key,
            attempts=row.attempts,
            error=row.last_error,
            due_at=row.due_at,
            parked=row.parked,
        )
        for row in rows
    ]


def retry_stuck(session: Session) -> int:
    """Let every stuck step that nobody is running start again now; returns how many."""
    at = now()
    free = (JobRow.leased_until.is_(None)) | (JobRow.leased_until <= at)
    started = session.execute(
        update(JobRow)
        .where(JobRow.parked | (JobRow.attempts >= WORRYING), free)
        .values(parked=False, attempts=0, due_at=at, lease=None, leased_until=None)
        .returning(JobRow.id)
    )
    return len(started.all())


class Runner:
    """Runs due jobs of the kinds it has handlers for, in this thread."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._handlers = dict(handlers)

    def step(self, *, moment: datetime | None = None) -> bool:
        """Run one due job; False when none is due."""
        return self.drain(moment=moment, limit=1) == 1

    def drain(self, *, moment: datetime | None = None, limit: int = 10_000) -> int:
        """Run everything that is due now; returns how many steps ran.

        One transaction settles a job and leases the next: a worker that dies between running and settling leaves the
        job to be run again, as one that dies while running does.
        """
        count, done = 0, None
        while count < limit:
            with self._database.begin() as session:
                if done is not None:
                    finish(session, done)
                job = take(session, set(self._handlers), moment=moment)
            if job is None:
                return count
            done = job if self._run(job, moment) else None
            count += 1
        if done is not None:
            with self._database.begin() as session:
                finish(session, done)
        return count

    def _run(self, job: Job, moment: datetime | None) -> bool:
        """Run it; False when it failed, which is noted."""
        try:
            self._handlers[job.kind](job)
        except RetryLater as reason:
            self._failed(job, str(reason), moment, hopeless=False)
        except Exception as error:
            log.exception("job %s %s failed (attempt %d)", job.kind, job.key, job.attempts)
            self._failed(job, f"{type(error).__name__}: {error}", moment, hopeless=True)
        else:
            return True
        return False

    def run(self, stop: threading.Event, *, poll: float = 1.0, wake: Callable[[float], object] | None = None) -> None:
        """Work until ``stop`` is set. ``wake(seconds)`` waits for news at most that long (default: on ``stop``)."""
        while not stop.is_set():
            try:
                if self.drain() == 0:
                    (wake or stop.wait)(poll)
            except Exception:
                log.exception("worker could not reach its queue; trying again")
                stop.wait(5.0)

    def _failed(self, job: Job, reason: str, moment: datetime | None, *, hopeless: bool) -> None:
        with self._database.begin() as session:
            fail(session, job, reason, hopeless=hopeless, moment=moment)
