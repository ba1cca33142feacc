"""Passages for the answer layer, scored by words and by meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.search import fuse
from backend.search.candidates import named_items
from backend.search.query import ParsedQuery
from backend.search.values import PassageHit
from indexer.lexical import PASSAGE_BITS, Found, WordQuery
from indexer.records import Passage, StoredItem
from indexer.tokens import Tokeniser
from indexer.view import IndexView, Narrow

_POOL = 100
_PER_ITEM = 50

Key = tuple[int, int]


class Items(Protocol):
    """What passages need of the catalogue."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]: ...

    def passages(self, item_id: str) -> list[Passage]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    key: Key
    bm25: float
    cosine: float
    z: float
    named: bool
    newest: int = 0
    """Its year, where those named alike are taken newest first."""

    @property
    def score(self) -> float:
        return self.bm25 + fuse.Z_WEIGHT * self.z


def find_passages(
    view: IndexView,
    tokeniser: Tokeniser,
    catalogue: Items,
    parsed: ParsedQuery,
    vector: NDArray[np.float32],
    narrow: Narrow,
    *,
    limit: int,
) -> list[PassageHit]:
    """Up to ``limit`` passages, those of items that the question names first, then by fused score."""
    weights = fuse.token_weights(tokeniser.folded_tokens(parsed.folded), tokeniser.folded_tokens(parsed.content))
    scored = _scored(view, parsed, weights, vector, narrow)
    best = sorted(scored, key=lambda one: (not one.named, -one.newest, -one.score, one.key))[:limit]
    ids = view.ids(np.array([one.key[0] for one in best], dtype=np.int64))
    items = catalogue.get(sorted({item_id for item_id in ids if item_id}))
    stored = {item_id: {p.ordinal: p for p in catalogue.passages(item_id)} for item_id in items}
    rarity = _rarity(view, tokeniser.folded_tokens(parsed.content))
    hits = []
    for one, item_id in zip(best, ids, strict=True):
        passage = stored.get(item_id, {}).get(one.key[1])
        if passage is None or items[item_id].audience not in narrow.audiences:
            continue
        present = tokeniser.tokens(f"{passage.context}\n{passage.text}")
        hits.append(
            PassageHit(
                item=items[item_id],
                passage=passage,
                score=one.score,
                cosine=one.cosine,
                z=one.z,
                bm25=one.bm25,
                coverage=fuse.coverage(rarity, present),
                match="identifier" if one.named else _match(one),
            )
        )
    return hits


def _match(one: _Scored) -> fuse.Side:
    if one.bm25 <= 0:
        return "meaning"
    return "both" if one.z >= fuse.NEAR_ENOUGH else "words"


def _scored(
    view: IndexView, parsed: ParsedQuery, weights: dict[str, float], vector: NDArray[np.float32], narrow: Narrow
) -> list[_Scored]:
    words = WordQuery(weights=weights)
    found = view.lexical.passages(words, view.lexical_filter(narrow), limit=_POOL)
    bm25 = _by_key(found)
    near = view.near(vector, narrow, limit=_POOL)
    named = named_items(view, parsed, view.lexical_filter(narrow))
    keys = {(int(n), int(o)) for n, o in zip(near.numbers, near.ordinals, strict=True)} | {(n, 0) for n in named}
    missing = sorted({number for number, ordinal in keys if (number, ordinal) not in bm25})
    if missing:
        only = view.lexical_filter(narrow, numbers=missing)
        rest = view.lexical.passages(words, only, limit=_PER_ITEM * len(missing))
        bm25 = {key: score for key, score in _by_key(rest).items() if key in keys} | bm25
    keys |= set(bm25)
    ordered = sorted(keys)
    numbers = np.array([number for number, _ in ordered], dtype=np.int64)
    ordinals = np.array([ordinal for _, ordinal in ordered], dtype=np.int64)
    cosines = view.cosines(vector, numbers, ordinals)
    strongest = max((name.tier for name in named.values()), default=0)
    by_year = [number for number, name in named.items() if name.newest_first and name.tier == strongest]
    newest = dict(zip(by_year, view.years(np.array(by_year, dtype=np.int64)), strict=True))
    mean, deviation = view.z.scale(vector)
    return [
        _Scored(
            key=key,
            bm25=bm25.get(key, 0.0),
            cosine=float(cosine),
            z=(float(cosine) - mean) / deviation,
            named=key[0] in named,
            newest=newest.get(key[0], 0),
        )
        for key, cosine in zip(ordered, cosines, strict=True)
    ]


def _rarity(view: IndexView, content: Sequence[str]) -> dict[str, float]:
    """Weight of each distinct content token: rare ones count for more."""
    total = view.lexical.count
    return {
        token: math.log(1 + total / (1 + view.lexical.document_frequency(token))) for token in dict.fromkeys(content)
    }


def _by_key(found: Found) -> dict[Key, float]:
    low = (1 << PASSAGE_BITS) - 1
    return {
        (int(key) >> PASSAGE_BITS, int(key) & low): float(score)
        for key, score in zip(found.keys, found.scores, strict=True)
    }
