"""Tells peers what happened: each change of a request becomes the message that the standard has for it, in order.

Sending is a leased step: at least once, in the order of the history, and a retry is the same message byte for byte
(everything in it was written down with the change), so that the other side can recognise it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import httpx
from lxml import etree
from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.consortium.values import Peer
from backend.core.db import Database, now
from backend.core.jobs import WORRYING, Job, RetryLater
from backend.delivery import iso18626_store, moves, requests, store
from backend.delivery.iso18626_read import Node, parse
from backend.delivery.iso18626_reply import STATUS_OF, round_id, status_in
from backend.delivery.iso18626_values import ONLY_2021, Agency, Bibliographic, Message, Refused
from backend.delivery.iso18626_write import write
from backend.delivery.lifecycle import Side, State, allowed
from backend.delivery.models import HistoryRow, RequestRow
from backend.delivery.rules import Rules
from backend.delivery.values import TIMER, Actor

log = logging.getLogger(__name__)

TO_REQUESTER: dict[str, tuple[str, str, bool | None]] = {
    "accept": ("StatusChange", "WillSupply", None),
    "accept_conditions": ("StatusChange", "WillSupply", None),
    "offer_conditions": ("StatusChange", "RetryPossible", None),
    "offer_retry": ("StatusChange", "RetryPossible", None),
    "ship": ("StatusChange", "Loaned", None),
    "deliver": ("StatusChange", "CopyCompleted", None),
    "grant_renewal": ("RenewResponse", "Loaned", True),
    "refuse_renewal": ("RenewResponse", "Loaned", False),
    "overdue": ("StatusChange", "Overdue", None),
    "recall": ("StatusChange", "Recalled", None),
    "check_in": ("StatusChange", "LoanCompleted", None),
    "lose": ("StatusChange", "CompletedWithoutReturn", None),
    "cancel": ("CancelResponse", "Cancelled", True),
    "agree_cancel": ("CancelResponse", "Cancelled", True),
    "refuse_cancel": ("CancelResponse", "WillSupply", False),
}
"""What the requester hears of a supplier's action: reason, status, answer."""

TO_SUPPLIER = {
    "cancel": "Cancel",
    "ask_cancel": "Cancel",
    "lapse": "Cancel",
    "receive": "Received",
    "confirm": "Received",
    "ask_renewal": "Renew",
    "return": "ShippedReturn",
    "lose": "Lost",
    "ask_status": "StatusRequest",
    "message": "Notification",
    "report_problem": "Notification",
}
LEAVING = frozenset({"expire", "skip", "reroute", "refuse_conditions"})


class Transport(Protocol):
    """Carries a message to a peer and brings its answer back."""

    def __call__(self, peer: Peer, body: bytes) -> bytes:
        """:raises RetryLater: when the peer could not be reached or did not answer properly."""


