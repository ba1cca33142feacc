"""A database with the small consortium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core import jobs  # the tables of leased work
from backend.core.db import Base, Database
from backend.delivery import file_models, models
from tests.delivery.library import consortium
from tests.delivery.readers import client, reader, stranger

__all__ = ["client", "reader", "stranger"]

assert jobs.JobRow.metadata is models.RequestRow.metadata is file_models.FileRow.metadata


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'delivery.sqlite3'}")
    Base.metadata.create_all(made.engine)
    consortium(made)
    yield made
    made.close()
