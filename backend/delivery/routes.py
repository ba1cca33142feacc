"""``/api/delivery/requests``: a reader places a request, follows it, cancels it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from backend.core.access import Caller
from backend.core.db import Database, now
from backend.core.errors import InputError, NotFound, Unauthenticated
from backend.core.http import CallerDep, VisitorDep, limited
from backend.core.limits import REQUESTS, SEARCH
from backend.delivery import requests, store
from backend.delivery.counter import delivery_of, erase
from backend.delivery.drafts import count_pages, tidy
from backend.delivery.quote import Quote, quote, read_citation
from backend.delivery.requests import Rules
from backend.delivery.values import ItemLookup, ItemRef, PatronIn, RequestDraft, RequestView
from backend.delivery.views import Viewer, actor_of_visitor

PATRON_ACTIONS = Literal["ask_renewal", "accept_conditions", "refuse_conditions", "confirm", "report_problem"]


class RequestIn(BaseModel):
    """A request: a catalogue record, or a citation in free text."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    record_id: str | None = Field(default=None, max_length=64)
    citation: str | None = Field(default=None, max_length=2000)
    service: Literal["loan", "copy"]
    patron: PatronIn
    pages: str = Field(default="", max_length=100)
    needed_by: date | None = None
    pickup: str = Field(default="", max_length=100)
    delivery: Literal["electronic", "pickup"] | None = None
    note: str = Field(default="", max_length=1000)


class QuoteIn(BaseModel):
    """What a reader is about to ask for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    record_id: str | None = Field(default=None, max_length=64)
    citation: str | None = Field(default=None, max_length=2000)
    service: Literal["loan", "copy"]
    pages: str = Field(default="", max_length=100)
    contact: str = Field(default="", max_length=200)


class NoticeView(BaseModel):
    """A notice of a change: shown once."""

    number: str
    subject: str
    text: str
    at: datetime


class ReasonIn(BaseModel):
    model_config = ConfigDict(extra="ignore")

    reason: str = Field(default="", max_length=1000)


class ActionIn(ReasonIn):
    action: PATRON_ACTIONS
    version: int | None = None


Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


def router(database: Database, lookup: ItemLookup, rules: Rules) -> APIRouter:
    """The readers' endpoints of delivery."""
    routes = APIRouter(prefix="/api/delivery/requests", tags=["delivery"])

    @routes.post("", status_code=201, dependencies=[limited("requests", REQUESTS)])
    def place(asked: RequestIn, caller: VisitorDep, idempotency_key: Key = None) -> RequestView:
        """Request a loan or a copy. The same Idempotency-Key makes no second request."""
        draft = draft_from(asked, caller, lookup)
        visitor = _visitor(caller)
        with database.begin() as session:
            return requests.place(
                session,
                draft,
                actor=actor_of_visitor(visitor),
                rules=rules,
                idempotency_key=idempotency_key,
                visitor_id=visitor,
            )

    @routes.post("/quote", dependencies=[limited("delivery", SEARCH)])
    def quote_request(asked: QuoteIn, caller: VisitorDep) -> Quote:
        """What a request would mean: how a citation is read and matched, who may supply, price, limits, conditions."""
        item, why, reading = _wanted(asked.record_id, asked.citation, caller, lookup)
        draft = RequestDraft(
            member=caller.member or "", service=asked.service, item=item, citation=tidy(asked.citation or "", 2000),
            patron_contact=asked.contact, pages=asked.pages, page_count=count_pages(asked.pages), matched=why,
        )  # fmt: skip
        with database.read() as session:
            return quote(session, draft, rules=rules, reading=reading, owner=f"visitor:{_visitor(caller)}")

    @routes.post("/notices", dependencies=[limited("delivery", SEARCH)])
    def take_notices(caller: VisitorDep) -> list[NoticeView]:
        """What happened to the reader's requests since they last looked; each is given once."""
        with database.begin() as session:
            found = store.take_notices_of_visitor(session, _visitor(caller), now())
            return [NoticeView(number=n.number, subject=n.subject, text=n.body, at=n.created_at) for n in found]

    @routes.post("/{number}/erase", status_code=204, dependencies=[limited("requests", REQUESTS)])
    def erase_own(number: str, caller: VisitorDep) -> None:
        """Forget who asked: name, contact, note and browser. Only once the request is closed."""
        with database.begin() as session:
            erase(session, requests.seen(session, number, _reader(caller)))

    @routes.get("", dependencies=[limited("delivery", SEARCH)])
    def own(caller: VisitorDep) -> list[RequestView]:
        """The reader's own requests, newest first."""
        with database.read() as session:
            return requests.own(session, visitor_id=_visitor(caller))

    @routes.get("/{number}", dependencies=[limited("delivery", SEARCH)])
    def view(number: str, caller: CallerDep) -> RequestView:
        """A request, for the reader who placed it and the librarians concerned."""
        if caller.visitor is None and caller.staff is None:
            raise Unauthenticated("请先用 POST /api/visitors 取得访客令牌。")
        with database.read() as session:
            return requests.view(session, number, viewer=Viewer.of(caller), rules=rules)

    @routes.post("/{number}/cancel", dependencies=[limited("requests", REQUESTS)])
    def cancel(number: str, caller: VisitorDep, why: ReasonIn | None = None) -> RequestView:
        """Cancel, or ask the supplier to; cancelling again changes nothing."""
        actor = actor_of_visitor(_visitor(caller))
        with database.begin() as session:
            requests.cancel(session, number, actor=actor, rules=rules, reason=why.reason if why else "")
            return requests.view(session, number, viewer=_reader(caller), rules=rules)

    @routes.post("/{number}/actions", dependencies=[limited("requests", REQUESTS)])
    def act(number: str, asked: ActionIn, caller: VisitorDep) -> RequestView:
        """What a reader may do with a request: renew, accept or refuse conditions, confirm, report a bad copy."""
        actor = actor_of_visitor(_visitor(caller))
        with database.begin() as session:
            requests.move(
                session, number, asked.action, actor=actor, rules=rules, reason=asked.reason, version=asked.version
            )
            return requests.view(session, number, viewer=_reader(caller), rules=rules)

    return routes