def post(peer: Peer, body: bytes) -> bytes:
    """Over HTTP, with the token that the peer gave us."""
    headers = {"content-type": "application/xml", "authorization": f"Bearer {peer.outgoing_token}"}
    try:
        answer = httpx.post(peer.url, content=body, headers=headers, timeout=20.0)
    except httpx.HTTPError as error:
        raise RetryLater(f"{peer.symbol} could not be reached: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise RetryLater(f"{peer.symbol} answered with HTTP {answer.status_code}")
    return answer.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The handler of jobs of kind ``delivery.peer``."""

    database: Database
    rules: Rules
    own_symbol: str
    transport: Transport = post

    def __call__(self, job: Job) -> None:
        if "reply" in job.payload:
            self._reply(job)
            return
        number, history_id = str(job.payload["number"]), int(job.payload["history_id"])
        with self.database.read() as session:
            row = store.request(session, number)
            entries = store.history(session, number) if row else []
            due = [
                (entry.id, peer, message)
                for entry in entries
                if row is not None and entry.id <= history_id
                for peer, message in self._due(session, row, entry)
            ]
        for entry_id, peer, message in due:
            try:
                self._send(number, entry_id, peer, message)
            except RetryLater as reason:
                if job.attempts == WORRYING and entry_id == history_id:  # an earlier change worries for itself
                    self._worry(number, peer, message, str(reason))
                raise

    def _worry(self, number: str, peer: Peer, message: Message, reason: str) -> None:
        """A peer that cannot be reached for an hour: whoever depends on it is told (it is tried on all the same)."""
        with self.database.begin() as session:
            row = store.request(session, number)
            if row is not None:
                text = f"发往{peer.name or peer.symbol}的消息一直未能送达，仍在重试：{reason}"[:900]
                moves.overhear(session, row, TIMER, text, side=_heard_from(message))

    def _due(self, session: Session, row: RequestRow, entry: HistoryRow) -> list[tuple[Peer, Message]]:
        """The messages of one change that are not yet delivered. Earlier ones go first, whichever job comes first."""
        found = []
        for party, message in messages(row, entry, entry.detail.get("former_supplier", "")):
            peer = consortium.peer(session, party.removeprefix("peer:"))
            if peer is not None and not iso18626_store.sent(session, entry.id, peer.symbol):
                found.append((peer, self._addressed(message, peer)))
        return found

    def _addressed(self, message: Message, peer: Peer) -> Message:
        us, them = Agency.of_symbol(self.own_symbol), Agency.of_symbol(peer.symbol)
        told = message.kind == "supplyingAgencyMessage"
        version = "2021-2" if peer.version == "2021-2" else "1.2"
        addressed = replace(message, version=version, supplier=us if told else them, requester=them if told else us)  # type: ignore[arg-type]
        if version == "1.2" and message.action in ONLY_2021:
            return replace(addressed, action="Notification", note=f"{message.action} {message.note}".strip())
        return addressed

    def _send(self, number: str, history_id: int, peer: Peer, message: Message) -> None:
        fault = refusal(self.transport(peer, write(message)))
        with self.database.begin() as session:
            if not iso18626_store.mark_sent(session, history_id, peer.symbol, now()):
                return
            if fault:
                log.warning("%s refused a %s about %s: %s", peer.symbol, message.kind, number, fault)
                self._refused(session, number, peer, message, fault)

    def _refused(self, session: Session, number: str, peer: Peer, message: Message, fault: str) -> None:
        """A peer that refuses the request is as one that cannot supply; any other refusal a librarian must see."""
        actor = Actor(side="peer", key=f"peer:{peer.symbol}", name=peer.name or peer.symbol)
        row = store.request(session, number)
        if row is None:
            return
        if message.kind == "request" and row.supplier == actor.key and "decline" in _open_to(row):
            requests.move(session, number, "decline", actor=actor, rules=self.rules, reason=fault[:900])
            return
        moves.overhear(session, row, actor, f"对方系统拒收：{fault}"[:900], side=_heard_from(message))

    def _reply(self, job: Job) -> None:
        """Answer a question about the request as it stands."""
        with self.database.read() as session:
            row = store.request(session, str(job.payload["number"]))
            peer = consortium.peer(session, str(job.payload["peer"]).removeprefix("peer:"))
        if row is None or peer is None:
            return
        asked = job.payload
        at = datetime.fromisoformat(str(asked["at"]))
        message = _told(row, dict(asked), at, str(asked["reply"]), str(asked["status"]), asked.get("answer"))
        refused = refusal(self.transport(peer, write(self._addressed(message, peer))))
        if refused:
            log.warning("%s refused an answer about %s: %s", peer.symbol, row.number, refused)


def messages(row: RequestRow, entry: HistoryRow, former: str) -> list[tuple[str, Message]]:
    """Whom a change concerns outside, and what they are told; nobody is told what they did themselves. Pure."""
    found: list[tuple[str, Message]] = []
    if former.startswith("peer:") and former != entry.actor_key and entry.action in LEAVING:
        found.append((former, _acted(row, entry, "Cancel")))
    supplier = entry.supplier or ""
    if supplier.startswith("peer:") and supplier != entry.actor_key and entry.side != Side.SUPPLIER:
        if entry.action in TO_SUPPLIER:
            found.append((supplier, _acted(row, entry, TO_SUPPLIER[entry.action])))
        elif entry.to_state == State.REQUESTED:
            found.append((supplier, _asked(row, entry, "Retry" if entry.action == "retry" else "New")))
        elif entry.action == "accept_conditions":
            found.append((supplier, _asked(row, entry, "Retry")))
    elif supplier.startswith("peer:") and supplier != entry.actor_key and entry.to_state == State.REQUESTED:
        found.append((supplier, _asked(row, entry, "New")))  # another supplier declined: now it is this one's turn
    if row.requester.startswith("peer:") and row.peer_request_id is not None:
        told = _for_requester(row, entry)
        if told is not None:
            found.append((row.requester, told))
    return found


def _for_requester(row: RequestRow, entry: HistoryRow) -> Message | None:
    def told(reason: str, state: str, answer: bool | None, note: str = "") -> Message:
        return _told(row, entry.detail, entry.at, reason, state, answer, note)

    now_state = status_in(State(entry.to_state), row.service)
    if entry.action == "message":
        return None if entry.side == Side.REQUESTER else told("Notification", now_state, None, entry.reason)
    if entry.to_state == State.UNFILLED:
        reason = "RequestResponse" if entry.action == "place" else "StatusChange"
        why = "NotHeld" if row.item_id is None else "NotAvailableForILL"
        return replace(told(reason, "Unfilled", None, entry.reason), reason_unfilled=why)
    if entry.action == "place":
        return told("RequestResponse", STATUS_OF[State(entry.to_state)], None)
    if entry.action not in TO_REQUESTER or (entry.actor_key == row.requester and entry.action != "cancel"):
        return None
    reason, state, answer = TO_REQUESTER[entry.action]
    if entry.from_state == State.CANCEL_ASKED and entry.action in ("ship", "deliver"):
        reason, answer = "CancelResponse", False
    message = told(reason, state, answer, entry.reason)
    if entry.action == "offer_conditions":
        return replace(message, reason_retry="LoanCondition")
    if entry.action == "offer_retry":
        return replace(message, reason_retry="NotCurrentAvailableForILL")
    return replace(message, sent=entry.at) if entry.action in ("ship", "deliver") else message


_SOMEONE = Agency(value="-")


def _told(
    row: RequestRow,
    snapshot: dict[str, Any],
    at: datetime,
    reason: str,
    state: str,
    answer: bool | None,
    note: str = "",
) -> Message:
    """``snapshot``: what was true at that moment (:func:`backend.delivery.moves.record` writes it down)."""
    due = snapshot.get("due")
    return Message(
        kind="supplyingAgencyMessage",
        supplier=_SOMEONE,
        requester=_SOMEONE,
        timestamp=at,
        request_id=str(snapshot.get("peer_request_id") or row.peer_request_id or ""),
        supplier_request_id=row.number,
        reason=reason,
        status=state,
        answer=answer,
        note=note,
        due=datetime.combine(date.fromisoformat(due), time(23, 59, 59), tzinfo=UTC) if due else None,
        last_change=at,
    )


def _acted(row: RequestRow, entry: HistoryRow, action: str) -> Message:
    return Message(
        kind="requestingAgencyMessage",
        supplier=_SOMEONE,
        requester=_SOMEONE,
        timestamp=entry.at,
        request_id=_our_id(row, entry),
        action=action,
        note=entry.reason,
    )


def _our_id(row: RequestRow, entry: HistoryRow) -> str:
    """Our id of the request when this change was made: each round has its own."""
    return round_id(row.number, int(entry.detail.get("round", row.rota_round)))


def _asked(row: RequestRow, entry: HistoryRow, kind: str) -> Message:
    item = row.item or {}
    wanted = Bibliographic(
        title=str(item.get("title") or row.title),
        author="; ".join(item.get("creators") or ()),
        isbn=str(item.get("isbn") or ""),
        issn=str(item.get("issn") or ""),
        publisher=str(item.get("publisher") or ""),
        year=str(item.get("year") or ""),
        pages=row.pages,
    )
    return Message(
        kind="request",
        supplier=_SOMEONE,
        requester=_SOMEONE,
        timestamp=entry.at,
        request_id=_our_id(row, entry),
        previous_request_id=_our_id(row, entry) if kind == "Retry" else "",
        request_type=kind,
        service="Copy" if row.service == "copy" else "Loan",
        item=wanted,
        needed_by=datetime.combine(row.needed_by, time(23, 59, 59), tzinfo=UTC) if row.needed_by else None,
        deliver_to=row.pickup,
        note=row.note,
    )


def _heard_from(message: Message) -> Side:
    """On whose side the peer stands that a message of ours goes to."""
    return Side.REQUESTER if message.kind == "supplyingAgencyMessage" else Side.SUPPLIER


def _open_to(row: RequestRow) -> set[str]:
    return {one.name for one in allowed(State(row.state), [Side.SUPPLIER], service=row.service)}


def refusal(body: bytes) -> str:
    """What the peer's confirmation complains of; '' when it is content.

    :raises RetryLater: when this is no confirmation.
    """
    try:
        root = parse(body)
    except Refused as error:
        raise RetryLater("the answer is no ISO 18626 message") from error
    nodes = [Node(child) for child in root.iter(etree.Element) if isinstance(child.tag, str)]
    verdict = next((node.text() for node in nodes if node.name == "messageStatus"), "")
    if not verdict:
        raise RetryLater("the answer is no confirmation")
    if verdict.upper() == "OK":
        return ""
    faults = [f"{n.text('errorType')} {n.text('errorValue')}".strip() for n in nodes if n.name == "errorData"]
    return "; ".join(faults) or "ERROR"
