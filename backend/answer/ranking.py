"""Which sentence answers the question? A linear model over what can be seen of each sentence. Pure.

Each sentence is described by how its words meet the question's (BM25 among all candidates and within its own item; the
share of the question's rare words in it, with the sentence before it and the title, and with the one after), by what it
says beyond the question's own words (a date where a date is asked, a number in the unit asked for …), by its passage's
score, and by the cosine of the sentence in its context. Words alone choose :data:`EMBEDDED` sentences, which are
embedded; then everything decides. The weights maximise the likelihood of the sentence that holds the answer; they
were learnt by ``tests/benchmarks/answer_weights.py`` on one half of CMRC 2018's training passages. On the other half
the first sentence holds the answer for .82 of the questions, the first two for .89 (.71 and .81 with half BM25, half
cosine).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.answer.asking import Asking, fits
from backend.search.query import folded

EMBEDDED = 6
"""Sentences that are embedded for one question: more of them gave no better first sentence."""

CONTEXT = 240
"""Characters of title, sentence before and sentence that are embedded together."""

K1, B = 1.2, 0.75
_KINDS = ("when", "how_many", "where", "who", "why", "how_to")
NAMES = (
    "words", "words_in_item", "covered", "covered_before", "covered_around", "leads", "length", "short", "kind_word",
    "measure", *(f"fits_{kind}" for kind in _KINDS), "passage",
)  # fmt: skip
"""What is seen of a sentence before anything is embedded, in the order of :func:`features`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A sentence with what stands around it. ``passage``: its passage's score; ``leads``: its item begins with it."""

    text: str
    before: str = ""
    after: str = ""
    title: str = ""
    item: str = ""
    passage: float = 0.0
    leads: bool = False

    @property
    def context(self) -> str:
        """The sentence behind its title and the sentence before it: what 他 or 该馆 stands for is mostly there."""
        return f"{self.title}。{self.before}{self.text}"[-CONTEXT:]

    @property
    def around(self) -> str:
        """The title, the sentence and its neighbours."""
        return "\n".join((self.title, self.before, self.text, self.after))


WORDS: Mapping[str, float] = {
    "words": -0.208, "words_in_item": 3.243, "covered": -0.008, "covered_before": 3.922, "covered_around": 1.852,
    "leads": 0.398, "length": 0.082, "short": -0.257, "kind_word": 0.641, "measure": 1.193, "fits_when": 1.562,
    "fits_how_many": 0.924, "fits_where": 1.692, "fits_who": 0.514, "fits_why": 1.488, "fits_how_to": 0.218,
    "passage": 1.412,
}  # fmt: skip
WITH_MEANING: Mapping[str, float] = {
    "words": 0.06, "words_in_item": 2.967, "covered": 0.322, "covered_before": 2.746, "covered_around": 1.693,
    "leads": 0.15, "length": 0.188, "short": -0.521, "kind_word": 0.546, "measure": 0.785, "fits_when": 1.329,
    "fits_how_many": 0.758, "fits_where": 1.208, "fits_who": 0.263, "fits_why": 1.378, "fits_how_to": 0.303,
    "passage": 1.005, "nearness": 2.403,
}  # fmt: skip


def features(asking: Asking, candidates: Sequence[Candidate], bags: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """One row a candidate, one column a name of :data:`NAMES`. ``bags``: the candidates' tokens."""
    words = scaled(bm25(asking.tokens, bags))
    in_item = _within(asking.tokens, [candidate.item for candidate in candidates], bags)
    best = max(candidate.passage for candidate in candidates)
    rows = [
        [words[at], in_item[at], *_seen(asking, one), (one.passage - best) / 20] for at, one in enumerate(candidates)
    ]
    return np.array(rows, dtype=np.float64)


def _seen(asking: Asking, one: Candidate) -> list[float]:
    text, before, after, title = folded(one.text), folded(one.before), folded(one.after), folded(one.title)
    rest = asking.rest(text)
    fit = fits(asking.wanted, rest)
    return [
        asking.covered(text),
        asking.covered(f"{title}\n{before}\n{text}"),
        asking.covered(f"{title}\n{before}\n{text}\n{after}"),
        float(one.leads),
        min(len(text), 120) / 40,
        float(len(text) < 10),
        float(bool(asking.kind_word) and asking.kind_word[-1] in rest),
        float(asking.counts(rest)),
        *(fit if kind == asking.wanted else 0.0 for kind in _KINDS),
    ]


def by_words(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of candidates without any embedding."""
    weights: NDArray[np.float64] = np.array([WORDS[name] for name in NAMES])
    return np.asarray(rows @ weights)


def by_all(rows: NDArray[np.float64], cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of candidates with the cosines of their contexts (in the model's own unit)."""
    known = rows @ np.array([WITH_MEANING[name] for name in NAMES])
    return np.asarray(known + WITH_MEANING["nearness"] * (cosines - cosines.max()))


def _within(asked: Sequence[str], items: Sequence[str], bags: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """BM25 among the sentences of one item, 1 for its best: what is common to the item tells its sentences not
    apart."""
    scores = np.zeros(len(items))
    for item in dict.fromkeys(items):
        places = [at for at, other in enumerate(items) if other == item]
        own = bm25(asked, [bags[at] for at in places])
        scores[places] = own / max(float(own.max()), 1e-6)
    return scores


def bm25(question: Sequence[str], sentences: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """BM25 of each sentence with document frequencies among the sentences."""
    counts = [Counter(tokens) for tokens in sentences]
    lengths = np.array([max(len(tokens), 1) for tokens in sentences], dtype=np.float64)
    mean = float(lengths.mean()) if len(lengths) else 1.0
    scores = np.zeros(len(sentences))
    for token in dict.fromkeys(question):
        frequency = np.array([count[token] for count in counts], dtype=np.float64)
        found = int((frequency > 0).sum())
        if found:
            weight = math.log(1 + (len(sentences) - found + 0.5) / (found + 0.5))
            scores += weight * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * lengths / mean))
    return scores


def scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """To 0–1 within the question; all equal gives zeros."""
    if not len(values):
        return values
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
