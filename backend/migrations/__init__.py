"""Alembic migrations of every table, run by ``lianwen db upgrade`` and by the first command on an empty database.

Safe to repeat and to race: the upgrade runs under a lock (PostgreSQL: an advisory lock; SQLite: the write lock), and a
database that is already current is left alone.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

_LOCK = 0x6C69_616E  # any number that is ours: "lian"


def config() -> Config:
    """Alembic's configuration, without an ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    return settings


def head() -> str:
    """The revision this code expects."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    if revision is None:
        raise RuntimeError("no migration is installed")
    return revision


def current(engine: Engine) -> str | None:
    """The revision the database is at; None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> bool:
    """Bring the database to :func:`head`; tell whether anything was done."""
    if current(engine) == head():
        return False
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        if _at_head(connection):
            return False
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
    return True


def _at_head(connection: Connection) -> bool:
    return MigrationContext.configure(connection).get_current_revision() == head()
