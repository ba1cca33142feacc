"""Learns the weights of :mod:`backend.answer.ranking` and :mod:`backend.answer.refusal` and prints them.

::

    python -m tests.benchmarks.answer_weights --shared ../shared/data [--questions 1200]

Sentences: conditional likelihood of the sentences that hold a gold answer, over half of the CMRC passages (by a hash of
the passage's id), tested on the other half. Refusal: the same questions asked with their passage in the results and with
it taken out, on that half of CMRC and on the DRCD articles of one half; a row without its passage counts only when no gold
answer stands in what is left at the top. Everything is indexed whole, as an installation would. Weights are of figures
without a scale of the index (no BM25, no z-score), so that an index of ten passages and one of a million read alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.answer import ranking, refusal
from backend.answer.evaluation import Asked, auc, read_asked, right_at
from backend.answer.evidence import Reader
from backend.composition import Services
from backend.core.settings import load_settings
from backend.search.query import folded
from indexer.ingest import IngestOptions, ingest

Matrix = NDArray[np.float64]
PUBLIC = frozenset({"public"})
FETCHED = 14


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidates of one question: features, which hold the answer, and the cosines of those embedded."""

    rows: Matrix
    gold: Matrix
    cosines: Matrix


def learn_choice(samples: Sequence[Choice], *, ridge: float = 1.0) -> tuple[Matrix, Matrix]:
    """Weights by words alone over all candidates, then with meaning over the ones that those choose."""
    words = _likeliest([(one.rows, one.gold) for one in samples], ridge)
    narrowed = [_narrowed(one, words) for one in samples]
    return words, _likeliest(narrowed, ridge)


def _narrowed(one: Choice, words: Matrix) -> tuple[Matrix, Matrix]:
    best = np.argsort(-(one.rows @ words), kind="stable")[: ranking.EMBEDDED]
    near = one.cosines[best] - one.cosines[best].max()
    return np.column_stack([one.rows[best], near]), one.gold[best]


def _likeliest(samples: Sequence[tuple[Matrix, Matrix]], ridge: float) -> Matrix:
    """Newton's method on the ridge-penalised conditional log-likelihood."""
    known = [(rows, gold) for rows, gold in samples if gold.any()]
    width = known[0][0].shape[1]
    weights = np.zeros(width)
    for _ in range(30):
        slope, curve = 2 * ridge * weights, 2 * ridge * np.eye(width)
        for rows, gold in known:
            share = np.exp(rows @ weights - (rows @ weights).max())
            share /= share.sum()
            right = share * gold / (share * gold).sum()
            slope += rows.T @ (share - right)
            curve += (rows.T * share) @ rows - np.outer(rows.T @ share, rows.T @ share)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def choice_figures(samples: Sequence[Choice], words: Matrix, meaning: Matrix) -> tuple[float, float]:
    """Share of questions whose first, and first two, sentences hold the answer."""
    first = two = 0
    for one in samples:
        rows, gold = _narrowed(one, words)
        order = np.argsort(-(rows @ meaning), kind="stable")
        first += bool(gold[order[0]])
        two += bool(gold[order[:2]].any())
    return first / len(samples), two / len(samples)


def learn_refusal(yes: Matrix, no: Matrix, *, ridge: float = 0.002) -> tuple[Matrix, float]:
    """Logistic regression with both sides of equal weight, on standardised figures; weights in the figures' own units."""
    rows = np.vstack([yes, no])
    mean, deviation = rows.mean(0), rows.std(0) + 1e-9
    scaled = np.column_stack([(rows - mean) / deviation, np.ones(len(rows))])
    right = np.r_[np.ones(len(yes)), np.zeros(len(no))]
    each = np.r_[np.full(len(yes), 0.5 / len(yes)), np.full(len(no), 0.5 / len(no))]
    weights = np.zeros(scaled.shape[1])
    penalty = np.r_[np.full(scaled.shape[1] - 1, 2 * ridge), 1e-9]
    for _ in range(50):
        share = 1 / (1 + np.exp(-(scaled @ weights)))
        slope = scaled.T @ (each * (share - right)) + penalty * weights
        curve = (scaled.T * (each * share * (1 - share))) @ scaled + np.diag(penalty)
        weights = weights - np.linalg.solve(curve, slope)
    own = weights[:-1] / deviation
    return own, float(weights[-1] - (own * mean).sum())
