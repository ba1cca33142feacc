"""Acts on what peers send: as supplier on their requests, as requester on their answers.

Which message moves which state is data (:data:`STATUS_ACTIONS`, :data:`REQUESTER_ACTIONS`). A message that fits no
state any more is confirmed and changes nothing: the lifecycle's table has the last word.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from backend.consortium.values import Peer
from backend.core import jobs
from backend.core.access import PUBLIC
from backend.core.db import Database, now
from backend.core.errors import LianwenError
from backend.delivery import citations, iso18626_store, moves, requests, store
from backend.delivery.iso18626_models import IllReceivedRow
from backend.delivery.iso18626_read import envelope, message, parse
from backend.delivery.iso18626_values import Bibliographic, Confirmation, Envelope, Fault, Message, Refused
from backend.delivery.lifecycle import BY_NAME, State
from backend.delivery.models import RequestRow
from backend.delivery.requests import PEER_JOB, Rules
from backend.delivery.values import Actor, ItemLookup, ItemRef, RequestDraft

STATUS_ACTIONS: dict[str, tuple[str, ...]] = {
    "WillSupply": ("accept",),
    "Loaned": ("ship",),
    "CopyCompleted": ("deliver",),
    "Unfilled": ("decline",),
    "Overdue": ("overdue",),
    "Recalled": ("recall",),
    "LoanCompleted": ("check_in",),
    "CompletedWithoutReturn": ("lose",),
    "Cancelled": ("agree_cancel", "decline"),
}
"""What a supplier's status does; the first action that the request's state allows."""

REQUESTER_ACTIONS: dict[str, tuple[str, ...]] = {
    "Received": ("receive", "confirm"),
    "Renew": ("ask_renewal",),
    "ShippedReturn": ("return",),
    "Lost": ("lose",),
}
QUIET = frozenset({"Notification"})
UNSUPPORTED = frozenset({"ShippedForward", "HoldReturn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Answers messages of one authenticated peer. ``own_symbol`` '' : whoever is addressed, it is us."""

    database: Database
    lookup: ItemLookup
    rules: Rules
    own_symbol: str = ""

    def receive(self, body: bytes, peer: Peer) -> Confirmation:
        """Act on a message and confirm it; what is refused has changed nothing."""
        found, received = Envelope(), now()
        try:
            found, node = envelope(parse(body))
            asked = message(found, node)
            self._check_parties(asked, peer)
            item = self._match(asked)
            with self.database.begin() as session:
                self._act(session, asked, peer, hashlib.sha256(body).hexdigest(), item)
        except Refused as error:
            return Confirmation(envelope=found, received=received, faults=(error.fault,))
        except LianwenError as error:
            fault = Fault(type="UnrecognisedDataValue", value=error.message)
            return Confirmation(envelope=found, received=received, faults=(fault,))
        return Confirmation(envelope=found, received=received)

    def _check_parties(self, asked: Message, peer: Peer) -> None:
        """A peer speaks for itself only, and to us."""
        answering = asked.kind == "supplyingAgencyMessage"
        sender, addressee = (asked.supplier, asked.requester) if answering else (asked.requester, asked.supplier)
        if sender is None or not sender.is_symbol(peer.symbol):
            name = "supplyingAgencyId" if answering else "requestingAgencyId"
            raise Refused("UnrecognisedDataValue", f"{name}: {sender.value if sender else ''} is not this peer")
        if self.own_symbol and addressee is not None and not addressee.is_symbol(self.own_symbol):
            raise Refused("UnrecognisedDataValue", f"{addressee.value} is not served here")

    def _match(self, asked: Message) -> tuple[ItemRef | None, str]:
        """The catalogue record that a request means (looked up before the transaction)."""
        if asked.item is None:
            return None, ""
        audiences = frozenset({PUBLIC})
        if asked.item.record_id and (known := self.lookup.item(asked.item.record_id, audiences)):
            return known, "按记录号核对"
        wording = asked.item.isbn or asked.item.citation()
        if not wording:
            return None, ""
        read = citations.parse(asked.item.citation())
        return citations.best_match(read, self.lookup.match(wording, audiences))

    def _act(self, session: Session, asked: Message, peer: Peer, digest: str, item: tuple[ItemRef | None, str]) -> None:
        newest = iso18626_store.newest(session, peer.symbol, asked.request_id, asked.kind)
        receipt = IllReceivedRow(
            peer=peer.symbol,
            digest=digest,
            kind=asked.kind,
            request_id=asked.request_id[:200],
            sender_time=asked.timestamp,
            received_at=now(),
        )
        if not iso18626_store.remember(session, receipt):
            return
        if newest is not None and asked.timestamp < newest and asked.kind != "request":
            return
        actor = Actor(side="peer", key=f"peer:{peer.symbol}", name=peer.name or peer.symbol)
        if asked.kind == "request":
            self._request(session, asked, actor, item)
        elif asked.kind == "requestingAgencyMessage":
            self._requester_acts(session, asked, actor)
        else:
            self._supplier_tells(session, asked, actor)

    def _request(self, session: Session, asked: Message, actor: Actor, item: tuple[ItemRef | None, str]) -> None:
        known = store.by_peer_request(session, actor.key, asked.request_id)
        if asked.request_type == "Reminder":
            if known is None:
                raise Refused("UnrecognisedDataValue", f"requestingAgencyRequestId: {asked.request_id[:100]}")
            reply(session, known, actor.key, "RequestResponse")
            return
        if asked.request_type == "Retry" and known is not None:
            self._first(session, known, actor, ("accept_conditions", "retry"), asked)
            return
        if known is not None:
            return
        if asked.request_type == "Retry" and asked.previous_request_id:
            before = store.by_peer_request(session, actor.key, asked.previous_request_id)
            if before is not None:
                self._first(session, before, actor, ("cancel",), asked)
        draft = _draft(asked, actor.key, *item)
        requests.place(session, draft, actor=actor, rules=self.rules, idempotency_key=asked.request_id[:200])

    def _requester_acts(self, session: Session, asked: Message, actor: Actor) -> None:
        row = store.by_peer_request(session, actor.key, asked.request_id)
        if row is None:
            raise Refused("UnrecognisedDataValue", f"requestingAgencyRequestId: {asked.request_id[:100]}")
        if asked.action in UNSUPPORTED:
            raise Refused("UnsupportedActionType", asked.action)
        if asked.action == "StatusRequest":
            reply(session, row, actor.key, "StatusRequestResponse")
        elif asked.action == "Cancel":
            if not self._first(session, row, actor, ("cancel", "ask_cancel"), asked):
                done = row.state == State.CANCELLED
                reply(session, row, actor.key, "CancelResponse", answer=done)
        elif asked.action not in QUIET:
            self._first(session, row, actor, REQUESTER_ACTIONS[asked.action], asked)

    def _supplier_tells(self, session: Session, asked: Message, actor: Actor) -> None:
        row = store.request(session, number_of(asked.request_id))
        concerned = row is not None and store.was_asked(session, row.number, actor.key)
        if row is None or not concerned:
            raise Refused("UnrecognisedDataValue", f"requestingAgencyRequestId: {asked.request_id[:100]}")
        if row.supplier != actor.key or asked.request_id != peer_request_id(row):
            raise Refused("UnrecognisedDataValue", "the request has been passed on to another supplier")
        self._first(session, row, actor, _told_actions(asked), asked)

    def _first(self, session: Session, row: RequestRow, actor: Actor, actions: tuple[str, ...], asked: Message) -> bool:
        """Do the first of these actions that the request's state allows; False when it allows none."""
        for name in actions:
            transition = BY_NAME[name]
            if State(row.state) in transition.sources and transition.service in (None, row.service):
                wording = " ".join(part for part in (asked.note, asked.url) if part)[:900]
                reason = wording or asked.reason_unfilled or asked.reason_retry or asked.loan_condition
                if not reason and "reason" in transition.needs:
                    reason = asked.status or asked.action
                due = _due(asked, self.rules) if "due" in transition.needs else None
                requests.move(session, row.number, name, actor=actor, rules=self.rules, reason=reason, due=due)
                return True
        return False


