"""Placing a request and moving it along: the only writers of a request's state.

Everything here runs in the caller's transaction: the guarded UPDATE first, then history, rota, supply, timer and
notices. Either all of it is stored or nothing is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.core import jobs
from backend.core.db import now
from backend.core.errors import Conflict, InputError, NotFound
from backend.delivery import notices, rota, store, timers
from backend.delivery.lifecycle import CANCELS, NEXT, STATES, SUPPLIED, Side, State, Transition, allowed, check
from backend.delivery.models import HistoryRow, PatronRow, RequestRow, SupplyRow
from backend.delivery.numbers import new_number, parse_number
from backend.delivery.routing import Policy
from backend.delivery.values import Actor, HoldingRef, ItemRef, RequestDraft, RequestView
from backend.delivery.views import Download, Viewer, build, may_see, names, sides

PEER_JOB = "delivery.peer"
ERASE_JOB = "delivery.erase"
PUBLIC_REASONS = frozenset({"offer_conditions", "offer_retry", "give_up", "lose", "recall"})
MAX_DUE = timedelta(days=366)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class CopyrightGuard(Protocol):
    """Port: the copyright ledger. Raises :class:`Conflict` with the reason and the alternative."""

    def at_request(self, session: Session, draft: RequestDraft) -> None: ...

    def at_supply(self, session: Session, row: RequestRow, *, pages: int | None, share: float | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a deployment decides. ``open_limit`` None: no limit (benchmarks). ``erase_after`` closing."""

    policy: Policy | None = None
    open_limit: int | None = 20
    erase_after: timedelta = timedelta(days=90)
    loan_days: int = 30
    copyright: CopyrightGuard | None = None
    download: Download | None = None


def place(
    session: Session,
    draft: RequestDraft,
    *,
    actor: Actor,
    rules: Rules,
    idempotency_key: str | None = None,
    visitor_id: str | None = None,
) -> RequestView:
    """Store a request, write its rota and ask the first library.

    The same key of the same actor gives the same request again.

    :raises Conflict: for a key used for something else, a duplicate, too many open requests, or copyright.
    :raises InputError: for a draft that cannot be used.
    """
    draft = clean(draft)
    fingerprint = _fingerprint(draft)
    known = _known(session, actor.key, idempotency_key, fingerprint)
    if known is None:
        _refuse_excess(session, draft, actor, rules)
        if rules.copyright and draft.service == "copy":
            rules.copyright.at_request(session, draft)
        known = _insert(session, draft, actor, rules, idempotency_key, fingerprint, visitor_id)
    return build(session, known, Viewer(visitor_id=visitor_id), download=rules.download)


def view(session: Session, number: str, *, viewer: Viewer, rules: Rules) -> RequestView:
    """:raises NotFound: also for a request the viewer may not see."""
    return build(session, seen(session, number, viewer), viewer, download=rules.download)


def seen(session: Session, number: str, viewer: Viewer) -> RequestRow:
    """The row, when the viewer may see it.

    :raises NotFound: otherwise.
    """
    row = _find(session, number)
    if row is None or not may_see(session, row, viewer):
        raise NotFound("没有这个申请号，或它不是您的申请。")
    return row


def own(session: Session, *, visitor_id: str, limit: int = 50) -> list[RequestView]:
    """The reader's own requests, newest first."""
    viewer = Viewer(visitor_id=visitor_id)
    return [build(session, row, viewer) for row in store.of_visitor(session, visitor_id, limit=limit)]


