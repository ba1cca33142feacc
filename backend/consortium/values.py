"""The consortium's frozen values: what other parts read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from backend.core.access import Role

Service = Literal["loan", "copy"]
SERVICES: tuple[Service, ...] = ("loan", "copy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A library of the consortium."""

    code: str
    name: str
    origins: tuple[str, ...] = ()
    address: str = ""
    email: str = ""
    latitude: float | None = None
    longitude: float | None = None
    closed_days: tuple[str, ...] = ()
    goal: int = 0
    alias_of: str | None = None
    active: bool = True

    @property
    def library(self) -> str:
        """The code whose rules and holdings apply: another member's when this is only a site of it."""
        return self.alias_of or self.code

    def closed_on(self, day: date) -> bool:
        """Is the library closed that day (by weekday or by date)?"""
        return str(day.isoweekday()) in self.closed_days or day.isoformat() in self.closed_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What ``supplier`` supplies to ``requester``; prices in fen; a limit of None is no limit."""

    id: str
    requester: str
    supplier: str
    service: Service
    price_fen: int = 0
    page_price_fen: int = 0
    max_pages: int | None = None
    max_per_month: int | None = None
    valid_from: date
    valid_until: date | None = None

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAccount:
    """A librarian's account, without its password."""

    id: str
    username: str
    name: str
    role: Role
    member: str | None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideSupplier:
    """A supplier outside the consortium that is asked by e-mail."""

    code: str
    name: str
    email: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another ISO 18626 system. ``outgoing_token`` is the Bearer token we show it (never printed)."""

    symbol: str
    url: str
    name: str = ""
    version: str = "1.2"
    outgoing_token: str = field(default="", repr=False)
    active: bool = True
