"""What a request would mean, told before it is sent: what was understood and matched, who may supply it at what price
and within which limits. Reads only; nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.core.db import now
from backend.delivery import citations, rota
from backend.delivery.copyright import CopyrightLedger
from backend.delivery.drafts import count_pages
from backend.delivery.rota import Planned
from backend.delivery.rules import Rules
from backend.delivery.values import ItemLookup, ItemRef, RequestDraft
from backend.delivery.views import names

LABELS = {
    "title": "题名", "authors": "责任者", "journal": "刊名或出处", "publisher": "出版者", "year": "年", "volume": "卷",
    "issue": "期", "pages": "页码", "isbn": "ISBN", "issn": "ISSN", "doi": "DOI",
}  # fmt: skip


class Understood(BaseModel):
    """A field of a citation that was read."""

    field: str
    label: str
    value: str


class Candidate(BaseModel):
    """A record that may be meant."""

    record_id: str
    title: str
    creators: list[str]
    publisher: str = ""
    year: int | None = None
    certain: bool = False


class Library(BaseModel):
    """A library that holds it: first in the rota first. ``left_out`` says why it cannot be asked. Money in fen."""

    code: str
    name: str
    position: int
    left_out: str = ""
    reasons: list[str] = []
    price_fen: int = 0
    page_price_fen: int = 0
    total_fen: int | None = None


class Quote(BaseModel):
    """What a request would mean. ``pages_left``: of this work for this patron; None: no limit known."""

    service: str
    title: str
    record_id: str | None = None
    matched: str = ""
    understood: list[Understood] = []
    candidates: list[Candidate] = []
    libraries: list[Library] = []
    pages: int | None = None
    pages_left: int | None = None
    available: bool
    conditions: list[str]


def read_citation(text: str, lookup: ItemLookup, audiences: frozenset[str]) -> tuple[ItemRef | None, str, Quote]:
    """The record that a citation certainly means, why, and what to show of the reading."""
    read = citations.parse(text)
    found = list(lookup.match(text, audiences))
    if read.title and read.title != text.strip():
        known = {item.id for item in found}
        found += [item for item in lookup.match(read.title, audiences) if item.id not in known]
    item, why = citations.best_match(read, found)
    shown = Quote(
        service="",
        title=item.title if item else (read.title or text.strip()),
        record_id=item.id if item else None,
        matched=why,
        understood=[Understood(field=name, label=LABELS[name], value=value) for name, value in read.understood.items()],
        candidates=[_candidate(each, certain=each is item) for each in found[:5]],
        available=item is not None,
        conditions=[],
    )
    return item, why, shown


def quote(session: Session, draft: RequestDraft, *, rules: Rules, reading: Quote | None, owner: str) -> Quote:
    """The quote for a draft. ``reading``: of its citation; None for a record of the catalogue."""
    item = draft.item
    pages = draft.page_count if draft.page_count is not None else count_pages(draft.pages)
    base = reading or Quote(
        service=draft.service, title=item.title if item else draft.citation, record_id=item.id if item else None,
        available=item is not None, conditions=[],
    )  # fmt: skip
    libraries: list[Library] = []
    most = None
    if item is not None:
        planned = rota.plan(session, draft, item.holdings, number="", moment=now(), policy=rules.policy)
        called = names(session)
        libraries = [_library(each, called, draft.service, pages) for each in planned]
        terms = {agreement.id: agreement for agreement in consortium.agreements(session, requester=draft.member)}
        first = next((each for each in planned if each.place.position == 1 and each.agreement), None)
        most = terms[first.agreement].max_pages if first and first.agreement in terms else None
    ledger = rules.copyright if isinstance(rules.copyright, CopyrightLedger) else None
    left = ledger.left(session, draft, owner) if ledger and draft.service == "copy" else None
    asked = [library for library in libraries if library.position]
    return base.model_copy(
        update={
            "service": draft.service,
            "libraries": libraries,
            "pages": pages,
            "pages_left": left,
            "available": bool(asked),
            "conditions": _conditions(draft, asked, libraries, _Limits(pages=pages, left=left, most=most), rules),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """``pages`` asked for, ``left`` by copyright, ``most`` that the first library copies at once."""

    pages: int | None
    left: int | None
    most: int | None


def _conditions(
    draft: RequestDraft, asked: Sequence[Library], known: Sequence[Library], limits: _Limits, rules: Rules
) -> list[str]:
    """The terms in a reader's words."""
    lines = []
    pages, left = limits.pages, limits.left
    if asked:
        lines.append(_supplier_line(asked))
        lines.append(_price_line(asked[0], draft.service, pages))
    elif known:
        lines.append(
            "目前没有图书馆可以提供：" + "；".join(f"{each.name}：{each.left_out}" for each in known[:4]) + "。"
        )
    else:
        lines.append("联盟目录里没有对上这份文献，提交后先由馆员核对，再决定向哪里索取、是否收费。")
    if limits.most is not None and draft.service == "copy":
        lines.append(f"按两馆协议，每件至多复制 {limits.most} 页。")
    if left is not None:
        lines.append(f"按版权限额，这份文献您还可以复制 {left} 页。")
        if pages is not None and pages > left:
            lines.append(f"现在要的是 {pages} 页，超出限额：请减少页数，或改为借阅原书。")
    if draft.service == "loan":
        lines.append(f"借期由供书馆定，一般 {rules.loan_days} 天，可续借；逾期、遗失按供书馆规定处理。")
    else:
        lines.append("复制件仅供个人学习研究，每页印有申请号。")
    return lines


def _supplier_line(asked: Sequence[Library]) -> str:
    others = f"，它不能提供时自动转 {len(asked) - 1} 家候补" if len(asked) > 1 else ""
    return f"先向{asked[0].name}申请{others}。"


def _price_line(first: Library, service: str, pages: int | None) -> str:
    by_page = first.page_price_fen if service == "copy" else 0
    if not first.price_fen and not by_page:
        return "不收费。"
    if not by_page:
        return f"每件收费 {yuan(first.price_fen)} 元。"
    line = f"每页 {yuan(first.page_price_fen)} 元"
    line += f"，另收每件 {yuan(first.price_fen)} 元" if first.price_fen else ""
    if first.total_fen is not None:
        line += f"，{pages} 页合计 {yuan(first.total_fen)} 元"
    return f"{line}（换一家提供时以那家的协议价为准）。"


def yuan(fen: int) -> str:
    """>>> yuan(1205), yuan(20)
    ('12.05', '0.20')
    """
    return f"{fen // 100}.{fen % 100:02d}"


def _library(planned: Planned, called: dict[str, str], service: str, pages: int | None) -> Library:
    place = planned.place
    total = planned.price_fen if service == "loan" or not planned.page_price_fen else None
    if total is None and pages is not None:
        total = planned.price_fen + planned.page_price_fen * pages
    return Library(
        code=place.supplier,
        name=called.get(place.supplier, place.supplier),
        position=place.position,
        left_out="" if place.position else (place.reasons[0] if place.reasons else ""),
        reasons=list(place.reasons),
        price_fen=planned.price_fen,
        page_price_fen=planned.page_price_fen,
        total_fen=total,
    )


def _candidate(item: ItemRef, *, certain: bool) -> Candidate:
    return Candidate(
        record_id=item.id, title=item.title, creators=list(item.creators), publisher=item.publisher, year=item.year,
        certain=certain,
    )  # fmt: skip


__all__ = ["Quote", "quote", "read_citation", "yuan"]
