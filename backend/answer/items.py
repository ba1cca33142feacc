"""Sentences about items: what a record says of itself, who holds it, a standard's status."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from backend.answer.citing import Sources, place_of
from backend.answer.replies import say
from backend.answer.values import Citation, Language, Sentence, SourceHolding

_STATUS = re.compile(
    r"(状态|现行|废止|作废|代替|替代|被.{0,20}代替|实施日期|发布日期|有效|superseded|replace|status|withdrawn|current)",
    re.I,
)
_DISCLAIMER = re.compile(r"为准|仅供参考|不含")
_ASKS_AUTHOR = re.compile(r"作者|谁(写|著|编|译)|(写|著|编)的人|who wrote|author")
_ASKS_PUBLISHER = re.compile(r"出版社|谁出版|publisher")
_ASKS_YEAR = re.compile(r"哪一?年|什么时候|何时|出版年|when")


def describe(item: Any, sources: Sources, language: Language, *, ordinal: int | None = None) -> Sentence | None:
    """One line about a record: title, creators, publisher, year (each only where the text says it) and its holdings.

    None when not even the title stands in the item's text.
    """
    title = _cite(item, sources, item.title)
    if title is None:
        return None
    citations = [title]
    parts = []
    for value in ("、".join(item.creators[:3]), item.publisher, str(item.year or "")):
        pieces = [cited for piece in value.split("、") if piece and (cited := _cite(item, sources, piece))]
        if pieces:
            parts.append("、".join(c.quote for c in pieces))
            citations.extend(pieces)
    mark = f"{ordinal}. " if ordinal else ""
    imprint = f"（{'，'.join(parts)}）" if parts else ""
    held = holdings_text(sources.holdings(item), language)
    return sources.sentence(f"{mark}《{item.title}》{imprint}{held or '。'}", _merged(citations))


def holdings_text(holdings: Sequence[SourceHolding], language: Language, *, limit: int = 6) -> str:
    """``。馆藏：示例市图书馆 G258.22/12 在架可借；…。`` or nothing when no member holds it."""
    if not holdings:
        return ""
    shown = "；".join(_holding(holding, language) for holding in holdings[:limit])
    return f"。{say('holdings', language)}{shown}。"


def holding_lines(holdings: Sequence[SourceHolding], language: Language) -> tuple[str, ...]:
    """One line a holding, in the very words that answers use: what verification compares with."""
    return tuple(_holding(holding, language) for holding in holdings)


def _holding(holding: SourceHolding, language: Language) -> str:
    state = state_key(holding)
    parts = [holding.member_name, holding.location, holding.call_number, say(state, language)]
    if holding.copies > 1:
        parts.append(say("copies", language, copies=holding.copies))
    return " ".join(part for part in parts if part)


def state_key(holding: SourceHolding) -> str:
    """Which words describe the holding: the same table that verification reads."""
    if holding.available:
        return "available" if holding.loanable else "reading_room"
    return "on_loan" if holding.status == "on_loan" else "away"


def _cite(item: Any, sources: Sources, wanted: str) -> Citation | None:
    place = place_of(item, wanted)
    return sources.cite(item, *place) if place else None


def _merged(citations: Sequence[Citation]) -> list[Citation]:
    """Without those that lie inside another one."""
    kept: list[Citation] = []
    for one in sorted(citations, key=lambda c: (c.start, -c.end)):
        if not any(other.start <= one.start and one.end <= other.end for other in kept):
            kept.append(one)
    return kept


def is_status(text: str) -> bool:
    """Does a sentence of a standard speak of its status, dates or replacement (and not of where to look them up)?"""
    return _STATUS.search(text) is not None and _DISCLAIMER.search(text) is None


def fact(item: Any, question: str, sources: Sources) -> Sentence | None:
    """``《活着》的作者是余华。`` when the (folded) question asks for the author, the publisher or the year of a
    record."""
    for asks, name, values in (
        (_ASKS_AUTHOR, "责任者", tuple(item.creators[:3])),
        (_ASKS_PUBLISHER, "出版者", (item.publisher,)),
        (_ASKS_YEAR, "出版年", (str(item.year or ""),)),
    ):
        cited = [one for value in values if value and (one := _cite(item, sources, value))]
        if asks.search(question) and cited:
            title = _cite(item, sources, item.title)
            told = f"《{item.title}》的{name}是{'、'.join(one.quote for one in cited)}。"
            return sources.sentence(told, [*([title] if title else []), *cited])
    return None
