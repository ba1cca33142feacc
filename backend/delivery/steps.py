"""The worker's steps of delivery: timers, notices, erasure. Each is safe to repeat; each commits by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.db import Database, now
from backend.core.errors import Conflict
from backend.core.jobs import Handler, Job
from backend.delivery import mail_suppliers, moves, notices, requests, store, timers
from backend.delivery.letters import Letter
from backend.delivery.lifecycle import STATES, State
from backend.delivery.models import NoticeRow, RequestRow
from backend.delivery.notices import Mailer, Undeliverable
from backend.delivery.requests import ERASE_JOB, Rules
from backend.delivery.values import TIMER

log = logging.getLogger(__name__)


def handlers(database: Database, rules: Rules, mailer: Mailer | None) -> dict[str, Handler]:
    """The handlers by kind of job, for :class:`backend.core.jobs.Runner`. ``mailer`` None: no mail server."""
    steps: dict[str, Callable[[Job], None]] = {
        timers.KIND: lambda job: run_timer(database, rules, job),
        notices.KIND: lambda job: send_notice(database, rules, mailer, job),
        ERASE_JOB: lambda job: erase(database, job),
    }
    return steps


def run_timer(database: Database, rules: Rules, job: Job) -> None:
    """What happens by itself when nobody acted in time. Does nothing when the request moved on meanwhile."""
    with database.begin() as session:
        row = store.request(session, job.key)
        if row is None or row.state != job.payload.get("state"):
            return
        state = State(row.state)
        if state is State.OVERDUE:
            _remind(session, row, job, rules)
            return
        action = "overdue" if state is State.RECEIVED else STATES[state].on_timer
        if action is None:
            return
        try:
            requests.move(session, row.number, action, actor=TIMER, rules=rules, version=row.version)
        except Conflict:
            log.info("%s moved on before its timer", row.number)


def _remind(session: Session, row: RequestRow, job: Job, rules: Rules) -> None:
    """Tell the reader and the library again, every week, that a loan is overdue."""
    moment = now()
    entry = moves.remark(session, row, TIMER, action="remind", told="图书仍未归还，请尽快归还。")
    moves.notify(session, row, entry, rules)
    jobs.schedule(session, timers.KIND, row.number, due_at=moment + timers.REMINDER, payload=dict(job.payload))


def send_notice(database: Database, rules: Rules, mailer: Mailer | None, job: Job) -> None:
    """Send one notice at least once; without a mail server it stays on page and desk. What is refused for good, or for
    too long, is marked: the desk shows it."""
    with database.read() as session:
        notice = store.notice(session, job.key)
        if notice is None or notice.state != "queued":
            return
        link = rules.letter_link(session, notice.link_id) if rules.letter_link and notice.link_id else None
    state, problem = "kept", ""
    if mailer is not None and notice.address:
        state, problem = _sent(mailer, notice, rules.letters.frame(notice.subject, notice.body, link), job)
    with database.begin() as session:
        row = store.request(session, notice.number)
        settled = store.settle_notice(session, notice.id, state, now(), error=problem)
        if settled and row is not None and state != "sent" and mail_suppliers.is_mail(notice.recipient):
            why = "地址被退回" if state == "failed" else "没有配置邮件服务器"
            moves.overhear(session, row, TIMER, f"给对方的邮件没有发出（{why}），请以其他方式联系：{notice.subject}")


def _sent(mailer: Mailer, notice: NoticeRow, letter: Letter, job: Job) -> tuple[str, str]:
    """What became of it, and why. :raises RetryLater: when it may still work."""
    try:
        mailer.send(notice_id=notice.id, to=notice.address, letter=letter)
    except Undeliverable as error:
        log.warning("notice %s cannot be delivered: %s", notice.id, error)
        return "failed", str(error)
    except jobs.RetryLater as error:
        if job.attempts < jobs.MAX_ATTEMPTS:
            raise
        log.warning("notice %s given up: %s", notice.id, error)
        return "failed", str(error)
    return "sent", ""


def erase(database: Database, job: Job) -> None:
    """Forget who asked, some time after the request closed (a reopened request keeps its patron)."""
    with database.begin() as session:
        row = store.request(session, job.key)
        if row is not None and STATES[State(row.state)].final:
            store.erase_patron(session, row.number, now())
