"""The copyright ledger: how much of a work a patron has had copied, checked when asked and when supplied.

A patron is known by a keyed hash of their contact, the same at every member, and by the browser that asked; a work by
its ISBN and by title and author. Open requests count with the pages they ask for, supplied ones with the pages that
were uploaded. The pseudonymous entries stay for the policy's period, also after the patron's name and contact are
erased; then the worker deletes them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.db import Database, now
from backend.core.errors import Conflict
from backend.delivery import copyright_store as store
from backend.delivery.copyright_policy import CopyrightLimits, CopyrightPolicy
from backend.delivery.copyright_store import Before
from backend.delivery.models import CopyRow, RequestRow
from backend.delivery.moves import stored_item
from backend.delivery.values import ItemRef, RequestDraft
from backend.delivery.works import Work, extent_pages, work_of

DEFAULT = CopyrightPolicy()
FORGET_JOB = "delivery.forget_copies"
ASKED, SUPPLIED = "asked", "supplied"
__all__ = ["CopyrightLedger", "CopyrightLimits", "CopyrightPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyrightLedger:
    """Implements the port ``CopyrightGuard`` of :mod:`backend.delivery.rules`. ``key`` makes contacts unreadable."""

    key: str = "unkeyed"
    policy: CopyrightPolicy = DEFAULT

    def at_request(self, session: Session, draft: RequestDraft, owner: str) -> None:
        """Refuse what could not be supplied anyway. Without a countable number of pages it is left to the supplier.

        :raises Conflict: with the reason and the alternatives.
        """
        work = work_of(draft.item, _written(draft.citation, draft.pages, draft.note))
        before = self._before(session, work, self._patron(draft.patron_contact), owner, draft.member)
        extent = extent_pages(draft.item.extent) if draft.item else None
        _check(self.policy.of(draft.member), work, draft.page_count, extent, before, _lendable(draft.item))

    def enter(self, session: Session, row: RequestRow, draft: RequestDraft) -> None:
        """The request counts from now on."""
        work = work_of(draft.item, _written(draft.citation, draft.pages, draft.note))
        session.add(
            CopyRow(
                number=row.number,
                patron_key=self._patron(draft.patron_contact),
                member=draft.member,
                isbn_key=work.isbn,
                title_key=work.title,
                pages=draft.page_count or 0,
                extent=extent_pages(draft.item.extent) if draft.item else None,
                state=ASKED,
                at=now(),
            )
        )
        session.flush()

    def at_supply(self, session: Session, row: RequestRow, *, pages: int | None, share: float | None) -> None:
        """The supplier's count decides; together with what the patron had before it must stay in the limits.

        ``share`` of the whole (0–1), when the supplier knows better than the record's extent.

        :raises Conflict: with the reason and the alternatives.
        """
        limits = self.policy.of(row.requester)
        if share is not None and share > limits.max_share:
            raise _refused(
                f"复制部分占全书 {share:.0%}，超过 {limits.max_share:.0%} 的限额。", {"share": share, "left": 0}, None
            )
        item = stored_item(row)
        work = work_of(item, _written(row.citation, row.pages, row.note))
        entry = store.entry(session, row.number)
        count = pages if pages is not None else row.page_count
        extent = extent_pages(item.extent) if item else None
        if entry is not None and count is not None:
            before = self._before(session, work, entry.patron_key, row.owner, row.requester, leave_out=row.number)
            _check(limits, work, count, extent, before, _lendable(item))
            entry.state, entry.pages, entry.at, entry.extent = SUPPLIED, count, now(), extent
            entry.isbn_key, entry.title_key = work.isbn, work.title
        elif count is not None:
            _check(limits, work, count, extent, Before(), _lendable(item))

    def void(self, session: Session, number: str) -> None:
        """What was supplied turned out unusable: it counts as asked for again."""
        entry = store.entry(session, number)
        if entry is not None:
            entry.state = ASKED

    def left(self, session: Session, draft: RequestDraft, owner: str) -> int:
        """How many pages of this work the patron may still have copied."""
        work = work_of(draft.item, _written(draft.citation, draft.pages, draft.note))
        before = self._before(session, work, self._patron(draft.patron_contact), owner, draft.member)
        extent = extent_pages(draft.item.extent) if draft.item else None
        return _left(self.policy.of(draft.member), work, extent, before)

    def forget(self, session: Session) -> int:
        """Delete entries older than the longest period."""
        longest = max(limits.period_days for limits in (self.policy.default, *self.policy.members.values()))
        return store.forget(session, now() - timedelta(days=longest))

    def handler(self, database: Database) -> Callable[[jobs.Job], None]:
        """The worker's daily step that forgets entries whose period is over."""

        def step(job: jobs.Job) -> None:
            with database.begin() as session:
                self.forget(session)
                jobs.schedule(session, FORGET_JOB, job.key, due_at=now() + timedelta(days=1))

        return step

    def _before(
        self, session: Session, work: Work, patron: str, owner: str, member: str, *, leave_out: str = ""
    ) -> Before:
        since = now() - timedelta(days=self.policy.of(member).period_days)
        browser = owner if owner.startswith("visitor:") else ""
        return store.copied(session, work, patron_key=patron, owner=browser, since=since, leave_out=leave_out)

    def _patron(self, contact: str) -> str:
        folded = re.sub(r"[\s-]+", "", contact).lower()
        if not folded:
            return ""
        return hmac.new(self.key.encode(), f"patron:{folded}".encode(), hashlib.sha256).hexdigest()


