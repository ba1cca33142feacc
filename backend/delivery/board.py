"""What other domains ask of delivery: the desk's queue board and chat's progress reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from backend.core.access import PUBLIC, Caller, Role, Staff
from backend.core.db import Database, now
from backend.core.errors import InputError, NotFound
from backend.delivery import requests, store
from backend.delivery.lifecycle import OPEN_STATES, STATES, Side, State
from backend.delivery.models import RequestRow
from backend.delivery.numbers import parse_number
from backend.delivery.requests import Rules
from backend.delivery.values import ItemLookup, ItemRef
from backend.delivery.views import Viewer, actor_of_staff, build, names

BY_SUPPLIER = frozenset(state for state, rule in STATES.items() if rule.responsible is Side.SUPPLIER)
BY_REQUESTER = frozenset(state for state, rule in STATES.items() if rule.responsible is Side.REQUESTER)
CLOSED = frozenset(STATES) - OPEN_STATES
BOARD_VIEWS = ("todo", "attention", "open", "closed", "all")


class MoveAsked(Protocol):
    """What a librarian does: the fields of the desk's form."""

    @property
    def action(self) -> str: ...
    @property
    def record_id(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def due(self) -> date | None: ...
    @property
    def version(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One page of the board. ``counts``: how many requests each view holds."""

    requests: Sequence[Mapping[str, Any]]
    total: int
    counts: Mapping[str, int]


class QueueBoard:
    """The delivery queue as librarians see and work it."""

    def __init__(self, database: Database, rules: Rules, lookup: ItemLookup | None = None) -> None:
        self._database = database
        self._rules = rules
        self._lookup = lookup

    def queue(self, *, staff: Staff, view: str = "todo", query: str = "", page: int = 1, size: int = 25) -> Queue:
        """Requests of one view, those waiting longest first (closed ones: the latest first).

        :raises InputError: for a view that there is not.
        """
        if view not in BOARD_VIEWS:
            raise InputError(f"没有这样的视图：{view[:20]}", detail={"allowed": list(BOARD_VIEWS)})
        looked_for = [store.matching(query.strip()[:100])] if query.strip() else []
        with self._database.read() as session:
            wanted = {name: [*_conditions(name, staff), *looked_for] for name in BOARD_VIEWS}
            counts = {name: store.count(session, conditions) for name, conditions in wanted.items()}
            latest = view in ("closed", "all")
            rows = store.listed(session, wanted[view], newest_first=latest, limit=size, offset=max(0, page - 1) * size)
            viewer = Viewer(staff=staff)
            shown = [build(session, row, viewer).model_dump(mode="json") for row in rows]
        return Queue(requests=shown, total=counts[view], counts=counts)

    def request(self, number: str, *, staff: Staff) -> dict[str, Any]:
        """The whole view. :raises NotFound: when there is none that they may see."""
        with self._database.read() as session:
            found = requests.view(session, number, viewer=Viewer(staff=staff), rules=self._rules)
        return found.model_dump(mode="json")

    def move(self, number: str, move: MoveAsked, *, staff: Staff) -> dict[str, Any]:
        """Do one transition.

        :raises Conflict: when the state changed meanwhile or does not allow it; :raises InputError: a missing field.
        """
        item = self._record(move.record_id.strip())
        with self._database.begin() as session:
            requests.seen(session, number, Viewer(staff=staff))
            requests.move(
                session,
                number,
                move.action,
                actor=actor_of_staff(staff),
                rules=self._rules,
                version=move.version,
                reason=move.reason,
                due=move.due,
                item=item,
            )
        with self._database.read() as session:
            row = store.request(session, parse_number(number) or number)
            if row is None:
                raise NotFound("没有这个申请号。")
            return build(session, row, Viewer(staff=staff), download=self._rules.download).model_dump(mode="json")

    def _record(self, record_id: str) -> ItemRef | None:
        """The record that a librarian found a citation to mean."""
        if not record_id:
            return None
        item = self._lookup.item(record_id, frozenset({PUBLIC})) if self._lookup else None
        if item is None:
            raise InputError(f"没有这条记录：{record_id[:64]}", detail={"where": "record_id"})
        return item

    def notices(self, *, staff: Staff) -> list[dict[str, str]]:
        """What this librarian's library has not seen yet; shown once."""
        member = staff.member
        if member is None:
            return []
        with self._database.begin() as session:
            unseen = store.unseen_notices(session, member)
            store.mark_seen(session, member, [notice.id for notice in unseen], now())
            return [{"number": notice.number, "subject": notice.subject, "body": notice.body} for notice in unseen]


def _conditions(view: str, staff: Staff) -> list[ColumnElement[bool]]:
    member = None if staff.role is Role.OFFICE else staff.member or ""
    visible = store.visible_to(member)
    if view == "all":
        return visible
    if view == "closed":
        return [*visible, store.in_states(CLOSED)]
    if view == "open":
        return [*visible, store.in_states(OPEN_STATES)]
    waiting = [] if member is None else [
        store.waiting_for(member, as_supplier=BY_SUPPLIER, as_requester=BY_REQUESTER)
    ]  # fmt: skip
    if view == "todo" and member is not None:
        return waiting
    moment = now()
    limits = {state: moment - rule.attention for state, rule in STATES.items() if rule.attention is not None}
    return [*waiting, store.standing_since(limits)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a request is, in the reader's words."""

    number: str
    title: str
    state: str
    state_label: str
    next_step: str = ""
    supplier: str = ""
    updated_at: str = ""


class RequestProgress:
    """Answers a reader who asks about their requests: only their own, never patron data."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self, number: str, *, caller: Caller) -> Progress | None:
        parsed = parse_number(number)
        if parsed is None or caller.visitor is None:
            return None
        with self._database.read() as session:
            row = store.request(session, parsed)
            if row is None or row.visitor_id != caller.visitor.id:
                return None
            return _progress(session, row)

    def recent(self, *, caller: Caller, limit: int) -> list[Progress]:
        if caller.visitor is None:
            return []
        with self._database.read() as session:
            return [_progress(session, row) for row in store.of_visitor(session, caller.visitor.id, limit=limit)]


def _progress(session: Session, row: RequestRow) -> Progress:
    rule = STATES[State(row.state)]
    return Progress(
        number=row.number,
        title=row.title,
        state=row.state,
        state_label=rule.label,
        next_step=rule.next_step,
        supplier=names(session).get(row.supplier, row.supplier) if row.supplier else "",
        updated_at=row.updated_at.isoformat(timespec="seconds"),
    )
