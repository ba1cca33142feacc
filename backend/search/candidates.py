"""Both engines asked under one filter, their proposals scored by both, in one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.search import fuse, second_look
from backend.search.fuse import NEAR_ENOUGH, Candidate
from backend.search.query import KnownItem, ParsedQuery
from indexer.lexical import Found, LexicalFilter, WordQuery
from indexer.normalise import fold
from indexer.records import StoredItem
from indexer.tokens import Tokeniser
from indexer.view import IndexView, Narrow

POOL = 200
"""Proposals of each engine at least."""
NEAREST = 60
"""Passages by meaning that may join what words found."""
NEAREST_ANYWAY = 10
NOT_FAR = 0.0
"""The ten nearest passages are hits from this z-score on."""
BOOSTS = {"bag": 1.0, "title": 0.3, "variant": 0.3, "creator": 0.3, "subject": 0.2}
"""Weight of each lexical field beside the bag of all words."""
_KNOWN = 100
_SHELF = 300
_PROLIFIC = 5_000
"""Items of one title, or by one author, that are compared."""

Counts = dict[str, dict[str, int]]


@dataclass(slots=True)
class Candidates:
    """Everything found for one question. ``ranked`` is cut at the depth asked; ``total`` is not."""

    ranked: list[Candidate]
    total: int
    highlight_words: tuple[str, ...]
    highlight_tokens: tuple[str, ...]
    by_words: int
    named: bool
    _view: IndexView
    _counted: Future[Counts] | None
    _ordinals: dict[int, int]
    _extra: list[int]

    def ordinal_of(self, number: int) -> int:
        """The best passage of an item by meaning."""
        return self._ordinals.get(int(number), 0)

    def why(self, candidate: Candidate) -> str:
        """Why it is shown, in words for readers."""
        by_words = self._counted is not None and candidate.number not in self._extra
        return fuse.explain(candidate, by_words=by_words, by_meaning=candidate.z >= NEAR_ENOUGH)

    def counts(self) -> Counts:
        """Exact counts by facet value over everything found."""
        counts: Counts = self._counted.result() if self._counted else {}
        if self._extra:
            for name, values in self._view.lexical.facets_of(self._extra).items():
                for value, count in values.items():
                    of_name = counts.setdefault(name, {})
                    of_name[value] = of_name.get(value, 0) + count
        return counts


@dataclass(slots=True)
class _Words:
    """The lexical side of one question."""

    view: IndexView
    narrow: Narrow
    query: WordQuery

    def top(self, limit: int) -> Found:
        return self.view.lexical.items(self.query, self.view.lexical_filter(self.narrow), limit=limit)

    def scores(self, numbers: Sequence[int]) -> dict[int, float]:
        """BM25 of given items, whether they hold enough of the question or not."""
        only = self.view.lexical_filter(self.narrow, numbers=numbers)
        return _by_number(self.view.lexical.items(replace(self.query, at_least=0), only, limit=len(numbers)))

    def matching(self, numbers: Sequence[int]) -> set[int]:
        """Those of the given items that words find."""
        only = self.view.lexical_filter(self.narrow, numbers=numbers)
        return self.view.lexical.matching(self.query, only, limit=len(numbers))

    def counts(self) -> Counts:
        return self.view.lexical.facets(self.query, self.view.lexical_filter(self.narrow))


def find(
    view: IndexView,
    tokeniser: Tokeniser,
    parsed: ParsedQuery,
    embed: Callable[[], NDArray[np.float32]],
    narrow: Narrow,
    pool: Executor,
    *,
    depth: int,
    read: Callable[[Sequence[str]], Mapping[str, StoredItem]],
) -> Candidates:
    """Candidates of both engines for ``parsed``, those it names first, then by fused score and a second look.

    Words are looked up and counted in ``pool`` while the question is embedded here: neither needs the other. ``read``
    gives the stored items whose texts are looked at.
    """
    wanted, content = word_query(tokeniser, parsed)
    words = _Words(view, narrow, wanted)
    searched = pool.submit(words.top, max(POOL, depth))
    counted = pool.submit(words.counts)
    vector = embed()
    mean, deviation = view.z.scale(vector)
    near = view.near(vector, narrow, limit=NEAREST)
    named = named_items(view, parsed, view.lexical_filter(narrow))
    found = searched.result()
    bm25 = _by_number(found)
    # Of what was typed in pinyin the model understands little.
    close = _close(near.numbers, (near.cosines - mean) / deviation, anyway=0 if parsed.pinyin else NEAREST_ANYWAY)
    more = sorted((close | set(named)) - set(bm25))
    if more:
        bm25.update(dict.fromkeys(more, 0.0) | words.scores(more))
    # When the whole list of words is here, nothing else of it can be among the others.
    matching = words.matching(more) if more and found.count > len(found.keys) else set()
    extra = sorted(set(more) - matching)
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
    best = {int(n): int(o) for n, o in zip(numbers, ordinals, strict=True)}
    question = second_look.asked(
        tokeniser.whole_words(parsed.content), content, view.lexical.document_frequency, view.lexical.count
    )
    if parsed.pinyin:
        ranked = _spoken_first(candidates, set(found.keys.tolist()))
    else:
        by_year = {number for number, name in named.items() if name.newest_first}
        ranked = _looked_at(view, question, fuse.rank(candidates), best, read, by_year=by_year)
    return Candidates(
        ranked=ranked,
        total=found.count + len(extra),
        highlight_words=question.tokens[: question.words],
        highlight_tokens=tuple(dict.fromkeys(content)),
        by_words=found.count,
        named=bool(named),
        _view=view,
        _counted=counted,
        _ordinals=best,
        _extra=extra,
    )


def _close(numbers: NDArray[np.int64], scores: NDArray[np.float32], *, anyway: int) -> set[int]:
    """Items near enough to be hits whatever their words: by z-score, or among the ``anyway`` nearest (best first).

    Where all texts are about one thing, as in a library's rules, even the right one hardly stands out.
    """
    return {
        int(number)
        for place, (number, z) in enumerate(zip(numbers, scores, strict=True))
        if z >= NEAR_ENOUGH or (place < anyway and z >= NOT_FAR)
    }


def _spoken_first(candidates: Sequence[Candidate], by_words: Set[int]) -> list[Candidate]:
    """What was typed in pinyin stands in no text, and the model understands little of it: words go before meaning."""
    return fuse.rank([replace(one, worth=0.0) if one.number in by_words else one for one in candidates])


def _looked_at(
    view: IndexView,
    question: second_look.Asked,
    ranked: Sequence[Candidate],
    ordinals: Mapping[int, int],
    read: Callable[[Sequence[str]], Mapping[str, StoredItem]],
    *,
    by_year: Set[int],
) -> list[Candidate]:
    """``ranked`` with the first of them read and put in order again, those in ``by_year`` newest first."""
    first = ranked[: second_look.LOOK_AT]
    numbers = np.array([candidate.number for candidate in first], dtype=np.int64)
    ids = view.ids(numbers)
    spans = view.spans(numbers, np.array([ordinals.get(candidate.number, 0) for candidate in first], dtype=np.int64))
    items = read([item_id for item_id in ids if item_id])
    looked = []
    for candidate, item_id, span in zip(first, ids, spans, strict=True):
        item = items.get(item_id)
        title, text = (fold(item.title), fold(second_look.around(item.text, span))) if item else ("", "")
        newest = (item.year or 0) if item and candidate.number in by_year else 0
        seen = second_look.look(question, title, text)
        looked.append(replace(candidate, worth=seen.worth(candidate.z), covered=seen.coverage > 0, newest=newest))
    return fuse.rank([*looked, *ranked[second_look.LOOK_AT :]])


def word_query(tokeniser: Tokeniser, parsed: ParsedQuery) -> tuple[WordQuery, list[str]]:
    """What is looked for by words, and the tokens of the question without its phrases."""
    whole = tokeniser.folded_tokens(parsed.folded)
    content = tokeniser.folded_tokens(parsed.content)
    required, at_least = fuse.required(content)
    weights = fuse.token_weights(whole, content)
    wanted = WordQuery(weights=weights, boosts=BOOSTS, required=required, at_least=at_least, pinyin=parsed.pinyin)
    return wanted, content


def nearest(view: IndexView, vector: NDArray[np.float32], narrow: Narrow, *, depth: int) -> Candidates:
    """Candidates by meaning alone."""
    mean, deviation = view.z.scale(vector)
    near = view.near(vector, narrow, limit=depth)
    ordinals: dict[int, int] = {}
    ranked = []
    for number, ordinal, cosine in zip(near.numbers, near.ordinals, near.cosines, strict=True):
        if int(number) not in ordinals:
            ordinals[int(number)] = int(ordinal)
            ranked.append(Candidate(number=int(number), bm25=0.0, z=(float(cosine) - mean) / deviation, why="内容相近"))
    return Candidates(
        ranked=ranked,
        total=len(ranked),
        highlight_words=(),
        highlight_tokens=(),
        by_words=0,
        named=False,
        _view=view,
        _counted=None,
        _ordinals=ordinals,
        _extra=list(ordinals),
    )


def named_items(view: IndexView, parsed: ParsedQuery, narrow: LexicalFilter) -> dict[int, KnownItem]:
    """Items that the question names, each under its strongest name."""
    tiers: dict[str, float] = {}
    meaning: dict[int, KnownItem] = {}
    for item in parsed.known:
        if item.also or (item.fallback and view.lexical.document_frequency(parsed.folded)):
            continue
        keys = item.keys
        if item.prefix:
            keys = tuple(view.lexical.keys_starting(item.keys[0], narrow, limit=_SHELF))
        meaning.setdefault(item.tier, item)
        for key in keys:
            tiers.setdefault(key, item.tier)
    found = view.lexical.known(tiers, narrow, limit=_KNOWN)
    named = {int(number): meaning[round(float(tier))] for number, tier in zip(found.keys, found.scores, strict=True)}
    for item in parsed.known:
        for number in _carrying_both(view, item, narrow) if item.also else ():
            if number not in named or named[number].tier < item.tier:
                named[number] = item
    return named


def _carrying_both(view: IndexView, item: KnownItem, narrow: LexicalFilter) -> Set[int]:
    """Items that carry one of the keys of ``item`` and one of those it must carry, too."""
    either, also = (
        {int(number) for number in view.lexical.known(dict.fromkeys(keys, 1.0), narrow, limit=_PROLIFIC).keys}
        for keys in (item.keys, item.also)
    )
    return either & also


def _by_number(found: Found) -> dict[int, float]:
    return {int(number): float(score) for number, score in zip(found.keys, found.scores, strict=True)}
