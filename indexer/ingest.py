"""Loads sources into the catalogue: streamed, idempotent, batch by batch.

What did not change costs a hash; what changed replaces; what a complete load no longer has is withdrawn. A batch is a
transaction: a run that is killed leaves the last batch's good state, and the next run finds what it stored unchanged.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from indexer.catalogue import Catalogue, CatalogueBatch, Collection, Entry, ItemRow, encode_item
from indexer.clustering import identify, merge_reason, record_key
from indexer.description import document_item, passage_blocks, record_item
from indexer.passages import LONGEST, split_passages
from indexer.progress import Progress, Silent
from indexer.records import (
    Block,
    Classification,
    Contributor,
    Document,
    Holding,
    Identifier,
    Kind,
    Record,
    StoredItem,
)
from indexer.sources.detect import Found, default_kind, files_of, read
from indexer.sources.values import Outcome, Read, Skipped, SourceError

BATCH = 500
LOCK_SECONDS = 120.0
REPORTED_SKIPS = 200

SCHEMA = 1
"""Part of every digest: raised when records or their stored text are made differently, so that a load renews."""

Transform = Callable[[Record | Document], Record | Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """What is loaded, into where, for whom. ``transform`` changes each thing before it is compared and stored."""

    collection: str
    kind: str | None = None
    member: str = ""
    format: str = "auto"
    audience: str = "public"
    complete: bool = False
    label: str = ""
    transform: Transform | None = None


@dataclass(slots=True)
class IngestReport:
    """What a run did. ``skipped`` lists the first places with their reasons; ``skip_reasons`` counts all."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    merged: int = 0
    skipped_count: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    skip_reasons: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def loaded(self) -> int:
        """Entries that are in the catalogue after the run."""
        return self.added + self.changed + self.unchanged

    def skip(self, skipped: Skipped, source: str) -> None:
        self.skipped_count += 1
        self.skip_reasons[skipped.reason] += 1
        if len(self.skipped) < REPORTED_SKIPS:
            self.skipped.append({"source": source, "place": skipped.place, "reason": skipped.reason})

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **{name: getattr(self, name) for name in ("read", "added", "changed", "unchanged", "withdrawn", "merged")},
            "skipped": self.skipped_count,
            "skipped_items": self.skipped,
            "skip_reasons": dict(self.skip_reasons),
            "encodings": dict(self.encodings),
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """For a person at a terminal."""
        counts = (
            ("读取", self.read), ("新增", self.added), ("更新", self.changed), ("未变", self.unchanged),
            ("撤下", self.withdrawn), ("合并", self.merged), ("跳过", self.skipped_count),
        )  # fmt: skip
        shown = ["，".join(f"{name} {count}" for name, count in counts) + f"，用时 {self.seconds:.1f} 秒"]
        shown += [f"编码 {encoding}：{count} 条" for encoding, count in self.encodings.most_common()]
        shown += [f"跳过 {entry['source']} {entry['place']}：{entry['reason']}" for entry in self.skipped[:20]]
        if self.skipped_count > 20:
            shown.append(f"……共跳过 {self.skipped_count} 条")
        return shown


def ingest(
    catalogue: Catalogue, inputs: Sequence[str], options: IngestOptions, *, progress: Progress | None = None
) -> IngestReport:
    """Load every input into one collection.

    :raises SourceError: when an input is not there or cannot be read at all; nothing of it is stored then.
    :raises SourceBusyError: when another run loads the same collection for the same member.
    :raises CollectionMismatchError: when the collection exists for another audience.
    """
    run = _Run(catalogue, options, progress or Silent())
    return run.load(inputs)


