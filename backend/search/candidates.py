"""Both engines asked under one filter, their proposals scored by both, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.search import fuse
from backend.search.fuse import NEAR_ENOUGH, Candidate
from backend.search.query import KnownItem, ParsedQuery
from indexer.lexical import Found, LexicalFilter
from indexer.tokens import Tokeniser
from indexer.view import IndexView, Narrow

POOL = 200
"""Proposals of each engine at least."""
NEAREST = 100
"""Passages by meaning that may join what words found."""
BOOSTS = {"bag": 1.0, "title": 0.3, "variant": 0.3, "creator": 0.3, "subject": 0.2}
"""Weight of each lexical field beside the bag of all words."""
_KNOWN = 100
_SHELF = 300

Counts = dict[str, dict[str, int]]


@dataclass(slots=True)
class Candidates:
    """Everything found for one question. ``ranked`` is cut at the depth asked; ``total`` is not."""

    ranked: list[Candidate]
    total: int
    highlight_tokens: tuple[str, ...]
    _view: IndexView
    _words: _Words
    _ordinals: dict[int, int]
    _extra: list[int]

    def ordinal_of(self, number: int) -> int:
        """The best passage of an item by meaning."""
        return self._ordinals.get(int(number), 0)

    def why(self, candidate: Candidate) -> str:
        """Why it is shown, in words for readers."""
        return fuse.explain(
            candidate, by_words=candidate.number not in self._extra_set(), by_meaning=candidate.z >= NEAR_ENOUGH
        )

    def counts(self) -> Counts:
        """Exact counts by facet value over everything found."""
        counts = self._words.counts()
        if self._extra:
            for name, values in self._view.lexical.facets_of(self._extra).items():
                for value, count in values.items():
                    counts[name][value] = counts[name].get(value, 0) + count
        return counts

    def _extra_set(self) -> set[int]:
        return set(self._extra)


@dataclass(slots=True)
class _Words:
    """The lexical side of one question."""

    view: IndexView
    narrow: Narrow
    filter: LexicalFilter
    weights: dict[str, float]
    required: list[str]
    at_least: int

    def top(self, limit: int) -> Found:
        return self.view.lexical.items(
            self.weights, BOOSTS, self.filter, limit=limit, required=self.required, at_least=self.at_least
        )

    def scores(self, numbers: Sequence[int]) -> dict[int, float]:
        """BM25 of given items, whether they hold enough of the question or not."""
        only = self.view.lexical_filter(self.narrow, numbers=numbers)
        found = self.view.lexical.items(self.weights, BOOSTS, only, limit=len(numbers))
        return _by_number(found)

    def matching(self, numbers: Sequence[int]) -> set[int]:
        """Those of the given items that words find."""
        only = self.view.lexical_filter(self.narrow, numbers=numbers)
        found = self.view.lexical.items(
            self.weights, {"bag": 1.0}, only, limit=len(numbers), required=self.required, at_least=self.at_least
        )
        return {int(key) for key in found.keys}

    def counts(self) -> Counts:
        return self.view.lexical.facets(self.weights, self.filter, self.required, self.at_least)


def find(
    view: IndexView,
    tokeniser: Tokeniser,
    parsed: ParsedQuery,
    vector: NDArray[np.float32],
    narrow: Narrow,
    *,
    depth: int,
) -> Candidates:
    """Candidates of both engines for ``parsed``, those it names first, then by fused score."""
    whole = tokeniser.folded_tokens(parsed.folded)
    content = tokeniser.folded_tokens(parsed.content)
    required, at_least = fuse.required(content)
    words = _Words(view, narrow, view.lexical_filter(narrow), fuse.token_weights(whole, content), required, at_least)
    found = words.top(max(POOL, depth))
    bm25 = _by_number(found)
    named = named_items(view, parsed.known, words.filter)
    mean, deviation = view.z.scale(vector)
    near = view.near(vector, narrow, limit=NEAREST)
    close = {int(n) for n, c in zip(near.numbers, near.cosines, strict=True) if (c - mean) / deviation >= NEAR_ENOUGH}
    more = sorted((close | set(named)) - set(bm25))
    if more:
        bm25.update(dict.fromkeys(more, 0.0) | words.scores(more))
    extra = sorted(set(more) - words.matching(more)) if more else []
    numbers = np.fromiter(bm25, dtype=np.int64, count=len(bm25))
    ordinals, cosines = view.best_passages(vector, numbers)
    candidates = [
        Candidate(
            number=int(number),
            bm25=bm25[int(number)],
            z=(float(cosine) - mean) / deviation,
            tier=named[int(number)].tier if int(number) in named else 0,
            why=named[int(number)].why if int(number) in named else "",
        )
        for number, cosine in zip(numbers, cosines, strict=True)
    ]
    return Candidates(
        ranked=fuse.rank(candidates),
        total=found.count + len(extra),
        highlight_tokens=tuple(dict.fromkeys(content)),
        _view=view,
        _words=words,
        _ordinals={int(n): int(o) for n, o in zip(numbers, ordinals, strict=True)},
        _extra=extra,
    )


def named_items(view: IndexView, known: Sequence[KnownItem], narrow: LexicalFilter) -> dict[int, KnownItem]:
    """Items that the question names, each under its strongest name."""
    tiers: dict[str, float] = {}
    meaning: dict[int, KnownItem] = {}
    for item in known:
        keys = item.keys
        if item.prefix:
            keys = tuple(view.lexical.keys_starting(item.keys[0], narrow, limit=_SHELF))
        meaning.setdefault(item.tier, item)
        for key in keys:
            tiers.setdefault(key, item.tier)
    if not tiers:
        return {}
    found = view.lexical.known(tiers, narrow, limit=_KNOWN)
    return {int(number): meaning[round(float(tier))] for number, tier in zip(found.keys, found.scores, strict=True)}


def _by_number(found: Found) -> dict[int, float]:
    return {int(number): float(score) for number, score in zip(found.keys, found.scores, strict=True)}
