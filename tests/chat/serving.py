"""A real server process over the small consortium, whose model speaks slowly enough to be killed in mid-answer.

``python -m tests.chat.serving --database URL --port N --pace SECONDS [--redis URL --prefix P]``
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from backend.answer.answerer import Answerer
from backend.answer.modelled import Modelled
from backend.answer.prompt import answer_prompts
from backend.answer.supervisor import Limits, Supervisor
from backend.chat.routes import build_router
from backend.chat.turn import Chat
from backend.core.db import Base, Database
from backend.core.events import EventBus, InProcessBus, RedisBus
from backend.core.http import Gate, install_error_handlers
from backend.core.limits import Unlimited
from backend.core.tokens import VisitorTokens
from backend.search.engine import SearchEngine
from indexer.build import build
from indexer.snapshot import SnapshotStore
from tests.answer.conftest import NAMES, shelf
from tests.chat.conftest import NoAccounts
from tests.search.library import FakeCatalogue, HashingEmbedder

KEY = "k" * 40
SENTENCES = (
    "水库的设计者是王大明。[1]",
    "青山水库建成于1958年。[1]",
    "水库总库容为三千万立方米。[1]",
    "位于青山县北部。[1]",
)


class PacedModel:
    """Says the first two :data:`SENTENCES` at once, and the others ``pace`` seconds apart."""

    name = "openai:paced"

    def __init__(self, pace: float) -> None:
        self._pace = pace

    async def stream(self, messages: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
        for number, sentence in enumerate(SENTENCES):
            await asyncio.sleep(self._pace if number > 1 else 0)
            yield sentence

    async def close(self) -> None:
        return


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("database", "redis", "prefix"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--port", type=int)
    parser.add_argument("--pace", type=float, default=0.0)
    given = parser.parse_args()
    database = Database(given.database)
    Base.metadata.create_all(database.engine)
    bus: EventBus = RedisBus(given.redis, prefix=given.prefix) if given.redis else InProcessBus()
    embedder, catalogue = HashingEmbedder(), FakeCatalogue(shelf())
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder) / "index")
        build(catalogue, store, embedder)
        modelled = Modelled(Supervisor(models=[PacedModel(given.pace)], limits=Limits(stall=30)), answer_prompts())
        engine = SearchEngine(store, catalogue, embedder)
        answerer = Answerer(engine, names=lambda code: NAMES.get(code, ""), modelled=modelled)
        chat = Chat(database=database, bus=bus, answerer=answerer)
        if not given.redis:
            chat.recover()

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            yield
            await chat.close()

        app = FastAPI(lifespan=lifespan)
        tokens = VisitorTokens(KEY, ttl=600)
        app.state.gate = Gate(tokens=tokens, limiter=Unlimited(), staff=NoAccounts(), branches=NoAccounts())
        install_error_handlers(app)
        app.include_router(build_router(chat))
        uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
