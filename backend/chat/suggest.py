"""Next questions that do have answers: each is answered before it is suggested.

The answering of a few suggestions takes longer than a reader should wait. So what has been proven is remembered, what
is not proven within :data:`WAIT` seconds is left out this time, and is proven in the background for the next reader.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from backend.answer.answerer import Answerer
from backend.answer.intent import read
from backend.answer.values import Question
from backend.chat.sameness import same_form
from backend.core.errors import LianwenError

log = logging.getLogger(__name__)

WAIT = 0.12
REMEMBERED = 5_000
WAITING = 24
"""Suggestions that may wait to be proven; more are left out."""


class Suggester:
    """Proves suggestions in one thread of its own."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="suggest")
        self._proofs: OrderedDict[tuple[object, ...], Future[bool]] = OrderedDict()
        self._lock = threading.Lock()

    async def proven(
        self, wished: Sequence[str], *, asked: str, member: str | None, audiences: frozenset[str]
    ) -> tuple[str, ...]:
        """Those of ``wished`` that this reader would get an answer to, without the question ``asked`` itself."""
        new = [text for text in dict.fromkeys(wished) if same_form(text) != same_form(asked)]
        proofs = {text: proof for text in new if (proof := self._proof(text, member, audiences)) is not None}
        pending = [asyncio.wrap_future(proof) for proof in proofs.values() if not proof.done()]
        if pending:
            await asyncio.wait(pending, timeout=WAIT)
        return tuple(
            text for text, proof in proofs.items() if proof.done() and not proof.cancelled() and proof.result()
        )

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _proof(self, text: str, member: str | None, audiences: frozenset[str]) -> Future[bool] | None:
        key = (text, member, audiences, self._answerer.engine.snapshot_name())
        with self._lock:
            known = self._proofs.get(key)
            if known is not None:
                self._proofs.move_to_end(key)
                return known
            if sum(not proof.done() for proof in self._proofs.values()) >= WAITING:
                return None
            made = self._proofs[key] = self._pool.submit(self._answerable, text, member, audiences)
            while len(self._proofs) > REMEMBERED:
                self._proofs.popitem(last=False)
            return made

    def _answerable(self, text: str, member: str | None, audiences: frozenset[str]) -> bool:
        reading = read(text)
        question = Question(text=text, intent=reading.intent, language=reading.language, member=member)
        try:
            answer = self._answerer.answer(question, audiences)
        except LianwenError as error:
            log.info("suggestion %r cannot be proven: %s", text, error.message)
            return False
        return bool(answer.sentences) and not answer.refused