def _check(
    limits: CopyrightLimits, work: Work, pages: int | None, extent: int | None, before: Before, lendable: bool
) -> None:
    if work.serial and work.issue and before.copies + 1 > limits.max_articles_per_issue:
        raise _refused(
            f"同一期刊物 {limits.period_days} 天内至多复制 {limits.max_articles_per_issue} 篇，"
            f"您已申请 {before.copies} 篇。",
            {"articles": before.copies, "limit": limits.max_articles_per_issue, "left": 0},
            None,
        )
    if pages is None:
        return
    left = _left(limits, work, extent, before)
    if pages <= left:
        return
    allowed = _allowed(limits, work, extent)
    why = f"{allowed} 页"
    if allowed != limits.max_pages:
        why += f"（全书 {extent} 页的 {limits.max_share:.0%}）"
    already = f"，此前已复制 {before.pages} 页" if before.pages else ""
    raise _refused(
        f"同一作品 {limits.period_days} 天内至多复制 {why}{already}，这次是 {pages} 页。",
        {"pages": pages, "before": before.pages, "limit": allowed, "left": left},
        lendable,
    )


def _allowed(limits: CopyrightLimits, work: Work, extent: int | None) -> int:
    if extent is None or work.serial:
        return limits.max_pages
    return min(limits.max_pages, int(extent * limits.max_share))


def _left(limits: CopyrightLimits, work: Work, extent: int | None, before: Before) -> int:
    return max(0, _allowed(limits, work, extent) - before.pages)


def _refused(reason: str, detail: dict[str, object], lendable: bool | None) -> Conflict:
    """The reason in words, and what can be done instead."""
    left = detail.get("left", 0)
    ways = [f"把页数减到 {left} 页以内"] if left else []
    alternatives: list[dict[str, object]] = [{"kind": "fewer_pages", "pages": left}] if left else []
    if lendable is not False:
        ways.append("改为借阅原书")
        alternatives.append({"kind": "loan"})
    ways.append("向本馆荐购")
    alternatives.append({"kind": "purchase"})
    return Conflict(
        f"{reason}可以{'，或'.join(ways)}。", detail={"reason": "copyright", **detail, "alternatives": alternatives}
    )


def _written(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _lendable(item: ItemRef | None) -> bool:
    return item is None or not item.holdings or any(holding.loanable for holding in item.holdings)