def cancel(session: Session, number: str, *, actor: Actor, rules: Rules, reason: str = "") -> RequestRow:
    """Cancel, or ask the supplier to, whichever the state allows; cancelling twice is no error.

    :raises Conflict: when it is too late.
    """
    row = _existing(session, number)
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
) -> RequestRow:
    """Do one transition of the lifecycle.

    ``version``: what the actor saw (None: whatever it is now). ``share`` of the work (0–1) and ``pages`` go to the
    copyright ledger when a copy is supplied. ``item``: what a librarian found a citation to be (``match``).

    :raises Conflict: when state or actor do not allow it, the actor's turn has passed, or someone was faster.
    :raises InputError: when a field that the transition needs is missing or impossible.
    """
    row = _existing(session, number)
    acting = sides(row, actor)
    if not acting:
        raise _not_theirs(session, row, actor)
    if version is not None and version != row.version:
        raise Conflict("这份申请刚刚有变动，请刷新后再办理。", detail={"version": row.version, "state": row.state})
    transition = check(action, State(row.state), acting, service=row.service)
    reason = _text(reason, 1000)
    _check_fields(transition, reason, due)
    if action == "deliver" and rules.copyright:
        rules.copyright.at_supply(session, row, pages=pages, share=share)
    side = sorted(acting & transition.sides)[0]
    step = _Step(transition=transition, actor=actor, side=side, reason=reason, detail=dict(detail or {}))
    return _apply(session, row, step, rules, due=due, pages=pages, item=item)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    transition: Transition
    actor: Actor
    side: Side
    reason: str
    detail: dict[str, Any]


def _apply(
    session: Session,
    row: RequestRow,
    step: _Step,
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
    row = _existing(session, row.number)
    if asked and asked.startswith("peer:") and asked != row.supplier:
        step.detail["former_supplier"] = asked
    _account(session, row, step, asked, moment, pages)
    if step.transition.target == NEXT or step.transition.name in SUPPLIED:
        _mark_places(session, row, step, asked, moment)
    entry = _record(session, row, before, step, moment)
    _follow_up(session, row, entry, rules)
    return row


def _target(session: Session, row: RequestRow, step: _Step, changes: dict[str, Any]) -> tuple[State, str | None]:
    """Where the transition leads: its own target, or the next place of the rota."""
    if step.transition.target != NEXT:
        target = State(step.transition.target)
        return target, None if target is State.REVIEW else row.supplier
    place = store.next_place(session, row.number, changes.get("rota_round", row.rota_round))
    return (State.UNFILLED, None) if place is None else (State.REQUESTED, place.supplier)


def _mark_places(session: Session, row: RequestRow, step: _Step, asked: str | None, moment: datetime) -> None:
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
    found = item or _stored_item(row)
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
    session: Session, row: RequestRow, step: _Step, supplier: str | None, moment: datetime, pages: int | None
) -> None:
    """Keep the ledger of supplies: one row when it is supplied, none when the copy turns out unusable."""
    if step.transition.name == "report_problem":
        store.void_supply(session, row.number)
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


def _record(session: Session, row: RequestRow, before: State | str, step: _Step, moment: datetime) -> HistoryRow:
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
        detail=step.detail,
    )
    session.add(entry)
    session.flush()
    return entry


def _follow_up(session: Session, row: RequestRow, entry: HistoryRow, rules: Rules) -> None:
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
    patron = store.patron(session, row.number)
    notices.write(
        session,
        row,
        entry,
        patron_contact=patron.contact if patron else "",
        member_emails={code: member.email for code, member in members.items()},
    )
    outside = {entry.supplier or "", row.requester, entry.detail.get("former_supplier", "")}
    if any(party.startswith("peer:") for party in outside):
        payload = {"number": row.number, "history_id": entry.id, "action": entry.action}
        payload |= {"supplier": row.supplier, "requester": row.requester}
        jobs.schedule(session, PEER_JOB, f"{row.number}:{entry.id}", payload=payload)
    if STATES[state].final and patron is not None:
        jobs.schedule(session, ERASE_JOB, row.number, due_at=row.updated_at + rules.erase_after)


PLACED = Transition(
    name="place", sources=frozenset(), target=NEXT, sides=frozenset(), label="提出申请", told="申请已提交。"
)


