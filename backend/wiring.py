"""Adapters between domains that do not know each other: one small class a port."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from backend.chat.handoff import RequestStatus
from backend.consortium import members
from backend.core.access import Caller, Staff
from backend.core.db import Database
from backend.core.errors import NotFound
from backend.delivery.board import QueueBoard, RequestProgress
from backend.delivery.counter import Counter, Order
from backend.delivery.reports import Reports, Table, to_csv
from backend.delivery.values import HoldingRef, ItemRef
from backend.desk import knowledge
from backend.desk.ports import Move, QueuePage, SourcePage
from backend.desk.ports import Order as DeskOrder
from backend.desk.values import KnowledgeEntry
from backend.enterprise.library import ChangedItem
from backend.search.engine import SearchEngine
from backend.search.values import SearchRequest
from indexer.catalogue import Catalogue
from indexer.ingest import IngestOptions, ingest
from indexer.normalise import title_key
from indexer.records import IndexItem, StoredItem
from indexer.run_log import Run, RunLog


class EngineItems:
    """Delivery's port ``ItemLookup`` over the search engine, made when first used (it loads the model)."""

    def __init__(self, engine: Callable[[], SearchEngine]) -> None:
        self._engine = engine

    def item(self, record_id: str, audiences: frozenset[str]) -> ItemRef | None:
        """The record, when the caller may see it."""
        found = self._engine().item(record_id, audiences)
        return item_ref(found) if found else None

    def match(self, citation: str, audiences: frozenset[str]) -> Sequence[ItemRef]:
        """Records that a citation may mean: those that it names, or whose whole title stands in it, best first."""
        page = self._engine().search(SearchRequest(q=citation, size=5), audiences)
        said = title_key(citation)
        named = [hit for hit in page.hits if "完全" in hit.why or "题名" in hit.why or _stands_in(hit.title, said)]
        found = [self._engine().item(hit.id, audiences) for hit in named]
        return [item_ref(item) for item in found if item]


def _stands_in(title: str, said: str) -> bool:
    key = title_key(title)
    return bool(key) and key in said


def item_ref(item: StoredItem) -> ItemRef:
    """What a request keeps of an item."""
    identifiers = {identifier.scheme: identifier.value for identifier in reversed(item.identifiers)}
    return ItemRef(
        id=item.id,
        title=item.title,
        kind=item.kind,
        creators=item.creators,
        publisher=item.publisher,
        year=item.year,
        isbn=identifiers.get("isbn", ""),
        issn=identifiers.get("issn", ""),
        extent=str(item.metadata.get("extent", "")),
        holdings=tuple(
            HoldingRef(
                member=holding.member,
                call_number=holding.call_number,
                location=holding.location,
                available=holding.available,
                loanable=holding.loanable,
                copyable=holding.copyable,
            )
            for holding in item.holdings
        ),
    )


class ChatRequests:
    """Chat's port ``RequestDesk`` over delivery."""

    def __init__(self, progress: RequestProgress) -> None:
        self._progress = progress

    def status(self, number: str, *, caller: Caller) -> RequestStatus | None:
        found = self._progress.status(number, caller=caller)
        return RequestStatus(**dataclasses.asdict(found)) if found else None

    def recent(self, *, caller: Caller, limit: int) -> list[RequestStatus]:
        return [RequestStatus(**dataclasses.asdict(one)) for one in self._progress.recent(caller=caller, limit=limit)]


