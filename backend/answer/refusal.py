"""How sure can we be that the evidence answers the question? Pure; the weights are a logistic regression.

Features of the best passages and sentences, none of them tied to one data set: how far the best passage stands out
from the whole index (z), how much of the question's weight it holds (coverage), the same of the best sentence, the
lead over the next item, and whether a sentence has the kind of thing that the question asks for.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

ENOUGH = 0.5
"""Probability from which an answer is given."""

PARTLY = 0.3
"""Probability from which what was found is shown as near, not as an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the decision looks at. All are 0–1 but ``z`` (standard deviations) and ``cosine``."""

    z: float
    coverage: float
    sentence_coverage: float
    cosine: float
    lead: float
    fits: float


WEIGHTS = Signals(z=0.55, coverage=3.0, sentence_coverage=3.0, cosine=0.0, lead=0.3, fits=0.3)
BIAS = -4.8


def probability(signals: Signals) -> float:
    """That the answer is in the evidence, 0–1."""
    total = BIAS + sum(weight * value for weight, value in zip(astuple(WEIGHTS), astuple(signals), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
