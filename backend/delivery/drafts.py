"""A draft made tidy, recognised and counted. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from backend.core.days import today
from backend.core.errors import InputError
from backend.delivery.values import RequestDraft

FARTHEST = timedelta(days=36_600)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean(draft: RequestDraft) -> RequestDraft:
    """The draft with tidy texts.

    :raises InputError: naming the field that cannot be used.
    """
    name, contact = tidy(draft.patron_name, 100), tidy(draft.patron_contact, 200)
    if not draft.member.startswith("peer:") and (not name or not contact):
        raise InputError("请填写姓名和联系方式。", detail={"where": "patron"})
    citation = tidy(draft.citation, 2000)
    if draft.item is None and len(citation) < 2:
        raise InputError("请给出 record_id，或文献的题名、责任者等信息。", detail={"where": "citation"})
    pages = tidy(draft.pages, 100)
    if draft.needed_by is not None and draft.needed_by < today():
        raise InputError("需要日期已经过去。", detail={"where": "needed_by"})
    if draft.needed_by is not None and draft.needed_by > today() + FARTHEST:
        raise InputError("需要日期太远，请核对年份。", detail={"where": "needed_by"})
    return replace(
        draft,
        patron_name=name,
        patron_contact=contact,
        citation=citation,
        pages=pages,
        page_count=draft.page_count if draft.page_count is not None else count_pages(pages),
        pickup=tidy(draft.pickup, 100),
        note=tidy(draft.note, 1000),
    )


def count_pages(pages: str) -> int | None:
    """How many pages ``12-30, 45`` are; None when it says nothing countable.

    >>> count_pages("12-30，45"), count_pages("第三章"), count_pages("")
    (20, None, None)
    """
    total = 0
    for part in re.split(r"[,，;；、]\s*|\s+(?=\d)", re.sub(r"^pp?\.?\s*", "", pages.strip())):
        found = re.fullmatch(r"(?:第|pp?\.?)?(\d{1,6})(?:[-–—~～至](\d{1,6}))?页?", part, re.IGNORECASE)
        if found is None:
            return None
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            return None
        total += last - first + 1
    return total or None


def contact_hash(member: str, contact: str) -> str:
    """Recognises a patron of a library without keeping the contact; "" without one."""
    folded = re.sub(r"[\s-]+", "", contact).lower()
    return hashlib.sha256(f"{member}/{folded}".encode()).hexdigest() if folded else ""


def tidy(text: str, limit: int) -> str:
    """Without control and direction characters.

    :raises InputError: when longer than ``limit`` characters.
    """
    cleaned = _CONTROL.sub(" ", text).strip()
    if len(cleaned) > limit:
        raise InputError(f"文字过长（至多 {limit} 字）。", detail={"limit": limit})
    return cleaned


def fingerprint(draft: RequestDraft) -> str:
    """What was asked, as a digest: tells a repeated call from another request under the same key."""
    asked: Sequence[Any] = (
        draft.member, draft.service, draft.item.id if draft.item else None, draft.citation, draft.patron_name,
        draft.patron_contact, draft.pages, str(draft.needed_by), draft.pickup, draft.delivery,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()
