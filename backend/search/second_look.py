"""A second look at the first candidates: how much of the question is in each, and how near together. Pure.

BM25 adds up what a text repeats; a long text that says one word of the question often overtakes a short one that says
them all. So the candidates that fusion puts first are read: which share of the question's words, weighed by rarity, is
in the text at all (coverage), and which share of everything asked stands within :data:`WINDOW` characters (nearness).

Weights chosen on development sets: with them the right passage is first for .954 instead of .944 of 3,043 Simplified
questions over Traditional text (paired p < .001) and .872 instead of .852 of 500 headlines over their articles' bodies
(p .01); 1,200 encyclopaedia questions gain less (.955, .951; p .13), and search-engine questions, library FAQ and
catalogue searches by author, subject and parts of a title move by one or two questions either way. What did not carry
over from one set to the others: weights trained on any one of them, answer types, longest common strings, titles and
leads, hubness and whitening of the vectors, other poolings of the model's states; words that resemble each other in the
model's own table (.968 instead of .959 of 1,000 questions across scripts, but fewer search-engine questions, and more
time than all the rest of a search); and a second vector for every hundred characters, which doubles the work of an
index and, beside this, gained no search-engine question. Halving BM25 or doubling meaning moves no set by two points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LOOK_AT = 30
"""Candidates that are read."""
TEXT = 1_200
"""Characters of each that are read, around its best passage."""
WINDOW = 40
COVERAGE_WEIGHT = 48.0
NEARNESS_WEIGHT = 24.0
MORE_Z = 7.0
"""With the words judged better, meaning counts more than in fusion."""
_PLACES = 8
"""Occurrences of a token that are looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The distinct tokens of a question with their rarity; the first ``words`` of them are whole words."""

    tokens: tuple[str, ...]
    rarity: tuple[float, ...]
    words: int


def asked(words: Sequence[str], tokens: Sequence[str], rarity: Callable[[str], float]) -> Asked:
    """``words`` and all ``tokens`` of a question. ``rarity``: a token's inverse document frequency."""
    whole = dict.fromkeys(words)
    distinct = tuple(whole | dict.fromkeys(tokens))
    return Asked(distinct, tuple(map(rarity, distinct)), len(whole))


def coverage(question: Asked, folded: str) -> float:
    """Share (0–1) of the question's words, by rarity, that occur in a folded text."""
    weighed = list(zip(question.tokens[: question.words], question.rarity, strict=False))
    total = sum(rarity for _, rarity in weighed)
    return sum(rarity for word, rarity in weighed if word in folded) / total if total else 0.0


def nearness(question: Asked, folded: str) -> float:
    """The largest share (0–1) of all tokens, by rarity, that begin within :data:`WINDOW` characters of each other."""
    total = sum(question.rarity)
    places = sorted(
        (place, token) for token, text in enumerate(question.tokens) for place in _occurrences(folded, text)
    )
    inside: dict[int, int] = {}
    first, weight, best = 0, 0.0, 0.0
    for place, token in places:
        inside[token] = inside.get(token, 0) + 1
        if inside[token] == 1:
            weight += question.rarity[token]
        while place - places[first][0] > WINDOW:
            left = places[first][1]
            inside[left] -= 1
            if not inside[left]:
                weight -= question.rarity[left]
            first += 1
        best = max(best, weight)
    return best / total if total else 0.0


def _occurrences(text: str, token: str) -> list[int]:
    places: list[int] = []
    place = text.find(token)
    while place >= 0 and len(places) < _PLACES:
        places.append(place)
        place = text.find(token, place + len(token))
    return places


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in one candidate: shares from 0 to 1."""

    coverage: float
    nearness: float

    def worth(self, z: float) -> float:
        """What it adds to the fused score of a candidate with this z-score."""
        return COVERAGE_WEIGHT * self.coverage + NEARNESS_WEIGHT * self.nearness + MORE_Z * z


def look(question: Asked, title: str, text: str) -> Look:
    """How much of the question a candidate's folded title and text hold; nothing is near across their border."""
    near = nearness(question, text)
    if title not in text:
        near = max(near, nearness(question, title))
    return Look(coverage(question, f"{title}\n{text}"), near)
