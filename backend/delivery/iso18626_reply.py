"""A request as its outside parties know it: its id there, its status in their words, answers that no change brings."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.db import now
from backend.delivery.lifecycle import State
from backend.delivery.models import RequestRow
from backend.delivery.moves import PEER_JOB

STATUS_OF = {
    State.REVIEW: "RequestReceived",
    State.REQUESTED: "ExpectToSupply",
    State.CONDITIONAL: "RetryPossible",
    State.RETRY_OFFERED: "RetryPossible",
    State.WILL_SUPPLY: "WillSupply",
    State.CANCEL_ASKED: "WillSupply",
    State.SHIPPED: "Loaned",
    State.RECEIVED: "Loaned",
    State.RENEWAL_ASKED: "Loaned",
    State.RETURNED: "Loaned",
    State.OVERDUE: "Overdue",
    State.RECALLED: "Recalled",
    State.DELIVERED: "CopyCompleted",
    State.CANCELLED: "Cancelled",
    State.UNFILLED: "Unfilled",
    State.LOST: "CompletedWithoutReturn",
}
"""How a state reads to the requester; a completed request depends on its service."""


def status_in(state: State, service: str) -> str:
    if state is State.COMPLETED:
        return "LoanCompleted" if service == "loan" else "CopyCompleted"
    return STATUS_OF[state]


def status(row: RequestRow) -> str:
    return status_in(State(row.state), row.service)


def reply(session: Session, row: RequestRow, peer: str, reason: str, *, answer: bool | None = None) -> None:
    """Queue an answer that no change of state brings about, complete as it stands now: retries send the same."""
    payload = {
        "number": row.number,
        "peer": peer,
        "reply": reason,
        "answer": answer,
        "at": now().isoformat(),
        "status": status(row),
        "due": row.due.isoformat() if row.due else None,
        "peer_request_id": row.peer_request_id,
    }
    jobs.schedule(session, PEER_JOB, f"{row.number}:{reason}", payload=payload)


def peer_request_id(row: RequestRow) -> str:
    """Our id of a request as suppliers get it: the number, and the round from the second on."""
    return round_id(row.number, row.rota_round)


def round_id(number: str, rota_round: int) -> str:
    return number if rota_round <= 1 else f"{number}.{rota_round}"


def number_of(request_id: str) -> str:
    return re.sub(r"\.\d+$", "", request_id)[:16]
