"""Learns the weights of :mod:`backend.answer.ranking` and :mod:`backend.answer.refusal` and prints them.

::

    python -m tests.benchmarks.answer_weights --shared ../shared/data [--questions 1200]

Sentences: conditional likelihood of the sentences that hold a gold answer, over half of the CMRC passages (by a hash of
the passage's id), tested on the other half. Refusal: the same questions asked with their passage in the results and
with it taken out, on that half of CMRC and on the DRCD articles of one half; a row without its passage counts only
when no gold answer stands in what is left at the top. Everything is indexed whole, as an installation would. Weights
are of figures without a scale of the index (no BM25, no z-score), so that an index of ten passages and one of a
million read alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.answer import ranking, refusal
from backend.answer.asking import asking
from backend.answer.evaluation import auc, right_at
from backend.answer.evidence import PASSAGES, Reader, candidates
from backend.cli.evaluation import apart
from backend.search.query import folded, parse
from backend.search.values import PassageHit

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
    """Logistic regression with both sides of equal weight, on standardised figures; weights in the figures' own
    units."""
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


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one set gives: choices, and the figures of questions with and without their passage."""

    choices: list[Choice]
    yes: Matrix
    no: Matrix


def gather(engine: Any, rows: Sequence[dict[str, Any]]) -> Gathered:
    """Ask every question of an index; its own passage is taken out of the results for the second half of the
    figures."""
    reader = Reader(engine)
    choices, yes, no = [], [], []
    for row in rows:
        hits = engine.passages(row["question"], PUBLIC, limit=FETCHED)
        gold = [folded(text) for text in row["answers"]]
        if (choice := _choice(engine, reader, row["question"], hits[:PASSAGES], gold)) is not None:
            choices.append(choice)
        if (found := reader.judge(row["question"], hits[:PASSAGES]).signals) is not None:
            yes.append(astuple(found))
        left = [hit for hit in hits if hit.item.source_id not in row["passage_ids"]][:PASSAGES]
        if any(text in folded(hit.passage.text) for text in gold for hit in left[:3]):
            continue
        if left and (found := reader.judge(row["question"], left).signals) is not None:
            no.append(astuple(found))
    return Gathered(choices, np.array(yes), np.array(no))


def _choice(engine: Any, reader: Reader, question: str, hits: Sequence[PassageHit], gold: list[str]) -> Choice | None:
    parsed = parse(question)
    described = [one for _, _, one in candidates(hits)]
    if not described:
        return None
    rows = ranking.features(
        asking(parsed, engine.tokeniser), described, [engine.tokeniser.tokens(one.text) for one in described]
    )
    holds = np.array([any(text in folded(one.text) for text in gold) for one in described], dtype=np.float64)
    return Choice(rows, holds, reader.nearness(parsed.text, [one.context for one in described]))


def half(key: str) -> bool:
    """The learning half, by a hash that knows nothing of the content."""
    return hashlib.md5(key.encode()).digest()[0] < 128


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=1200)
    options = parser.parse_args()
    learnt: dict[str, Gathered] = {}
    tested: dict[str, Gathered] = {}
    for name in ("qa_cmrc2018", "qa_drcd"):
        folder = options.shared / name
        articles = {row["id"]: row["title"] for row in read(folder / "passages.jsonl")}
        rows = read(folder / "questions.jsonl")
        random.Random(7).shuffle(rows)
        key: Callable[[dict[str, Any]], str] = lambda row, known=articles: known[row["passage_ids"][0]]  # noqa: E731
        with apart(folder / "passages.jsonl") as services:
            learnt[name] = gather(services.engine, [row for row in rows if half(key(row))][: options.questions])
            tested[name] = gather(services.engine, [row for row in rows if not half(key(row))][: options.questions])
    words, meaning = learn_choice(learnt["qa_cmrc2018"].choices)
    print("WORDS =", dict(zip(ranking.NAMES, words.round(3).tolist(), strict=True)))
    print("WITH_MEANING =", dict(zip([*ranking.NAMES, "nearness"], meaning.round(3).tolist(), strict=True)))
    weights, bias = learn_refusal(
        np.vstack([learnt["qa_cmrc2018"].yes, *[learnt["qa_drcd"].yes] * 2]),
        np.vstack([learnt["qa_cmrc2018"].no, *[learnt["qa_drcd"].no] * 2]),
    )
    names = [field.name for field in fields(refusal.Signals)]
    print("WEIGHTS =", dict(zip(names, weights.round(3).tolist(), strict=True)), "BIAS =", round(bias, 3))
    for name, one in tested.items():
        yes, no = (one.yes @ weights).tolist(), (one.no @ weights).tolist()
        print(name, "first, first two:", choice_figures(one.choices, words, meaning))
        print(name, "auc:", auc(yes, no), "right at .1 wrong:", right_at(yes, no, 0.1))


if __name__ == "__main__":
    main()
