"""How sure can we be that the evidence answers the question? Pure; the weights are a logistic regression.

None of the figures has the scale of an index: no BM25, no z-score of a corpus, no lead over the next passage (which is
large in every small index; with it the figures below were no better). So an index of ten passages, one of a thousand
and a catalogue with a few documents in it are read alike. Learnt by ``tests/benchmarks/answer_weights.py``.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from backend.answer.asking import RARE, Asking, fits
from backend.search.query import folded
from backend.search.values import PassageHit

ENOUGH = 0.42
"""Probability from which an answer is given."""

OTHER_YEAR = 0.25
"""Probability at most where the question names a year and the whole document does not."""

RULES_ENOUGH = 0.35
"""The same for rules: a question about the library's services, put to the library, is mostly answered by its rules."""

SURE = 0.75
"""Probability from which one term of the question may be missing in a rule."""

TERM = 8.5
"""Rarity of a word from which it says what a question about rules is about."""

PARTLY = 0.3
"""Probability from which what was found is shown as near, not as an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the decision looks at, of the best sentence unless said otherwise; shares are 0–1."""

    nearness: float
    """cosine of the nearest sentence in its context, in the model's own unit"""
    covered: float
    """share of the question's rare words in its passage"""
    covered_around: float
    """share of them in the sentence, its neighbours and its title"""
    names: float
    """share of the question's names and terms in its passage; 1 when it has none"""
    numbers: float
    """1 when every number of the question stands in its passage"""
    fits: float
    """1 when it says what kind of thing is asked beyond the question's own words, ½ when that cannot be told"""


WEIGHTS = Signals(nearness=2.262, covered=2.924, covered_around=2.842, names=1.033, numbers=1.398, fits=-0.165)
BIAS = -10.181


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The sentence that answers best, with what stands around it, and the passage it is from."""

    text: str
    around: str
    hit: PassageHit


def signals(asking: Asking, best: Best, *, nearness: float) -> Signals:
    """The figures of one question by the sentence that answers it best."""
    own = folded(f"{best.hit.item.title}\n{best.hit.passage.context}\n{best.hit.passage.text}")
    return Signals(
        nearness=nearness,
        covered=asking.covered(own),
        covered_around=asking.covered(folded(best.around)),
        names=_names(asking, own),
        numbers=float(asking.same_numbers(own)),
        fits=fits(asking.wanted, asking.rest(folded(best.text))),
    )


def rules_enough(confidence: float, missing: float) -> bool:
    """Do rules answer? Below :data:`SURE` only when they speak of every term of the question (员工, 宠物).

    :param missing: rarity of the rarest word of the question that does not stand around the best sentence.
    """
    return confidence >= SURE or (confidence >= RULES_ENOUGH and missing < TERM)


def _names(asking: Asking, text: str) -> float:
    rare = [(word, rarity) for word, rarity in asking.words if rarity >= RARE]
    total = sum(rarity for _, rarity in rare)
    return sum(rarity for word, rarity in rare if asking.says(word, text)) / total if total else 1.0


def probability(of: Signals) -> float:
    """That the answer is in the evidence, 0–1."""
    total = BIAS + sum(weight * value for weight, value in zip(astuple(WEIGHTS), astuple(of), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
