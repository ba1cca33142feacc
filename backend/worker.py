"""The worker: due steps of delivery and notices, leased from the database, one process or many.

With SQLite the web process runs it as a thread; with PostgreSQL ``lianwen worker`` runs as a process of its own.
Redis only wakes it sooner (:mod:`backend.core.bell`): without news it looks every second.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

from backend.composition import Services
from backend.core.jobs import Handler, Runner, schedule
from backend.core.settings import Settings
from backend.delivery import lapse, steps
from backend.delivery.copyright import FORGET_JOB
from backend.delivery.iso18626_send import Sender
from backend.enterprise import step as alert_step
from backend.wiring import EngineChanges
from indexer.build import compaction_due

log = logging.getLogger(__name__)

TIDY_SECONDS = 60.0
LOW_PRIORITY = 10


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
        if reason := compaction_due(services.snapshots):
            log.info("compacting the index: %s", reason)
            compact_apart(services.settings, stop)


def compact_apart(settings: Settings, stop: threading.Event) -> bool:
    """Compact in a process of its own, at low priority: minutes of work at a million records, which as a thread would
    keep readers waiting. Ended when ``stop`` is set, which leaves the index as it is. Did it succeed?"""
    environment = os.environ | {
        "LIANWEN_DATA_DIR": str(settings.data_dir),
        "LIANWEN_DATABASE_URL": settings.database_url,
        "LIANWEN_EMBEDDING_MODEL": settings.embedding_model,
    }
    command = [sys.executable, "-m", "backend.cli", "index", "compact"]
    with subprocess.Popen(  # noqa: S603 - this program's own command
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as child:
        os.setpriority(os.PRIO_PROCESS, child.pid, LOW_PRIORITY)
        while True:
            try:
                _, said = child.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    child.terminate()
    if child.returncode and not stop.is_set():
        log.error("the index was not compacted: %s", said.strip().rpartition("\n")[2])
    return child.returncode == 0


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
