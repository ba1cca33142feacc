"""What changed between two evaluations of the same questions, and whether chance explains it. Pure.

The test is a paired randomisation test (Smucker, Allan and Carterette, CIKM 2007): under the hypothesis that both runs
are equally good, each question's difference may as well have the other sign. All sign patterns are tried when they are
few, else a fixed sample of them, so that the p-value is the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from backend.core.errors import InputError
from backend.search.evaluation.report import Answered, Report

_ENUMERATED = 14
_SAMPLES = 20_000
_SEED = 20_07


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Difference(_Frozen):
    """One measure in both runs. ``low`` and ``high`` bound the difference (95 %, bootstrap over questions)."""

    measure: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    better: int
    worse: int


class Moved(_Frozen):
    """A question whose first relevant passage stands elsewhere now (None: not found)."""

    id: str
    question: str
    before: int | None
    after: int | None


class Comparison(_Frozen):
    """Two runs side by side; ``same_passages`` is false when they searched different texts."""

    same_passages: bool
    differences: tuple[Difference, ...]
    moved: tuple[Moved, ...]

    def lines(self, *, moved: int = 20) -> list[str]:
        """The comparison for a person: each measure, then the questions that moved the most."""
        head = f"{'measure':<8} {'before':>7} {'after':>7} {'change':>8}  95 % interval        p  better/worse"
        rows = [
            f"{d.measure:<8} {d.before:7.4f} {d.after:7.4f} {d.difference:+8.4f}  [{d.low:+.4f}, {d.high:+.4f}]"
            f"  {d.p:6.4f}  {d.better}/{d.worse}"
            for d in self.differences
        ]
        notice = [] if self.same_passages else ["the two runs searched different passages"]
        shown = [
            f"  {one.id} {one.question} · {_place(one.before)} → {_place(one.after)}" for one in self.moved[:moved]
        ]
        return [*notice, head, *rows, *shown]


def compare(before: Report, after: Report) -> Comparison:
    """Every measure of two runs, and the questions that moved.

    :raises InputError: when the runs answered different questions.
    """
    if before.questions_digest != after.questions_digest:
        raise InputError("the two runs answered different questions")
    pairs = list(zip(before.answered, after.answered, strict=True))
    return Comparison(
        same_passages=before.passages_digest == after.passages_digest,
        differences=tuple(_difference(name, pairs) for name in after.means if name in before.means),
        moved=_moved(pairs),
    )


def _difference(name: str, pairs: Sequence[tuple[Answered, Answered]]) -> Difference:
    old = np.array([first.scores[name] for first, _ in pairs])
    new = np.array([second.scores[name] for _, second in pairs])
    change = new - old
    low, high = _interval(change)
    return Difference(
        measure=name,
        before=_rounded(old.mean()),
        after=_rounded(new.mean()),
        difference=_rounded(change.mean()),
        low=_rounded(low),
        high=_rounded(high),
        p=_rounded(paired_p(change)),
        better=int((change > 0).sum()),
        worse=int((change < 0).sum()),
    )


def paired_p(change: NDArray[np.float64]) -> float:
    """Two-sided p-value that the mean of paired differences is 0.

    >>> paired_p(np.array([0.0, 0.0, 0.0]))
    1.0
    >>> paired_p(np.array([1.0, 1.0, 1.0, 1.0]))
    0.125
    """
    size = np.abs(change[change != 0])
    if not size.size:
        return 1.0
    observed = abs(change.sum()) - 1e-9
    if size.size <= _ENUMERATED:
        numbers = np.arange(2**size.size)[:, None]
        signs = (numbers >> np.arange(size.size) & 1) * 2 - 1
        return float((np.abs(signs @ size) >= observed).mean())
    random = np.random.default_rng(_SEED)
    extreme = 0
    for _ in range(20):
        signs = random.integers(0, 2, (_SAMPLES // 20, size.size), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ size) >= observed).sum())
    return (extreme + 1) / (_SAMPLES + 1)


def _interval(change: NDArray[np.float64]) -> tuple[float, float]:
    random = np.random.default_rng(_SEED)
    means = [change[random.integers(0, change.size, change.size)].mean() for _ in range(2_000)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _moved(pairs: Sequence[tuple[Answered, Answered]]) -> tuple[Moved, ...]:
    moved = [
        Moved(id=first.id, question=first.question, before=first.place, after=second.place)
        for first, second in pairs
        if first.place != second.place
    ]
    return tuple(sorted(moved, key=lambda one: (-abs(_gain(one.after) - _gain(one.before)), one.id)))


def _gain(place: int | None) -> float:
    return 1 / place if place else 0.0


def _place(place: int | None) -> str:
    return str(place) if place else "–"


def _rounded(value: float) -> float:
    return round(float(value), 6)