def draft_from(asked: RequestIn, caller: Caller, lookup: ItemLookup) -> RequestDraft:
    """The draft of what was asked, with the record looked up or the citation matched.

    :raises NotFound: for a record that the caller may not see; :raises InputError: without record and citation.
    """
    draft = RequestDraft(
        member=caller.member or "",
        service=asked.service,
        item=None,
        citation=asked.citation or "",
        patron_name=asked.patron.name,
        patron_contact=asked.patron.contact,
        pages=asked.pages,
        needed_by=asked.needed_by,
        pickup=asked.pickup,
        delivery=delivery_of(asked.service, asked.delivery or "", asked.pickup),
        note=asked.note,
    )
    item, why, reading = _wanted(asked.record_id, asked.citation, caller, lookup)
    pages = draft.pages
    if reading is not None and not pages:
        pages = next((field.value for field in reading.understood if field.field == "pages"), "")
    return replace(draft, item=item, matched=why, pages=pages)


def _wanted(
    record_id: str | None, citation: str | None, caller: Caller, lookup: ItemLookup
) -> tuple[ItemRef | None, str, Quote | None]:
    """The record asked for, or the one that a citation means, and how the citation was read."""
    if record_id:
        item = lookup.item(record_id, caller.audiences)
        if item is None:
            raise NotFound("没有这条记录。", detail={"where": "record_id"})
        return item, "", None
    if not citation or not citation.strip():
        raise InputError("请给出 record_id，或文献的题名、责任者等信息。", detail={"where": "record_id"})
    return read_citation(citation, lookup, caller.audiences)


def _visitor(caller: Caller) -> str:
    if caller.visitor is None:
        raise Unauthenticated("请先用 POST /api/visitors 取得访客令牌。")
    return caller.visitor.id


def _reader(caller: Caller) -> Viewer:
    return Viewer(visitor_id=_visitor(caller))