class _Run:
    def __init__(self, catalogue: Catalogue, options: IngestOptions, progress: Progress) -> None:
        self._catalogue = catalogue
        self._options = options
        self._progress = progress
        self._report = IngestReport()
        self._source = f"{options.collection}/{options.member}"
        self._token = secrets.token_hex(8)
        self._run_id = 0

    def load(self, inputs: Sequence[str]) -> IngestReport:
        began = time.monotonic()
        self._keep_lock()
        try:
            self._run_id = self._catalogue.start_run(self._source, now=time.time())
            for input_ in inputs:
                self._load_input(input_)
            if self._options.complete:
                self._withdraw_vanished()
            self._report.seconds = time.monotonic() - began
            self._catalogue.finish_run(self._run_id, self._report.to_dict(), now=time.time())
        finally:
            self._catalogue.unlock(self._source, self._token)
            self._progress.finish()
        return self._report

    def _keep_lock(self) -> None:
        self._catalogue.lock(self._source, self._token, now=time.time(), seconds=LOCK_SECONDS)

    def _load_input(self, input_: str) -> None:
        self._progress.start(f"loading {input_.rsplit('/', 1)[-1]}")
        with files_of(input_, format_=self._options.format) as files:
            if not files:
                raise SourceError(f"{input_}: 没有可读取的文件")
            for file in files:
                if isinstance(file, Skipped):
                    self._report.read += 1
                    self._report.skip(file, input_)
                else:
                    self._load_file(file)

    def _load_file(self, file: Found) -> None:
        kind: Kind = self._options.kind or default_kind(file.format)  # type: ignore[assignment]
        self._catalogue.open_collection(
            Collection(
                name=self._options.collection, kind=kind, audience=self._options.audience, label=self._options.label
            )
        )
        outcomes = read(file, kind=kind)
        for batch in _batches(outcomes, BATCH):
            self._store(batch, file.name)
            self._keep_lock()
            self._progress.advance(len(batch))

    def _store(self, batch: Sequence[Outcome], source: str) -> None:
        things: dict[str, Record | Document] = {}
        for outcome in batch:
            self._report.read += 1
            if isinstance(outcome, Skipped):
                self._report.skip(outcome, source)
                continue
            self._report.encodings[outcome.encoding] += 1
            thing = self._own(outcome)
            if thing.source_id in things:
                self._report.skip(Skipped(place=outcome.place, reason="编号与前面的条目重复，以后者为准"), source)
            things[thing.source_id] = thing
        if things:
            with self._catalogue.begin() as transaction:
                self._store_things(transaction, things)

    def _own(self, outcome: Read) -> Record | Document:
        """The thing as this load wants it: transformed, its holdings given to the member that loads it."""
        thing = self._options.transform(outcome.thing) if self._options.transform else outcome.thing
        if isinstance(thing, Document):
            member = self._options.member
            return dataclasses.replace(thing, metadata={"member": member, **thing.metadata}) if member else thing
        if not self._options.member:
            return thing
        held = thing.holdings or (Holding(member="", call_number=_default_call_number(thing), status="unknown"),)
        owned = tuple(dataclasses.replace(holding, member=self._options.member) for holding in held)
        return dataclasses.replace(thing, holdings=owned)

    def _store_things(self, transaction: CatalogueBatch, things: Mapping[str, Record | Document]) -> None:
        collection, member = self._options.collection, self._options.member
        known = transaction.known(collection, member, list(things))
        payloads = {source_id: encode(thing) for source_id, thing in things.items()}
        digests = {source_id: _digest(payload, self._options.audience) for source_id, payload in payloads.items()}
        same = [source_id for source_id in things if known.get(source_id, ("", ""))[0] == digests[source_id]]
        transaction.seen(collection, member, same, self._run_id)
        self._report.unchanged += len(same)
        fresh = [source_id for source_id in things if known.get(source_id, ("", ""))[0] != digests[source_id]]
        entries = [self._entry(things[source_id], payloads[source_id], digests[source_id]) for source_id in fresh]
        transaction.put(entries, self._run_id, known=known)
        self._report.changed += sum(source_id in known for source_id in fresh)
        self._report.added += sum(source_id not in known for source_id in fresh)
        touched = {entry.item_id for entry in entries} | {
            known[source_id][1] for source_id in fresh if source_id in known
        }
        self._renew(transaction, sorted(touched))

    def _entry(self, thing: Record | Document, payload: str, digest: str) -> Entry:
        collection, member = self._options.collection, self._options.member
        key = record_key(thing) if isinstance(thing, Record) else ""
        own = f"{member}\0{thing.source_id}" if isinstance(thing, Record) else f"document\0{thing.source_id}"
        return Entry(
            collection=collection,
            member=member,
            source_id=thing.source_id,
            digest=digest,
            item_id=identify(collection, key or own),
            cluster_key=identify(collection, key) if key else "",
            payload=payload,
        )

    def _renew(self, transaction: CatalogueBatch, item_ids: Sequence[str]) -> None:
        """Make the items anew from their entries; store those that differ, withdraw those that have none left."""
        if not item_ids:
            return
        before = transaction.digests(item_ids)
        rows, gone = [], []
        for item_id, entries in transaction.entries_of(item_ids).items():
            if not entries:
                gone.append(item_id)
                continue
            row = self._row(item_id, [decode(payload) for _, payload in entries])
            if before.get(item_id) != (row.digest, False):
                rows.append(row)
                self._report.merged += bool(row.merge_reason)
        transaction.store(rows)
        self._report.withdrawn += transaction.withdraw(gone)

    def _row(self, item_id: str, things: Sequence[Record | Document]) -> ItemRow:
        collection, audience = self._options.collection, self._options.audience
        latest = things[-1]
        if isinstance(latest, Document):
            item = document_item(item_id, collection, audience, latest)
            passages = split_passages(item_id, item.text, blocks=latest.blocks, context=item.title)
            return ItemRow(item=item, passages=passages, digest=_item_digest(item))
        records = [thing for thing in things if isinstance(thing, Record)]
        holdings = _merged_holdings(records)
        item = record_item(item_id, collection, audience, records, holdings)
        passages = split_passages(item_id, item.text, blocks=passage_blocks(item.text), target=LONGEST)
        return ItemRow(item=item, passages=passages, digest=_item_digest(item), merge_reason=merge_reason(records))

    def _withdraw_vanished(self) -> None:
        with self._catalogue.begin() as transaction:
            touched = transaction.vanished(self._options.collection, self._options.member, self._run_id)
            for start in range(0, len(touched), BATCH):
                self._renew(transaction, touched[start : start + BATCH])


