"""Notices: written with the change they tell of, sent by the worker, shown once on page and desk."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.core.db import now
from backend.core.ids import new_id
from backend.core.jobs import schedule
from backend.delivery.letters import STANDARD, Letters
from backend.delivery.lifecycle import STATES, Side, State
from backend.delivery.mail import Mailer, SmtpMailer, Undeliverable, address_in
from backend.delivery.models import HistoryRow, NoticeRow, RequestRow

__all__ = ["KIND", "Mailer", "SmtpMailer", "Undeliverable", "write"]

KIND = "delivery.notice"
SILENT_FOR_PATRON = frozenset({State.COMPLETED, State.RETURNED})
READY = frozenset({State.RECEIVED, State.DELIVERED})


def write(
    session: Session,
    row: RequestRow,
    entry: HistoryRow,
    *,
    patron_contact: str,
    member_emails: dict[str, str],
    member_names: dict[str, str] | None = None,
    letters: Letters = STANDARD,
) -> list[NoticeRow]:
    """The notices of one change: to the patron always, to the library that must act now. Same transaction."""
    state = State(row.state)
    rule = STATES[state]
    fields = _fields(row, entry, member_names or {})
    made = []
    if (row.visitor_id or patron_contact) and state not in SILENT_FOR_PATRON:
        subject, text = letters.write("patron", row.state, fields)
        told = _notice(row, entry, "patron", patron_contact, subject, text)
        told.seen_at = entry.at if entry.side == Side.PATRON else None  # what they just did is no news to them
        made.append(told)
    desk = {Side.SUPPLIER: row.supplier, Side.REQUESTER: row.requester}.get(rule.responsible or Side.TIMER)
    if state is State.UNFILLED:
        desk, fields["suggestion"] = row.requester, "建议：如属本馆收藏范围，可考虑采购。"
    acted_by_themselves = desk == entry.actor_member
    if desk and not desk.startswith(("peer:", "mail:")) and not acted_by_themselves:
        subject, text = letters.write("staff", row.state, fields)
        made.append(_notice(row, entry, desk, member_emails.get(desk, ""), subject, text))
    session.add_all(made)
    session.flush()
    for notice in made:
        if notice.state == "queued":
            schedule(session, KIND, notice.id, fresh=True)
    return made


def _fields(row: RequestRow, entry: HistoryRow, called: dict[str, str]) -> dict[str, str]:
    """What a template may say. No contact and no name of a patron: a notice outlives both."""
    state = State(row.state)
    rule = STATES[state]
    return {
        "number": row.number,
        "title": row.title[:200],
        "service": "借阅" if row.service == "loan" else "复制",
        "state": rule.label,
        "told": entry.told or rule.patron,
        "message": row.message,
        "next_step": rule.next_step,
        "reason": entry.reason,
        "supplier": called.get(row.supplier or "", ""),
        "library": called.get(row.requester, ""),
        "due": row.due.isoformat() if row.due else "",
        "needed_by": row.needed_by.isoformat() if row.needed_by else "",
        "pickup": row.pickup,
        "ready": "1" if state in READY else "",
    }


def tell(session: Session, row: RequestRow, entry: HistoryRow, recipient: str, address: str) -> None:
    """One library's word to the other: a notice without a change of state."""
    body = "\n".join(part for part in (f"《{row.title}》", entry.reason or entry.told) if part)
    send_to(session, row, entry, recipient, address, f"【馆际留言】《{row.title[:60]}》", body)


def send_to(
    session: Session, row: RequestRow, entry: HistoryRow, recipient: str, address: str, subject: str, body: str
) -> None:
    """A notice in these words, queued in this transaction."""
    notice = _notice(row, entry, recipient, address, subject, f"{body}\n\n申请号：{row.number}")
    session.add(notice)
    session.flush()
    if notice.state == "queued":
        schedule(session, KIND, notice.id, fresh=True)


def _notice(row: RequestRow, entry: HistoryRow, recipient: str, address: str, subject: str, body: str) -> NoticeRow:
    address = address_in(address)
    return NoticeRow(
        id=new_id("n_"),
        number=row.number,
        history_id=entry.id,
        recipient=recipient,
        address=address,
        subject=" ".join(f"{subject}（{row.number}）".split()),
        body=body,
        state="queued" if address else "kept",
        created_at=now(),
    )
