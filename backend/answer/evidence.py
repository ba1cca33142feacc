"""Evidence for a question: passages found, cut into sentences, ranked, and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.answer import ranking, refusal
from backend.answer.asking import Asking, asking
from backend.answer.background import Background, Vectors
from backend.answer.instructions import for_readers
from backend.answer.sentences import Span, split
from backend.answer.values import Judgement
from backend.search.query import folded, parse
from backend.search.values import PassageHit, SearchPage, SearchRequest

PASSAGES = 8
"""Passages asked of search."""


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
    nearness: float
    covered: float

    @property
    def text(self) -> str:
        return self.hit.item.text[self.span.start : self.span.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found: passages best first, their sentences best first, and whether that is enough.

    ``missing``: rarity of the rarest word of the question that does not stand around the best sentence.
    """

    hits: tuple[PassageHit, ...]
    units: tuple[Unit, ...]
    confidence: float
    judgement: Judgement
    asked: Asking
    missing: float = 0.0
    signals: refusal.Signals | None = None


def owner(item: Item) -> str:
    """Whose rule or document this is: the member's code, the name of a branch, or empty for the consortium's own."""
    library = str(item.metadata.get("library") or "")
    return str(item.metadata.get("member") or "") or (library if library.endswith("分馆") else "")


class Reader:
    """Finds and judges evidence with one engine. Thread-safe."""

    passages = PASSAGES

    def __init__(self, engine: SearchPort) -> None:
        self._engine = engine
        self._background = Background(engine.embedder)
        self._vectors = Vectors(engine.embedder)

    def gather(self, question: str, audiences: frozenset[str], *, kinds: Sequence[str] | None = None) -> Evidence:
        """Search and judge: the passages nearest to ``question`` that this audience may see."""
        return self.judge(question, self._engine.passages(question, audiences, limit=PASSAGES, kinds=kinds))

    def judge(self, question: str, hits: Sequence[PassageHit]) -> Evidence:
        """Rank the sentences of ``hits`` and say whether they hold the answer."""
        parsed = parse(question)
        asked = asking(parsed, self._engine.tokeniser)
        units, around = self._ranked(parsed.text, asked, hits)
        if not units:
            return Evidence(hits=tuple(hits), units=(), confidence=0.0, judgement="none", asked=asked)
        best = units[0]
        surroundings = around[(best.hit.item.id, best.span)]
        signals = refusal.signals(
            asked,
            refusal.Best(text=best.text, around=surroundings, hit=best.hit),
            nearness=max(unit.nearness for unit in units),
        )
        confidence = refusal.probability(signals)
        if best.hit.item.kind != "catalogue" and not asked.same_years(folded(best.hit.item.text)):
            confidence = min(confidence, refusal.OTHER_YEAR)
        return Evidence(
            hits=tuple(hits),
            units=tuple(units),
            confidence=confidence,
            judgement="enough"
            if confidence >= refusal.ENOUGH
            else "partly"
            if confidence >= refusal.PARTLY
            else "none",
            asked=asked,
            missing=asked.missing(folded(surroundings)),
            signals=signals,
        )

    def sentences(self, question: str, hits: Sequence[PassageHit]) -> list[Unit]:
        """The sentences of ``hits`` that the words choose, those that answer the question first."""
        parsed = parse(question)
        return self._ranked(parsed.text, asking(parsed, self._engine.tokeniser), hits)[0]

    def _ranked(
        self, question: str, asked: Asking, hits: Sequence[PassageHit]
    ) -> tuple[list[Unit], dict[tuple[str, Span], str]]:
        """Units best first, and for each what stands around it."""
        places = candidates(hits)
        if not places:
            return [], {}
        described = [candidate for _, _, candidate in places]
        rows = ranking.features(asked, described, [self._engine.tokeniser.tokens(one.text) for one in described])
        chosen = np.argsort(-ranking.by_words(rows), kind="stable")[: ranking.EMBEDDED]
        nearness = self.nearness(question, [described[at].context for at in chosen])
        scores = ranking.by_all(rows[chosen], nearness)
        covered = ranking.NAMES.index("covered_before")
        units = [
            Unit(
                hit=places[at][0], span=places[at][1], score=float(score), nearness=float(near),
                covered=float(rows[at, covered]),
            )
            for at, score, near in zip(chosen, scores, nearness, strict=True)
        ]  # fmt: skip
        around = {(places[at][0].item.id, places[at][1]): described[at].around for at in chosen}
        return sorted(units, key=lambda unit: -unit.score), around

    def nearness(self, question: str, contexts: Sequence[str]) -> NDArray[np.float64]:
        """Cosines of the question to texts, in the model's own unit."""
        asked = np.asarray(self._engine.embedder.embed_queries([question])[0], dtype=np.float64)
        return self._background.scale().of(self._vectors.of(contexts) @ asked)


def candidates(hits: Sequence[PassageHit]) -> list[tuple[PassageHit, Span, ranking.Candidate]]:
    """Every sentence of the passages once, with its surroundings; questions (of a FAQ) answer nothing, and what
    speaks to machines is no evidence."""
    found: dict[tuple[str, int], tuple[PassageHit, Span, ranking.Candidate]] = {}
    for hit in hits:
        text = hit.item.text
        spans = for_readers(text, split(text, start=hit.passage.start, end=hit.passage.end))
        said = [text[span.start : span.end] for span in spans]
        for at, (span, sentence) in enumerate(zip(spans, said, strict=True)):
            if (hit.item.id, span.start) in found or sentence.rstrip("”」』）)").endswith(("？", "?")):
                continue
            found[(hit.item.id, span.start)] = (
                hit,
                span,
                ranking.Candidate(
                    text=sentence,
                    before=said[at - 1] if at else "",
                    after=said[at + 1] if at + 1 < len(said) else "",
                    title=hit.item.title,
                    item=hit.item.id,
                    passage=hit.score,
                    leads=span.start < 3,
                ),
            )
    return list(found.values())
