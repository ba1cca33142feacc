"""Several simulated years instead of one: means with 95 % confidence intervals, and what fairness costs. Pure.

A rule's figures differ from year to year more than rules differ, so rules are compared on the same years: the interval
of the *difference* to ours (:attr:`Summary.versus`) says whether one is better, not whether two intervals overlap.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backend.delivery.routing import Policy, rank
from backend.delivery.simulate import Ask, Library, Outcome, replay, rules, synthetic_libraries, synthetic_year

FIGURES = ("fill", "median_days", "p90_days", "cost_yuan", "gini", "worst", "newcomer", "asked")
CURVE = (0.0, 3.0, 6.0, 12.0, 20.0, 40.0, 80.0)
"""Weights of fairness that the trade-off is drawn for, in days of waiting."""

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131)
"""Student's t, 97.5 %, for 1 … 15 degrees of freedom; beyond, the normal distribution is near enough."""

World = tuple[Sequence[Library], Sequence[Ask]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and half the width of its 95 % confidence interval (0 with one year only: nothing is known of it)."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """
        >>> Estimate.of([1.0, 2.0, 3.0])
        Estimate(mean=2.0, half=2.4843...)
        """
        if len(values) < 2:
            return cls(statistics.fmean(values), 0.0)
        degrees = len(values) - 1
        t = _T[degrees - 1] if degrees <= len(_T) else 1.96
        return cls(statistics.fmean(values), t * statistics.stdev(values) / math.sqrt(len(values)))


@dataclass(frozen=True, slots=True)
class Summary:
    """One rule over all years. ``versus``: our rule's figure minus this rule's, year by year."""

    rule: str
    years: int
    figures: Mapping[str, Estimate]
    versus: Mapping[str, Estimate]


def synthetic_worlds(*, requests: int, libraries: int, seeds: Sequence[int]) -> list[World]:
    made: list[World] = []
    for seed in seeds:
        members = synthetic_libraries(libraries, seed=seed)
        made.append((members, synthetic_year(members, requests=requests, seed=seed)))
    return made


def study(worlds: Sequence[World], *, policy: Policy | None = None) -> list[Summary]:
    """Every rule on every world."""
    outcomes = {
        name: [replay(asks, members, rule, name=name) for members, asks in worlds]
        for name, rule in rules(policy).items()
    }
    return [_summary(name, years, outcomes["ours"]) for name, years in outcomes.items()]


def _summary(name: str, years: Sequence[Outcome], ours: Sequence[Outcome]) -> Summary:
    figures = {figure: Estimate.of([_value(year, figure) for year in years]) for figure in FIGURES}
    versus = {
        figure: Estimate.of(
            [_value(mine, figure) - _value(theirs, figure) for mine, theirs in zip(ours, years, strict=True)]
        )
        for figure in FIGURES
    }
    return Summary(name, len(years), figures, versus)


def _value(outcome: Outcome, figure: str) -> float:
    return float(getattr(outcome, figure))


def curve(worlds: Sequence[World], *, policy: Policy | None = None) -> list[Summary]:
    """Our rule with fairness worth ever more: what balance costs in days and yuan."""
    points = []
    for weight in CURVE:
        weighed = replace(policy or Policy(), fairness=weight)
        years = [
            replay(
                asks,
                members,
                lambda candidates, number, p=weighed: rank(candidates, number=number, policy=p),  # type: ignore[misc]
                name=f"fairness {weight:g}",
            )
            for members, asks in worlds
        ]
        points.append(_summary(f"fairness {weight:g}", years, years))
    return points
