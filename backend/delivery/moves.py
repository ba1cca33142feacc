"""Moving a request along: the guarded UPDATE first, then history, rota, supply, timer and notices.

Everything runs in the caller's transaction: either all of it is stored or nothing is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.core import jobs
from backend.core.db import now
from backend.core.errors import Conflict, InputError, NotFound
from backend.delivery import mail_suppliers, notices, rota, store, timers
from backend.delivery.drafts import tidy
from backend.delivery.lifecycle import (
    BY_NAME,
    CANCELS,
    NEXT,
    STATES,
    SUPPLIED,
    TALK,
    Side,
    State,
    Transition,
    allowed,
    check,
)
from backend.delivery.models import HistoryRow, RequestRow, SupplyRow
from backend.delivery.numbers import parse_number
from backend.delivery.rules import Rules
from backend.delivery.values import Actor, HoldingRef, ItemRef, RequestDraft
from backend.delivery.views import names, sides

PEER_JOB = "delivery.peer"
ERASE_JOB = "delivery.erase"
PUBLIC_REASONS = frozenset({"offer_conditions", "offer_retry", "give_up", "lose", "recall"})
ELECTRONIC = "electronic"
MAX_DUE = timedelta(days=366)


def cancel(session: Session, number: str, *, actor: Actor, rules: Rules, reason: str = "") -> RequestRow:
    """Cancel, or ask the supplier to, whichever the state allows; cancelling twice is no error.

    :raises Conflict: when it is too late.
    """
    row = existing(session, number)
    if row.state in (State.CANCELLED, State.CANCEL_ASKED) and sides(row, actor):
        return row
    open_to = {transition.name for transition in allowed(State(row.state), sides(row, actor), service=row.service)}
    action = next((name for name in CANCELS if name in open_to), CANCELS[0])
    return move(session, number, action, actor=actor, rules=rules, reason=reason)


def move(
    session: Session,
    number: str,
    action: str,
    *,
    actor: Actor,
    rules: Rules,
    version: int | None = None,
    reason: str = "",
    due: date | None = None,
    pages: int | None = None,
    share: float | None = None,
    item: ItemRef | None = None,
    detail: dict[str, Any] | None = None,
    has_file: bool = False,
) -> RequestRow:
    """Do one transition of the lifecycle.

    ``version``: what the actor saw (None: whatever it is now). ``share`` of the work (0–1) and ``pages`` go to the
    copyright ledger when a copy is supplied. ``has_file``: it comes with one (:mod:`backend.delivery.handover`).
    ``item``: what a librarian found a citation to be (``match``).

    :raises Conflict: when state or actor do not allow it, the actor's turn has passed, or someone was faster.
    :raises InputError: when a field that the transition needs is missing or impossible.
    """
    row = existing(session, number)
    acting = sides(row, actor)
    if not acting:
        raise not_theirs(session, row, actor)
    if version is not None and version != row.version:
        raise Conflict("这份申请刚刚有变动，请刷新后再办理。", detail={"version": row.version, "state": row.state})
    transition = check(action, State(row.state), acting, service=row.service)
    reason = tidy(reason, 1000)
    _check_fields(transition, reason, due)
    if action == "deliver" and needs_file(row, actor) and not has_file:
        raise InputError("这份申请要求电子传递：请上传文件后送达。", detail={"where": "file"})
    if action == "deliver" and rules.copyright:
        rules.copyright.at_supply(session, row, pages=pages, share=share)
    side = sorted(acting & transition.sides)[0]
    step = Step(transition=transition, actor=actor, side=side, reason=reason, detail=dict(detail or {}))
    if action in TALK:
        return _say(session, row, step)
    return _apply(session, row, step, rules, due=due, pages=pages, item=item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    transition: Transition
    actor: Actor
    side: Side
    reason: str
    detail: dict[str, Any]


def _apply(
    session: Session,
    row: RequestRow,
    step: Step,
    rules: Rules,
    *,
    due: date | None,
    pages: int | None,
    item: ItemRef | None,
) -> RequestRow:
    moment = now()
    before, asked = State(row.state), row.supplier
    changes: dict[str, Any] = {"updated_at": moment, "state_since": moment}
    if step.transition.name == "match":
        changes |= _new_round(session, row, item, rules, moment)
    target, supplier = _target(session, row, step, changes)
    changes |= {"state": target.value, "supplier": supplier, "closed_at": moment if STATES[target].final else None}
    changes["message"] = step.reason if step.transition.name in PUBLIC_REASONS else ""
    if due is not None:
        changes["due"] = due
    if step.transition.name == "grant_renewal":
        changes["renewals"] = row.renewals + 1
    if target is State.UNFILLED and not changes["message"]:
        changes["message"] = rota.explain(store.rota(session, row.number), names(session))
    if not store.change(session, row, changes):
        raise Conflict("这份申请刚刚有变动，请刷新后再办理。", detail={"number": row.number})
    row = existing(session, row.number)
    if asked and asked.startswith(("peer:", "mail:")) and asked != row.supplier:
        step.detail["former_supplier"] = asked
    _account(session, row, step, rules, supplier=asked, moment=moment, pages=pages)
    if step.transition.target == NEXT or step.transition.name in (*SUPPLIED, "lapse"):
        _mark_places(session, row, step, asked, moment)
    entry = record(session, row, before, step, moment)
    follow_up(session, row, entry, rules)
    return row


def overhear(session: Session, row: RequestRow, actor: Actor, text: str, *, side: Side = Side.SUPPLIER) -> RequestRow:
    """Write down what an outside party says that can move nothing (its turn has passed); the other side is told."""
    step = Step(transition=BY_NAME["message"], actor=actor, side=side, reason=tidy(text, 1000), detail={})
    return _say(session, row, step)


def _say(session: Session, row: RequestRow, step: Step) -> RequestRow:
    """Write down what one library tells the other; state, timer and place in the rota stay as they are."""
    moment, state = now(), State(row.state)
    if not store.change(session, row, {"updated_at": moment}):
        raise Conflict("这份申请刚刚有变动，请刷新后再办理。", detail={"number": row.number})
    row = existing(session, row.number)
    entry = record(session, row, state, step, moment)
    hearer = row.requester if step.side is Side.SUPPLIER else row.supplier
    if hearer and not hearer.startswith(("peer:", "mail:")):
        members = {member.code: member.email for member in consortium.members(session)}
        notices.tell(session, row, entry, hearer, members.get(hearer, ""))
    _tell_outside(session, row, entry)
    return row


def _target(session: Session, row: RequestRow, step: Step, changes: dict[str, Any]) -> tuple[State, str | None]:
    """Where the transition leads: its own target, or the next place of the rota."""
    if step.transition.target != NEXT:
        target = State(step.transition.target)
        return target, None if target is State.REVIEW else row.supplier
    place = store.next_place(session, row.number, changes.get("rota_round", row.rota_round))
    return (State.UNFILLED, None) if place is None else (State.REQUESTED, place.supplier)


def _mark_places(session: Session, row: RequestRow, step: Step, asked: str | None, moment: datetime) -> None:
    if step.transition.name != "match":
        rota.close_place(session, row, asked, step.transition.name, step.reason, moment)
    if row.state == State.REQUESTED and row.supplier:
        place = store.place_of(session, row.number, row.rota_round, row.supplier)
        if place is not None:
            place.state, place.asked_at = "asked", moment
    session.flush()


def _new_round(
    session: Session, row: RequestRow, item: ItemRef | None, rules: Rules, moment: datetime
) -> dict[str, Any]:
    """A fresh rota, after a librarian looked at the request."""
    found = item or stored_item(row)
    draft = _draft_of(row, found)
    next_round = row.rota_round + 1
    holdings = found.holdings if found else ()
    planned = rota.plan(session, draft, holdings, number=row.number, moment=moment, policy=rules.policy)
    rota.write(session, row.number, next_round, planned)
    changes: dict[str, Any] = {"rota_round": next_round}
    if item is not None:
        changes |= {"item_id": item.id, "item": asdict(item), "title": item.title}
    return changes


def _account(
    session: Session,
    row: RequestRow,
    step: Step,
    rules: Rules,
    *,
    supplier: str | None,
    moment: datetime,
    pages: int | None,
) -> None:
    """Keep the ledger of supplies: one row when it is supplied, none when the copy turns out unusable."""
    if step.transition.name == "report_problem":
        store.void_supply(session, row.number)
        if rules.withdraw:
            rules.withdraw(session, row.number)
        if rules.copyright:
            rules.copyright.void(session, row.number)
    if step.transition.name not in SUPPLIED or supplier is None:
        return
    terms = store.place_of(session, row.number, row.rota_round, supplier)
    asked_at = terms.asked_at if terms and terms.asked_at else row.created_at
    count = pages if pages is not None else row.page_count
    session.add(
        SupplyRow(
            number=row.number,
            requester=row.requester,
            supplier=supplier,
            service=row.service,
            agreement=terms.agreement if terms else None,
            pages=count,
            price_fen=(terms.price_fen + terms.page_price_fen * (count or 0)) if terms else 0,
            days=max(0.0, (moment - asked_at).total_seconds() / 86400),
            total_days=max(0.0, (moment - row.created_at).total_seconds() / 86400),
            at=moment,
        )
    )


def record(session: Session, row: RequestRow, before: State | str, step: Step, moment: datetime) -> HistoryRow:
    target = State(row.state)
    told = step.transition.told
    if step.transition.target == NEXT and target is State.UNFILLED:
        told = STATES[State.UNFILLED].patron
    entry = HistoryRow(
        number=row.number,
        at=moment,
        version=row.version,
        action=step.transition.name,
        from_state=str(before),
        to_state=row.state,
        side=step.side,
        actor_key=step.actor.key,
        actor_name=step.actor.name,
        actor_member=step.actor.member,
        supplier=row.supplier,
        told=told,
        reason=step.reason,
        detail=step.detail | _snapshot(row),
    )
    session.add(entry)
    session.flush()
    return entry


def remark(session: Session, row: RequestRow, actor: Actor, *, action: str, told: str) -> HistoryRow:
    """An entry of the history that changes no state."""
    acting = sorted(sides(row, actor))
    entry = HistoryRow(
        number=row.number,
        at=now(),
        version=row.version,
        action=action,
        from_state=row.state,
        to_state=row.state,
        side=acting[0] if acting else actor.side,
        actor_key=actor.key,
        actor_name=actor.name,
        actor_member=actor.member,
        supplier=row.supplier,
        told=told,
        reason="",
        detail={},
    )
    session.add(entry)
    session.flush()
    return entry


def notify(session: Session, row: RequestRow, entry: HistoryRow, rules: Rules) -> None:
    """Queue the notices of an entry."""
    patron = store.patron(session, row.number)
    members = consortium.members(session)
    notices.write(
        session,
        row,
        entry,
        patron_contact=patron.contact if patron else "",
        member_emails={member.code: member.email for member in members},
        member_names={member.code: member.name for member in members},
        letters=rules.letters,
    )


def _snapshot(row: RequestRow) -> dict[str, Any]:
    """What a message about this change will say: a retry days later must be the same message, byte for byte."""
    due = row.due.isoformat() if row.due else None
    return {"round": row.rota_round, "due": due, "peer_request_id": row.peer_request_id}


def follow_up(session: Session, row: RequestRow, entry: HistoryRow, rules: Rules) -> None:
    """Timer, notices, messages to peers, erasure: queued in this transaction, done by the worker."""
    state = State(row.state)
    members = {member.code: member for member in consortium.members(session)}
    due_at = timers.due_at(
        state, row.state_since, supplier=members.get(row.supplier or ""), due=row.due, needed_by=row.needed_by
    )
    if due_at is None:
        jobs.drop(session, timers.KIND, row.number)
    else:
        jobs.schedule(session, timers.KIND, row.number, due_at=due_at, payload={"state": row.state})
    notify(session, row, entry, rules)
    _tell_outside(session, row, entry)
    if STATES[state].final and store.patron(session, row.number) is not None:
        jobs.schedule(session, ERASE_JOB, row.number, due_at=row.updated_at + rules.erase_after)


def _tell_outside(session: Session, row: RequestRow, entry: HistoryRow) -> None:
    mail_suppliers.write(session, row, entry)
    outside = (entry.supplier or "", row.requester, entry.detail.get("former_supplier", ""))
    if any(party.startswith("peer:") for party in outside):
        payload = {"number": row.number, "history_id": entry.id}
        jobs.schedule(session, PEER_JOB, f"{row.number}:{entry.id}", payload=payload, fresh=True)


def _check_fields(transition: Transition, reason: str, due: date | None) -> None:
    if "reason" in transition.needs and not reason:
        raise InputError(f"“{transition.label}”需要说明理由。", detail={"where": "reason"})
    if "due" in transition.needs and due is None:
        raise InputError(f"“{transition.label}”需要应还日期。", detail={"where": "due"})
    if due is not None and not now().date() < due <= now().date() + MAX_DUE:
        raise InputError("应还日期须在明天至一年之内。", detail={"where": "due"})


def needs_file(row: RequestRow, actor: Actor) -> bool:
    """Must a librarian who delivers this copy upload it? (Other systems deliver in their own way.)"""
    own = not row.requester.startswith("peer:")
    return own and row.service == "copy" and row.delivery == ELECTRONIC and actor.side in ("staff", "office")


def not_theirs(session: Session, row: RequestRow, actor: Actor) -> NotFound | Conflict:
    me = actor.key if actor.side == "peer" else actor.member
    if me is not None and store.was_asked(session, row.number, me):
        return Conflict("这份申请已转给另一家图书馆。", detail={"reason": "turn_passed", "state": row.state})
    return NotFound("没有这个申请号，或它不是您的申请。")


def find(session: Session, number: str) -> RequestRow | None:
    parsed = parse_number(number)
    return store.request(session, parsed) if parsed else None


def existing(session: Session, number: str) -> RequestRow:
    row = find(session, number)
    if row is None:
        raise NotFound("没有这个申请号，或它不是您的申请。")
    return row


def stored_item(row: RequestRow) -> ItemRef | None:
    if row.item is None:
        return None
    fields = dict(row.item)
    fields["holdings"] = tuple(HoldingRef(**holding) for holding in fields.get("holdings", ()))
    fields["creators"] = tuple(fields.get("creators", ()))
    return ItemRef(**fields)


def _draft_of(row: RequestRow, item: ItemRef | None) -> RequestDraft:
    return RequestDraft(
        member=row.requester,
        service="loan" if row.service == "loan" else "copy",
        item=item,
        citation=row.citation,
        pages=row.pages,
        page_count=row.page_count,
        needed_by=row.needed_by,
        pickup=row.pickup,
        peer_request_id=row.peer_request_id,
    )
