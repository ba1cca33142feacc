"""What a reader's requests are doing, in words."""

from __future__ import annotations

from collections.abc import Sequence

from backend.answer.intent import Reading
from backend.answer.replies import say
from backend.answer.values import Action, Answer, Intent
from backend.chat.handoff import RequestDesk, RequestStatus
from backend.core.access import Caller


def status_answer(requests: RequestDesk, reading: Reading, caller: Caller) -> Answer:
    """The request that the question names, else the caller's latest ones; only their own."""
    found: Sequence[RequestStatus]
    if reading.request_number:
        one = requests.status(reading.request_number, caller=caller)
        found = [one] if one else []
    else:
        found = requests.recent(caller=caller, limit=3)
    handoff = Action(kind="handoff", label=say("handoff", reading.language))
    if not found:
        return Answer(intent=Intent.REQUEST_STATUS, text=say("no_request", reading.language), actions=(handoff,))
    lines = [_line(request, english=reading.language == "en") for request in found]
    return Answer(intent=Intent.REQUEST_STATUS, text="\n".join(lines), actions=(handoff,))


def _line(request: RequestStatus, *, english: bool) -> str:
    title = f"《{request.title}》" if request.title else ""
    parts = [request.state_label]
    if request.supplier:
        parts.append(f"supplier: {request.supplier}" if english else f"供应馆：{request.supplier}")
    if request.next_step:
        following = request.next_step.rstrip("。.")
        parts.append(f"next: {following}" if english else f"下一步：{following}")
    head = f"Request {request.number} {title}: " if english else f"申请 {request.number}{title}："
    return head + ("; " if english else "；").join(parts) + ("." if english else "。")
