"""What each person sees of a request: the reader their own words, the desk its buttons, nobody another's contact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.core.access import Caller, Role, Staff
from backend.core.db import now
from backend.delivery import store
from backend.delivery.lifecycle import CANCELS, STATES, Side, State, allowed, needs_attention
from backend.delivery.mail_suppliers import PREFIX, is_mail
from backend.delivery.models import HistoryRow, RequestRow, RotaRow
from backend.delivery.values import (
    Actor,
    DownloadView,
    HistoryView,
    PatronIn,
    RequestView,
    RotaView,
    SupplierView,
)

Download = Callable[[Session, str], DownloadView | None]

ROTA_WORDS = {
    "waiting": "候补",
    "asked": "已询问",
    "declined": "不能提供",
    "expired": "逾时未答",
    "passed": "已转下家",
    "supplied": "已提供",
    "left_out": "未列入",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks: a reader (``visitor_id``) or a librarian (``staff``)."""

    visitor_id: str | None = None
    staff: Staff | None = None

    @classmethod
    def of(cls, caller: Caller) -> Viewer:
        return cls(visitor_id=caller.visitor.id if caller.visitor else None, staff=caller.staff)


def actor_of_staff(staff: Staff) -> Actor:
    side = "office" if staff.role is Role.OFFICE else "staff"
    return Actor(side=side, key=f"staff:{staff.id}", name=staff.name, member=staff.member)  # type: ignore[arg-type]


def actor_of_visitor(visitor_id: str) -> Actor:
    return Actor(side="patron", key=f"visitor:{visitor_id}", name="读者")


def sides(row: RequestRow, actor: Actor) -> frozenset[Side]:
    """In which capacities this actor may act on this request. The office may stand in for any member."""
    found: set[Side] = set()
    if actor.side == "timer":
        found.add(Side.TIMER)
    elif actor.side == "patron":
        if row.visitor_id is not None and actor.key == f"visitor:{row.visitor_id}":
            found.add(Side.PATRON)
    else:
        me = actor.key if actor.side == "peer" else actor.member
        if me is not None and me == row.requester:
            found.add(Side.REQUESTER)
            if is_mail(row.supplier):  # its answers come by e-mail, and are recorded here
                found.add(Side.SUPPLIER)
        if me is not None and me == row.supplier:
            found.add(Side.SUPPLIER)
        if actor.side == "office":
            found |= {Side.OFFICE, Side.REQUESTER, Side.SUPPLIER}
    return frozenset(found)


def may_see(session: Session, row: RequestRow, viewer: Viewer) -> bool:
    """The reader who placed it; staff of the requesting library and of those that were asked; the office."""
    if viewer.visitor_id is not None and viewer.visitor_id == row.visitor_id:
        return True
    staff = viewer.staff
    if staff is None:
        return False
    if staff.role is Role.OFFICE or staff.member in (row.requester, row.supplier):
        return True
    return staff.member is not None and store.was_asked(session, row.number, staff.member)


def names(session: Session) -> dict[str, str]:
    """Member codes and peers to the names people read."""
    known = {member.code: member.name for member in consortium.members(session)}
    known |= {f"{PREFIX}{one.code}": one.name for one in consortium.outside_suppliers(session)}
    return known | {f"peer:{peer.symbol}": peer.name or peer.symbol for peer in consortium.peers(session)}


def build(session: Session, row: RequestRow, viewer: Viewer, *, download: Download | None = None) -> RequestView:
    """The request for this viewer."""
    called = names(session)
    state = State(row.state)
    rule = STATES[state]
    reader = viewer.visitor_id is not None and viewer.visitor_id == row.visitor_id
    actor = actor_of_visitor(row.visitor_id or "") if reader else _staff_actor(viewer)
    acting = sides(row, actor)
    open_to = allowed(state, acting, service=row.service)
    history = store.history(session, row.number)
    home = reader or bool(acting & {Side.REQUESTER, Side.OFFICE})
    patron = _patron(session, row.number) if home else None
    return RequestView(
        number=row.number,
        state=row.state,
        state_label=rule.label,
        service=row.service,
        title=row.title,
        record_id=row.item_id,
        citation=row.citation,
        matched=row.matched,
        pages=row.pages,
        message=" ".join(part for part in (rule.patron, row.message) if part),
        next_step=rule.next_step,
        supplier=_named(row.supplier, called),
        requester=_named(row.requester, called),
        created_at=row.created_at,
        updated_at=row.updated_at,
        needed_by=row.needed_by,
        due=row.due,
        pickup=row.pickup,
        delivery=row.delivery,
        page_count=row.page_count,
        note=row.note if home else "",
        can_cancel=any(transition.name in CANCELS for transition in open_to),
        can_erase=reader and rule.final and patron is not None,
        actions=[{"name": t.name, "label": t.label, "needs": list(t.needs), "danger": t.danger} for t in open_to],
        history=[_step(entry, desk=not reader) for entry in history],
        rota=[] if reader else [_place(place, called) for place in store.rota(session, row.number)],
        download=download(session, row.number) if download and reader else None,
        patron=patron,
        attention=needs_attention(state, now() - row.state_since),
        version=row.version,
        sides=sorted(acting),
    )


def _staff_actor(viewer: Viewer) -> Actor:
    return actor_of_staff(viewer.staff) if viewer.staff else Actor(side="patron", key="nobody")


def _named(code: str | None, called: Mapping[str, str]) -> SupplierView | None:
    return SupplierView(code=code, name=called.get(code, code)) if code else None


def _step(entry: HistoryRow, *, desk: bool) -> HistoryView:
    rule = STATES[State(entry.to_state)]
    actor = entry.actor_name if desk or entry.side == Side.PATRON else ""
    return HistoryView(
        at=entry.at,
        state=entry.to_state,
        state_label=rule.label,
        text=entry.told or rule.patron,
        actor=actor,
        action=entry.action if desk else "",
        reason=entry.reason if desk else "",
    )


def _place(place: RotaRow, called: Mapping[str, str]) -> RotaView:
    return RotaView(
        position=place.position,
        supplier=SupplierView(code=place.supplier, name=called.get(place.supplier, place.supplier)),
        state=place.state,
        state_label=ROTA_WORDS[place.state],
        score=place.score,
        reasons=[*place.reasons, *([f"答复：{place.answer}"] if place.answer else [])],
    )


def _patron(session: Session, number: str) -> PatronIn | None:
    row = store.patron(session, number)
    return PatronIn(name=row.name, contact=row.contact) if row and row.erased_at is None else None
