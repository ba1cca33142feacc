"""Pages of the escalated conversations: the queue, one conversation, its buttons, news as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.orm import Session

from backend.core.access import Staff
from backend.core.db import Database
from backend.core.errors import LianwenError, NotFound
from backend.core.events import EventBus
from backend.core.http import StaffSession
from backend.core.ids import new_id
from backend.desk import knowledge, store, tickets
from backend.desk.entrance import Csrf, SignedIn, see_other
from backend.desk.live import Staffed, publish
from backend.desk.rendering import Pages
from backend.desk.values import AUTHORS, Notice, Ticket, TicketState

PAGE = 100
Change = Callable[[Session, Ticket, Staff], list[Notice]]
CHANGES: dict[str, Change] = {"take": tickets.take, "release": tickets.release, "close": tickets.close}


def buttons(ticket: Ticket, staff: Staff) -> list[tuple[str, str]]:
    """What this librarian may do with the ticket: action and label."""
    if ticket.state is TicketState.WAITING:
        return [("take", "接手"), ("close", "不答复，直接办结")]
    if ticket.state is TicketState.OPEN and ticket.staff_id == staff.id:
        return [("release", "放回队列"), ("close", "办结")]
    return []


def can_answer(ticket: Ticket, staff: Staff) -> bool:
    return ticket.state is TicketState.WAITING or (ticket.state is TicketState.OPEN and ticket.staff_id == staff.id)


def router(database: Database, bus: EventBus, pages: Pages, staffed: Staffed) -> APIRouter:
    """Pages under ``/desk/tickets``."""
    routes = APIRouter(prefix="/desk/tickets", include_in_schema=False)

    def load(ticket_id: str, staff: Staff) -> Ticket:
        with database.read() as session:
            return tickets.visible_ticket(session, ticket_id, staff, staffed(session))

    def show(ticket_id: str, session: StaffSession, error: LianwenError | None = None, draft: str = "") -> Response:
        try:
            ticket = load(ticket_id, session.staff)
        except NotFound as missing:
            return pages.page("error.html", session=session, section="tickets", error=missing)
        with database.read() as reading:
            phrases = knowledge.phrases(reading, member=session.staff.member)
        return pages.page(
            "ticket.html",
            session=session,
            section="tickets",
            error=error,
            ticket=ticket,
            authors=AUTHORS,
            actions=buttons(ticket, session.staff),
            can_answer=can_answer(ticket, session.staff),
            send_key=new_id(),
            draft=draft,
            phrases=phrases,
        )

    @routes.get("")
    def board(session: SignedIn, view: Literal["live", "closed"] = "live") -> Response:
        states = tickets.LIVE if view == "live" else (TicketState.CLOSED,)
        with database.read() as reading:
            covered = staffed(reading)
            member = session.staff.member
            found = store.tickets(reading, member=member, staffed=covered, states=states, limit=PAGE)
            counts = store.count_by_state(reading, member=member, staffed=covered)
        return pages.page(
            "tickets.html",
            session=session,
            section="tickets",
            view=view,
            tickets=found,
            live_count=sum(counts.get(state, 0) for state in tickets.LIVE),
            closed_count=counts.get(TicketState.CLOSED, 0),
        )

    @routes.get("/events")
    async def events(_session: SignedIn) -> Response:
        """News of the queue, without content: pages fetch again what they show."""

        async def stream() -> AsyncIterator[str]:
            last = max((event.id for event in bus.replay(tickets.BOARD)), default=0)
            yield ": open\n\n"
            async with aclosing(bus.follow(tickets.BOARD, after=last)) as events:
                async for event in events:
                    if event is None:
                        yield ": still here\n\n"
                    else:
                        yield f"id: {event.id}\ndata: {json.dumps(dict(event.payload))}\n\n"

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    @routes.get("/{ticket_id}")
    def ticket_page(session: SignedIn, ticket_id: str) -> Response:
        return show(ticket_id, session)

    @routes.post("/{ticket_id}/reply", dependencies=[Csrf])
    def reply(
        session: SignedIn,
        ticket_id: str,
        text: Annotated[str, Form()] = "",
        send_key: Annotated[str | None, Form(max_length=64)] = None,
    ) -> Response:
        try:
            with database.begin() as writing:
                ticket = tickets.visible_ticket(writing, ticket_id, session.staff, staffed(writing))
                _, notices = tickets.reply(writing, ticket, session.staff, text, send_key=send_key)
        except LianwenError as error:
            return show(ticket_id, session, error, draft=text[: tickets.MAX_TEXT])
        publish(bus, notices)
        return see_other(f"/desk/tickets/{ticket_id}")

    @routes.post("/{ticket_id}/{action}", dependencies=[Csrf])
    def change(session: SignedIn, ticket_id: str, action: Literal["take", "release", "close"]) -> Response:
        try:
            with database.begin() as writing:
                ticket = tickets.visible_ticket(writing, ticket_id, session.staff, staffed(writing))
                notices = CHANGES[action](writing, ticket, session.staff)
        except LianwenError as error:
            return show(ticket_id, session, error)
        publish(bus, notices)
        return see_other(f"/desk/tickets/{ticket_id}" if action != "close" else "/desk/tickets")

    return routes
