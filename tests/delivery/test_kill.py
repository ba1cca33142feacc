"""A server killed in the middle of its work: what it acknowledged is there, what it did not is there whole or not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import select

from backend.core.db import Database
from backend.core.jobs import JobRow
from backend.delivery import store, timers
from backend.delivery.models import RequestRow

PLACE_FOREVER = """
import sys, itertools
from backend.core.db import Database
from backend.delivery import requests
from tests.delivery.library import PATRON, RULES, draft, item
database = Database(sys.argv[1])
for index in itertools.count():
    with database.begin() as session:
        made = requests.place(session, draft(item("city", "college", item_id=f"k{index}")), actor=PATRON, rules=RULES)
    print(made.number, flush=True)
"""


def test_nothing_acknowledged_is_missing_after_kill(database: Database, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    url = str(database.engine.url)
    child = subprocess.Popen(
        [sys.executable, "-c", PLACE_FOREVER, url], stdout=subprocess.PIPE, text=True, cwd=root, env={"PYTHONPATH": "."}
    )
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(25)]
    time.sleep(0.01)
    child.kill()
    acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.stdout.close()
    child.wait(10)
    with database.read() as session:
        for number in acknowledged:
            assert store.request(session, number) is not None
        for row in session.scalars(select(RequestRow)):
            assert len(store.history(session, row.number)) == 1
            assert [place.state for place in store.rota(session, row.number)] == ["asked", "waiting"]
            timer = select(JobRow).where(JobRow.kind == timers.KIND, JobRow.unique_key == row.number)
            assert session.scalar(timer) is not None
