"""Loads sources into the catalogue: streamed, idempotent, batch by batch.

What did not change costs a hash; what changed replaces; what a complete load no longer has is withdrawn. A batch is a
transaction: a run that is killed leaves the last batch's good state, and the next run finds what it stored unchanged.
The very input of the last run, under the same options, is not even read (:mod:`indexer.source_state`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.catalogue import Catalogue, Collection
from indexer.entries import storable
from indexer.load import TRADITION, BatchCounts, load_batch, rebuild
from indexer.progress import Progress, Silent
from indexer.records import Document, Holding, Record
from indexer.report import IngestReport, Tally, again
from indexer.run_log import RunLog
from indexer.source_lock import SourceLock
from indexer.source_state import LastRun, SourceState
from indexer.sources.holding_rules import HoldingRules, built_in
from indexer.sources.marks import digest_of_file, indexer_code
from indexer.sources.opening import ReadingOptions, folder_files, read_input
from indexer.sources.options import Network
from indexer.sources.pdf import ocr_installed
from indexer.sources.values import (
    Checkpoint,
    Deleted,
    HarvestState,
    Noticed,
    Outcome,
    Read,
    Skipped,
    SourceError,
    Unchanged,
)

BATCH = 500
BATCH_SECONDS = 20.0


HoldingRule = Callable[[Record], Sequence[Holding]]
Transform = Callable[[Record | Document], Record | Document]

__all__ = ["HoldingRule", "IngestOptions", "IngestReport", "Transform", "ingest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """What is loaded, into where, for whom.

    ``holding_rule`` says which holdings a record has;
    without one every holding is ``member``'s, or, without a member, of the code the record itself names.
    ``rules`` say how MARC records tell their holdings and whose the codes are (:mod:`indexer.sources.holding_rules`).
    ``transform`` is applied to each thing before it is compared with what is stored.
    ``rules_mark`` changes with what these two do; without it a load that has one of them always reads its input.
    ``reading`` is what is asked of an OAI-PMH or SRU server; ``full``: harvest from the beginning.
    ``may_be_empty``: a complete load of nothing withdraws everything (elsewhere it is taken for a mistake).
    """

    collection: str
    kind: str | None = None
    member: str = ""
    format: str = "auto"
    audience: str = "public"
    complete: bool = False
    label: str = ""
    holding_rule: HoldingRule | None = None
    transform: Transform | None = None
    rules: HoldingRules | None = None
    columns: Mapping[str, str] | None = None
    reading: Mapping[str, str] = field(default_factory=dict)
    full: bool = False
    may_be_empty: bool = False
    allow_private: bool = False
    networks: tuple[Network, ...] = ()
    rules_mark: str = ""


def ingest(
    catalogue: Catalogue, inputs: Sequence[str], options: IngestOptions, *, progress: Progress | None = None
) -> IngestReport:
    """Load every input into one collection.

    :raises SourceError: when an input is not there or cannot be read at all; what was stored before stays.
    :raises SourceBusyError: when another run loads the same collection for the same member.
    :raises CollectionMismatchError: when the collection exists for another audience.
    """
    return _Run(catalogue, options, progress or Silent()).load(inputs)


class _Run:
    def __init__(self, catalogue: Catalogue, options: IngestOptions, progress: Progress) -> None:
        self._catalogue = catalogue
        self._options = options
        self._progress = progress
        self._tally = Tally()
        self._source = f"{options.collection}/{options.member}"
        self._state = SourceState(catalogue.engine)
        self._known: Mapping[str, str] = {}
        self._first_run = 0
        self._run_id = 0

    def load(self, inputs: Sequence[str]) -> IngestReport:
        with _fewer_collections():
            return self._load(inputs)

    def _load(self, inputs: Sequence[str]) -> IngestReport:
        began = time.monotonic()
        with SourceLock(self._catalogue, self._source):
            self._run_id = self._first_run = self._catalogue.start_run(self._source, now=time.time())
            try:
                report = self._report(inputs, began)
            except (SourceError, ValueError, OSError) as error:
                self._finish({"error": str(error)})
                raise
            finally:
                self._progress.finish()
            self._finish(report.to_dict())
        return report

    def _finish(self, said: Mapping[str, object]) -> None:
        self._catalogue.finish_run(self._run_id, said, now=time.time())

    def _report(self, inputs: Sequence[str], began: float) -> IngestReport:
        mark = input_mark(inputs, self._options)
        if mark and (former := self._same_as_last(mark)):
            return again(former, run_id=self._run_id, seconds=time.monotonic() - began)
        self._state.keep_run(self._source, LastRun(run_id=self._run_id, mark=""))
        withheld = self._load_all(inputs)
        report = self._tally.report(
            run_id=self._run_id,
            collection=self._options.collection,
            member=self._options.member,
            seconds=time.monotonic() - began,
            withheld=withheld,
        )
        if not (self._tally.broken_off or self._tally.failed):
            self._state.keep_run(self._source, LastRun(run_id=self._run_id, mark=mark))
        return report

    def _same_as_last(self, mark: str) -> Mapping[str, Any] | None:
        """The report of the last run that touched this source, when it had read the same input."""
        last = self._state.last_run(self._source)
        if last is None or last.mark != mark:
            return None
        collection = self._existing()
        if collection is None or collection.audience != self._options.audience:
            return None
        former = RunLog(self._catalogue.engine).run(last.run_id)
        return former.report if former and "loaded" in former.report else None

    def _load_all(self, inputs: Sequence[str]) -> str:
        """Returns why nothing was withdrawn, when a complete load was asked for and did not dare."""
        into: Collection | None = None
        failed: SourceError | None = None
        if not (self._options.holding_rule or self._options.transform) or self._options.rules_mark:
            self._known = self._state.file_marks(self._options.collection, self._options.member)
        for given in inputs:
            self._progress.start(f"loading {given.rstrip('/').rsplit('/', 1)[-1]}")
            before = self._tally.read + self._tally.deleted
            try:
                for batch in _batches(read_input(given, self._reading()), BATCH, BATCH_SECONDS):
                    into = into or self._open(batch)
                    self._store(batch, into)
                    self._progress.advance(len(batch))
                if self._tally.read + self._tally.deleted == before:
                    self._tally.note(given, Noticed(place="整个来源", remark="没有新的记录"))
            except SourceError as error:
                failed = failed or error
                self._tally.failed = True
                self._tally.note(given, Skipped(place="整个来源", reason=str(error), cut=True))
        if failed and (into is None or self._tally.read == self._tally.skipped_count):
            raise failed
        emptied = self._options.may_be_empty and not failed and self._tally.read == 0
        into = self._existing() if emptied else into
        if not self._options.complete or into is None:
            return ""
        if not (self._tally.trustworthy or emptied):
            return "有内容没能读入（超过百分之一，或来源中途断开），所以没有撤下来源中不再出现的条目"
        self._withdraw_vanished(into)
        return ""

    def _existing(self) -> Collection | None:
        return next((one for one in self._catalogue.collections() if one.name == self._options.collection), None)

    def _reading(self) -> ReadingOptions:
        chosen = self._options
        return ReadingOptions(
            format=chosen.format,
            kind=chosen.kind,
            columns=chosen.columns,
            harvest=chosen.reading,
            rules=chosen.rules,
            unchanged=self._same_bytes if chosen.transform is None and chosen.holding_rule is None else None,
            allow_private=chosen.allow_private,
            networks=chosen.networks,
            known=self._known,
            state=self._harvest_state,
            run_id=self._run_id,
            salt=f"{chosen.audience}\0{chosen.rules_mark}",
        )

    def _same_bytes(self, digests: Mapping[str, str]) -> set[str]:
        """Which records were stored from the same bytes, by the same rules, for the same audience."""
        return self._catalogue.same_bytes(self._options.collection, self._options.member, self._stamped(digests))

    def _stamped(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Digests that change with everything else that decides what a record becomes."""
        chosen = self._options
        rules = chosen.rules or built_in()
        stamp = hashlib.blake2b(repr((TRADITION, chosen.audience, rules)).encode(), digest_size=20).digest()
        return {
            storable(source_id): hashlib.blake2b(digest.encode(), digest_size=20, key=stamp).hexdigest()
            for source_id, digest in digests.items()
        }

    def _harvest_state(self, address: str) -> HarvestState:
        """Where the harvest of an address goes on. A complete load takes up a cut full harvest, no incremental one."""
        state = self._state.harvest(self._source, address)
        if self._options.full or (self._options.complete and state.since):
            return HarvestState()
        if state.token and state.run_id:
            self._first_run = min(self._first_run, state.run_id)
        return state

    def _open(self, batch: Sequence[tuple[str, Outcome]]) -> Collection:
        first = next((outcome.thing for _, outcome in batch if isinstance(outcome, Read)), None)
        told = "catalogue" if isinstance(first, Record) else first.kind if first else "document"
        return self._catalogue.open_collection(
            Collection(
                name=self._options.collection,
                kind=self._options.kind or told,
                audience=self._options.audience,
                label=self._options.label,
            )
        )

    def _store(self, batch: Sequence[tuple[str, Outcome]], into: Collection) -> None:
        things: dict[str, Record | Document] = {}
        places: dict[str, tuple[str, str]] = {}
        digests: dict[str, str] = {}
        marks: dict[str, str] = {}
        gone: dict[str, None] = {}
        for source, outcome in batch:
            self._tally.note(source, outcome)
            if isinstance(outcome, Read):
                thing = self._own(outcome.thing)
                key = storable(thing.source_id)
                if things.pop(key, None) is not None:
                    self._repeated(source, outcome.place, key)
                things[key], places[key] = thing, (source, outcome.place)
                gone.pop(key, None)
                digests[thing.source_id] = outcome.raw_digest
                if outcome.mark:
                    marks[key] = outcome.mark
            elif isinstance(outcome, Deleted):
                gone[storable(outcome.source_id)] = None
                things.pop(storable(outcome.source_id), None)
        self._keep_seen(batch, into)
        self._store_things(things, places, {key: digest for key, digest in digests.items() if digest}, into)
        self._state.keep_files(into.name, self._options.member, {key: marks[key] for key in marks if key in things})
        if gone:
            self._tally.stored(self._remove(list(gone), into))
        for _, outcome in batch:
            if isinstance(outcome, Checkpoint) and outcome.address:
                self._state.keep_harvest(self._source, outcome.address, outcome.state, now=time.time())

    def _keep_seen(self, batch: Sequence[tuple[str, Outcome]], into: Collection) -> None:
        """What was not read again, or could not be read now but is still there, is not gone."""
        same = [storable(one.source_id) for _, one in batch if isinstance(one, Unchanged)]
        still = [storable(one.source_id) for _, one in batch if isinstance(one, Skipped) and one.source_id]
        if not (same or still):
            return
        with self._catalogue.begin() as stored:
            kept = stored.seen(into.name, self._options.member, same, self._run_id)
            stored.seen(into.name, self._options.member, still, self._run_id)
        self._tally.stored(BatchCounts(unchanged=kept))

    def _store_things(
        self,
        things: Mapping[str, Record | Document],
        places: Mapping[str, tuple[str, str]],
        digests: Mapping[str, str],
        into: Collection,
    ) -> None:
        if not things:
            return
        for key in self._state.already_seen(into.name, self._options.member, list(things), self._run_id):
            self._repeated(*places[key], key)
        counts = load_batch(
            self._catalogue,
            list(things.values()),
            into=into,
            member=self._options.member,
            run_id=self._run_id,
            raw_digests=self._stamped(digests),
        )
        self._tally.stored(counts)

    def _repeated(self, source: str, place: str, key: str) -> None:
        self._tally.repeated += 1
        self._tally.note(source, Noticed(place=place, remark=f"编号 {key[:80]} 在来源中已经出现过，以这一次为准"))

    def _own(self, thing: Record | Document) -> Record | Document:
        """The thing with its holdings given to their members."""
        if self._options.transform:
            thing = self._options.transform(thing)
        member = self._options.member
        if isinstance(thing, Document):
            return dataclasses.replace(thing, metadata={"member": member, **thing.metadata}) if member else thing
        if self._options.holding_rule:
            thing = dataclasses.replace(thing, holdings=tuple(self._options.holding_rule(thing)))
        elif thing.holdings:
            thing = dataclasses.replace(thing, holdings=self._resolved(thing.holdings))
        if not member or thing.holdings:
            return thing
        held = Holding(member=member, call_number=_class_mark(thing), status="unknown")
        return dataclasses.replace(thing, holdings=(held,))

    def _resolved(self, holdings: Sequence[Holding]) -> tuple[Holding, ...]:
        """The holdings with their members; codes that no rule maps are counted for the report."""
        rules, home = self._options.rules or built_in(), self._options.member
        found = []
        for one in holdings:
            resolved, unknown = rules.resolve(one, home)
            if unknown:
                self._tally.unmapped[unknown] += 1
            found.append(resolved)
        return tuple(found)

    def _remove(self, source_ids: Sequence[str], into: Collection) -> BatchCounts:
        with self._catalogue.begin() as batch:
            touched = batch.remove(into.name, self._options.member, [storable(one) for one in source_ids])
            _, withdrawn = rebuild(batch, touched, into=into)
        return BatchCounts(withdrawn=withdrawn)

    def _withdraw_vanished(self, into: Collection) -> None:
        with self._catalogue.begin() as batch:
            touched = batch.vanished(into.name, self._options.member, self._first_run)
            for start in range(0, len(touched), BATCH):
                _, withdrawn = rebuild(batch, touched[start : start + BATCH], into=into)
                self._tally.stored(BatchCounts(withdrawn=withdrawn))