def _default_call_number(record: Record) -> str:
    return record.classifications[0].number if record.classifications else ""


def _merged_holdings(records: Sequence[Record]) -> list[Holding]:
    """Every entry's holdings; copies that differ in nothing but the barcode are counted together."""
    counted: dict[tuple[str, ...], Holding] = {}
    for record in records:
        for holding in record.holdings:
            key = (holding.member, holding.call_number, holding.location, holding.status)
            known = counted.get(key)
            if known is None:
                counted[key] = holding
            elif holding.barcode != known.barcode or not holding.barcode:
                counted[key] = dataclasses.replace(known, copies=known.copies + holding.copies)
    return list(counted.values())


def _digest(payload: str, audience: str) -> str:
    raw = f"{SCHEMA}\0{audience}\0{payload}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def _item_digest(item: StoredItem) -> str:
    raw = "\0".join((str(SCHEMA), item.title, item.text, item.audience, item.kind, encode_item(item)))
    return hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _batches(outcomes: Iterator[Outcome], size: int) -> Iterator[list[Outcome]]:
    while batch := list(islice(outcomes, size)):
        yield batch


def encode(thing: Record | Document) -> str:
    """A record or document as JSON."""
    body = dataclasses.asdict(thing)
    body["type"] = type(thing).__name__
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


_NESTED: dict[str, Any] = {
    "contributors": Contributor,
    "identifiers": Identifier,
    "classifications": Classification,
    "holdings": Holding,
    "blocks": Block,
}
_PLAIN = frozenset({"metadata"})


def decode(payload: str) -> Record | Document:
    """The inverse of :func:`encode`."""
    body = json.loads(payload)
    kind = body.pop("type")
    for name, value in body.items():
        if isinstance(value, list) and name not in _PLAIN:
            made = _NESTED.get(name)
            body[name] = tuple(_nested(made, part) if made else part for part in value)
    return Record(**body) if kind == "Record" else Document(**body)


def _nested(made: Any, part: dict[str, Any]) -> Any:
    return made(**{name: tuple(value) if isinstance(value, list) else value for name, value in part.items()})
