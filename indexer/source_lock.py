"""The right to load a source: one run at a time, kept while the run lives, taken over from one that has died."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from types import TracebackType

from sqlalchemy.exc import OperationalError

from indexer.catalogue import Catalogue, SourceBusyError

LOCK_SECONDS = 600.0
"""How long a lock outlives its last renewal. A dead process of the same machine is noticed at once."""
RENEWED_EVERY = 30.0

_log = logging.getLogger(__name__)


class SourceLock:
    """Held inside a ``with`` block; a thread of its own renews it, because one scanned book may take many minutes.

    :raises SourceBusyError: on entering, when another run that lives loads the source.
    """

    def __init__(self, catalogue: Catalogue, source: str) -> None:
        self._catalogue = catalogue
        self._source = source
        self._token = f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(8)}"
        self._over = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="source-lock", daemon=True)

    def __enter__(self) -> SourceLock:
        try:
            self._take()
        except SourceBusyError:
            holder = self._catalogue.lock_holder(self._source)
            if not is_dead(holder):
                raise
            self._catalogue.unlock(self._source, holder)
            self._take()
        self._renewer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._renewer.join()
        self._catalogue.unlock(self._source, self._token)

    def _take(self) -> None:
        self._catalogue.lock(self._source, self._token, now=time.time(), seconds=LOCK_SECONDS)

    def _renew(self) -> None:
        while not self._over.wait(RENEWED_EVERY):
            try:
                self._take()
            except OperationalError as error:  # a long transaction of this very run; the next renewal is soon enough
                _log.info("lock of %s not renewed now: %s", self._source, error)
            except SourceBusyError:
                _log.warning("lock of %s was taken by another run", self._source)
                return


def is_dead(token: str) -> bool:
    """Is the process that took a lock one of this machine that has ended?"""
    host, _, rest = token.partition(":")
    number = rest.partition(":")[0]
    if host != socket.gethostname()[:24] or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
