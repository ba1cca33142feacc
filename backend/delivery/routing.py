"""Who is asked, and in what order: a pure function from facts to a ranked rota, with a reason for each place.

The score is in *days of the patron's waiting*: what is slower, dearer, farther or less fair costs days. Own library and
availability come before everything else.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One library that holds the item. ``balance``: requests it supplied minus requests it was supplied, minus its
    goal, over the rolling year; ``activity`` their sum; ``turnaround_days`` its observed median (None: unknown)."""

    supplier: str
    name: str = ""
    own: bool = False
    available: bool = True
    price_fen: int = 0
    balance: int = 0
    activity: int = 0
    queue: int = 0
    turnaround_days: float | None = None
    distance_km: float | None = None
    closed_today: bool = False
    excluded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Days of waiting that each thing is worth. ``newcomer`` is how many requests make a balance believable."""

    price_per_yuan: float = 0.25
    fairness: float = (
        20.0  # where the curve of `lianwen delivery simulate --curve` bends: beyond, balance costs more days
    )
    newcomer: float = 20.0
    queue: float = 0.15
    turnaround: float = 1.0
    usual_turnaround: float = 4.0
    distance_per_100km: float = 0.5
    closed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place of the rota: ``position`` from 1; 0 for a library that was left out, and why."""

    supplier: str
    position: int
    score: float
    reasons: tuple[str, ...]


Rule = Callable[[Sequence[Candidate], str], list[Place]]


def strain(candidate: Candidate, policy: Policy) -> float:
    """How overburdened a library is, −1 … 1; a newcomer, without history, counts as balanced, whatever its goal.

    The raw ratio lent/borrowed explodes for newcomers and sends them everything or nothing; the balance is divided by
    activity plus a constant instead.
    """
    balance = max(-candidate.activity, min(candidate.activity, candidate.balance))
    return balance / (candidate.activity + policy.newcomer)


def score(candidate: Candidate, policy: Policy) -> float:
    """Days that choosing this library costs."""
    turnaround = policy.usual_turnaround if candidate.turnaround_days is None else candidate.turnaround_days
    return (
        candidate.price_fen / 100 * policy.price_per_yuan
        + strain(candidate, policy) * policy.fairness
        + candidate.queue * policy.queue
        + turnaround * policy.turnaround
        + (candidate.distance_km or 0) / 100 * policy.distance_per_100km
        + (policy.closed if candidate.closed_today else 0)
    )


def rank(candidates: Sequence[Candidate], *, number: str, policy: Policy | None = None) -> list[Place]:
    """The rota, best first; libraries left out stand at its end with position 0.

    Equal scores are decided by a hash of the request's number, so that nobody is always first.
    """
    rules = policy or Policy()
    asked = sorted(
        (candidate for candidate in candidates if not candidate.excluded),
        key=lambda c: (not c.own, not c.available, round(score(c, rules), 6), tie(number, c.supplier)),
    )
    places = [
        Place(
            supplier=candidate.supplier,
            position=position,
            score=round(score(candidate, rules), 3),
            reasons=reasons(candidate, rules),
        )
        for position, candidate in enumerate(asked, 1)
    ]
    left_out = (candidate for candidate in candidates if candidate.excluded)
    return places + [
        Place(supplier=candidate.supplier, position=0, score=0.0, reasons=(candidate.excluded,))
        for candidate in left_out
    ]


def tie(number: str, supplier: str) -> str:
    return hashlib.sha256(f"{number}/{supplier}".encode()).hexdigest()


def reasons(candidate: Candidate, policy: Policy) -> tuple[str, ...]:
    """Why a library stands where it does, in words."""
    words = ["本馆藏书" if candidate.own else "", "在馆可供" if candidate.available else "现已借出或不在架"]
    if not candidate.own:
        words.append(f"费用 {candidate.price_fen / 100:.2f} 元" if candidate.price_fen else "免费")
    burden = strain(candidate, policy)
    if candidate.activity < 5:
        words.append("新成员，按收支平衡计")
    elif burden > 0.1:
        words.append(f"近一年供多于借（{candidate.balance:+d}），宜少派")
    elif burden < -0.1:
        words.append(f"近一年借多于供（{candidate.balance:+d}），宜多派")
    else:
        words.append("借供大致平衡")
    words.append(f"待办 {candidate.queue} 件" if candidate.queue else "")
    if candidate.turnaround_days is not None:
        words.append(f"通常 {candidate.turnaround_days:.1f} 天供出")
    if candidate.distance_km is not None and not candidate.own:
        words.append(f"相距 {candidate.distance_km:.0f} 公里")
    words.append("今日闭馆" if candidate.closed_today else "")
    return tuple(word for word in words if word)


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two (latitude, longitude) in degrees."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(x), math.radians(y)) for x, y in (a, b))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 6371.0 * 2 * math.asin(min(1.0, math.sqrt(half)))
