"""A request's rota in the database: written once a round with its reasons, then walked place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.delivery import store
from backend.delivery.candidates import Option, gather, options
from backend.delivery.mail_suppliers import PREFIX
from backend.delivery.models import RequestRow, RotaRow
from backend.delivery.routing import Place, Policy, rank
from backend.delivery.values import HoldingRef, RequestDraft

ENDINGS = {"decline": "declined", "expire": "expired", "lapse": "expired", "ship": "supplied", "deliver": "supplied"}
"""What an action makes of the place that was being asked; handing on by anything else: passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A ranked place with the terms that would apply."""

    place: Place
    price_fen: int = 0
    page_price_fen: int = 0
    agreement: str | None = None


def plan(
    session: Session,
    draft: RequestDraft,
    holdings: Sequence[HoldingRef],
    *,
    number: str,
    moment: datetime,
    policy: Policy | None,
) -> list[Planned]:
    """The rota for a draft: our members as ranked, then the outside suppliers (never for an outside requester)."""
    facts = gather(session, draft.member, sorted({holding.member for holding in holdings}), moment=moment)
    found = {option.candidate.supplier: option for option in options(draft, holdings, facts)}
    ranked = rank([option.candidate for option in found.values()], number=number, policy=policy)
    planned = [_terms(place, found[place.supplier]) for place in ranked]
    if draft.member.startswith("peer:"):
        return planned
    asked = sum(1 for place in ranked if place.position)
    return planned + [
        Planned(place=Place(supplier=supplier, position=asked + offset, score=0.0, reasons=(reason,)))
        for offset, (supplier, reason) in enumerate(_outside(session), 1)
    ]


def _outside(session: Session) -> list[tuple[str, str]]:
    """Who is asked when no member can supply: other systems first, then those that are written to."""
    systems = [(f"peer:{peer.symbol}", "联盟之外的供书系统") for peer in consortium.peers(session) if peer.active]
    written = [one for one in consortium.outside_suppliers(session) if one.active]
    return systems + [(f"{PREFIX}{one.code}", "联盟之外，以电子邮件联系") for one in written]


def write(session: Session, number: str, rota_round: int, planned: Sequence[Planned]) -> None:
    """Store the places of a round."""
    session.add_all(
        RotaRow(
            number=number,
            round=rota_round,
            position=plan.place.position,
            supplier=plan.place.supplier,
            state="waiting" if plan.place.position else "left_out",
            score=plan.place.score,
            reasons=list(plan.place.reasons),
            price_fen=plan.price_fen,
            page_price_fen=plan.page_price_fen,
            agreement=plan.agreement,
        )
        for plan in planned
    )
    session.flush()


def close_place(
    session: Session, row: RequestRow, supplier: str | None, action: str, reason: str, at: datetime
) -> None:
    """Record the answer of the library that was being asked."""
    place = store.place_of(session, row.number, row.rota_round, supplier) if supplier else None
    if place is not None:
        place.state, place.answer, place.answered_at = ENDINGS.get(action, "passed"), reason, at


def explain(places: Sequence[RotaRow], called: dict[str, str]) -> str:
    """Why nobody could supply, in a reader's words."""
    asked = [place for place in places if place.asked_at is not None]
    left_out = [place for place in places if place.state == "left_out"]
    parts = []
    if asked:
        parts.append(
            f"已依次询问 {len(asked)} 家：" + "、".join(called.get(p.supplier, p.supplier) for p in asked) + "。"
        )
    if left_out:
        why = "；".join(f"{called.get(p.supplier, p.supplier)}：{p.reasons[0]}" for p in left_out[:6])
        parts.append(f"未能询问的馆：{why}。")
    if not places:
        parts.append("联盟各馆目录中没有可提供的馆藏。")
    return "".join(parts)


def _terms(place: Place, option: Option) -> Planned:
    terms = option.agreement
    if terms is None:
        return Planned(place=place)
    return Planned(place=place, price_fen=terms.price_fen, page_price_fen=terms.page_price_fen, agreement=terms.id)
