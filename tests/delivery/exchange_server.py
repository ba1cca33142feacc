"""One instance of this program as a process of its own: ISO 18626 endpoint and worker over one database.

``python -m tests.delivery.exchange_server DATABASE_URL SYMBOL PORT TITLE``: TITLE is the one book it holds ('' none).
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import datetime, timedelta

import uvicorn
from fastapi import FastAPI

from backend.core.db import Database, now
from backend.core.http import install_error_handlers
from backend.core.jobs import Runner
from backend.delivery.iso18626_receive import Exchange
from backend.delivery.iso18626_routes import router
from backend.delivery.iso18626_send import Sender
from tests.delivery.library import RULES, item
from tests.delivery.test_iso18626_exchange import Shelf


def later() -> datetime:
    """A clock on which every second is a day, also for the process that takes over: nobody waits for a next try."""
    return now() + timedelta(days=time.time() % 100_000)


def work(runner: Runner) -> None:
    while True:
        runner.drain(moment=later(), limit=20)
        time.sleep(0.05)


def main(url: str, symbol: str, port: str, title: str) -> None:
    database = Database(url)
    book = item("city", title=title) if title else None
    exchange = Exchange(database=database, lookup=Shelf(book), rules=RULES, own_symbol=symbol)
    runner = Runner(database, {"delivery.peer": Sender(database=database, rules=RULES, own_symbol=symbol)})
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router(exchange))
    threading.Thread(target=work, args=(runner,), daemon=True).start()
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:5])
