"""Loads sources into the catalogue: streamed, idempotent, batch by batch.

What did not change costs a hash; what changed replaces; what a complete load no longer has is withdrawn. A batch is a
transaction: a run that is killed leaves the last batch's good state, and the next run finds what it stored unchanged.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from indexer.catalogue import Catalogue, Collection, SourceBusyError
from indexer.entries import storable
from indexer.load import TRADITION, BatchCounts, load_batch, rebuild
from indexer.progress import Progress, Silent
from indexer.records import Document, Holding, Record
from indexer.report import IngestReport, Tally
from indexer.sources.holding_rules import HoldingRules, built_in
from indexer.sources.opening import ReadingOptions, read_input
from indexer.sources.values import Deleted, Outcome, Read, Skipped, SourceError, Unchanged

BATCH = 500
LOCK_SECONDS = 600.0
"""How long a lock outlives its last renewal. A dead process of the same machine is noticed at once."""

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
        self._token = f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(8)}"
        self._run_id = 0

    def load(self, inputs: Sequence[str]) -> IngestReport:
        with _fewer_collections():
            return self._load(inputs)

    def _load(self, inputs: Sequence[str]) -> IngestReport:
        began = time.monotonic()
        self._take_lock()
        try:
            self._run_id = self._catalogue.start_run(self._source, now=time.time())
            withheld = self._load_all(inputs)
            report = self._tally.report(
                run_id=self._run_id,
                collection=self._options.collection,
                member=self._options.member,
                seconds=time.monotonic() - began,
                withheld=withheld,
            )
            self._catalogue.finish_run(self._run_id, report.to_dict(), now=time.time())
        finally:
            self._catalogue.unlock(self._source, self._token)
            self._progress.finish()
        return report

    def _take_lock(self) -> None:
        """The right to load this source; taken over from a process of this machine that is no longer there."""
        try:
            self._keep_lock()
        except SourceBusyError:
            holder = self._catalogue.lock_holder(self._source)
            if not _is_dead(holder):
                raise
            self._catalogue.unlock(self._source, holder)
            self._keep_lock()

    def _keep_lock(self) -> None:
        self._catalogue.lock(self._source, self._token, now=time.time(), seconds=LOCK_SECONDS)

    def _load_all(self, inputs: Sequence[str]) -> str:
        """Returns why nothing was withdrawn, when a complete load was asked for and did not dare."""
        into: Collection | None = None
        failed: SourceError | None = None
        for given in inputs:
            self._progress.start(f"loading {given.rsplit('/', 1)[-1]}")
            try:
                for batch in _batches(read_input(given, self._reading()), BATCH):
                    into = into or self._open(batch)
                    self._store(batch, into)
                    self._keep_lock()
                    self._progress.advance(len(batch))
            except SourceError as error:
                failed = failed or error
                self._tally.note(given, Skipped(place="整个来源", reason=str(error), cut=True))
        if failed and into is None:
            raise failed
        if not self._options.complete or into is None:
            return ""
        if not self._tally.trustworthy:
            return "有内容没能读入（超过百分之一），所以没有撤下来源中不再出现的条目"
        self._withdraw_vanished(into)
        return ""

    def _reading(self) -> ReadingOptions:
        chosen = self._options
        return ReadingOptions(
            format=chosen.format,
            kind=chosen.kind,
            columns=chosen.columns,
            harvest=chosen.reading,
            rules=chosen.rules,
            unchanged=self._same_bytes if chosen.transform is None and chosen.holding_rule is None else None,
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
        digests: dict[str, str] = {}
        gone: list[str] = []
        same: dict[str, None] = {}
        for source, outcome in batch:
            self._tally.note(source, outcome)
            if isinstance(outcome, Read):
                thing = self._own(outcome.thing)
                self._tally.repeated += things.pop(thing.source_id, None) is not None
                things[thing.source_id] = thing
                if outcome.raw_digest:
                    digests[thing.source_id] = outcome.raw_digest
            elif isinstance(outcome, Unchanged):
                same[storable(outcome.source_id)] = None
            elif isinstance(outcome, Deleted):
                gone.append(outcome.source_id)
                things.pop(outcome.source_id, None)
        if things or same:
            counts = load_batch(
                self._catalogue,
                list(things.values()),
                into=into,
                member=self._options.member,
                run_id=self._run_id,
                raw_digests=self._stamped(digests),
                same_bytes=list(same),
            )
            self._tally.stored(counts)
        if gone:
            self._tally.stored(self._remove(gone, into))

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
            touched = batch.vanished(into.name, self._options.member, self._run_id)
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


def _is_dead(token: str) -> bool:
    """Is the process that took a lock one of this machine that has ended?"""
    host, _, rest = token.partition(":")
    number = rest.partition(":")[0]
    if host != socket.gethostname()[:24] or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _batches(outcomes: Iterator[tuple[str, Outcome]], size: int) -> Iterator[list[tuple[str, Outcome]]]:
    """Pieces of a stream; what was read before a source broke off comes first, then its error."""
    batch: list[tuple[str, Outcome]] = []
    try:
        for outcome in outcomes:
            batch.append(outcome)
            if len(batch) == size:
                yield batch
                batch = []
    except SourceError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
