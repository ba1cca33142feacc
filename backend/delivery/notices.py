"""Notices: written with the change they tell of, sent by the worker, shown once on page and desk."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Protocol
from urllib.parse import unquote, urlsplit

from sqlalchemy.orm import Session

from backend.core.db import now
from backend.core.errors import ConfigurationError
from backend.core.ids import new_id
from backend.core.jobs import RetryLater, schedule
from backend.delivery.lifecycle import STATES, Side, State
from backend.delivery.models import HistoryRow, NoticeRow, RequestRow

KIND = "delivery.notice"
SILENT_FOR_PATRON = frozenset({State.COMPLETED, State.RETURNED})


class Mailer(Protocol):
    """Sends one e-mail; raises :class:`RetryLater` when that may work later."""

    def send(self, *, notice_id: str, to: str, subject: str, body: str) -> None: ...


def write(
    session: Session,
    row: RequestRow,
    entry: HistoryRow,
    *,
    patron_contact: str,
    member_emails: dict[str, str],
    extra: str = "",
) -> list[NoticeRow]:
    """The notices of one change: to the patron always, to the library that must act now. Same transaction."""
    state = State(row.state)
    rule = STATES[state]
    made = []
    if row.visitor_id and state not in SILENT_FOR_PATRON:
        text = "\n".join(part for part in (entry.told or rule.patron, row.message, rule.next_step, extra) if part)
        made.append(_notice(row, entry, "patron", patron_contact, f"【{rule.label}】{row.title[:60]}", text))
    desk = {Side.SUPPLIER: row.supplier, Side.REQUESTER: row.requester}.get(rule.responsible or Side.TIMER)
    if state is State.UNFILLED:
        desk, extra = row.requester, "建议：如属本馆收藏范围，可考虑采购。"
    acted_by_themselves = desk == entry.actor_member
    if desk and not desk.startswith(("peer:", "mail:")) and not acted_by_themselves:
        text = "\n".join(part for part in (f"《{row.title}》", entry.reason, rule.next_step, extra) if part)
        made.append(
            _notice(row, entry, desk, member_emails.get(desk, ""), f"【{rule.label}】《{row.title[:60]}》", text)
        )
    session.add_all(made)
    session.flush()
    for notice in made:
        if notice.state == "queued":
            schedule(session, KIND, notice.id, fresh=True)
    return made


def tell(session: Session, row: RequestRow, entry: HistoryRow, recipient: str, address: str) -> None:
    """One library's word to the other: a notice without a change of state."""
    body = "\n".join(part for part in (f"《{row.title}》", entry.reason or entry.told) if part)
    send_to(session, row, entry, recipient, address, f"【馆际留言】《{row.title[:60]}》", body)


def send_to(
    session: Session, row: RequestRow, entry: HistoryRow, recipient: str, address: str, subject: str, body: str
) -> None:
    """A notice in these words, queued in this transaction."""
    notice = _notice(row, entry, recipient, address, subject, body)
    session.add(notice)
    session.flush()
    if notice.state == "queued":
        schedule(session, KIND, notice.id, fresh=True)


def _notice(row: RequestRow, entry: HistoryRow, recipient: str, address: str, subject: str, body: str) -> NoticeRow:
    mailable = "@" in address and "\n" not in address and "\r" not in address
    return NoticeRow(
        id=new_id("n_"),
        number=row.number,
        history_id=entry.id,
        recipient=recipient,
        address=address if mailable else "",
        subject=" ".join(f"{subject}（{row.number}）".split()),
        body=f"{body}\n\n申请号：{row.number}",
        state="queued" if mailable else "kept",
        created_at=now(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """``url``: smtp://user:password@host:587 (STARTTLS where offered) or smtps://…:465."""

    url: str
    sender: str
    timeout: float = 20.0

    def send(self, *, notice_id: str, to: str, subject: str, body: str) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ConfigurationError("LIANWEN_SMTP_URL: smtp://user:password@host:587")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(idstring=notice_id, domain=self.sender.rpartition("@")[2] or "lianwen")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        context = ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(parts.hostname, parts.port or 465, timeout=self.timeout, context=context)
                if parts.scheme == "smtps"
                else smtplib.SMTP(parts.hostname, parts.port or 25, timeout=self.timeout)
            ) as server:
                if parts.scheme == "smtp" and server.has_extn("starttls"):
                    server.starttls(context=context)
                if parts.username:
                    server.login(unquote(parts.username), unquote(parts.password or ""))
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise Undeliverable(str(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise RetryLater(f"mail server: {error}") from error


class Undeliverable(Exception):
    """The address is refused for good."""
