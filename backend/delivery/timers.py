"""When a request's next step falls due by itself. Pure; the worker runs it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from backend.consortium.values import Member
from backend.delivery.lifecycle import STATES, State

KIND = "delivery.timer"
REMINDER = timedelta(days=7)
SOONEST = timedelta(hours=12)


def due_at(
    state: State, since: datetime, *, supplier: Member | None, due: date | None, needed_by: date | None
) -> datetime | None:
    """The moment the timer of this state fires; None where nothing happens by itself.

    Days on which the supplier is closed do not count against it; a request that is needed soon waits half the time
    that is left for an answer, twelve hours at least.
    """
    if state is State.RECEIVED:
        return None if due is None else _midnight(due + timedelta(days=1))
    if state is State.OVERDUE:
        return since + REMINDER
    limit = STATES[state].timer
    if limit is None:
        return None
    if state is not State.REQUESTED:
        return since + limit
    moment = after_open_days(since, limit, supplier)
    if needed_by is None:
        return moment
    left = _midnight(needed_by + timedelta(days=1)) - since
    return min(moment, since + max(SOONEST, left / 2))


def after_open_days(since: datetime, limit: timedelta, supplier: Member | None) -> datetime:
    """``limit`` later, leaving out the days on which the library is closed (a library that never opens: not at all)."""
    if supplier is None:
        return since + limit
    moment, left, skipped = since, limit, 0
    while left > timedelta(0):
        midnight = _midnight(moment.date() + timedelta(days=1))
        if supplier.closed_on(moment.date()) and skipped < 30:
            skipped += 1
            moment = midnight
            continue
        step = min(left, midnight - moment)
        moment, left = moment + step, left - step
    return moment


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
