"""Due work as leased rows: many workers, no step run twice at once, none lost when a worker dies.

A job is due at a moment, is leased for a while by the worker that takes it, and is deleted when done. A worker that
dies lets its lease run out and another takes the job; what a job does must therefore be safe to repeat (each handler
changes rows by guarded updates). The same code runs on SQLite and PostgreSQL: taking a job is one guarded UPDATE, so no
SKIP LOCKED is needed. Redis, where configured, only wakes workers sooner.
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
MAX_BACKOFF = timedelta(hours=6)


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
    session: Session, kind: str, key: str, *, payload: Mapping[str, Any] | None = None, due_at: datetime | None = None
) -> None:
    """Queue a step in the caller's transaction; one of that kind and key that waits already moves to ``due_at``."""
    due = due_at or now()
    waiting = session.execute(
        update(JobRow)
        .where(JobRow.kind == kind, JobRow.unique_key == key)
        .values(due_at=due, payload=dict(payload or {}), parked=False, attempts=0, lease=None, leased_until=None)
        .returning(JobRow.id)
    ).first()
    if waiting is not None:
        return
    row = JobRow(
        id=new_id("j_"), kind=kind, unique_key=key, payload=dict(payload or {}), due_at=due, attempts=0, parked=False
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another transaction queued the same step meanwhile: it is queued, which is what was asked
        log.debug("job %s %s was queued by someone else", kind, key)


def drop(session: Session, kind: str, key: str) -> None:
    """Forget a step that is no longer wanted."""
    session.execute(delete(JobRow).where(JobRow.kind == kind, JobRow.unique_key == key))


def take(session: Session, kinds: set[str], *, moment: datetime | None = None) -> Job | None:
    """Lease the job that has been due longest, or None. One guarded UPDATE decides between workers."""
    at = moment or now()
    free = (JobRow.leased_until.is_(None)) | (JobRow.leased_until <= at)
    candidates = session.scalars(
        select(JobRow)
        .where(JobRow.parked.is_(False), JobRow.due_at <= at, free, JobRow.kind.in_(sorted(kinds)))
        .order_by(JobRow.due_at)
        .limit(8)
    ).all()
    for row in candidates:
        lease = new_id()
        taken = session.execute(
            update(JobRow)
            .where(JobRow.id == row.id, free, JobRow.parked.is_(False), JobRow.due_at <= at)
            .values(lease=lease, leased_until=at + LEASE, attempts=JobRow.attempts + 1)
            .returning(JobRow.attempts)
            .execution_options(synchronize_session=False)
        ).first()
        if taken is not None:
            return Job(
                id=row.id, kind=row.kind, key=row.unique_key, payload=row.payload, attempts=taken[0], lease=lease
            )
    return None


def finish(session: Session, job: Job) -> bool:
    """Delete a done job, if this lease still holds it (it may have been queued anew meanwhile)."""
    done = session.execute(delete(JobRow).where(JobRow.id == job.id, JobRow.lease == job.lease).returning(JobRow.id))
    return done.first() is not None


def fail(session: Session, job: Job, reason: str, *, moment: datetime | None = None) -> None:
    """Try again later, ever more slowly; after :data:`MAX_ATTEMPTS` park it for a person."""
    wait = min(timedelta(seconds=10) * 3 ** (job.attempts - 1), MAX_BACKOFF)
    session.execute(
        update(JobRow)
        .where(JobRow.id == job.id, JobRow.lease == job.lease)
        .values(
            lease=None,
            leased_until=None,
            last_error=reason[:2000],
            due_at=(moment or now()) + wait,
            parked=job.attempts >= MAX_ATTEMPTS,
        )
    )


def parked(session: Session) -> int:
    """Jobs that gave up."""
    return session.scalar(select(func.count()).select_from(JobRow).where(JobRow.parked)) or 0


class Runner:
    """Runs due jobs of the kinds it has handlers for, in this thread."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._handlers = dict(handlers)

    def step(self, *, moment: datetime | None = None) -> bool:
        """Run one due job; False when none is due."""
        with self._database.begin() as session:
            job = take(session, set(self._handlers), moment=moment)
        if job is None:
            return False
        try:
            self._handlers[job.kind](job)
        except RetryLater as reason:
            self._failed(job, str(reason), moment)
        except Exception as error:
            log.exception("job %s %s failed (attempt %d)", job.kind, job.key, job.attempts)
            self._failed(job, f"{type(error).__name__}: {error}", moment)
        else:
            with self._database.begin() as session:
                finish(session, job)
        return True

    def drain(self, *, moment: datetime | None = None, limit: int = 10_000) -> int:
        """Run everything that is due now; returns how many steps ran."""
        count = 0
        while count < limit and self.step(moment=moment):
            count += 1
        return count

    def run(self, stop: threading.Event, *, poll: float = 1.0, wake: Callable[[float], object] | None = None) -> None:
        """Work until ``stop`` is set. ``wake(seconds)`` waits for news at most that long (default: on ``stop``)."""
        while not stop.is_set():
            try:
                if self.drain() == 0:
                    (wake or stop.wait)(poll)
            except Exception:
                log.exception("worker could not reach its queue; trying again")
                stop.wait(5.0)

    def _failed(self, job: Job, reason: str, moment: datetime | None) -> None:
        with self._database.begin() as session:
            fail(session, job, reason, moment=moment)
