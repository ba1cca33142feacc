"""Figures on named questions: do answers hold the gold answer, are the right questions refused, are false claims
caught?

Questions are JSONL ``{"id", "question", "passage_ids", "answers", "answerable"?, "kind"?}`` over passages that were
loaded before with their ids as ``source_id``. A question marked ``gold_string_in_top3`` (its answer is not indexed, but
the same characters are) is left out of the refusal figures: it is neither answerable nor not.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.answer import labelled
from backend.answer.answerer import Answerer
from backend.answer.intent import read
from backend.answer.labelled import Claim
from backend.answer.sentences import split
from backend.answer.values import Answer, Intent, Question
from backend.answer.verify import verify
from backend.core.errors import InputError
from backend.search.query import folded


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its gold answers; ``answerable``: is the answer in what was loaded?"""

    id: str
    text: str
    answers: tuple[str, ...]
    answerable: bool = True
    kind: str = ""
    doubtful: bool = False


def read_asked(path: Path) -> list[Asked]:
    """:raises InputError: naming the line that is no question, or the file that cannot be read."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as text") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            found.append(
                Asked(
                    id=str(fields["id"]),
                    text=str(fields["question"]),
                    answers=tuple(str(answer) for answer in fields.get("answers", ())),
                    answerable=bool(fields.get("answerable", True)),
                    kind=str(fields.get("kind", "")),
                    doubtful=bool(fields.get("gold_string_in_top3", False)),
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path.name}, line {number}: not a question") from error
    if not found:
        raise InputError(f"{path.name} holds no question")
    return found


def evaluate_answers(answerer: Answerer, questions: Sequence[Asked], audiences: frozenset[str]) -> dict[str, Any]:
    """Share of answerable questions whose first, and first two, cited sentences hold a gold answer; times in ms."""
    first, second, refused, times, exact, cited = 0, 0, 0, [], 0, 0
    asked = [question for question in questions if question.answerable and question.answers]
    for question in asked:
        started = time.perf_counter()
        answer = _answer(answerer, question, audiences)
        times.append((time.perf_counter() - started) * 1_000)
        gold = [folded(text) for text in question.answers]
        held = [any(text in folded(sentence.text) for text in gold) for sentence in answer.sentences]
        refused += answer.refused
        first += any(held[:1])
        second += any(held[:2])
        good, whole = _exact(answerer, answer, audiences)
        exact, cited = exact + good, cited + whole
    count = max(len(asked), 1)
    return {
        "questions": len(asked),
        "gold_in_first": round(first / count, 4),
        "gold_in_first_two": round(second / count, 4),
        "refused": round(refused / count, 4),
        "citations": cited,
        "citations_exact": exact,
        "median_ms": round(statistics.median(times), 1) if times else 0.0,
    }


def evaluate_refusal(answerer: Answerer, questions: Sequence[Asked], audiences: frozenset[str]) -> dict[str, Any]:
    """AUC of the confidence, and the trade-off: at each share of wrong refusals the share of right ones; by kind,
    too."""
    asked = [question for question in questions if not question.doubtful]
    scores = [answerer.reader.gather(question.text, audiences).confidence for question in asked]
    refused = [_answer(answerer, question, audiences).refused for question in asked]
    yes = [score for score, question in zip(scores, asked, strict=True) if question.answerable]
    kinds = sorted({question.kind for question in asked if not question.answerable and question.kind})

    def without(kind: str = "") -> dict[str, Any]:
        chosen = [at for at, q in enumerate(asked) if not q.answerable and (not kind or q.kind == kind)]
        no = [scores[at] for at in chosen]
        return {
            "unanswerable": len(no),
            "auc": round(auc(yes, no), 4),
            "refused_rightly": _share([refused[at] for at in chosen]),
            "curve": [
                {"refused_wrongly": wrong, "refused_rightly": round(right_at(yes, no, wrong), 4)}
                for wrong in (0.02, 0.05, 0.1, 0.15, 0.2)
            ],
        }

    return {
        "questions": len(asked),
        "answerable": len(yes),
        **without(),
        "refused_wrongly": _share([one for one, question in zip(refused, asked, strict=True) if question.answerable]),
        "by_kind": {kind: without(kind) for kind in kinds},
    }


def evaluate_verification(claims: Sequence[Claim]) -> dict[str, Any]:
    """What verification makes of true and false claims: of what passes the share that is true (precision), of what is
    false the share caught, of what is true the share that passes."""
    passed = [verify(c.text, c.quotes, lines=c.lines, known=c.known).supported for c in claims]
    true = [one for one, claim in zip(passed, claims, strict=True) if claim.true]
    false = [one for one, claim in zip(passed, claims, strict=True) if not claim.true]
    by_kind: dict[str, list[bool]] = {}
    for one, claim in zip(passed, claims, strict=True):
        by_kind.setdefault(f"{'true' if claim.true else 'false'}: {claim.kind}", []).append(one == claim.true)
    return {
        "claims": len(claims),
        "precision": round(sum(true) / max(sum(passed), 1), 4),
        "caught": _share([not one for one in false]),
        "true_passed": _share(true),
        "right_by_kind": {kind: _share(right) for kind, right in sorted(by_kind.items())},
    }


def claims_of(answerer: Answerer, questions: Sequence[Asked], audiences: frozenset[str], *, limit: int) -> list[Claim]:
    """Labelled claims over what the questions' answers cite, and over the holdings of the first items of a shelf."""
    texts: dict[str, tuple[str, str]] = {}
    asked = []
    for question in questions[:limit]:
        hits = answerer.engine.passages(question.text, audiences, limit=1)
        for hit in hits:
            texts[hit.item.id] = (hit.item.title, hit.item.text)
            held = [
                s for s in split(hit.item.text) if any(a in hit.item.text[s.start : s.end] for a in question.answers)
            ]
            if held and question.answers:
                sentence = hit.item.text[held[0].start : held[0].end]
                gold = next(answer for answer in question.answers if answer in sentence)
                asked.append((question.text, gold, sentence, hit.item.title))
    return [
        *labelled.from_texts((text for _, text in texts.values()), limit=limit),
        *labelled.from_answers(asked),
        *labelled.from_holdings(labelled.SHELF),
    ]


def auc(yes: Sequence[float], no: Sequence[float]) -> float:
    """Probability that an answerable question scores above one that is not; ties count half."""
    if not yes or not no:
        return 0.0
    wins = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
    return wins / (len(yes) * len(no))


def right_at(yes: Sequence[float], no: Sequence[float], wrong: float) -> float:
    """Share of unanswerable questions below the threshold that refuses ``wrong`` of the answerable ones."""
    if not yes or not no:
        return 0.0
    threshold = sorted(yes)[min(int(wrong * len(yes)), len(yes) - 1)]
    return sum(score < threshold for score in no) / len(no)


def _answer(answerer: Answerer, asked: Asked, audiences: frozenset[str]) -> Answer:
    reading = read(asked.text)
    intent = reading.intent if reading.intent is not Intent.GREETING else Intent.QUESTION
    return answerer.answer(Question(text=asked.text, intent=intent, language=reading.language), audiences)


def _exact(answerer: Answerer, answer: Answer, audiences: frozenset[str]) -> tuple[int, int]:
    """How many citations equal the stored text at their place, and how many there are."""
    items = {source.n: answerer.engine.item(source.id, audiences) for source in answer.sources}
    cited = [citation for sentence in answer.sentences for citation in sentence.citations]
    good = sum(items[c.source].text[c.start : c.end] == c.quote for c in cited)
    return good, len(cited)


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 4) if flags else 0.0
