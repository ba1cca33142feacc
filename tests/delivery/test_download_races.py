"""Many downloads and two uploads at once, on SQLite and PostgreSQL: no link gives more than it allows, nothing is
supplied twice, no file is left that nobody names."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backend import migrations
from backend.core.db import Database
from backend.core.errors import LianwenError
from backend.delivery import figures, requests, store
from backend.delivery.copyright import CopyrightLedger
from backend.delivery.counter import Counter
from backend.delivery.handover import Handover, Terms
from backend.delivery.reports import Reports
from backend.delivery.rules import Rules
from backend.delivery.shelf import FileShelf
from tests.delivery import uploads
from tests.delivery.library import PATRON, consortium, draft, item, librarian, office
from tests.delivery.readers import Shelf
from tests.delivery.test_races import POSTGRES


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database as the migrations make it."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
        migrations.upgrade(made.engine)
        consortium(made)
        yield made
        made.close()
        return
    name = f"lianwen_files_{uuid.uuid4().hex[:12]}"
    admin = create_engine(POSTGRES + "postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    made = Database(POSTGRES + name)
    migrations.upgrade(made.engine)
    consortium(made)
    yield made
    made.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_a_race_of_uploads_and_downloads(migrated: Database, tmp_path: Path) -> None:
    shelf = FileShelf(directory=tmp_path / "files")
    handover = Handover(
        database=migrated, shelf=shelf, key="k" * 40, public_url="https://x.example", terms=Terms(downloads=3)
    )
    rules = Rules(copyright=CopyrightLedger(key="k" * 40), download=handover.download, withdraw=handover.withdraw)
    counter = Counter(database=migrated, rules=rules, handover=handover, lookup=Shelf())
    with migrated.begin() as session:
        asked = draft(item("city"), service="copy", pages="1-2", delivery="electronic")
        number = requests.place(session, asked, actor=PATRON, rules=rules, visitor_id="v_1").number

    def supply(_: int) -> str:
        with counter.incoming() as path:
            path.write_bytes(uploads.pdf(2))
            try:
                return str(counter.supply(number, path, staff=librarian("city"))["state"])
            except LianwenError as error:
                return error.code

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(supply, range(3))) == ["conflict", "conflict", "delivered"]
    assert len(list(shelf.directory.glob("*.pdf"))) == 1
    with migrated.read() as session:
        view = handover.download(session, number)
        assert view is not None
        supplied = store.supply(session, number)
        assert supplied is not None
        assert supplied.pages == 2

    def fetch(_: int) -> bool:
        try:
            handover.fetch(view.url.rpartition("/")[2])
        except LianwenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(fetch, range(12))) == 3
    day = supplied.at.date()
    tables = Reports(migrated).tables(staff=office(), since=day, until=day.replace(year=day.year + 1))
    assert {table.key for table in tables} >= {"months", "settlements"}
    with migrated.read() as session:
        assert (
            figures.supplying(session, since=view.expires_at.replace(year=2000), until=view.expires_at)[0].supplied == 1
        )
    counter.revoke(number, staff=librarian("city"))
    assert list(shelf.directory.glob("*.pdf")) == []
