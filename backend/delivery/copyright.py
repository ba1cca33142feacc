"""The copyright ledger: how much of a work a patron has had copied, checked when asked and when supplied.

The limits are a deployment's policy, not legal advice: the defaults are conservative and are to be set by a lawyer
(in China: Copyright Law, article 24, on reasonable use). What was supplied is read from delivery's own ledger of
supplies, so the sums hold across members and suppliers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from backend.core.db import now
from backend.core.errors import Conflict
from backend.delivery import copyright_store as store
from backend.delivery.models import RequestRow
from backend.delivery.values import RequestDraft

ALTERNATIVE = "可以改为借阅整本，或减少页数后再申请。"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyrightLimits:
    """``max_pages`` of one work for one patron within ``period``; ``max_share`` of the work (0-1) at one supply."""

    max_pages: int = 30
    max_share: float = 0.1
    period: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyrightLedger:
    """Implements the port ``CopyrightGuard`` of :mod:`backend.delivery.rules`."""

    limits: CopyrightLimits = CopyrightLimits()

    def at_request(self, session: Session, draft: RequestDraft) -> None:
        """Refuse what could not be supplied anyway. Without a countable number of pages it is left to the supplier.

        :raises Conflict: with the reason and the alternative.
        """
        if draft.page_count is not None:
            self._check_pages(draft.page_count, 0)

    def at_supply(self, session: Session, row: RequestRow, *, pages: int | None, share: float | None) -> None:
        """The supplier says how much it copied; together with what the patron had before it must stay in the limits.

        :raises Conflict: with the reason and the alternative.
        """
        if share is not None and share > self.limits.max_share:
            raise Conflict(
                f"复制部分占全书 {share:.0%}，超过 {self.limits.max_share:.0%} 的限额。{ALTERNATIVE}",
                detail={"reason": "copyright", "share": share, "limit": self.limits.max_share},
            )
        count = pages if pages is not None else row.page_count
        if count is not None:
            before = store.pages_supplied(session, row, since=now() - self.limits.period)
            self._check_pages(count, before)

    def _check_pages(self, pages: int, before: int) -> None:
        if pages + before <= self.limits.max_pages:
            return
        already = f"，此前已复制 {before} 页" if before else ""
        raise Conflict(
            f"同一作品一年内至多复制 {self.limits.max_pages} 页{already}，这次是 {pages} 页。{ALTERNATIVE}",
            detail={"reason": "copyright", "pages": pages, "before": before, "limit": self.limits.max_pages},
        )
