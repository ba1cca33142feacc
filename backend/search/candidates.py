"""Both engines asked under one filter, their proposals scored by both, in one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.search import fuse, second_look
from backend.search.fuse import NEAR_ENOUGH, Candidate
from backend.search.query import KnownItem, ParsedQuery
from indexer.lexical import Found, LexicalFilter, LexicalReader, WordQuery
from indexer.normalise import fold
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

Counts = dict[str, dict[str, int]]


class Excerpts(Protocol):
    """Title and up to ``size`` characters of the text around a place, by id of the items that are there."""

    def __call__(self, around: Mapping[str, int], *, size: int) -> Mapping[str, tuple[str, str]]: ...


@dataclass(slots=True)
class Candidates:
    """Everything found for one question. ``ranked`` is cut at the depth asked; ``total`` is not.

    ``by_words``: how many items hold enough of the question's words; ``named``: it names some.
    """

    ranked: list[Candidate]
    highlight_words: tuple[str, ...]
    highlight_tokens: tuple[str, ...]
    by_words: int
    named: bool
    _counted: Future[Counts] | None

    def counts(self) -> Counts:
        """Exact counts by facet value over everything found."""
        return self._counted.result() if self._counted else {}

    @property
    def total(self) -> int:
        """Items found. Each is of one kind."""
        return sum(self.counts()["kind"].values()) if self._counted else len(self.ranked)


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
        return _by_number(self.view.lexical.items(self.query, only, limit=len(numbers), any_token=True))

    def counts(self, also: Sequence[int]) -> Counts:
        """Facets over what words find, and the given items besides."""
        return self.view.lexical.facets(self.query, self.view.lexical_filter(self.narrow), also=also)


def find(
    view: IndexView,
    tokeniser: Tokeniser,
    parsed: ParsedQuery,
    embed: Callable[[], NDArray[np.float32]],
    narrow: Narrow,
    pool: Executor,
    *,
    depth: int,
    read: Excerpts,
) -> Candidates:
    """Candidates of both engines for ``parsed``, those it names first, then by fused score and a second look.

    Words are looked up in ``pool`` while the question is embedded here: neither needs the other. Everything found is
    counted there while it is ranked here. ``read`` gives what of the stored items is looked at.
    """
    wanted, content = word_query(view.lexical, tokeniser, parsed)
    words = _Words(view, narrow, wanted)
    searched = pool.submit(words.top, max(POOL, depth))
    vector = embed()
    mean, deviation = view.z.scale(vector)
    near = view.near(vector, narrow, limit=NEAREST)
    named = named_items(view, parsed, view.lexical_filter(narrow))
    # Of what was typed in pinyin the model understands little, of a number nothing.
    scores = (near.cosines - mean) / deviation
    close = set() if parsed.number else _close(near.numbers, scores, anyway=0 if parsed.pinyin else NEAREST_ANYWAY)
    others = sorted(close | set(named))
    counted = pool.submit(words.counts, others)
    found = searched.result()
    bm25 = _by_number(found)
    by_words = frozenset(bm25)
    if more := [number for number in others if number not in bm25]:
        bm25.update(dict.fromkeys(more, 0.0) | words.scores(more))
    numbers = np.fromiter(bm25, dtype=np.int64, count=len(bm25))
    ordinals, cosines = view.best_passages(vector, numbers)
    names = {number: (name.tier, name.why) for number, name in named.items()}
    candidates = [
        Candidate(number, bm25[number], z, ordinal, *names.get(number, (0, "")), by_words=number in by_words)
        for number, ordinal, z in zip(bm25, ordinals.tolist(), ((cosines - mean) / deviation).tolist(), strict=True)
    ]
    question = second_look.asked(tokeniser.whole_words(parsed.content), content, view.lexical.rarity)
    if parsed.pinyin:
        ranked = _spoken_first(candidates)
    else:
        by_year = {number for number, name in named.items() if name.newest_first}
        ranked = _looked_at(view, question, fuse.rank(candidates), read, by_year=by_year)
    return Candidates(
        ranked=ranked,
        highlight_words=question.tokens[: question.words],
        highlight_tokens=tuple(dict.fromkeys(content)),
        by_words=found.count,
        named=bool(named),
        _counted=counted,
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


def _spoken_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """What was typed in pinyin stands in no text, and the model understands little of it: words go before meaning."""
    return fuse.rank([one._replace(worth=0.0) if one.by_words else one for one in candidates])


def _looked_at(
    view: IndexView,
    question: second_look.Asked,
    ranked: Sequence[Candidate],
    read: Excerpts,
    *,
    by_year: Set[int],
) -> list[Candidate]:
    """``ranked`` with the first of them read and put in order again, those in ``by_year`` newest first."""
    first = ranked[: second_look.LOOK_AT]
    numbers = np.array([candidate.number for candidate in first], dtype=np.int64)
    ids = view.ids(numbers)
    spans = view.spans(numbers, np.array([candidate.ordinal for candidate in first], dtype=np.int64))
    middles = {item_id: sum(span) // 2 for item_id, span in zip(ids, spans, strict=True) if item_id}
    excerpts = read(middles, size=second_look.TEXT)
    years = view.years(numbers) if by_year else [0] * len(first)
    looked = []
    for candidate, item_id, year in zip(first, ids, years, strict=True):
        title, text = excerpts.get(item_id, ("", ""))
        seen = second_look.look(question, fold(title), fold(text))
        newest = year if candidate.number in by_year else 0
        looked.append(candidate._replace(worth=seen.worth(candidate.z), coverage=seen.coverage, newest=newest))
    return fuse.rank([*looked, *ranked[second_look.LOOK_AT :]])


def word_query(lexical: LexicalReader, tokeniser: Tokeniser, parsed: ParsedQuery) -> tuple[WordQuery, list[str]]:
    """What is looked for by words, and the tokens of the question without its phrases."""
    whole = tokeniser.folded_tokens(parsed.folded)
    content = tokeniser.folded_tokens(parsed.content)
    required, at_least = fuse.required(content, lexical.document_frequency, lexical.count)
    weights = fuse.token_weights(whole, content)
    wanted = WordQuery(weights=weights, boosts=BOOSTS, required=required, at_least=at_least, pinyin=parsed.pinyin)
    return wanted, content


def nearest(view: IndexView, vector: NDArray[np.float32], narrow: Narrow, *, depth: int) -> Candidates:
    """Candidates by meaning alone."""
    mean, deviation = view.z.scale(vector)
    near = view.near(vector, narrow, limit=depth)
    best: dict[int, Candidate] = {}
    scores = ((near.cosines - mean) / deviation).tolist()
    for number, ordinal, z in zip(near.numbers.tolist(), near.ordinals.tolist(), scores, strict=True):
        best.setdefault(number, Candidate(number, 0.0, z, ordinal, why="内容相近"))
    return Candidates(
        ranked=list(best.values()),
        highlight_words=(),
        highlight_tokens=(),
        by_words=0,
        named=False,
        _counted=None,
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
        either = dict.fromkeys(item.keys, 1.0) if item.also else {}
        for number in view.lexical.known(either, narrow, also=item.also, limit=_KNOWN).keys.tolist():
            if number not in named or named[number].tier < item.tier:
                named[number] = item
    return named


def _by_number(found: Found) -> dict[int, float]:
    return {int(number): float(score) for number, score in zip(found.keys, found.scores, strict=True)}
