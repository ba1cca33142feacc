"""From holdings, agreements and what the libraries did so far to the candidates that routing ranks."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.consortium.values import Agreement, Member
from backend.delivery import store
from backend.delivery.routing import Candidate, distance_km
from backend.delivery.values import HoldingRef, RequestDraft

WINDOW = timedelta(days=365)
TURNAROUND_WINDOW = timedelta(days=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What routing knows of the consortium today. ``balance`` and ``activity`` per member, over the rolling year;
    ``volume``: this month's supplies to the requester, and what it waits for, by (supplier, service)."""

    members: Mapping[str, Member]
    agreements: Sequence[Agreement]
    today: date
    balance: Mapping[str, int] = field(default_factory=dict)
    activity: Mapping[str, int] = field(default_factory=dict)
    turnaround: Mapping[str, float] = field(default_factory=dict)
    queue: Mapping[str, int] = field(default_factory=dict)
    volume: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A candidate with the agreement that would apply."""

    candidate: Candidate
    agreement: Agreement | None = None


def gather(session: Session, requester: str, suppliers: Sequence[str], *, moment: datetime) -> Facts:
    """Read the facts for one request; balances and turnarounds are those of ``suppliers`` only."""
    members = {member.code: member for member in consortium.members(session)}
    balance: dict[str, int] = {code: -member.goal for code, member in members.items()}
    activity: dict[str, int] = {}
    for borrower, lender, count in store.supply_totals(session, moment - WINDOW, suppliers):
        balance[lender] = balance.get(lender, 0) + count
        balance[borrower] = balance.get(borrower, 0) - count
        for code in (borrower, lender):
            activity[code] = activity.get(code, 0) + count
    days: dict[str, list[float]] = {}
    for supplier, taken in store.supply_days(session, moment - TURNAROUND_WINDOW, suppliers):
        days.setdefault(supplier, []).append(taken)
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Facts(
        members=members,
        agreements=consortium.agreements(session, requester=requester),
        today=moment.date(),
        balance=balance,
        activity=activity,
        turnaround={supplier: statistics.median(taken) for supplier, taken in days.items() if len(taken) >= 3},
        queue=store.queues(session, suppliers),
        volume=store.volume_since(session, requester, month),
    )


def options(draft: RequestDraft, holdings: Sequence[HoldingRef], facts: Facts) -> list[Option]:
    """One option for each library that holds the item; pure. Those that may not supply are marked excluded.

    A request from another system (``peer:…``) is supplied by any member, at no price of ours.
    """
    by_member: dict[str, list[HoldingRef]] = {}
    for holding in holdings:
        by_member.setdefault(holding.member, []).append(holding)
    return [
        _option(draft, code, copies, facts)
        for code, copies in by_member.items()
        if code in facts.members and facts.members[code].active
    ]


def _option(draft: RequestDraft, code: str, copies: Sequence[HoldingRef], facts: Facts) -> Option:
    lendable = [copy for copy in copies if (copy.loanable if draft.service == "loan" else copy.copyable)]
    own = code == draft.member
    free = own or draft.member.startswith("peer:")
    agreement, refusal = (None, "") if free else _agreement(draft, code, facts)
    if not lendable:
        refusal = "这里的馆藏不外借" if draft.service == "loan" else "这里的馆藏不提供复制"
    price = 0
    if agreement:
        price = agreement.price_fen + agreement.page_price_fen * (draft.page_count or 0)
    member, home = facts.members[code], facts.members.get(draft.member)
    return Option(
        agreement=agreement,
        candidate=Candidate(
            supplier=code,
            name=member.name,
            own=own,
            available=any(copy.available for copy in lendable),
            price_fen=price,
            balance=facts.balance.get(code, 0),
            activity=facts.activity.get(code, 0),
            queue=facts.queue.get(code, 0),
            turnaround_days=facts.turnaround.get(code),
            distance_km=_distance(member, home),
            closed_today=member.closed_on(facts.today),
            excluded=refusal,
        ),
    )


def _agreement(draft: RequestDraft, supplier: str, facts: Facts) -> tuple[Agreement | None, str]:
    """The cheapest agreement that covers this request, or why none does."""
    ours = [a for a in facts.agreements if a.supplier == supplier and a.requester == draft.member]
    ours = [a for a in ours if a.service == draft.service]
    if not ours:
        return None, "没有外借协议" if draft.service == "loan" else "没有复制协议"
    valid = [a for a in ours if a.valid_on(facts.today)]
    if not valid:
        return None, "协议不在有效期内"
    pages = draft.page_count or 0
    short = [a for a in valid if a.max_pages is None or pages <= a.max_pages]
    if not short:
        return None, f"超过协议的页数上限（{max(a.max_pages or 0 for a in valid)} 页）"
    used = facts.volume.get((supplier, draft.service), 0)
    roomy = [a for a in short if a.max_per_month is None or used < a.max_per_month]
    if not roomy:
        return None, f"本月已达协议的件数上限（{max(a.max_per_month or 0 for a in short)} 件）"
    return min(roomy, key=lambda a: (a.price_fen + a.page_price_fen * pages, a.id)), ""


def _distance(member: Member, home: Member | None) -> float | None:
    if home is None or None in (member.latitude, member.longitude, home.latitude, home.longitude):
        return None
    here, there = (member.latitude or 0.0, member.longitude or 0.0), (home.latitude or 0.0, home.longitude or 0.0)
    return distance_km(here, there)
