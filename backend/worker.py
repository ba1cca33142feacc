"""The worker: due steps of delivery and notices, leased from the database, one process or many.

With SQLite the web process runs it as a thread; with PostgreSQL ``lianwen worker`` runs as a process of its own.
Redis only wakes it sooner: without news it looks every second.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

from backend.composition import Services
from backend.core.jobs import Runner
from backend.delivery import steps
from backend.delivery.notices import SmtpMailer
from backend.enterprise import step as alert_step
from backend.wiring import EngineChanges


def runner(services: Services) -> Runner:
    """The runner of every kind of step this program has."""
    settings = services.settings
    mailer = SmtpMailer(url=settings.smtp_url, sender=settings.mail_from) if settings.smtp_url else None
    handlers = {
        **steps.handlers(services.database, services.delivery_rules, mailer),
        **alert_step.handlers(
            services.database, EngineChanges(services.catalogue), services.branch_shelf, services.words
        ),
    }
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
    work.run(stop)
    return 0


class InProcess:
    """The worker as a thread of the web process, for the embedded default."""

    def __init__(self, services: Services) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=runner(services).run, args=(self._stop,), name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Let the step under way finish, then end."""
        self._stop.set()
        self._thread.join(10)
