"""What librarians do at the counter besides moving a request along: place one for a patron, deliver a file and manage
its link, write notes, erase a patron, look after notices that could not be sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.core import jobs
from backend.core.access import PUBLIC, Role, Staff
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, NotFound
from backend.delivery import counter_store, moves, notices, requests, store
from backend.delivery.drafts import clean, contact_hash, tidy
from backend.delivery.handover import Handover
from backend.delivery.lifecycle import Side, State
from backend.delivery.models import NoteRow, RequestRow
from backend.delivery.quote import Quote, quote, read_citation
from backend.delivery.rules import Rules
from backend.delivery.values import ItemLookup, RequestDraft
from backend.delivery.views import Viewer, actor_of_staff, sides

MAX_NOTE = 2000
OPEN_TO_ALL = frozenset({PUBLIC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that a librarian writes down for a patron. ``member``: whose patron (the office must say)."""

    record_id: str = ""
    citation: str = ""
    service: str = "loan"
    name: str = ""
    contact: str = ""
    pages: str = ""
    needed_by: date | None = None
    pickup: str = ""
    delivery: str = ""
    note: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Everything is done as the librarian given; each method commits by itself."""

    database: Database
    rules: Rules
    handover: Handover
    lookup: ItemLookup

    @property
    def max_bytes(self) -> int:
        """Of an upload."""
        return self.handover.shelf.max_bytes

    def incoming(self) -> AbstractContextManager[Path]:
        """A place for an upload to grow."""
        return self.handover.shelf.incoming()

    async def receive(self, chunks: AsyncIterator[bytes], path: Path) -> None:
        """:raises TooLarge: as soon as the upload grows over the limit."""
        await self.handover.shelf.receive(chunks, path)

    def upload(
        self, number: str, file: BinaryIO, *, staff: Staff, version: int | None, pages_checked: bool
    ) -> dict[str, Any]:
        """Deliver a copy with an open file. :raises LianwenError: as :meth:`supply`."""
        with self.incoming() as path:
            self.handover.shelf.copy(file, path)
            return self.supply(number, path, staff=staff, version=version, pages_checked=pages_checked)

    def supply(
        self,
        number: str,
        path: Path,
        *,
        staff: Staff,
        version: int | None = None,
        pages_checked: bool = False,
        share: float | None = None,
    ) -> dict[str, Any]:
        """Deliver a copy with the file at ``path``; the request as it is then.

        :raises InputError: for a file that cannot be delivered; :raises Conflict: when it is not waited for, or over
            the copyright limits; :raises NotFound: for a request that is not theirs.
        """
        with self.database.read() as session:
            requests.seen(session, number, Viewer(staff=staff))
        self.handover.supply(
            number, path, actor=actor_of_staff(staff), rules=self.rules, version=version, share=share,
            pages_checked=pages_checked,
        )  # fmt: skip
        with self.database.read() as session:
            view = requests.view(session, number, viewer=Viewer(staff=staff), rules=self.rules)
        return view.model_copy(update={"download": None}).model_dump(mode="json")

    def file(self, number: str, *, staff: Staff) -> Path:
        """The delivered file, to check or to print. :raises NotFound: when there is none, or it is not theirs."""
        return self.handover.staff_file(number, actor=actor_of_staff(staff))

    def file_view(self, number: str, *, staff: Staff) -> dict[str, Any] | None:
        """Pages, size and link of the delivered file; None without one, or for a library that was only asked."""
        with self.database.read() as session:
            row = requests.seen(session, number, Viewer(staff=staff))
            found = self.handover.file_view(session, row.number) if sides(row, actor_of_staff(staff)) else None
        return asdict(found) if found else None

    def renew_link(self, number: str, *, staff: Staff) -> None:
        """A fresh link for the reader. :raises NotFound: when there is no file, or it is not theirs."""
        self.handover.renew_link(number, actor=actor_of_staff(staff), rules=self.rules)

    def revoke(self, number: str, *, staff: Staff) -> None:
        """Take the file back. :raises NotFound: when there is no file, or it is not theirs."""
        self.handover.revoke(number, actor=actor_of_staff(staff))

    def quote(self, order: Order, *, staff: Staff) -> Quote:
        """What the order would mean. :raises InputError: for an order that cannot be used."""
        draft, reading = self._draft(order, staff)
        with self.database.read() as session:
            return quote(session, draft, rules=self.rules, reading=reading, owner="")

    def place(self, order: Order, *, staff: Staff, key: str) -> str:
        """Place it; the number. The same key places it once.

        :raises InputError: for an order that cannot be used; :raises Conflict: for a duplicate, too many, copyright.
        """
        draft, _ = self._draft(order, staff)
        with self.database.begin() as session:
            placed = requests.place(
                session, draft, actor=actor_of_staff(staff), rules=self.rules, idempotency_key=key or None
            )
        return placed.number

    def _draft(self, order: Order, staff: Staff) -> tuple[RequestDraft, Quote | None]:
        member = self._member(order, staff)
        draft = RequestDraft(
            member=member,
            service="copy" if order.service == "copy" else "loan",
            item=None,
            citation=order.citation,
            patron_name=order.name,
            patron_contact=order.contact,
            pages=order.pages,
            needed_by=order.needed_by,
            pickup=order.pickup,
            delivery=delivery_of(order.service, order.delivery, order.pickup),
            note=order.note,
        )
        if order.record_id.strip():
            item = self.lookup.item(order.record_id.strip(), OPEN_TO_ALL)
            if item is None:
                raise InputError("没有这条记录。", detail={"where": "record_id"})
            return clean(replace(draft, item=item)), None
        if len(order.citation.strip()) < 2:
            raise InputError("请写出记录号，或文献的题名、责任者等信息。", detail={"where": "citation"})
        item, why, reading = read_citation(order.citation[:2000], self.lookup, OPEN_TO_ALL)
        pages = draft.pages or next((field.value for field in reading.understood if field.field == "pages"), "")
        return clean(replace(draft, item=item, matched=why, pages=pages)), reading

    def _member(self, order: Order, staff: Staff) -> str:
        member = staff.member or order.member.strip()
        with self.database.read() as session:
            known = {each.code for each in consortium.members(session) if each.active and not each.alias_of}
        if member not in known:
            raise InputError("请选择读者所属的成员馆。", detail={"where": "member"})
        return member

    def reading(self, number: str, *, staff: Staff) -> Quote | None:
        """How a citation that waits for a librarian was read, and which records it may mean."""
        with self.database.read() as session:
            row = requests.seen(session, number, Viewer(staff=staff))
            waits = row.state == State.REVIEW and row.citation
            if not waits or not sides(row, actor_of_staff(staff)) & {Side.REQUESTER, Side.OFFICE}:
                return None
        return read_citation(row.citation, self.lookup, OPEN_TO_ALL)[2]

    def note(self, number: str, text: str, *, staff: Staff) -> None:
        """Write a note for colleagues.

        :raises NotFound: for a request that is not theirs; :raises InputError: for an empty one.
        """
        written = tidy(text, MAX_NOTE)
        if not written:
            raise InputError("请写下备注。", detail={"where": "note"})
        with self.database.begin() as session:
            row = requests.seen(session, number, Viewer(staff=staff))
            session.add(
                NoteRow(number=row.number, member=staff.member or "", author=staff.name, text=written, at=now())
            )

    def notes(self, number: str, *, staff: Staff) -> list[dict[str, str]]:
        """The notes of this librarian's own library."""
        with self.database.read() as session:
            row = requests.seen(session, number, Viewer(staff=staff))
            found = counter_store.notes(session, row.number, staff.member or "")
            return [{"author": each.author, "text": each.text, "at": each.at.isoformat()} for each in found]

    def erase(self, number: str, *, staff: Staff) -> None:
        """Forget who asked, at their wish.

        :raises Conflict: while the request is open; :raises NotFound: when it is not their library's reader.
        """
        with self.database.begin() as session:
            row = requests.seen(session, number, Viewer(staff=staff))
            if not sides(row, actor_of_staff(staff)) & {Side.REQUESTER, Side.OFFICE}:
                raise NotFound("没有这个申请号，或它不是您的申请。")
            erase(session, row)

    def erase_contact(self, contact: str, *, member: str) -> tuple[list[str], list[str]]:
        """Forget a patron in every request of a member: numbers erased, and those still open (left as they are)."""
        with self.database.begin() as session:
            rows = counter_store.of_contact(session, contact_hash(member, contact))
            closed = [row for row in rows if row.closed_at is not None]
            for row in closed:
                erase(session, row)
            return [row.number for row in closed], [row.number for row in rows if row.closed_at is None]

    def troubles(self, *, staff: Staff) -> list[dict[str, str]]:
        """Notices that were refused for good: the library must reach the reader in another way."""
        with self.database.read() as session:
            found = counter_store.failed_notices(session, None if staff.role is Role.OFFICE else staff.member or "")
            return [
                {"id": notice.id, "number": notice.number, "subject": notice.subject, "error": notice.error,
                 "recipient": "读者" if notice.recipient == "patron" else notice.recipient}
                for notice in found
            ]  # fmt: skip

    def resend(self, notice_id: str, *, staff: Staff) -> None:
        """Try a failed notice again. :raises NotFound: when there is none of theirs."""
        with self.database.begin() as session:
            known = counter_store.failed_notices(session, None if staff.role is Role.OFFICE else staff.member or "")
            if notice_id not in {notice.id for notice in known}:
                raise NotFound("没有这条未送达的通知。")
            counter_store.requeue_notice(session, notice_id)
            jobs.schedule(session, notices.KIND, notice_id)


def erase(session: Session, row: RequestRow) -> None:
    """:raises Conflict: while the request is open."""
    if row.closed_at is None:
        raise Conflict("申请还在办理，办结或取消后才能抹除读者信息。", detail={"number": row.number})
    store.erase_patron(session, row.number, now())
    counter_store.forget_browser(session, row.number)
    jobs.drop(session, moves.ERASE_JOB, row.number)


def delivery_of(service: str, wish: str, pickup: str) -> str:
    """How a copy reaches the patron: as they wish; without a wish electronically, unless they name a pick-up place."""
    if service != "copy":
        return "pickup"
    if wish in ("electronic", "pickup"):
        return wish
    return "pickup" if pickup.strip() else "electronic"