class DeskBoard:
    """The desk's port ``Board`` over delivery's queue."""

    def __init__(self, board: QueueBoard) -> None:
        self._board = board

    def queue(self, *, staff: Staff, view: str, query: str, page: int, size: int) -> QueuePage:
        found = self._board.queue(staff=staff, view=view, query=query, page=page, size=size)
        return QueuePage(requests=found.requests, total=found.total, counts=found.counts)

    def request(self, number: str, *, staff: Staff) -> Mapping[str, Any]:
        return self._board.request(number, staff=staff)

    def move(self, number: str, move: Move, *, staff: Staff) -> Mapping[str, Any]:
        return self._board.move(number, move, staff=staff)

    def notices(self, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        return self._board.notices(staff=staff)


class DeskCounter:
    """The desk's port ``Counter`` over delivery's."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.max_bytes = counter.max_bytes

    def upload(
        self, number: str, file: BinaryIO, *, staff: Staff, version: int | None, pages_checked: bool
    ) -> Mapping[str, Any]:
        return self._counter.upload(number, file, staff=staff, version=version, pages_checked=pages_checked)

    def file(self, number: str, *, staff: Staff) -> Path:
        return self._counter.file(number, staff=staff)

    def file_view(self, number: str, *, staff: Staff) -> Mapping[str, Any] | None:
        return self._counter.file_view(number, staff=staff)

    def renew_link(self, number: str, *, staff: Staff) -> None:
        self._counter.renew_link(number, staff=staff)

    def revoke(self, number: str, *, staff: Staff) -> None:
        self._counter.revoke(number, staff=staff)

    def note(self, number: str, text: str, *, staff: Staff) -> None:
        self._counter.note(number, text, staff=staff)

    def reading(self, number: str, *, staff: Staff) -> Mapping[str, Any] | None:
        found = self._counter.reading(number, staff=staff)
        return found.model_dump(mode="json") if found else None

    def notes(self, number: str, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        return self._counter.notes(number, staff=staff)

    def erase(self, number: str, *, staff: Staff) -> None:
        self._counter.erase(number, staff=staff)

    def quote(self, order: DeskOrder, *, staff: Staff) -> Mapping[str, Any]:
        return self._counter.quote(Order(**dataclasses.asdict(order)), staff=staff).model_dump(mode="json")

    def place(self, order: DeskOrder, *, staff: Staff, key: str) -> str:
        return self._counter.place(Order(**dataclasses.asdict(order)), staff=staff, key=key)

    def troubles(self, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        return self._counter.troubles(staff=staff)

    def resend(self, notice_id: str, *, staff: Staff) -> None:
        self._counter.resend(notice_id, staff=staff)


class DeskFigures:
    """The desk's port ``Figures`` over delivery's reports."""

    def __init__(self, found: Reports) -> None:
        self._reports = found

    def tables(self, *, staff: Staff, since: date, until: date) -> Sequence[Table]:
        return self._reports.tables(staff=staff, since=since, until=until)

    def table(self, key: str, *, staff: Staff, since: date, until: date) -> Table:
        return self._reports.table(key, staff=staff, since=since, until=until)

    def csv(self, key: str, *, staff: Staff, since: date, until: date) -> str:
        return to_csv(self._reports.table(key, staff=staff, since=since, until=until))


class KnowledgeIndex:
    """The desk's port ``KnowledgeSink``: published answers are a collection of FAQ documents, loaded as a whole."""

    def __init__(self, database: Database, catalogue: Catalogue, build: Callable[[], object], directory: Path) -> None:
        self._database = database
        self._catalogue = catalogue
        self._build = build
        self._directory = directory

    def publish(self, entry: KnowledgeEntry) -> None:
        """Make the entry (and every published one) searchable."""
        self._reload()

    def withdraw(self, entry_id: str) -> None:
        """Let the entry no longer be found."""
        self._reload()

    def _reload(self) -> None:
        with self._database.read() as session:
            published = knowledge.published(session)
        path = self._directory / "knowledge.jsonl"
        lines = [json.dumps(_document(entry), ensure_ascii=False) for entry in published]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = IngestOptions(
            collection="knowledge", kind="faq", format="jsonl", complete=True, may_be_empty=True, label="馆员解答"
        )
        ingest(self._catalogue, [str(path)], options)
        self._build()


def _document(entry: KnowledgeEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "title": entry.question,
        "text": entry.answer,
        "kind": "faq",
        "date": entry.updated_at.date().isoformat(),
        "metadata": {"member": entry.member} if entry.member else {},
    }


class MemberNames:
    """Codes to names, for answers and pages; read from the database at most every ``seconds``."""

    def __init__(self, database: Database, *, seconds: float = 10.0) -> None:
        self._database = database
        self._seconds = seconds
        self._names: dict[str, str] = {}
        self._read = 0.0

    def all(self) -> Mapping[str, str]:
        """Every code with its name."""
        self("")
        return self._names

    def __call__(self, code: str) -> str:
        """The member's name; the code itself for one that is not a member."""
        if code not in self._names or time.monotonic() - self._read > self._seconds:
            with self._database.read() as session:
                self._names = {member.code: member.name for member in members.list_members(session)}
            self._read = time.monotonic()
        return self._names.get(code, code)


class EngineChanges:
    """The enterprise branches' port ``Changes`` over the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def head(self) -> int:
        return self._catalogue.head_revision()

    def after(self, revision: int) -> Iterator[ChangedItem]:
        """Every item that changed, as it is now; withdrawn ones are no news."""
        for change in self._catalogue.changes(after=revision):
            if isinstance(change, IndexItem):
                item = change.item
                yield ChangedItem(
                    id=item.id, kind=item.kind, title=item.title, text=item.text, audience=item.audience,
                    revision=item.revision,
                )  # fmt: skip


class LoggedSources:
    """The desk's port ``SourceLog`` over the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._log = RunLog(catalogue.engine)

    def page(self, *, staff: Staff, collection: str, page: int, size: int) -> SourcePage:
        runs, total = self._log.runs(collection=collection, member=staff.member, limit=size, offset=(page - 1) * size)
        sizes, own = self._log.sizes(), self._log.collections_of(staff.member) if staff.member else None
        collections = [
            {**dataclasses.asdict(one), "items": sizes.get(one.name, 0)}
            for one in self._catalogue.collections()
            if own is None or one.name in own or not one.audience.startswith("branch:")
        ]
        return SourcePage(runs=[_told(run) for run in runs], total=total, collections=collections)

    def run(self, number: int, *, staff: Staff) -> Mapping[str, Any]:
        found = self._log.run(number)
        if found is None or (staff.member and found.member != staff.member):
            raise NotFound("没有这次载入。")
        return _told(found)


def _told(run: Run) -> dict[str, Any]:
    """A load as the desk shows it."""
    return {
        "id": run.id,
        "collection": run.collection,
        "member": run.member,
        "started": datetime.fromtimestamp(run.started, UTC),
        "state": _state(run),
        "report": run.report,
    }


def _state(run: Run) -> str:
    if run.finished is None:
        return "running" if run.running else "cut"
    if "error" in run.report:
        return "failed"
    return "skips" if run.report.get("skipped") else "done"
