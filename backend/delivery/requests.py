"""Placing a request, and finding one for who may see it. :mod:`backend.delivery.moves` moves it along."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.db import now
from backend.core.errors import Conflict, NotFound
from backend.delivery import lapse, rota, store
from backend.delivery.drafts import clean, contact_hash, fingerprint
from backend.delivery.lifecycle import NEXT, Side, State, Transition
from backend.delivery.models import PatronRow, RequestRow
from backend.delivery.moves import ERASE_JOB, PEER_JOB, Step, cancel, find, follow_up, move, record
from backend.delivery.numbers import new_number
from backend.delivery.rules import CopyrightGuard, Rules
from backend.delivery.values import Actor, RequestDraft, RequestView
from backend.delivery.views import Viewer, build, may_see, names

__all__ = [
    "ERASE_JOB", "PEER_JOB", "CopyrightGuard", "Rules", "cancel", "find", "move", "own", "place", "seen", "view",
]  # fmt: skip


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
    digest = fingerprint(draft)
    known = _known(session, actor.key, idempotency_key, digest)
    if known is None:
        _refuse_excess(session, draft, actor, rules)
        if rules.copyright and draft.service == "copy":
            rules.copyright.at_request(session, draft, actor.key)
        known = _insert(session, draft, actor, rules, idempotency_key, digest, visitor_id)
    return build(session, known, Viewer(visitor_id=visitor_id), download=rules.download)


def view(session: Session, number: str, *, viewer: Viewer, rules: Rules) -> RequestView:
    """:raises NotFound: also for a request the viewer may not see."""
    return build(session, seen(session, number, viewer), viewer, download=rules.download)


def seen(session: Session, number: str, viewer: Viewer) -> RequestRow:
    """The row, when the viewer may see it.

    :raises NotFound: otherwise.
    """
    row = find(session, number)
    if row is None or not may_see(session, row, viewer):
        raise NotFound("没有这个申请号，或它不是您的申请。")
    return row


def own(session: Session, *, visitor_id: str, limit: int = 50) -> list[RequestView]:
    """The reader's own requests, newest first."""
    viewer = Viewer(visitor_id=visitor_id)
    return [build(session, row, viewer) for row in store.of_visitor(session, visitor_id, limit=limit)]


PLACED = Transition(
    name="place", sources=frozenset(), target=NEXT, sides=frozenset(), label="提出申请", told="申请已提交。"
)


def _insert(
    session: Session,
    draft: RequestDraft,
    actor: Actor,
    rules: Rules,
    key: str | None,
    digest: str,
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
        fingerprint=digest,
        item_id=draft.item.id if draft.item else None,
        title=draft.item.title if draft.item else draft.citation[:500],
        item=asdict(draft.item) if draft.item else None,
        citation=draft.citation,
        matched=draft.matched,
        pages=draft.pages,
        page_count=draft.page_count,
        needed_by=draft.needed_by,
        pickup=draft.pickup,
        delivery=draft.delivery,
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
        known = _known(session, actor.key, key, digest)
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
    if rules.copyright and draft.service == "copy":
        rules.copyright.enter(session, row, draft)
    _start(session, row, draft, rules, moment)
    step = Step(transition=PLACED, actor=actor, side=_placing_side(actor), reason="", detail={})
    entry = record(session, row, "", step, moment)
    follow_up(session, row, entry, rules)
    lapse.schedule(session, row)
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


def _known(session: Session, owner: str, key: str | None, digest: str) -> RequestRow | None:
    if key is None:
        return None
    row = store.by_idempotency_key(session, owner, key)
    if row is not None and row.fingerprint != digest:
        raise Conflict("这个 Idempotency-Key 已用于另一份申请。", detail={"number": row.number})
    return row


def _refuse_excess(session: Session, draft: RequestDraft, actor: Actor, rules: Rules) -> None:
    """A person is known by the browser they ask from and by their contact: a librarian who asks for them is neither."""
    if draft.peer_request_id is not None:
        return
    owner = actor.key if actor.side == "patron" else ""
    hashed = contact_hash(draft.member, draft.patron_contact)
    duplicate = store.open_duplicate(
        session,
        owner=owner,
        contact_hash=hashed,
        item_id=draft.item.id if draft.item else None,
        title=draft.item.title if draft.item else draft.citation[:500],
        service=draft.service,
        pages=draft.pages,
    )
    if duplicate:
        who = "您已有" if owner else "这位读者已有"
        raise Conflict(f"{who}同样的申请 {duplicate} 正在办理。", detail={"reason": "duplicate", "number": duplicate})
    if rules.open_limit is None:
        return
    if store.open_count(session, owner=owner, contact_hash=hashed) >= rules.open_limit:
        who = "您" if owner else "这位读者"
        raise Conflict(
            f"{who}正在办理的申请已达 {rules.open_limit} 件，请等其中一些办结后再提出。",
            detail={"reason": "patron_limit", "limit": rules.open_limit},
        )
