"""What a peer's message means for a request: which action of the lifecycle, in what words. Pure.

The lifecycle's table has the last word: of the actions named here the first that the state allows is done.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from backend.delivery.citations import Citation
from backend.delivery.iso18626_values import Bibliographic, Message, Refused
from backend.delivery.lifecycle import State
from backend.delivery.values import ItemRef, RequestDraft

STATUS_ACTIONS: dict[str, tuple[str, ...]] = {
    "WillSupply": ("accept",),
    "Loaned": ("ship",),
    "CopyCompleted": ("deliver",),
    "Unfilled": ("decline", "agree_cancel"),
    "Overdue": ("overdue",),
    "Recalled": ("recall",),
    "LoanCompleted": ("check_in",),
    "CompletedWithoutReturn": ("lose",),
    "Cancelled": ("agree_cancel", "decline"),
}
"""What a supplier's status does; the first action that the request's state allows."""

REQUESTER_ACTIONS: dict[str, tuple[str, ...]] = {
    "Received": ("receive", "confirm"),
    "ShippedReturn": ("return",),
    "Lost": ("lose",),
}
NOT_YET_SUPPLIED = frozenset(
    {State.REQUESTED, State.CONDITIONAL, State.RETRY_OFFERED, State.WILL_SUPPLY, State.CANCEL_ASKED}
)
SNAPSHOTS = frozenset({"StatusChange", "RequestResponse", "StatusRequestResponse"})
"""Reasons whose message tells the state as a whole: an older one says nothing that a newer one has not replaced."""

CONDITION_REASONS = frozenset({"LoanCondition", "MustMeetLoanCondition", "CostExceedsMaxCost"})

WORDS = {
    "RequestReceived": "已收到请求",
    "ExpectToSupply": "预计可以提供",
    "WillSupply": "同意提供",
    "Loaned": "已寄出图书",
    "Overdue": "已逾期",
    "Recalled": "要求收回",
    "RetryPossible": "暂不能提供，可再试",
    "Unfilled": "不能提供",
    "HoldReturn": "请暂缓寄还",
    "ReleaseHoldReturn": "可以寄还",
    "CopyCompleted": "已送出复制件",
    "LoanCompleted": "已收到还书",
    "CompletedWithoutReturn": "不再要求归还",
    "Cancelled": "已取消",
    "Received": "已收到",
    "ShippedReturn": "已寄还",
    "ShippedForward": "已转寄另一馆",
    "Lost": "遗失",
    "LibraryUseOnly": "仅限馆内使用",
    "NoReproduction": "不得复制",
    "SignatureRequired": "须签名",
    "SpecialCollectionSupervisionRequired": "须在馆员监督下使用",
    "WatchLibraryUseOnly": "仅限馆内使用，须有人看管",
    "AtBindery": "正在装订",
    "CostExceedsMaxCost": "费用超过上限",
    "LoanCondition": "有借阅条件",
    "NotCurrentAvailableForILL": "目前不能外借",
    "OnLoan": "已借出",
    "OnOrder": "订购中",
    "NonCirculating": "不外借",
    "NotAvailableForILL": "不参加馆际互借",
    "NotHeld": "没有馆藏",
    "NotOnShelf": "不在架",
    "PolicyProblem": "规章不允许",
    "PoorCondition": "品相不宜外借",
}
"""Codes as a librarian reads them; codes of the open lists that are not here are shown as they came."""


def word(code: str) -> str:
    return WORDS.get(code, code)


def told_actions(asked: Message) -> tuple[str, ...]:
    """What a supplying agency's message does.

    :raises Refused: for an answer that answers neither yes nor no.
    """
    if asked.reason == "CancelResponse":
        return ("agree_cancel",) if cancel_agreed(asked) else ("refuse_cancel",)
    if asked.reason == "RenewResponse":
        return ("grant_renewal",) if _renewal_granted(asked) else ("refuse_renewal",)
    if asked.reason == "Notification":
        return ()
    if asked.status == "RetryPossible":
        conditions = asked.reason_retry in CONDITION_REASONS or asked.loan_condition or asked.costs is not None
        return ("offer_conditions",) if conditions else ("offer_retry",)
    return STATUS_ACTIONS.get(asked.status, ())


def cancel_agreed(asked: Message) -> bool:
    """Does the supplier agree to cancel? Where it gives no answer, its status is one."""
    return asked.answer if asked.answer is not None else asked.status == "Cancelled"


def _renewal_granted(asked: Message) -> bool:
    if asked.answer is None and asked.due is None:
        raise Refused("BadlyFormedMessage", "answerYesNo is missing or empty")
    return asked.answer is not False


def told_reason(asked: Message) -> str:
    """Why, in words: the sender's own note first, else the codes."""
    costs = f"费用 {asked.costs:f} {asked.currency}" if asked.costs is not None else ""
    codes = (asked.reason_unfilled, asked.reason_retry, asked.loan_condition)
    parts = [asked.note, *(word(code) for code in codes if code), costs, asked.url]
    return "；".join(dict.fromkeys(part for part in parts if part))[:900]


def said(asked: Message) -> str:
    """What is left to tell a librarian of a message that moved nothing; '' when it says nothing new."""
    code = "" if "Notification" in (asked.action, asked.reason) else asked.status or asked.action
    return "：".join(part for part in (word(code), told_reason(asked)) if part)[:900]


def due_date(asked: Message, today: date, *, usual: timedelta, most: timedelta) -> date:
    """The supplier's due date when it is usable, else the usual loan period from today."""
    given = asked.due.date() if asked.due else None
    return given if given is not None and today < given <= today + most else today + usual


def cited(wanted: Bibliographic) -> Citation:
    """What a request names, as a citation; a number that is no ISBN (``1983``) is left out, not taken for a year.

    >>> cited(Bibliographic(title="Lord of the Rings", isbn="1983", year="c1954")).year
    1954
    """
    isbn = re.sub(r"[\s-]", "", wanted.isbn).upper()
    year = re.search(r"(?<!\d)(1[4-9]|20)\d\d(?!\d)", wanted.year)
    return Citation(
        text=wanted.citation()[:2000],
        title=wanted.title,
        authors=wanted.author,
        year=int(year[0]) if year else None,
        isbn=isbn if re.fullmatch(r"\d{9}[\dX]|\d{13}", isbn) else "",
        issn=wanted.issn,
        pages=wanted.pages,
    )


def draft(asked: Message, requester: str, item: ItemRef | None, matched: str) -> RequestDraft:
    """A peer's request as one of ours."""
    wanted = asked.item or Bibliographic()
    copying = asked.service == "Copy" or (
        asked.service == "CopyOrLoan" and bool(wanted.pages or wanted.component_title)
    )
    needed = asked.needed_by.date() if asked.needed_by else None
    note = "；".join(part for part in (asked.note, asked.requester_name, *asked.subtypes) if part)
    return RequestDraft(
        member=requester,
        service="copy" if copying else "loan",
        item=item,
        citation=(wanted.citation() or wanted.record_id)[:2000],
        pages=wanted.pages[:100],
        needed_by=needed if needed and needed >= datetime.now(UTC).date() else None,
        pickup=asked.deliver_to[:100],
        note=note[:1000],
        matched=matched,
        peer_request_id=asked.request_id,
    )
