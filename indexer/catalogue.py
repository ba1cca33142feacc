"""The catalogue: what every source said, the items made of it, and in which order they changed.

*Entries* are what one source says (one record or document each); *items* are what a person finds: a document, or all
entries that describe one manifestation, with every member's holdings. Each change of an item takes the next *revision*,
so an index follows with ``changes(after=…)``. A load is committed batch by batch: what a killed run had stored stays,
and the next run finds it unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from indexer.records import (
    Change,
    Classification,
    Holding,
    Identifier,
    IndexItem,
    Passage,
    StoredItem,
    Withdrawn,
)

metadata = MetaData()
_SHORT_TEXT = 20_000
"""Characters up to which an excerpt's text is read whole: longer ones are cut by the database, one by one."""

collections = Table(
    "cat_collections",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("label", String(200), nullable=False, default=""),
)
entries = Table(
    "cat_entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection", String(64), nullable=False),
    Column("member", String(64), nullable=False),
    Column("source_id", String(512), nullable=False),
    Column("digest", String(40), nullable=False),
    Column("item_id", String(32), nullable=False, index=True),
    Column("cluster_key", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("meeting_key", String(64), nullable=False, default="", server_default=""),
    Column("raw_digest", String(40), nullable=False, default="", server_default=""),
    UniqueConstraint("collection", "member", "source_id", name="uq_cat_entries_key"),
    Index("ix_cat_entries_cluster", "collection", "cluster_key"),
    Index("ix_cat_entries_meeting", "collection", "meeting_key"),
)
decisions = Table(
    "cat_decisions",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("member", String(64), primary_key=True),
    Column("source_id", String(512), primary_key=True),
    Column("cluster_key", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("staff", String(120), nullable=False),
    Column("decided", Float, nullable=False),
)
items = Table(
    "cat_items",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("collection", String(64), nullable=False, index=True),
    Column("source_id", String(512), nullable=False),
    Column("audience", String(80), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("passages", Text, nullable=False),
    Column("digest", String(40), nullable=False),
    Column("work_id", String(32)),
    Column("merge_reason", Text, nullable=False, default=""),
    Column("revision", Integer, nullable=False, unique=True),
    Column("withdrawn", Boolean, nullable=False, default=False),
    Index("ix_cat_items_source", "collection", "source_id"),
    Index("ix_cat_items_work", "work_id"),
)
revisions = Table(
    "cat_revision", metadata, Column("id", Integer, primary_key=True), Column("value", Integer, nullable=False)
)
runs = Table(
    "cat_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(512), nullable=False),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    Column("report", Text, nullable=False, default="{}"),
)
locks = Table(
    "cat_locks",
    metadata,
    Column("source", String(512), primary_key=True),
    Column("token", String(64), nullable=False),
    Column("expires", Float, nullable=False),
)


class SourceBusyError(RuntimeError):
    """Another run is loading the same source."""


class CollectionMismatchError(ValueError):
    """A collection exists with another audience than the one asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A named set of items with one audience."""

    name: str
    kind: str
    audience: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one source says of one thing; ``payload`` is the record or document as JSON. ``meeting_key``: another key by
    which it is compared with others (an ISBN, or the natural key of an entry that staff have joined).
    ``raw_digest``: the bytes it was read from, so that unchanged ones need not be read."""

    collection: str
    member: str
    source_id: str
    digest: str
    item_id: str
    cluster_key: str
    payload: str
    meeting_key: str = ""
    raw_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """An item as it is to be stored, with its passages."""

    item: StoredItem
    passages: tuple[Passage, ...]
    digest: str
    merge_reason: str = ""


class Catalogue:
    """Reads and writes the tables above through one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(lianwen_read_only=True)

    @property
    def engine(self) -> Engine:
        """For the stores that keep tables of their own beside these."""
        return self._engine

    # what the index and the search read

    def head_revision(self) -> int:
        """The revision of the last change; 0 while nothing was ever stored."""
        with self._reading.connect() as connection:
            return int(connection.execute(select(func.max(items.c.revision))).scalar() or 0)

    def changes(self, after: int = 0, *, batch: int = 1_000) -> Iterator[Change]:
        """Every item changed after a revision, in order, in its present state."""
        while True:
            query = select(items).where(items.c.revision > after).order_by(items.c.revision).limit(batch)
            with self._reading.connect() as connection:
                rows = connection.execute(query).mappings().all()
            for row in rows:
                yield _change(row)
            if len(rows) < batch:
                return
            after = int(rows[-1]["revision"])

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]:
        """The items of these ids that are not withdrawn."""
        found: dict[str, StoredItem] = {}
        for start in range(0, len(ids), 500):
            with self._reading.connect() as connection:
                for row in connection.execute(_ITEMS, {"ids": list(ids[start : start + 500])}).mappings():
                    found[str(row["id"])] = _stored(row)
        return found

    def excerpts(self, around: Mapping[str, int], *, size: int) -> dict[str, tuple[str, str]]:
        """Title and up to ``size`` characters of the text around a place, by id of the items that are not withdrawn."""
        found: dict[str, tuple[str, str]] = {}
        with self._reading.connect() as connection:
            for item_id, title, total, text in connection.execute(_TEXTS, {"ids": list(around)}).all():
                start = max(0, min(around[item_id] - size // 2, total - size))
                if text is None:
                    part = select(func.substr(items.c.text, start + 1, size)).where(items.c.id == item_id)
                    found[item_id] = title, connection.execute(part).scalar() or ""
                else:
                    found[item_id] = title, text[start : start + size]
        return found

    def item(self, item_id: str) -> StoredItem | None:
        return self.get([item_id]).get(item_id)

    def passages(self, item_id: str) -> list[Passage]:
        """An item's passages, in order."""
        query = select(items.c.passages, items.c.text).where(items.c.id == item_id, items.c.withdrawn.is_(False))
        with self._reading.connect() as connection:
            row = connection.execute(query).first()
        return list(_passages(item_id, row[0], row[1])) if row else []

    def by_source_id(self, collection: str, source_id: str) -> StoredItem | None:
        """The item that an entry of this collection with this id became."""
        query = select(entries.c.item_id).where(entries.c.collection == collection, entries.c.source_id == source_id)
        with self._reading.connect() as connection:
            item_id = connection.execute(query.limit(1)).scalar()
        return self.item(item_id) if item_id else None

    def merge_reason(self, item_id: str) -> str:
        """Why the entries of an item are one; empty when it has one only."""
        query = select(items.c.merge_reason).where(items.c.id == item_id)
        with self._reading.connect() as connection:
            return str(connection.execute(query).scalar() or "")

    def merged(self, collection: str, *, limit: int = 100) -> list[tuple[str, str, str]]:
        """(id, title, reason) of items that several entries make up, the latest first."""
        query = select(items.c.id, items.c.title, items.c.merge_reason).where(
            items.c.collection == collection, items.c.merge_reason != "", items.c.withdrawn.is_(False)
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query.order_by(items.c.revision.desc()).limit(limit)).all()
        return [(str(row[0]), str(row[1]), str(row[2])) for row in rows]

    def entries_in(self, item_id: str) -> list[tuple[str, str, str]]:
        """(member, source id, payload) of each entry of an item, oldest first."""
        query = select(entries.c.member, entries.c.source_id, entries.c.payload).where(entries.c.item_id == item_id)
        with self._reading.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(entries.c.id))]

    def decided(self, collection: str) -> list[dict[str, Any]]:
        """What staff decided about entries of a collection, the latest first."""
        query = select(decisions).where(decisions.c.collection == collection).order_by(decisions.c.decided.desc())
        with self._reading.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def same_bytes(self, collection: str, member: str, raw_digests: Mapping[str, str]) -> set[str]:
        """Those of the source ids whose entries were read from bytes of the same digest."""
        query = select(entries.c.source_id, entries.c.raw_digest).where(
            entries.c.collection == collection,
            entries.c.member == member,
            entries.c.source_id.in_(list(raw_digests)),
        )
        with self._reading.connect() as connection:
            return {row[0] for row in connection.execute(query) if row[1] and raw_digests[row[0]] == row[1]}

    def collections(self) -> list[Collection]:
        with self._reading.connect() as connection:
            rows = connection.execute(select(collections).order_by(collections.c.name)).mappings().all()
        return [Collection(**row) for row in rows]

    def ids(self, *, collection: str | None = None, kind: str | None = None) -> list[str]:
        """Ids of the items that are not withdrawn."""
        query = select(items.c.id).where(items.c.withdrawn.is_(False)).order_by(items.c.id)
        if collection is not None:
            query = query.where(items.c.collection == collection)
        if kind is not None:
            query = query.where(items.c.kind == kind)
        with self._reading.connect() as connection:
            return list(connection.execute(query).scalars())

    def same_work(self, work_id: str) -> list[StoredItem]:
        """Every item of a work."""
        query = select(items).where(items.c.work_id == work_id, items.c.withdrawn.is_(False)).order_by(items.c.id)
        with self._reading.connect() as connection:
            return [_stored(row) for row in connection.execute(query).mappings()]

    def runs(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """The latest loads with their reports, newest first."""
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        with self._reading.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [{**row, "report": json.loads(row["report"])} for row in rows]

    # what a load writes

    def open_collection(self, wanted: Collection) -> Collection:
        """The collection of that name, made when new.

        :raises CollectionMismatchError: when it exists for another audience; nobody's documents change readers unseen.
        """
        with self._engine.begin() as connection:
            row = connection.execute(select(collections).where(collections.c.name == wanted.name)).mappings().first()
            if row is None:
                connection.execute(
                    insert(collections).values(
                        name=wanted.name, kind=wanted.kind, audience=wanted.audience, label=wanted.label
                    )
                )
                return wanted
        if row["audience"] != wanted.audience:
            raise CollectionMismatchError(
                f"collection {wanted.name!r} is for audience {row['audience']!r}, not {wanted.audience!r}"
            )
        return Collection(**row)

    def lock(self, source: str, token: str, *, now: float, seconds: float) -> None:
        """Take (or keep) the right to load ``source`` until ``now + seconds``.

        :raises SourceBusyError: when another run has it.
        """
        values = {"token": token, "expires": now + seconds}
        try:
            with self._engine.begin() as connection:
                free = (locks.c.source == source) & ((locks.c.expires < now) | (locks.c.token == token))
                if connection.execute(update(locks).where(free).values(**values)).rowcount == 0:
                    connection.execute(insert(locks).values(source=source, **values))
        except IntegrityError as error:
            raise SourceBusyError(f"another run is loading {source}; wait for it, or for its lock to expire") from error

    def lock_holder(self, source: str) -> str:
        """The token of the run that is loading ``source``; empty when none is."""
        with self._reading.connect() as connection:
            return str(connection.execute(select(locks.c.token).where(locks.c.source == source)).scalar() or "")

    def unlock(self, source: str, token: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(locks).where(locks.c.source == source, locks.c.token == token))

    def start_run(self, source: str, *, now: float) -> int:
        with self._engine.begin() as connection:
            key = connection.execute(insert(runs).values(source=source, started=now, report="{}")).inserted_primary_key
        if key is None:
            raise RuntimeError("the database gave the run no number")
        return int(key[0])

    def finish_run(self, run_id: int, report: Mapping[str, Any], *, now: float) -> None:
        body = json.dumps(report, ensure_ascii=False)
        with self._engine.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(finished=now, report=body))

    def begin(self) -> CatalogueBatch:
        """One batch of a load: a transaction."""
        return CatalogueBatch(self._engine)


class CatalogueBatch:
    """A transaction over entries and items. Leave the ``with`` block normally to commit."""

    def __init__(self, engine: Engine) -> None:
        self._context = engine.begin()
        self._connection: Connection

    def __enter__(self) -> CatalogueBatch:
        self._connection = self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def known(self, collection: str, member: str, source_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Digest and item id of the entries that are there already, by source id."""
        query = select(entries.c.source_id, entries.c.digest, entries.c.item_id).where(
            entries.c.collection == collection, entries.c.member == member, entries.c.source_id.in_(source_ids)
        )
        return {row[0]: (row[1], row[2]) for row in self._connection.execute(query)}

    def seen(self, collection: str, member: str, source_ids: Sequence[str], run_id: int) -> int:
        """These entries occurred again, or are still in the source though they were not read; how many there are."""
        if not source_ids:
            return 0
        here = (entries.c.collection == collection) & (entries.c.member == member)
        found = self._connection.execute(
            update(entries).where(here, entries.c.source_id.in_(source_ids)).values(run_id=run_id)
        )
        return int(found.rowcount)

    def put(self, batch: Sequence[Entry], run_id: int, *, known: Mapping[str, tuple[str, str]]) -> None:
        """Store new and changed entries."""
        rows = [
            {
                "collection": entry.collection, "member": entry.member, "source_id": entry.source_id,
                "digest": entry.digest, "item_id": entry.item_id, "cluster_key": entry.cluster_key,
                "payload": entry.payload, "run_id": run_id, "meeting_key": entry.meeting_key,
                "raw_digest": entry.raw_digest,
            }
            for entry in batch
        ]  # fmt: skip
        if changed := [row["source_id"] for row in rows if row["source_id"] in known]:
            key = (entries.c.collection == rows[0]["collection"]) & (entries.c.member == rows[0]["member"])
            self._connection.execute(delete(entries).where(key, entries.c.source_id.in_(changed)))
        if rows:
            self._connection.execute(insert(entries), rows)

    def vanished(self, collection: str, member: str, run_id: int) -> list[str]:
        """Remove the entries that no run since ``run_id`` saw; returns the items they belonged to."""
        gone = (entries.c.collection == collection) & (entries.c.member == member) & (entries.c.run_id < run_id)
        touched = list(self._connection.execute(select(entries.c.item_id).where(gone).distinct()).scalars())
        self._connection.execute(delete(entries).where(gone))
        return touched

    def remove(self, collection: str, member: str, source_ids: Sequence[str]) -> list[str]:
        """Remove entries by id; returns the items they belonged to."""
        gone = (entries.c.collection == collection) & (entries.c.member == member) & entries.c.source_id.in_(source_ids)
        touched = list(self._connection.execute(select(entries.c.item_id).where(gone).distinct()).scalars())
        self._connection.execute(delete(entries).where(gone))
        return touched

    def entries_of(self, item_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """(member, payload) of every entry of these items, oldest first."""
        found: dict[str, list[tuple[str, str]]] = {item_id: [] for item_id in item_ids}
        query = (
            select(entries.c.item_id, entries.c.member, entries.c.payload)
            .where(entries.c.item_id.in_(item_ids))
            .order_by(entries.c.id)
        )
        for item_id, member, payload in self._connection.execute(query):
            found[item_id].append((member, payload))
        return found

    def decided(self, collection: str, member: str, source_ids: Sequence[str]) -> dict[str, str]:
        """Cluster keys that staff gave to entries, by source id."""
        query = select(decisions.c.source_id, decisions.c.cluster_key).where(
            decisions.c.collection == collection, decisions.c.member == member, decisions.c.source_id.in_(source_ids)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def decide(
        self, collection: str, keys: Sequence[tuple[str, str]], cluster_key: str, *, reason: str, staff: str, now: float
    ) -> list[tuple[str, str]]:
        """Give entries (member, source id) a cluster key for good; returns (item id, payload) of each that exists."""
        touched = []
        for member, source_id in keys:
            said = {"collection": collection, "member": member, "source_id": source_id}
            here = [decisions.c[name] == value for name, value in said.items()]
            self._connection.execute(delete(decisions).where(*here))
            row = {**said, "cluster_key": cluster_key, "reason": reason, "staff": staff, "decided": now}
            self._connection.execute(insert(decisions).values(**row))
            there = [entries.c[name] == value for name, value in said.items()]
            query = select(entries.c.item_id, entries.c.payload).where(*there)
            touched += [(found[0], found[1]) for found in self._connection.execute(query)]
        return touched

    def move(
        self,
        collection: str,
        keys: Sequence[tuple[str, str]],
        *,
        cluster_key: str,
        item_id: str,
        meeting_keys: Sequence[str] = (),
    ) -> None:
        """Make entries (member, source id) part of an item. ``meeting_keys``, one an entry, are the natural keys by
        which others may still find them; without, none does."""
        for place, (member, source_id) in enumerate(keys):
            there = (entries.c.collection == collection) & (entries.c.member == member)
            meeting = meeting_keys[place] if meeting_keys else ""
            self._connection.execute(
                update(entries)
                .where(there, entries.c.source_id == source_id)
                .values(cluster_key=cluster_key, item_id=item_id, meeting_key=meeting)
            )

    def items_by_key(self, collection: str, keys: Sequence[str], *, limit: int = 20) -> dict[str, list[str]]:
        """The items that entries with these cluster or meeting keys belong to, by key, the oldest first and at most
        ``limit`` of them."""
        found: dict[str, dict[str, None]] = {}
        for column in (entries.c.cluster_key, entries.c.meeting_key):
            query = select(column, entries.c.item_id).where(entries.c.collection == collection, column.in_(keys))
            for key, item_id in self._connection.execute(query.order_by(entries.c.id)):
                here = found.setdefault(key, {})
                if len(here) < limit:
                    here[item_id] = None
        return {key: list(here) for key, here in found.items()}

    def entries_in(self, item_ids: Sequence[str]) -> dict[str, list[tuple[str, str, str, str]]]:
        """(member, source id, cluster key, payload) of every entry of these items, oldest first."""
        found: dict[str, list[tuple[str, str, str, str]]] = {item_id: [] for item_id in item_ids}
        wanted = (entries.c.item_id, entries.c.member, entries.c.source_id, entries.c.cluster_key, entries.c.payload)
        query = select(*wanted).where(entries.c.item_id.in_(item_ids)).order_by(entries.c.id)
        for item_id, member, source_id, key, payload in self._connection.execute(query):
            found[item_id].append((member, source_id, key, payload))
        return found

    def alone(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the items that have one entry only."""
        query = select(entries.c.item_id).where(entries.c.item_id.in_(item_ids)).group_by(entries.c.item_id)
        return set(self._connection.execute(query.having(func.count() == 1)).scalars()) if item_ids else set()

    def taken(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the item ids that an entry has."""
        query = select(entries.c.item_id).where(entries.c.item_id.in_(item_ids)).distinct()
        return set(self._connection.execute(query).scalars())

    def digests(self, item_ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """(digest, withdrawn) of the items that exist."""
        query = select(items.c.id, items.c.digest, items.c.withdrawn).where(items.c.id.in_(item_ids))
        return {row[0]: (row[1], bool(row[2])) for row in self._connection.execute(query)}

    def store(self, rows: Sequence[ItemRow]) -> None:
        """Write items, each at the next revision."""
        if not rows:
            return
        first = self._take_revisions(len(rows))
        ids = [row.item.id for row in rows]
        self._connection.execute(delete(items).where(items.c.id.in_(ids)))
        self._connection.execute(insert(items), [_row(row, first + number) for number, row in enumerate(rows)])

    def withdraw(self, item_ids: Sequence[str]) -> int:
        """Withdraw items; returns how many were there."""
        first = self._take_revisions(len(item_ids)) if item_ids else 0
        withdrawn = 0
        for number, item_id in enumerate(item_ids):
            here = (items.c.id == item_id) & items.c.withdrawn.is_(False)
            values = {"withdrawn": True, "revision": first + number, "digest": "", "text": "", "payload": "{}"}
            withdrawn += self._connection.execute(update(items).where(here).values(**values)).rowcount
        return withdrawn

    def _take_revisions(self, count: int) -> int:
        """The first of ``count`` new revisions. The counter's row serialises writers until they commit, so that a
        reader that has seen a revision has seen every smaller one."""
        changed = self._connection.execute(update(revisions).values(value=revisions.c.value + count))
        if changed.rowcount == 0:
            self._connection.execute(insert(revisions).values(id=1, value=count))
        return int(self._connection.execute(select(revisions.c.value)).scalar_one()) - count + 1


def _row(row: ItemRow, revision: int) -> dict[str, Any]:
    item = row.item
    return {
        "id": item.id, "collection": item.collection, "source_id": item.source_id, "audience": item.audience,
        "kind": item.kind, "title": item.title, "text": item.text, "payload": encode_item(item),
        "passages": _encode_passages(row.passages),
        "digest": row.digest, "work_id": item.work_id, "merge_reason": row.merge_reason, "revision": revision,
        "withdrawn": False,
    }  # fmt: skip


def _encode_passages(passages: Sequence[Passage]) -> str:
    listed = [[p.start, p.end, p.context, p.page, p.clause, p.id] for p in passages]
    return json.dumps(listed, ensure_ascii=False)


_PLAIN = ("id", "source_id", "collection", "audience", "kind", "title", "text", "revision", "work_id")
_LISTED = ("creators", "subjects", "series", "title_variants", "romanised")

# Asked at every search: built once, for building them costs more than they do.
_THESE = items.c.id.in_(bindparam("ids", expanding=True)) & items.c.withdrawn.is_(False)
_ITEMS = select(*(items.c[name] for name in (*_PLAIN, "payload"))).where(_THESE)
_LENGTH = func.length(items.c.text)
_TEXTS = select(items.c.id, items.c.title, _LENGTH, case((_LENGTH <= _SHORT_TEXT, items.c.text), else_=None)).where(
    _THESE
)


def encode_item(item: StoredItem) -> str:
    """What of an item has no column of its own, as JSON."""
    body: dict[str, Any] = {name: list(getattr(item, name)) for name in _LISTED}
    body |= {name: getattr(item, name) for name in ("publisher", "year", "date", "url", "language", "abstract")}
    body["identifiers"] = [[i.scheme, i.value, i.display] for i in item.identifiers]
    body["classifications"] = [[c.scheme, c.number] for c in item.classifications]
    body["holdings"] = [
        [h.member, h.call_number, h.location, h.barcode, h.status, h.copies, h.loanable, h.copyable]
        for h in item.holdings
    ]
    body["metadata"] = dict(item.metadata)
    return json.dumps(body, ensure_ascii=False)


def _stored(row: Mapping[Any, Any]) -> StoredItem:
    body = json.loads(row["payload"])
    for name in _LISTED:
        body[name] = tuple(body[name])
    body["identifiers"] = tuple(Identifier(scheme=s, value=v, display=d) for s, v, d in body["identifiers"])
    body["classifications"] = tuple(Classification(scheme=s, number=n) for s, n in body["classifications"])
    body["holdings"] = tuple(
        Holding(member=m, call_number=c, location=p, barcode=b, status=s, copies=n, loanable=lo, copyable=co)
        for m, c, p, b, s, n, lo, co in body["holdings"]
    )
    return StoredItem(**{name: row[name] for name in _PLAIN}, **body)


def _passages(item_id: str, listed: str, text: str) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            id=passage_id, item_id=item_id, ordinal=ordinal, start=start, end=end, text=text[start:end],
            context=context, page=page, clause=clause,
        )
        for ordinal, (start, end, context, page, clause, passage_id) in enumerate(json.loads(listed))
    )  # fmt: skip


def _change(row: Mapping[Any, Any]) -> Change:
    if row["withdrawn"]:
        return Withdrawn(item_id=row["id"], revision=row["revision"])
    item = _stored(row)
    return IndexItem(item=item, passages=_passages(item.id, row["passages"], item.text))
