"""Which day it is where the libraries are."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

from backend.core.db import now

BEIJING = timezone(timedelta(hours=8), "北京时间")


def today() -> date:
    """The date in Beijing."""
    return now().astimezone(BEIJING).date()


def midnight(day: date) -> datetime:
    """The moment that day begins in Beijing."""
    return datetime.combine(day, time(), BEIJING)
