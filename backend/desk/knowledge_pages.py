"""Pages of the knowledge that librarians write: list, form, review."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import Response

from backend.core.db import Database
from backend.core.errors import LianwenError
from backend.core.http import StaffSession
from backend.desk import knowledge, tickets
from backend.desk.entrance import Csrf, SignedIn, see_other
from backend.desk.knowledge import KnowledgeSink
from backend.desk.live import Staffed
from backend.desk.rendering import Pages
from backend.desk.values import KnowledgeState, Ticket

LIST = "/desk/knowledge"


def router(database: Database, pages: Pages, staffed: Staffed, sink: KnowledgeSink) -> APIRouter:
    """Pages under ``/desk/knowledge``."""
    routes = APIRouter(prefix=LIST, include_in_schema=False)

    def listing(session: StaffSession, error: LianwenError | None = None) -> Response:
        with database.read() as reading:
            found = knowledge.entries(reading, member=session.staff.member)
        return pages.page(
            "knowledge.html", session=session, section="knowledge", error=error, entries=found, states=KnowledgeState
        )

    def form(session: StaffSession, values: dict[str, str], error: LianwenError | None = None) -> Response:
        return pages.page("knowledge_form.html", session=session, section="knowledge", error=error, values=values)

    @routes.get("")
    def list_page(session: SignedIn) -> Response:
        return listing(session)

    @routes.get("/new")
    def new_page(session: SignedIn, ticket: str = "", entry: str = "") -> Response:
        """An empty form, one filled from a ticket, or an entry to change."""
        values = {"question": "", "answer": "", "ticket": "", "entry": ""}
        try:
            with database.read() as reading:
                if entry:
                    known = knowledge.visible_entry(reading, entry, session.staff)
                    values |= {"question": known.question, "answer": known.answer, "entry": known.id}
                elif ticket:
                    found = tickets.visible_ticket(reading, ticket, session.staff, staffed(reading))
                    values |= {"question": found.subject, "answer": _spoken(found), "ticket": found.id}
        except LianwenError as error:
            return listing(session, error)
        return form(session, values)

    @routes.post("", dependencies=[Csrf])
    def write(
        session: SignedIn,
        question: Annotated[str, Form()] = "",
        answer: Annotated[str, Form()] = "",
        ticket: Annotated[str, Form(max_length=40)] = "",
        entry: Annotated[str, Form(max_length=40)] = "",
        common: Annotated[bool, Form()] = False,
    ) -> Response:
        try:
            with database.begin() as writing:
                if ticket:
                    tickets.visible_ticket(writing, ticket, session.staff, staffed(writing))
                made = knowledge.write(
                    writing,
                    session.staff,
                    question=question,
                    answer=answer,
                    ticket_id=ticket or None,
                    common=common,
                    entry_id=entry or None,
                )
            if entry:
                sink.withdraw(made.id)
        except LianwenError as error:
            return form(session, {"question": question, "answer": answer, "ticket": ticket, "entry": entry}, error)
        return see_other(LIST)

    @routes.post("/{entry_id}/{action}", dependencies=[Csrf])
    def review(session: SignedIn, entry_id: str, action: Literal["approve", "retire"]) -> Response:
        try:
            with database.begin() as writing:
                entry = knowledge.visible_entry(writing, entry_id, session.staff)
                done = (knowledge.approve if action == "approve" else knowledge.retire)(writing, entry, session.staff)
            if action == "approve":
                sink.publish(done)
            else:
                sink.withdraw(done.id)
        except LianwenError as error:
            return listing(session, error)
        return see_other(LIST)

    return routes


def _spoken(ticket: Ticket) -> str:
    return "\n".join(line.text for line in ticket.lines if line.author == "librarian")
