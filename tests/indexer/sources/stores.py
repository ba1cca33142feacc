"""A catalogue in a file, opened as the service opens it."""

from __future__ import annotations

from pathlib import Path

from backend.core.db import Database
from indexer import source_state
from indexer.catalogue import Catalogue, metadata


def open_catalogue(path: Path) -> Catalogue:
    """The catalogue of an SQLite file, made when new."""
    database = Database(f"sqlite:///{path}")
    assert source_state.sources.metadata is metadata
    metadata.create_all(database.engine)
    return Catalogue(database.engine)