def _told_actions(asked: Message) -> tuple[str, ...]:
    if asked.reason == "CancelResponse":
        return ("agree_cancel",) if asked.answer else ("refuse_cancel",)
    if asked.reason == "RenewResponse":
        return ("grant_renewal",) if asked.answer else ("refuse_renewal",)
    if asked.reason == "Notification":
        return ()
    if asked.status == "RetryPossible":
        conditions = asked.reason_retry in ("LoanCondition", "MustMeetLoanCondition", "CostExceedsMaxCost")
        return ("offer_conditions",) if conditions or asked.costs is not None else ("offer_retry",)
    return STATUS_ACTIONS.get(asked.status, ())


def _due(asked: Message, rules: Rules) -> date:
    """The supplier's due date when it is usable, else the usual loan period from today."""
    today = now().date()
    given = asked.due.date() if asked.due else None
    if given is not None and today < given <= today + moves.MAX_DUE:
        return given
    return today + timedelta(days=rules.loan_days)


def _draft(asked: Message, requester: str, item: ItemRef | None, matched: str) -> RequestDraft:
    wanted = asked.item or Bibliographic()
    copying = asked.service == "Copy" or (
        asked.service == "CopyOrLoan" and bool(wanted.pages or wanted.component_title)
    )
    needed = asked.needed_by.date() if asked.needed_by else None
    return RequestDraft(
        member=requester,
        service="copy" if copying else "loan",
        item=item,
        citation=(wanted.citation() or wanted.record_id)[:2000],
        pages=wanted.pages[:100],
        needed_by=needed if needed and needed >= datetime.now(UTC).date() else None,
        note=asked.note[:1000],
        matched=matched,
        peer_request_id=asked.request_id[:200],
    )


def reply(session: Session, row: RequestRow, peer: str, reason: str, *, answer: bool | None = None) -> None:
    """Queue an answer that no change of state brings about."""
    payload = {"number": row.number, "reply": reason, "answer": answer, "peer": peer}
    jobs.schedule(session, PEER_JOB, f"{row.number}:{reason}", payload=payload)


def peer_request_id(row: RequestRow) -> str:
    """Our id of a request as suppliers get it: the number, and the round from the second on."""
    return row.number if row.rota_round <= 1 else f"{row.number}.{row.rota_round}"


def number_of(request_id: str) -> str:
    return re.sub(r"\.\d+$", "", request_id)[:16]