@contextlib.contextmanager
def _fewer_collections() -> Iterator[None]:
    """Let the cycle collector run seldom: a batch makes a hundred thousand objects that die by their counts; looking
    through them again and again cost a fifth of a load."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _class_mark(record: Record) -> str:
    return record.classifications[0].number if record.classifications else ""


def input_mark(inputs: Sequence[str], options: IngestOptions) -> str:
    """The same for the same files under the same options and the same code; empty where that cannot be told."""
    if (options.holding_rule or options.transform) and not options.rules_mark:
        return ""
    whole = hashlib.blake2b(digest_size=20)
    told = (
        indexer_code(), ocr_installed(), options.rules or built_in(),
        options.kind, options.format, options.audience, options.complete,
        options.may_be_empty, options.rules_mark, sorted((options.columns or {}).items()),
    )  # fmt: skip
    whole.update(repr(told).encode())
    try:
        for given in inputs:
            path = Path(given).expanduser()
            files = list(folder_files(path)) if path.is_dir() else [path]
            for file in files:
                if file.is_symlink() and path.is_dir():
                    continue
                if not file.is_file():
                    return ""
                whole.update(
                    f"{file.name if file == path else file.relative_to(path)}\0".encode(errors="surrogateescape")
                )
                whole.update(digest_of_file(file))
    except OSError:
        return ""
    return whole.hexdigest()


def _batches(outcomes: Iterator[tuple[str, Outcome]], size: int, seconds: float) -> Iterator[list[tuple[str, Outcome]]]:
    """Pieces of a stream, closed when full, when old, and at every checkpoint; what was read before a source broke off
    comes first, then its error."""
    batch: list[tuple[str, Outcome]] = []
    began = time.monotonic()
    try:
        for outcome in outcomes:
            batch.append(outcome)
            if len(batch) >= size or isinstance(outcome[1], Checkpoint) or time.monotonic() - began > seconds:
                yield batch
                batch, began = [], time.monotonic()
    except SourceError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
