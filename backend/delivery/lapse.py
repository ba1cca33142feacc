"""A request that is needed by a day ends when that day is over and nobody has said they will supply it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.days import midnight
from backend.core.db import Database, now
from backend.core.errors import Conflict
from backend.delivery import moves, store
from backend.delivery.lifecycle import BY_NAME
from backend.delivery.models import RequestRow
from backend.delivery.rules import Rules
from backend.delivery.values import TIMER

log = logging.getLogger(__name__)

LAPSE_JOB = "delivery.lapse"
ACTION = "lapse"


def schedule(session: Session, row: RequestRow) -> None:
    """Queue the end of a request that has a last day."""
    if row.needed_by is not None:
        jobs.schedule(session, LAPSE_JOB, row.number, due_at=midnight(row.needed_by + timedelta(days=1)))


def handler(database: Database, rules: Rules) -> Callable[[jobs.Job], None]:
    """The worker's step. What is under way by then goes on; a partner outside was told the day with the request."""

    def lapse(job: jobs.Job) -> None:
        with database.begin() as session:
            row = store.request(session, job.key)
            if row is None or row.needed_by is None or now() < midnight(row.needed_by + timedelta(days=1)):
                return
            if row.state not in BY_NAME[ACTION].sources or (row.supplier or "").startswith("peer:"):
                return
            try:
                moves.move(session, row.number, ACTION, actor=TIMER, rules=rules, version=row.version)
            except Conflict:
                log.info("%s moved on before it lapsed", row.number)

    return lapse
