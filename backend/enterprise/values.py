"""What the enterprise branches hand to others: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """An enterprise branch and the networks whose callers are in it."""

    code: str
    name: str
    member: str = ""
    networks: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A branch's account, without its password."""

    id: str
    branch: str
    username: str
    name: str
    email: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchSession:
    """A signed-in account and the CSRF token of its session."""

    account: Account
    csrf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic that a branch follows: ``query`` in the words of :mod:`backend.enterprise.profile`; no kinds: all."""

    id: str
    branch: str
    name: str
    query: str
    kinds: tuple[str, ...] = ()
    seen_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A standard that a branch follows; ``known`` is what was last told about it."""

    id: str
    branch: str
    number: str
    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something new: an item that fits a topic, or a standard whose state changed."""

    id: str
    branch: str
    kind: str
    source: str
    title: str
    text: str
    item_id: str
    created_at: datetime
    read: bool
