"""The worker's step of the branches: look for news, then be due again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from backend.core.db import Database, now
from backend.core.jobs import Handler, Job, schedule
from backend.enterprise.alerts import Shelves, find_news
from backend.enterprise.library import Changes
from backend.enterprise.profile import Tokens
from backend.enterprise.rendering import BEIJING

KIND = "enterprise.alerts"
NEXT = "enterprise.alerts.next"
EVERY = timedelta(minutes=5)


def handlers(database: Database, changes: Changes, shelves: Shelves, tokens: Tokens) -> Mapping[str, Handler]:
    """The handler, queued for the first time. Two kinds take turns, because a job that is under way cannot queue
    itself: when it is done its row goes."""

    def look(job: Job) -> None:
        find_news(database, changes, shelves, tokens, today=datetime.now(BEIJING).date())
        with database.begin() as session:
            schedule(session, NEXT if job.kind == KIND else KIND, "all", due_at=now() + EVERY)

    with database.begin() as session:
        schedule(session, KIND, "all")
    return {KIND: look, NEXT: look}
