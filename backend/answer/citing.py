"""Sources and citations of one answer under construction: a quotation that is not exact never gets in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backend.answer.values import Citation, Sentence, Source, SourceHolding
from backend.search.values import holding_views


class QuotationError(AssertionError):
    """A quotation does not stand in its source: a fault of the program, never of the data."""


class Sources:
    """Numbers the items that an answer cites, from 1, in order of first use."""

    def __init__(self, *, member: str | None, names: Callable[[str], str]) -> None:
        self._member = member
        self._names = names
        self._items: dict[str, tuple[int, Any]] = {}

    def number(self, item: Any) -> int:
        """The source number of ``item``."""
        return self._items.setdefault(item.id, (len(self._items) + 1, item))[0]

    def cite(self, item: Any, start: int, end: int, *, locator: str | None = None) -> Citation:
        """A citation of ``item.text[start:end]``; ``locator``: where that stands in the original, in words.

        :raises QuotationError: when the range is empty or outside the text.
        """
        quote = item.text[start:end]
        if not quote or len(quote) != end - start:
            raise QuotationError(f"no text at {start}:{end} of {item.id}")
        return Citation(source=self.number(item), quote=quote, start=start, end=end, locator=locator)

    def sentence(self, text: str, citations: Sequence[Citation]) -> Sentence:
        """A sentence whose citations are compared with their sources once more.

        :raises QuotationError: when one is not exact, or there is none.
        """
        by_number = dict(self._items.values())
        exact = [by_number[c.source].text[c.start : c.end] == c.quote for c in citations]
        if not citations or not all(exact):
            raise QuotationError(f"a sentence without an exact quotation: {text!r}")
        return Sentence(text=text, citations=tuple(citations))

    def listed(self) -> tuple[Source, ...]:
        """Every source so far, by number."""
        return tuple(self._source(number, item) for number, item in sorted(self._items.values(), key=lambda p: p[0]))

    def _source(self, number: int, item: Any) -> Source:
        return Source(
            n=number,
            id=item.id,
            source_id=item.source_id,
            collection=item.collection,
            kind=item.kind,
            title=item.title,
            url=item.url or "",
            member=str(item.metadata.get("member") or ""),
            year=item.year,
            creators=tuple(item.creators),
            holdings=self.holdings(item),
        )

    def holdings(self, item: Any) -> tuple[SourceHolding, ...]:
        """The item's holdings with names, the asker's own member first."""
        return tuple(
            SourceHolding(**view.model_dump(), member_name=self.name(view.member))
            for view in holding_views(item.holdings, own_member=self._member)
        )

    def name(self, code: str) -> str:
        """A member's name, or its code where no name is known."""
        return self._names(code) or code


def place_of(item: Any, wanted: str) -> tuple[int, int] | None:
    """Where ``wanted`` stands in the item's text, or None."""
    start = item.text.find(wanted) if wanted else -1
    return (start, start + len(wanted)) if start >= 0 else None


def locator(item: Any, passage: Any) -> str | None:
    """Where a passage stands in its original: 第 12 页, 4.3 条, the headings above it; None where nothing is known."""
    headings = passage.context.removeprefix(item.title).strip()
    clause = f"{passage.clause} 条" if passage.clause[:1].isdigit() else passage.clause
    page = f"第 {passage.page} 页" if passage.page else ""
    return "，".join(part for part in (page, clause, headings) if part) or None
