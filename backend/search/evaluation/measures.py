"""Asks a search every question and scores what comes back, with ir-measures (trec_eval's own definitions).

``hit@k``: share of questions with a relevant passage among the first k. ``R@k``: share of a question's relevant
passages among the first k (the same where one passage is relevant). ``MRR@10``: 1 / place of the first relevant
passage. ``nDCG@10``: gain of all relevant passages, discounted by place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ir_measures
from ir_measures import RR, Qrel, R, ScoredDoc, Success, nDCG

from backend.core.errors import InputError
from backend.search.evaluation.questions import Passage, Question, digest
from backend.search.evaluation.report import Answered, Report
from indexer.progress import Progress, Silent

DEPTH = 10

MEASURES = {
    "hit@1": Success @ 1,
    "hit@5": Success @ 5,
    "hit@10": Success @ 10,
    "R@1": R @ 1,
    "R@5": R @ 5,
    "R@10": R @ 10,
    "MRR@10": RR @ 10,
    "nDCG@10": nDCG @ 10,
}

SearchFunction = Callable[[str], Sequence[str]]
"""A question's text → ids of passages, best first. What is beyond :data:`DEPTH` is not looked at."""


def evaluate_retrieval(
    search: SearchFunction,
    passages: Sequence[Passage],
    questions: Sequence[Question],
    *,
    settings: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask every question and score the answers. ``settings`` say what was measured (model, tokeniser, snapshot).

    :raises InputError: when a question names a passage that is not among ``passages``.
    """
    known = {passage.id for passage in passages}
    for question in questions:
        if missing := next((one for one in question.relevant if one not in known), None):
            raise InputError(f"question {question.id!r} names the passage {missing!r}, which is not in the set")
    found = _ask(search, questions, progress or Silent())
    scores = _scores(questions, found)
    answered = [
        Answered(
            id=question.id,
            question=question.text,
            relevant=question.relevant,
            found=found[question.id],
            scores=scores[question.id],
        )
        for question in sorted(questions, key=lambda question: question.id)
    ]
    return Report(
        passages=len(passages),
        passages_digest=digest(passages),
        questions_digest=digest(questions),
        settings=dict(sorted((settings or {}).items())),
        means={name: _mean([one.scores[name] for one in answered]) for name in MEASURES},
        answered=tuple(answered),
    )


def _ask(search: SearchFunction, questions: Sequence[Question], progress: Progress) -> dict[str, tuple[str, ...]]:
    progress.start("asking", len(questions))
    found = {}
    for question in questions:
        found[question.id] = tuple(dict.fromkeys(search(question.text)))[:DEPTH]
        progress.advance()
    progress.finish()
    return found


def _scores(questions: Sequence[Question], found: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Every measure of every question; a question without any hit scores 0."""
    judged = [Qrel(question.id, one, 1) for question in questions for one in question.relevant]
    # trec_eval sorts by score: places, turned round, keep the order that the search gave
    run = [ScoredDoc(key, one, float(-place)) for key, ids in found.items() for place, one in enumerate(ids)]
    names = {measure: name for name, measure in MEASURES.items()}
    scores = {question.id: dict.fromkeys(MEASURES, 0.0) for question in questions}
    for metric in ir_measures.iter_calc(list(names), judged, run) if run else ():
        scores[metric.query_id][names[metric.measure]] = round(float(metric.value), 6)
    return scores


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 6) if values else 0.0
