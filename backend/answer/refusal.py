"""How sure can we be that the evidence answers the question? Pure; the weights are a logistic regression.

None of the figures has the scale of an index: no BM25, no z-score of a corpus. So an index of ten passages, one of a
thousand and a catalogue with a few documents in it are read alike. Learnt by ``tests/benchmarks/answer_weights.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from backend.answer.asking import RARE, Asking, fits
from backend.search.query import folded
from backend.search.values import PassageHit

ENOUGH = 0.5
"""Probability from which an answer is given."""

RULES_ENOUGH = 0.35
"""The same for rules: a question about the library's services, put to the library, is mostly answered by its rules."""

PARTLY = 0.3
"""Probability from which what was found is shown as near, not as an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the decision looks at, of the best sentence unless said otherwise; shares are 0–1."""

    nearness: float
    """cosine of the nearest sentence in its context, in the model's own unit"""
    passage_nearness: float
    """cosine of the nearest passage"""
    place: float
    """score of its passage as a share of the best passage's"""
    lead: float
    """how far the best passage stands above the middle one, as a share of its score"""
    covered: float
    """share of the question's rare words in its passage"""
    covered_around: float
    """share of them in the sentence, its neighbours and its title"""
    missing: float
    """rarity of the rarest word that is not around"""
    names: float
    """share of the question's names and terms in its passage; 1 when it has none"""
    numbers: float
    """1 when every number of the question stands in its passage"""
    fits: float
    """1 when it says what kind of thing is asked beyond the question's own words, ½ when that cannot be told"""


WEIGHTS = Signals(
    nearness=1.468, passage_nearness=0.381, place=2.552, lead=5.88, covered=1.788, covered_around=2.622, missing=-0.2,
    names=0.924, numbers=1.29, fits=-0.093,
)  # fmt: skip
BIAS = -12.666


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The sentence that answers best, with what stands around it, and the passage it is from."""

    text: str
    around: str
    hit: PassageHit


def signals(
    asking: Asking, hits: Sequence[PassageHit], best: Best, *, nearness: float, passage_nearness: float
) -> Signals:
    """The figures of one question over its hits, best first."""
    scores = sorted((hit.score for hit in hits), reverse=True)
    top = max(abs(scores[0]), 1e-6)
    own = folded(f"{best.hit.item.title}\n{best.hit.passage.context}\n{best.hit.passage.text}")
    around = folded(best.around)
    return Signals(
        nearness=nearness,
        passage_nearness=passage_nearness,
        place=best.hit.score / top,
        lead=min(1.0, (scores[0] - scores[len(scores) // 2]) / top) if len(scores) > 1 else 1.0,
        covered=asking.covered(own),
        covered_around=asking.covered(around),
        missing=asking.missing(around) / RARE,
        names=_names(asking, own),
        numbers=float(all(number in own for number in asking.numbers)),
        fits=fits(asking.wanted, asking.rest(folded(best.text))),
    )


def _names(asking: Asking, text: str) -> float:
    rare = [(word, rarity) for word, rarity in asking.words if rarity >= RARE]
    total = sum(rarity for _, rarity in rare)
    return sum(rarity for word, rarity in rare if asking.says(word, text)) / total if total else 1.0


def probability(of: Signals) -> float:
    """That the answer is in the evidence, 0–1."""
    total = BIAS + sum(weight * value for weight, value in zip(astuple(WEIGHTS), astuple(of), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
