"""Acts on what peers send: as supplier on their requests, as requester on their answers.

What a message means is decided in :mod:`backend.delivery.iso18626_meaning`; whether it may happen now, by the
lifecycle's table. The same message twice changes nothing twice (its digest is kept); an older account of a request's
state than the newest one is ignored; what fits no state any more moves nothing, and is shown to the librarians where it
says something they do not know.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from backend.consortium.values import Peer
from backend.core.access import PUBLIC
from backend.core.db import Database, now
from backend.core.errors import Conflict, LianwenError
from backend.delivery import citations, iso18626_store, moves, requests, store
from backend.delivery.drafts import clean
from backend.delivery.iso18626_meaning import (
    NOT_YET_SUPPLIED,
    REQUESTER_ACTIONS,
    SNAPSHOTS,
    cancel_agreed,
    cited,
    draft,
    due_date,
    said,
    told_actions,
    told_reason,
    word,
)
from backend.delivery.iso18626_models import IllReceivedRow
from backend.delivery.iso18626_read import MAX_BYTES, envelope, message, parse
from backend.delivery.iso18626_reply import number_of, peer_request_id, reply, status
from backend.delivery.iso18626_values import Confirmation, Envelope, Fault, Message, Refused
from backend.delivery.lifecycle import BY_NAME, OPEN_STATES, State
from backend.delivery.models import RequestRow
from backend.delivery.requests import Rules
from backend.delivery.values import Actor, ItemLookup, ItemRef

TRIES = 3
CLOCK_SLACK = timedelta(days=1)
"""A sender's clock may be wrong; one that runs further ahead must not make all later messages look old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Answers messages of one authenticated peer. ``own_symbol`` '' : whoever is addressed, it is us."""

    database: Database
    lookup: ItemLookup
    rules: Rules
    own_symbol: str = ""

    def receive(self, body: bytes, peer: Peer) -> Confirmation:
        """Act on a message and confirm it; what is refused has changed nothing.

        :raises LianwenError: only for a fault of ours (the peer must try again).
        """
        found, received = Envelope(), now()
        try:
            found, inside = envelope(parse(body))
            asked = message(found, inside)
            self._check_parties(asked, peer)
            item = self._match(asked)
            self._act_or_retry(asked, peer, hashlib.sha256(body).hexdigest(), item)
        except Refused as error:
            return Confirmation(envelope=found, received=received, faults=(error.fault,))
        except LianwenError as error:
            if error.status >= 500:
                raise
            fault = Fault(type="UnrecognisedDataValue", value=error.message[:500])
            return Confirmation(envelope=found, received=received, faults=(fault,))
        return Confirmation(envelope=found, received=received)

    def _check_parties(self, asked: Message, peer: Peer) -> None:
        """A peer speaks for itself only, and to us."""
        answering = asked.kind == "supplyingAgencyMessage"
        sender, addressee = (asked.supplier, asked.requester) if answering else (asked.requester, asked.supplier)
        theirs, ours = ("supplyingAgencyId", "requestingAgencyId")
        if not answering:
            theirs, ours = ours, theirs
        if sender is None or not sender.is_symbol(peer.symbol):
            name = sender.value[:100] if sender else ""
            raise Refused("UnrecognisedDataValue", f"{theirs}: {name} is not the agency this token belongs to")
        if self.own_symbol and addressee is not None and not addressee.is_symbol(self.own_symbol):
            raise Refused("UnrecognisedDataValue", f"{ours}: {addressee.value[:100]} is not served here")

    def _match(self, asked: Message) -> tuple[ItemRef | None, str]:
        """The catalogue record that a request means (looked up before the transaction)."""
        if asked.item is None:
            return None, ""
        audiences = frozenset({PUBLIC})
        if asked.item.record_id and (known := self.lookup.item(asked.item.record_id[:64], audiences)):
            return known, "按记录号核对"
        meant, said_of_it = cited(asked.item), ""
        for wording in dict.fromkeys((asked.item.isbn, meant.text, asked.item.title)):
            if wording:
                found, said_of_it = citations.best_match(meant, self.lookup.match(wording[:500], audiences))
                if found is not None:
                    return found, said_of_it
        return None, said_of_it

    def _act_or_retry(self, asked: Message, peer: Peer, digest: str, item: tuple[ItemRef | None, str]) -> None:
        """Someone else may move the request at the same moment: look again at what it is now."""
        for left in reversed(range(TRIES)):
            try:
                with self.database.begin() as session:
                    self._act(session, asked, peer, digest, item)
            except Conflict:
                if not left:
                    raise
            else:
                return

    def _act(self, session: Session, asked: Message, peer: Peer, digest: str, item: tuple[ItemRef | None, str]) -> None:
        kind = asked.kind if asked.kind != "supplyingAgencyMessage" or asked.reason in SNAPSHOTS else "answer"
        newest = iso18626_store.newest(session, peer.symbol, asked.request_id, kind)
        receipt = IllReceivedRow(
            peer=peer.symbol,
            digest=digest,
            kind=kind,
            request_id=asked.request_id,
            sender_time=min(asked.timestamp, now() + CLOCK_SLACK),
            received_at=now(),
        )
        if not iso18626_store.remember(session, receipt):
            return
        actor = Actor(side="peer", key=f"peer:{peer.symbol}", name=peer.name or peer.symbol)
        if asked.kind == "request":
            self._request(session, asked, actor, item)
        elif asked.kind == "requestingAgencyMessage":
            self._requester_acts(session, asked, actor)
        else:
            outdated = kind != "answer" and newest is not None and asked.timestamp < newest
            self._supplier_tells(session, asked, actor, outdated=outdated)

    def _request(self, session: Session, asked: Message, actor: Actor, item: tuple[ItemRef | None, str]) -> None:
        known = store.by_peer_request(session, actor.key, asked.request_id)
        if asked.request_type == "Reminder":
            if known is None:
                raise _unknown(asked)
            reply(session, known, actor.key, "RequestResponse")
        elif asked.request_type == "Retry" and self._retried(session, asked, actor, known):
            return
        elif known is not None:
            _refuse_reuse(known, asked, actor)
        else:
            wanted = draft(asked, actor.key, *item)
            requests.place(session, wanted, actor=actor, rules=self.rules, idempotency_key=asked.request_id)

    def _retried(self, session: Session, asked: Message, actor: Actor, known: RequestRow | None) -> bool:
        """A retry goes on with the request it follows, under its new id when it has one; False: that one is over."""
        row = known
        if row is None and asked.previous_request_id:
            row = store.by_peer_request(session, actor.key, asked.previous_request_id)
        if row is None:
            return False
        moved = self._first(session, row, actor, ("accept_conditions", "retry"), asked)
        if not moved and State(row.state) not in OPEN_STATES:
            return known is not None
        row.peer_request_id = asked.request_id
        session.flush()
        return True

    def _requester_acts(self, session: Session, asked: Message, actor: Actor) -> None:
        row = store.by_peer_request(session, actor.key, asked.request_id)
        if row is None:
            raise _unknown(asked)
        if asked.action == "StatusRequest":
            reply(session, row, actor.key, "StatusRequestResponse")
        elif asked.action == "Cancel":
            self._cancel(session, row, actor, asked)
        elif asked.action == "Renew":
            self._renew(session, row, actor, asked)
        elif not self._first(session, row, actor, REQUESTER_ACTIONS.get(asked.action, ()), asked):
            expected = asked.action in REQUESTER_ACTIONS and State(row.state) not in NOT_YET_SUPPLIED
            if asked.note or not (expected or asked.action == "Notification"):
                self._say(session, row, actor, said(asked))

    def _cancel(self, session: Session, row: RequestRow, actor: Actor, asked: Message) -> None:
        if row.state == State.CANCEL_ASKED or self._first(session, row, actor, ("cancel", "ask_cancel"), asked):
            return
        reply(session, row, actor.key, "CancelResponse", answer=row.state == State.CANCELLED)

    def _renew(self, session: Session, row: RequestRow, actor: Actor, asked: Message) -> None:
        if row.state == State.RENEWAL_ASKED:
            return
        if row.state == State.SHIPPED:  # whoever renews has it
            self._first(session, row, actor, ("receive",), asked)
        if not self._first(session, row, actor, ("ask_renewal",), asked):
            reply(session, row, actor.key, "RenewResponse", answer=False)

    def _supplier_tells(self, session: Session, asked: Message, actor: Actor, *, outdated: bool) -> None:
        row = store.request(session, number_of(asked.request_id))
        if row is None or not store.was_asked(session, row.number, actor.key):
            raise _unknown(asked)
        if row.supplier != actor.key or asked.request_id != peer_request_id(row):
            self._former_supplier_tells(session, row, asked, actor)
            return
        actions = told_actions(asked)
        if outdated or self._first(session, row, actor, actions, asked):
            return
        expected = asked.status in ("", status(row)) or asked.status in ("RequestReceived", "ExpectToSupply")
        if told_reason(asked) or asked.reason == "StatusRequestResponse" or not expected:
            self._say(session, row, actor, said(asked))

    def _former_supplier_tells(self, session: Session, row: RequestRow, asked: Message, actor: Actor) -> None:
        """Only the answer to our taking the request back is welcome; a refusal of it is something to know."""
        if asked.reason != "CancelResponse":
            what = f"requestingAgencyRequestId: {asked.request_id[:100]} has been passed on to another supplier"
            raise Refused("UnrecognisedDataValue", what)
        if not cancel_agreed(asked):
            moves.overhear(session, row, actor, f"不同意取消。{said(asked)}"[:900])

    def _first(self, session: Session, row: RequestRow, actor: Actor, actions: tuple[str, ...], asked: Message) -> bool:
        """Do the first of these actions that the request's state allows; False when it allows none."""
        for name in actions:
            transition = BY_NAME[name]
            if State(row.state) in transition.sources and transition.service in (None, row.service):
                reason = told_reason(asked)
                if not reason and "reason" in transition.needs:
                    reason = word(asked.status or asked.action)
                due = None
                if "due" in transition.needs:
                    usual = timedelta(days=self.rules.loan_days)
                    due = due_date(asked, now().date(), usual=usual, most=moves.MAX_DUE)
                requests.move(session, row.number, name, actor=actor, rules=self.rules, reason=reason, due=due)
                return True
        return False

    def _say(self, session: Session, row: RequestRow, actor: Actor, text: str) -> None:
        if text:
            requests.move(session, row.number, "message", actor=actor, rules=self.rules, reason=text)


def too_large(received_bytes: int) -> Confirmation:
    """The answer to a message that is not even read."""
    what = f"the message has {received_bytes} bytes or more; {MAX_BYTES} are accepted"
    fault = Fault(type="BadlyFormedMessage", value=what)
    return Confirmation(envelope=Envelope(), received=now(), faults=(fault,))


def _unknown(asked: Message) -> Refused:
    return Refused("UnrecognisedDataValue", f"requestingAgencyRequestId: {asked.request_id[:100]} is not known here")


def _refuse_reuse(known: RequestRow, asked: Message, actor: Actor) -> None:
    """A request that is sent again is no news; another one under the same id would be lost if we confirmed it."""
    wanted = clean(draft(asked, actor.key, None, ""))
    if (known.citation, known.service, known.pages) != (wanted.citation, wanted.service, wanted.pages):
        what = f"requestingAgencyRequestId: {asked.request_id[:100]} belongs to another request already"
        raise Refused("UnrecognisedDataValue", what)