def _insert(
    session: Session,
    draft: RequestDraft,
    actor: Actor,
    rules: Rules,
    key: str | None,
    fingerprint: str,
    visitor_id: str | None,
) -> RequestRow:
    """Store the request with its rota and ask the first place; or find the one that the same key made meanwhile."""
    moment, number = now(), new_number()
    row = RequestRow(
        number=number,
        state=State.REVIEW.value,
        version=1,
        service=draft.service,
        requester=draft.member,
        rota_round=1,
        owner=actor.key,
        visitor_id=visitor_id,
        idempotency_key=key,
        fingerprint=fingerprint,
        item_id=draft.item.id if draft.item else None,
        title=draft.item.title if draft.item else draft.citation[:500],
        item=asdict(draft.item) if draft.item else None,
        citation=draft.citation,
        matched=draft.matched,
        pages=draft.pages,
        page_count=draft.page_count,
        needed_by=draft.needed_by,
        pickup=draft.pickup,
        note=draft.note,
        message="",
        renewals=0,
        peer_request_id=draft.peer_request_id,
        created_at=moment,
        updated_at=moment,
        state_since=moment,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        known = _known(session, actor.key, key, fingerprint)
        if known is None:
            raise
        return known
    if draft.patron_name or draft.patron_contact:
        session.add(
            PatronRow(
                number=number,
                name=draft.patron_name,
                contact=draft.patron_contact,
                contact_hash=contact_hash(draft.member, draft.patron_contact),
            )
        )
    _start(session, row, draft, rules, moment)
    step = _Step(transition=PLACED, actor=actor, side=_placing_side(actor), reason="", detail={})
    entry = _record(session, row, "", step, moment)
    _follow_up(session, row, entry, rules)
    return row


def _start(session: Session, row: RequestRow, draft: RequestDraft, rules: Rules, moment: datetime) -> None:
    """Ask the first library; what is not known to the catalogue goes to the reader's own library first."""
    if draft.item is None or (not draft.item.holdings and draft.item.kind != "catalogue"):
        if draft.member.startswith("peer:"):
            row.state, row.closed_at = State.UNFILLED.value, moment
            row.message = "目录中没有这份文献。"
        session.flush()
        return
    planned = rota.plan(session, draft, draft.item.holdings, number=row.number, moment=moment, policy=rules.policy)
    rota.write(session, row.number, row.rota_round, planned)
    first = store.next_place(session, row.number, row.rota_round)
    if first is None:
        row.state, row.closed_at = State.UNFILLED.value, moment
        row.message = rota.explain(store.rota(session, row.number), names(session))
    else:
        row.state, row.supplier = State.REQUESTED.value, first.supplier
        first.state, first.asked_at = "asked", moment
    session.flush()


def _placing_side(actor: Actor) -> Side:
    return Side.PATRON if actor.side == "patron" else Side.REQUESTER


def _known(session: Session, owner: str, key: str | None, fingerprint: str) -> RequestRow | None:
    if key is None:
        return None
    row = store.by_idempotency_key(session, owner, key)
    if row is not None and row.fingerprint != fingerprint:
        raise Conflict("这个 Idempotency-Key 已用于另一份申请。", detail={"number": row.number})
    return row


def _refuse_excess(session: Session, draft: RequestDraft, actor: Actor, rules: Rules) -> None:
    if draft.peer_request_id is not None:
        return
    title = draft.item.title if draft.item else draft.citation[:500]
    item_id = draft.item.id if draft.item else None
    duplicate = store.open_duplicate(
        session, owner=actor.key, item_id=item_id, title=title, service=draft.service, pages=draft.pages
    )
    if duplicate and actor.side == "patron":
        raise Conflict(f"您已有同样的申请 {duplicate} 正在办理。", detail={"reason": "duplicate", "number": duplicate})
    if rules.open_limit is None or actor.side != "patron":
        return
    hashed = contact_hash(draft.member, draft.patron_contact)
    if store.open_count(session, owner=actor.key, contact_hash=hashed) >= rules.open_limit:
        raise Conflict(
            f"您正在办理的申请已达 {rules.open_limit} 件，请等其中一些办结后再提出。",
            detail={"reason": "patron_limit", "limit": rules.open_limit},
        )


def clean(draft: RequestDraft) -> RequestDraft:
    """The draft with tidy texts.

    :raises InputError: naming the field that cannot be used.
    """
    name, contact = _text(draft.patron_name, 100), _text(draft.patron_contact, 200)
    if not draft.member.startswith("peer:") and (not name or not contact):
        raise InputError("请填写姓名和联系方式。", detail={"where": "patron"})
    citation = _text(draft.citation, 2000)
    if draft.item is None and len(citation) < 2:
        raise InputError("请给出 record_id，或文献的题名、责任者等信息。", detail={"where": "citation"})
    pages = _text(draft.pages, 100)
    if draft.needed_by is not None and draft.needed_by < now().date() - timedelta(days=1):
        raise InputError("需要日期已经过去。", detail={"where": "needed_by"})
    return replace(
        draft,
        patron_name=name,
        patron_contact=contact,
        citation=citation,
        pages=pages,
        page_count=draft.page_count if draft.page_count is not None else count_pages(pages),
        pickup=_text(draft.pickup, 100),
        note=_text(draft.note, 1000),
    )


def count_pages(pages: str) -> int | None:
    """How many pages ``12-30, 45`` are; None when it says nothing countable.

    >>> count_pages("12-30，45"), count_pages("第三章"), count_pages("")
    (20, None, None)
    """
    total = 0
    for part in re.split(r"[,，;；、\s]+", pages.strip()):
        found = re.fullmatch(r"(?:第|pp?\.?)?(\d{1,6})(?:[-–—~～至](\d{1,6}))?页?", part, re.IGNORECASE)
        if found is None:
            return None
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            return None
        total += last - first + 1
    return total or None


def contact_hash(member: str, contact: str) -> str:
    """Recognises a patron of a library without keeping the contact; "" without one."""
    folded = re.sub(r"[\s-]+", "", contact).lower()
    return hashlib.sha256(f"{member}/{folded}".encode()).hexdigest() if folded else ""


def _text(text: str, limit: int) -> str:
    cleaned = _CONTROL.sub(" ", text).strip()
    if len(cleaned) > limit:
        raise InputError(f"文字过长（至多 {limit} 字）。", detail={"limit": limit})
    return cleaned


def _fingerprint(draft: RequestDraft) -> str:
    asked: Sequence[Any] = (
        draft.member, draft.service, draft.item.id if draft.item else None, draft.citation, draft.patron_name,
        draft.patron_contact, draft.pages, str(draft.needed_by), draft.pickup,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()


def _check_fields(transition: Transition, reason: str, due: date | None) -> None:
    if "reason" in transition.needs and not reason:
        raise InputError(f"“{transition.label}”需要说明理由。", detail={"where": "reason"})
    if "due" in transition.needs and due is None:
        raise InputError(f"“{transition.label}”需要应还日期。", detail={"where": "due"})
    if due is not None and not now().date() < due <= now().date() + MAX_DUE:
        raise InputError("应还日期须在明天至一年之内。", detail={"where": "due"})


def _not_theirs(session: Session, row: RequestRow, actor: Actor) -> NotFound | Conflict:
    me = actor.key if actor.side == "peer" else actor.member
    if me is not None and store.was_asked(session, row.number, me):
        return Conflict("这份申请已转给另一家图书馆。", detail={"reason": "turn_passed", "state": row.state})
    return NotFound("没有这个申请号，或它不是您的申请。")


def _find(session: Session, number: str) -> RequestRow | None:
    parsed = parse_number(number)
    return store.request(session, parsed) if parsed else None


def _existing(session: Session, number: str) -> RequestRow:
    row = _find(session, number)
    if row is None:
        raise NotFound("没有这个申请号，或它不是您的申请。")
    return row


def _stored_item(row: RequestRow) -> ItemRef | None:
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
