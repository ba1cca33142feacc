"""The loads that were made, with their reports: for the command line and the librarians' desk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, func, select

from indexer.catalogue import items, locks, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One load. ``finished`` is None for one that is going on (``running``) or was cut off. Moments in seconds since
    1970. ``report`` is :meth:`indexer.report.IngestReport.to_dict`, or holds an ``error``."""

    id: int
    source: str
    started: float
    finished: float | None
    running: bool
    report: Mapping[str, Any]

    @property
    def collection(self) -> str:
        return self.source.partition("/")[0]

    @property
    def member(self) -> str:
        return self.source.partition("/")[2]


class RunLog:
    """Reads what :class:`indexer.catalogue.Catalogue` writes of runs."""

    def __init__(self, engine: Engine) -> None:
        self._reading = engine.execution_options(lianwen_read_only=True)

    def run(self, run_id: int) -> Run | None:
        with self._reading.connect() as connection:
            row = connection.execute(_RUNS.where(runs.c.id == run_id)).first()
        return _run(row) if row else None

    def runs(
        self, *, collection: str = "", member: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[list[Run], int]:
        """Loads, newest first, and how many there are. ``member``: those of one member; None: everybody's."""
        wanted = [
            *([runs.c.source.startswith(f"{collection}/", autoescape=True)] if collection else []),
            *([runs.c.source.endswith(f"/{member}", autoescape=True)] if member is not None else []),
        ]
        with self._reading.connect() as connection:
            total = int(connection.execute(select(func.count()).select_from(runs).where(*wanted)).scalar_one())
            rows = connection.execute(_RUNS.where(*wanted).order_by(runs.c.id.desc()).limit(limit).offset(offset)).all()
        return [_run(row) for row in rows], total

    def collections_of(self, member: str) -> set[str]:
        """The collections that a member has loaded something into."""
        query = select(runs.c.source).where(runs.c.source.endswith(f"/{member}", autoescape=True)).distinct()
        with self._reading.connect() as connection:
            return {str(source).partition("/")[0] for source in connection.execute(query).scalars()}

    def sizes(self) -> dict[str, int]:
        """How many items each collection holds."""
        query = (
            select(items.c.collection, func.count()).where(items.c.withdrawn.is_(False)).group_by(items.c.collection)
        )
        with self._reading.connect() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}


_LATEST = select(func.max(runs.c.id)).where(runs.c.source == locks.c.source).correlate(locks).scalar_subquery()
_RUNNING = select(locks.c.source).where(runs.c.id == _LATEST).correlate(runs).exists()
_RUNS = select(runs, _RUNNING.label("running"))


def _run(row: Row[Any]) -> Run:
    said = row._mapping
    return Run(
        id=said["id"],
        source=said["source"],
        started=said["started"],
        finished=said["finished"],
        running=said["finished"] is None and bool(said["running"]),
        report=json.loads(said["report"]),
    )
