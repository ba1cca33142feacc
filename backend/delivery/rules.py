"""What a deployment decides about delivery, and the ports it may fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from backend.delivery.letters import STANDARD, Letters, Link
from backend.delivery.models import RequestRow
from backend.delivery.routing import Policy
from backend.delivery.values import RequestDraft
from backend.delivery.views import Download


class CopyrightGuard(Protocol):
    """Port: the copyright ledger. Raises :class:`Conflict` with the reason and the alternative."""

    def at_request(self, session: Session, draft: RequestDraft, owner: str) -> None: ...

    def enter(self, session: Session, row: RequestRow, draft: RequestDraft) -> None:
        """The request is placed and counts from now on."""

    def at_supply(self, session: Session, row: RequestRow, *, pages: int | None, share: float | None) -> None: ...

    def void(self, session: Session, number: str) -> None:
        """What was supplied turned out unusable: it does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a deployment decides. ``open_limit`` None: no limit (benchmarks). ``erase_after`` closing.
    ``withdraw`` takes back the file of a copy that was reported as unusable; ``letter_link`` gives a
    notice its download link when it is sent."""

    policy: Policy | None = None
    open_limit: int | None = 20
    erase_after: timedelta = timedelta(days=90)
    loan_days: int = 30
    copyright: CopyrightGuard | None = None
    download: Download | None = None
    withdraw: Callable[[Session, str], None] | None = None
    letter_link: Callable[[Session, str], Link | None] | None = None
    letters: Letters = STANDARD
