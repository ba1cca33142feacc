"""The migrations make exactly the tables that the models describe."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from backend import migrations
from backend.core.db import Database
from backend.migrations.tables import all_metadata


def test_migrated_tables_are_the_models_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    assert migrations.upgrade(database.engine)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"target_metadata": all_metadata(), "compare_type": False}
        )
        differences = [
            change for metadata in all_metadata() for change in compare_metadata(context, metadata)
            if change[0] not in ("remove_table", "remove_index")  # the other metadata's tables
        ]  # fmt: skip
    assert differences == []


def test_upgrading_twice_does_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    assert migrations.upgrade(database.engine)
    assert not migrations.upgrade(database.engine)
