"""The history of requests can be added to and nothing else: the database itself refuses, whoever asks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, event

_SQLITE = """
CREATE TRIGGER delivery_history_no_{change} BEFORE {change} ON delivery_history
BEGIN SELECT RAISE(ABORT, 'delivery_history is append-only'); END
"""
_POSTGRESQL = (
    """
CREATE FUNCTION delivery_history_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'delivery_history is append-only'; END $$
""",
    """
CREATE TRIGGER delivery_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery_history
FOR EACH STATEMENT EXECUTE FUNCTION delivery_history_append_only()
""",
)


def append_only(dialect: str) -> list[str]:
    """The statements that close the table ``delivery_history``."""
    if dialect == "postgresql":
        return list(_POSTGRESQL)
    return [_SQLITE.format(change=change) for change in ("update", "delete")]


def guard(table: Table) -> None:
    """Create the triggers wherever the table is created."""

    def created(_table: Any, connection: Connection, **_: Any) -> None:
        for statement in append_only(connection.dialect.name):
            connection.exec_driver_sql(statement)

    event.listen(table, "after_create", created)
