"""An outside supplier without a system of its own is asked by e-mail, through the outbox like every notice.

Its answer comes to the asking library's mailbox and is recorded there by hand: that library's staff act on the
supplier's side too (:func:`backend.delivery.views.sides`).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.consortium.values import Member, OutsideSupplier
from backend.delivery import notices
from backend.delivery.lifecycle import State
from backend.delivery.models import HistoryRow, RequestRow

PREFIX = "mail:"
SERVICES = {"loan": "借阅", "copy": "复制"}
TOLD = {
    "ask_cancel": "我们想取消这份申请，请告知是否来得及。",
    "cancel": "这份申请已取消，请不必再办理。",
    "lapse": "已过读者需要的日期，这份申请请不必再办理。",
    "receive": "图书已收到，谢谢。",
    "ask_renewal": "我们想续借这本书，请告知新的应还日期。",
    "return": "图书已寄还，请查收。",
    "ask_status": "请告知这份申请办理到哪一步了。",
    "report_problem": "复制件有问题，请重新提供：",
    "accept_conditions": "我们接受所提条件，请提供。",
    "retry": "我们再次提出这份申请，请告知能否提供。",
    "lose": "图书遗失，我们将与贵馆联系赔偿事宜：",
    "message": "",
}
"""What a supplier is told of a change that concerns it; other changes it learns nothing of."""

LEAVING = frozenset({"expire", "skip", "reroute", "refuse_conditions"})
LEFT = "我们已改向其他馆提出这份申请，请不必再办理。"


def is_mail(supplier: str | None) -> bool:
    return supplier is not None and supplier.startswith(PREFIX)


def write(session: Session, row: RequestRow, entry: HistoryRow) -> None:
    """The letters that a change brings about: to the supplier that is asked, and to one that is asked no longer."""
    former = str(entry.detail.get("former_supplier", ""))
    if is_mail(former) and entry.action in LEAVING:
        _letter(session, row, entry, former, LEFT)
    if not is_mail(row.supplier) or row.supplier is None:
        return
    if entry.action in TOLD:
        _letter(session, row, entry, row.supplier, f"{TOLD[entry.action]}{entry.reason}")
    elif entry.to_state == State.REQUESTED:
        _letter(session, row, entry, row.supplier, "")


def _letter(session: Session, row: RequestRow, entry: HistoryRow, supplier: str, text: str) -> None:
    known = {f"{PREFIX}{one.code}": one for one in consortium.outside_suppliers(session)}
    member = consortium.member(session, row.requester)
    to = known.get(supplier)
    if to is None:
        return
    what = f"关于申请《{row.title[:60]}》" if text else f"文献{SERVICES[row.service]}申请《{row.title[:60]}》"
    notices.send_to(session, row, entry, supplier, to.email, what, _body(row, to, member, text))


def _body(row: RequestRow, to: OutsideSupplier, member: Member | None, text: str) -> str:
    """The letter; without ``text`` it is the request itself. The reader is not named."""
    home = member.name if member else row.requester
    item = row.item or {}
    facts = (
        ("题名", row.title),
        ("责任者", "；".join(item.get("creators") or ())),
        ("出版", " ".join(part for part in (item.get("publisher") or "", str(item.get("year") or "")) if part)),
        ("ISBN", item.get("isbn")),
        ("ISSN", item.get("issn")),
        ("出处", row.citation if row.citation != row.title else ""),
        ("页码", row.pages),
        ("需要日期", row.needed_by.isoformat() if row.needed_by else ""),
        ("取书", member.address if member else ""),
    )
    lines = [
        f"{to.name}：",
        "",
        text or f"{home}的读者需要{SERVICES[row.service]}下列文献，请告知能否提供及所需费用。",
        "",
    ]
    lines += [f"{name}：{value}" for name, value in facts if value]
    lines += ["", f"{home}（请回复至 {member.email}，并注明申请号）" if member and member.email else home]
    return "\n".join(lines)
