"""What is remembered of a source between two loads, so that the next one does only what is new.

A *source* is what one member gives to one collection (``collection/member``). Three things are kept: the mark of its
last complete run (the same inputs under the same options again: nothing to do), the mark of each document file (the
same bytes again: not parsed again), and how far a harvest of an address got.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Column, Engine, Float, Integer, String, Table, Text, delete, insert, select, update

from indexer.catalogue import entries, metadata
from indexer.sources.values import HarvestState

sources = Table(
    "cat_sources",
    metadata,
    Column("source", String(512), primary_key=True),
    Column("run_id", Integer, nullable=False),
    Column("mark", String(40), nullable=False),
)
files = Table(
    "cat_files",
    metadata,
    Column("collection", String(64), primary_key=True),
    Column("member", String(64), primary_key=True),
    Column("source_id", String(512), primary_key=True),
    Column("mark", String(40), nullable=False),
    Column("digest", String(40), nullable=False),
)
harvests = Table(
    "cat_harvests",
    metadata,
    Column("source", String(512), primary_key=True),
    Column("address", String(40), primary_key=True),
    Column("state", Text, nullable=False),
    Column("updated", Float, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The last run that touched a source. ``mark`` is empty unless it read everything it was given."""

    run_id: int
    mark: str


class SourceState:
    """Reads and writes the tables above."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(lianwen_read_only=True)

    def last_run(self, source: str) -> LastRun | None:
        with self._reading.connect() as connection:
            row = connection.execute(select(sources).where(sources.c.source == source)).mappings().first()
        return LastRun(run_id=row["run_id"], mark=row["mark"]) if row else None

    def keep_run(self, source: str, last: LastRun) -> None:
        """Remember the run that touched the source last."""
        with self._engine.begin() as connection:
            here = sources.c.source == source
            if connection.execute(update(sources).where(here).values(**asdict(last))).rowcount == 0:
                connection.execute(insert(sources).values(source=source, **asdict(last)))

    def file_marks(self, collection: str, member: str) -> dict[str, str]:
        """Marks of the document files whose entry is still what they said, by source id."""
        query = (
            select(files.c.source_id, files.c.mark)
            .join(
                entries,
                (entries.c.collection == files.c.collection)
                & (entries.c.member == files.c.member)
                & (entries.c.source_id == files.c.source_id)
                & (entries.c.digest == files.c.digest),
            )
            .where(files.c.collection == collection, files.c.member == member)
        )
        with self._reading.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def keep_files(self, collection: str, member: str, marks: Mapping[str, str]) -> None:
        """Remember the marks of files (by source id) that have just been stored as entries."""
        if not marks:
            return
        here = (files.c.collection == collection) & (files.c.member == member)
        stored = select(entries.c.source_id, entries.c.digest).where(
            entries.c.collection == collection, entries.c.member == member, entries.c.source_id.in_(list(marks))
        )
        with self._engine.begin() as connection:
            rows = [
                {"collection": collection, "member": member, "source_id": key, "mark": marks[key], "digest": digest}
                for key, digest in connection.execute(stored)
            ]
            connection.execute(delete(files).where(here, files.c.source_id.in_(list(marks))))
            if rows:
                connection.execute(insert(files), rows)

    def already_seen(self, collection: str, member: str, source_ids: Sequence[str], run_id: int) -> set[str]:
        """Those of the ids that this run has met before."""
        query = select(entries.c.source_id).where(
            entries.c.collection == collection,
            entries.c.member == member,
            entries.c.source_id.in_(source_ids),
            entries.c.run_id == run_id,
        )
        with self._reading.connect() as connection:
            return set(connection.execute(query).scalars())

    def harvest(self, source: str, address: str) -> HarvestState:
        """How far the harvest of ``address`` (its mark) got; an empty state when there was none."""
        query = select(harvests.c.state).where(harvests.c.source == source, harvests.c.address == address)
        with self._reading.connect() as connection:
            state = connection.execute(query).scalar()
        return HarvestState(**json.loads(state)) if state else HarvestState()

    def keep_harvest(self, source: str, address: str, state: HarvestState, *, now: float) -> None:
        values = {"state": json.dumps(asdict(state), ensure_ascii=False), "updated": now}
        here = (harvests.c.source == source) & (harvests.c.address == address)
        with self._engine.begin() as connection:
            if connection.execute(update(harvests).where(here).values(**values)).rowcount == 0:
                connection.execute(insert(harvests).values(source=source, address=address, **values))
