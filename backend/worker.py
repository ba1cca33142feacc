"""The worker: due steps of delivery and notices, leased from the database, one process or many.

With SQLite the web process runs it as a thread; with PostgreSQL ``lianwen worker`` runs as a process of its own.
Redis only wakes it sooner (:mod:`backend.core.bell`): without news it looks every second.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from backend.composition import Services
from backend.core.jobs import Handler, Runner, schedule
from backend.delivery import lapse, steps
from backend.delivery.copyright import FORGET_JOB
from backend.delivery.iso18626_send import Sender
from backend.enterprise import step as alert_step
from backend.wiring import EngineChanges
from indexer.build import compact_when_needed

log = logging.getLogger(__name__)

TIDY_SECONDS = 60.0


def runner(services: Services) -> Runner:
    """The runner of every kind of step this program has."""
    settings = services.settings
    handlers: dict[str, Handler] = {
        **steps.handlers(services.database, services.delivery_rules, services.mailer),
        **services.handover.handlers(),
        FORGET_JOB: services.copyright.handler(services.database),
        lapse.LAPSE_JOB: lapse.handler(services.database, services.delivery_rules),
        "delivery.peer": Sender(
            database=services.database, rules=services.delivery_rules, own_symbol=settings.iso18626_symbol
        ),
        **alert_step.handlers(
            services.database, EngineChanges(services.catalogue), services.branch_shelf, services.words
        ),
    }
    services.handover.begin_sweeping()
    with services.database.begin() as session:
        schedule(session, FORGET_JOB, "ledger")
    return Runner(services.database, handlers)


def run(services: Services, *, once: bool = False) -> int:
    """Do what is due now (``once``), or work until SIGTERM or SIGINT. Returns how many steps ran when ``once``."""
    work = runner(services)
    if once:
        return work.drain()
    stop = threading.Event()

    def finish(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, finish)
    threading.Thread(target=tidy, args=(services, stop), name="tidy", daemon=True).start()
    work.run(stop, wake=services.bell.wait)
    return 0


def tidy(services: Services, stop: threading.Event) -> None:
    """Merge what updates leave behind in the index, whenever enough of it has gathered."""
    while not stop.wait(TIDY_SECONDS):
        report = compact_when_needed(services.catalogue, services.snapshots, services.embedder)
        if report is not None:
            log.info("index compacted: %s", report)


class InProcess:
    """The worker as a thread of the web process, for the embedded default."""

    def __init__(self, services: Services) -> None:
        self._stop = threading.Event()
        self._threads = (
            threading.Thread(
                target=runner(services).run,
                args=(self._stop,),
                kwargs={"wake": services.bell.wait},
                name="worker",
                daemon=True,
            ),
            threading.Thread(target=tidy, args=(services, self._stop), name="tidy", daemon=True),
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let the step under way finish, then end."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
