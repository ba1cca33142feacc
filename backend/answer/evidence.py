"""Evidence for a question: passages found, cut into sentences, ranked, and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.answer import ranking, refusal
from backend.answer.sentences import Span, split
from backend.answer.values import Judgement
from backend.search.query import folded, parse
from backend.search.values import PassageHit, SearchPage, SearchRequest

PASSAGES = 8
"""Passages asked of search."""

CANDIDATES = 16
"""Sentences that are embedded; the words choose them among all sentences of the passages."""


class Embeds(Protocol):
    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]: ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class Tokens(Protocol):
    def tokens(self, text: str) -> list[str]: ...


class SearchPort(Protocol):
    """What answers need of search; :class:`backend.search.engine.SearchEngine` is one."""

    @property
    def embedder(self) -> Any: ...

    @property
    def tokeniser(self) -> Any: ...

    def search(
        self, request: SearchRequest, audiences: frozenset[str], *, own_member: str | None = None
    ) -> SearchPage: ...

    def item(self, item_id: str, audiences: frozenset[str]) -> Any: ...

    def passages(
        self,
        question: str,
        audiences: frozenset[str],
        *,
        limit: int,
        kinds: Sequence[str] | None = None,
        collections: Sequence[str] | None = None,
        members: Sequence[str] | None = None,
    ) -> list[PassageHit]: ...

    def snapshot_name(self) -> str: ...


class Item(Protocol):
    """What answers read of a stored item."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A sentence of a passage: ``hit.item.text[span.start:span.end]``, with its score for the question."""

    hit: PassageHit
    span: Span
    score: float
    cosine: float
    coverage: float

    @property
    def text(self) -> str:
        return self.hit.item.text[self.span.start : self.span.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found: passages best first, their sentences best first, and whether that is enough."""

    hits: tuple[PassageHit, ...]
    units: tuple[Unit, ...]
    signals: refusal.Signals
    confidence: float
    judgement: Judgement


def owner(item: Item) -> str:
    """Code of the member whose rule or document this is; empty for the consortium's own."""
    return str(item.metadata.get("member") or "")


def gather(
    engine: SearchPort, question: str, audiences: frozenset[str], *, kinds: Sequence[str] | None = None
) -> Evidence:
    """Search and judge: the passages nearest to ``question`` that this audience may see."""
    return judge(engine, question, engine.passages(question, audiences, limit=PASSAGES, kinds=kinds))


def judge(engine: SearchPort, question: str, hits: Sequence[PassageHit]) -> Evidence:
    """Rank the sentences of ``hits`` and say whether they hold the answer."""
    units = rank_sentences(engine, question, hits)
    signals = _signals(question, hits, units)
    confidence = refusal.probability(signals) if units else 0.0
    return Evidence(
        hits=tuple(hits),
        units=tuple(units),
        signals=signals,
        confidence=confidence,
        judgement="enough" if confidence >= refusal.ENOUGH else "partly" if confidence >= refusal.PARTLY else "none",
    )


def rank_sentences(engine: SearchPort, question: str, hits: Sequence[PassageHit]) -> list[Unit]:
    """Every sentence of the passages, those that answer the question first."""
    found = _unique(
        (hit, span) for hit in hits for span in split(hit.item.text, start=hit.passage.start, end=hit.passage.end)
    )
    found = [
        (hit, span)
        for hit, span in found
        if not hit.item.text[span.start : span.end].rstrip("”」』）)").endswith(("？", "?"))
    ]
    if not found:
        return []
    parsed = parse(question)
    asked = engine.tokeniser.tokens(parsed.content)
    texts = [hit.item.text[span.start : span.end] for hit, span in found]
    bags = [engine.tokeniser.tokens(text) for text in texts]
    words = ranking.bm25(asked, bags)
    passage = np.array([hit.score for hit, _ in found])
    prior = ranking.scaled(words) + 0.3 * ranking.scaled(passage)
    chosen = sorted(np.argsort(-prior, kind="stable")[:CANDIDATES].tolist())
    vectors = engine.embedder.embed_passages([texts[number] for number in chosen])
    cosines = np.asarray(vectors, dtype=np.float64) @ np.asarray(
        engine.embedder.embed_queries([parsed.text])[0], dtype=np.float64
    )
    kind = ranking.wanted(parsed.folded)
    fit = np.array([ranking.fits(kind, folded(texts[number])) for number in chosen])
    total = ranking.combined(words=words[chosen], cosines=cosines, passages=passage[chosen], fit=fit)
    distinct = set(asked)
    units = [
        Unit(
            hit=found[number][0],
            span=found[number][1],
            score=float(score),
            cosine=float(cosine),
            coverage=len(distinct & set(bags[number])) / max(len(distinct), 1),
        )
        for number, score, cosine in zip(chosen, total, cosines, strict=True)
    ]
    return sorted(units, key=lambda unit: -unit.score)


def _unique(pairs: Any) -> list[tuple[PassageHit, Span]]:
    seen: set[tuple[str, int]] = set()
    kept = []
    for hit, span in pairs:
        if (hit.item.id, span.start) not in seen:
            seen.add((hit.item.id, span.start))
            kept.append((hit, span))
    return kept


def _signals(question: str, hits: Sequence[PassageHit], units: Sequence[Unit]) -> refusal.Signals:
    if not hits or not units:
        return refusal.Signals(z=0, coverage=0, sentence_coverage=0, cosine=0, lead=0, fits=0)
    best = max(hits, key=lambda hit: hit.score)
    others = [hit.score for hit in hits if hit.item.id != best.item.id]
    lead = (best.score - max(others)) / max(abs(best.score), 1e-6) if others else 1.0
    kind = ranking.wanted(folded(question))
    top = units[:3]
    return refusal.Signals(
        z=best.z,
        coverage=max(hit.coverage for hit in hits[:3]),
        sentence_coverage=max(unit.coverage for unit in top),
        cosine=max(unit.cosine for unit in top),
        lead=min(1.0, lead),
        fits=max(ranking.fits(kind, folded(unit.text)) for unit in top),
    )
