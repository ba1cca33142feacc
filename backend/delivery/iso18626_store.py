"""The SQL of the exchange with other systems."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.delivery.iso18626_models import IllReceivedRow, IllSentRow


def remember(session: Session, row: IllReceivedRow) -> bool:
    """Note a received message; False when this very message was acted on before."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def newest(session: Session, peer: str, request_id: str, kind: str) -> datetime | None:
    """The sender's time of the newest message of that kind about that request."""
    return session.scalar(
        select(func.max(IllReceivedRow.sender_time)).where(
            IllReceivedRow.peer == peer, IllReceivedRow.request_id == request_id, IllReceivedRow.kind == kind
        )
    )


def sent(session: Session, history_id: int, peer: str) -> bool:
    return session.get(IllSentRow, (history_id, peer)) is not None


def mark_sent(session: Session, history_id: int, peer: str, moment: datetime) -> bool:
    """Note a confirmed message; False when another worker did so before."""
    try:
        with session.begin_nested():
            session.add(IllSentRow(history_id=history_id, peer=peer, sent_at=moment))
    except IntegrityError:
        return False
    return True
