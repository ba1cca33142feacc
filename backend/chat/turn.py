"""The life of a turn: taken in, made whole, answered by a task of its own, stored, told as events.

The task belongs to no connection: whoever asked may leave and come back (:mod:`backend.chat.telling`). One turn at a
time is answered in a conversation. While a process answers a turn it renews the turn's lease; a turn whose lease has
run out was left by a process that died, and is ended by whoever comes across it. Stopping works from any process: it is
asked for in the database, where the answering process looks when it renews its leases.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from backend.answer import streaming
from backend.answer.answerer import Answerer
from backend.answer.intent import Reading, read
from backend.answer.replies import say
from backend.answer.values import Answer, Intent, Question
from backend.chat import store
from backend.chat.cache import AnswerCache, Remembered
from backend.chat.handoff import Desk, NoDesk, NoRequests, RequestDesk
from backend.chat.models import Turn
from backend.chat.rewrite import Past, Whole, make_whole
from backend.chat.running import Running, Started
from backend.chat.status import status_answer
from backend.chat.suggest import Suggester
from backend.chat.telling import Telling, interrupted, stream_of
from backend.chat.values import TurnView, clean_question
from backend.core.access import Caller, Visitor
from backend.core.db import Database
from backend.core.errors import Conflict, LianwenError, Unauthenticated, UpstreamError
from backend.core.events import EventBus

log = logging.getLogger(__name__)

REMEMBERED = 6
"""Turns that a question may lean on."""

RENEW_SECONDS = 1.0
"""Between two renewals of the leases of turns that are being answered here (see ``store.STALE``)."""

STOP_SECONDS = 3 * RENEW_SECONDS
"""How long stopping waits for a turn that another process answers."""


class Chat:
    """Takes questions in and answers them."""

    def __init__(
        self,
        *,
        database: Database,
        bus: EventBus,
        answerer: Answerer,
        requests: RequestDesk | None = None,
        desk: Desk | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        self.database = database
        self.bus = bus
        self.answerer = answerer
        self.requests = requests or NoRequests()
        self.desk = desk or NoDesk()
        self.telling = Telling(database, bus)
        self.remembered = Remembered(answerer, cache)
        self._suggester = Suggester(answerer)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def answering(self) -> int:
        """Turns that are being answered here."""
        return len(self._tasks)

    # taking in

    def start(
        self,
        caller: Caller,
        question: str,
        *,
        conversation_id: str | None = None,
        idempotency_key: str | None = None,
        regenerate: str | None = None,
    ) -> Started:
        """Store the question as a running turn.

        :raises InputError: when there is nothing to answer or too much of it.
        :raises Conflict: when the conversation is busy, or the key was used for another question.
        :raises NotFound: for a conversation or turn that is not this visitor's.
        """
        visitor = visitor_of(caller)
        given = _Given(question, conversation_id, idempotency_key, regenerate)
        try:
            return self._taken_in(visitor, given)
        except IntegrityError:  # the same key was used at the same moment: now its turn is there
            return self._taken_in(visitor, given)

    def _taken_in(self, visitor: Visitor, given: _Given) -> Started:
        question, conversation_id = given.question, given.conversation_id
        with self.database.begin() as session:
            if given.regenerate:
                again = store.turn(session, given.regenerate, visitor_id=visitor.id)
                question, conversation_id = again.question, again.conversation_id
            question = clean_question(question)
            if given.key:
                known = store.turn_by_key(session, visitor_id=visitor.id, idempotency_key=given.key)
                if known is not None:
                    return _known(known, question)
            if conversation_id:
                row = store.conversation(session, conversation_id, visitor_id=visitor.id)
            else:
                row = store.open_conversation(session, visitor_id=visitor.id, member=visitor.member)
            made = store.begin_turn(session, row, question=question, idempotency_key=given.key)
            return Started(
                turn_id=made.id,
                conversation_id=row.id,
                question=question,
                fresh=True,
                replaces=given.regenerate or None,
            )

    def launch(self, started: Started, caller: Caller) -> None:
        """Answer a fresh turn in a task of its own."""
        if not started.fresh:
            return
        task = asyncio.create_task(self._run(Running(started, caller)), name=started.turn_id)
        self._tasks[started.turn_id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(started.turn_id, None))
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep(), name="turn leases")

    def recover(self) -> int:
        """End the turns that an earlier life of this process left; only where there is no other process."""
        with self.database.begin() as session:
            return store.abandon_all(session)

    async def close(self) -> None:
        """End what is being answered; its readers hear that it was interrupted."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in [*tasks, *([self._keeper] if self._keeper else [])]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._suggester.close)
        await self.answerer.close()

    async def _keep(self) -> None:
        """Renew leases, and stop what some process was asked to stop, while anything is being answered."""
        await asyncio.sleep(RENEW_SECONDS)
        while self._tasks:
            try:
                stopping = await asyncio.to_thread(self._renewed, list(self._tasks))
            except SQLAlchemyError:
                log.exception("leases could not be renewed; trying again")
                stopping = set()
            for turn_id in stopping & self._tasks.keys():
                self._tasks[turn_id].cancel()
            await asyncio.sleep(RENEW_SECONDS)

    def _renewed(self, turn_ids: list[str]) -> set[str]:
        with self.database.begin() as session:
            return store.renew(session, turn_ids)

    # answering

    async def _run(self, running: Running) -> None:
        try:
            running.whole = await asyncio.to_thread(self._whole, running.started)
            reading = read(running.whole.text)
            self._tell(running, "meta", running.meta(reading))
            answer = await self._answered(running, reading)
            await self._finish(running, "done", answer)
        except asyncio.CancelledError:
            await asyncio.shield(self._cut_short(running))
            raise
        except LianwenError as error:
            await self._fail(running, error)
        except Exception:  # the edge of the detached task: nobody else would see it
            log.exception("turn %s failed", running.started.turn_id)
            await self._fail(running, LianwenError("回答时出错，已记录。请稍后重试。"))

    async def _answered(self, running: Running, reading: Reading) -> Answer:
        caller = running.caller
        if reading.intent is Intent.REQUEST_STATUS:
            status = await asyncio.to_thread(status_answer, self.requests, reading, caller)
            return self._told_whole(running, status)
        question = Question(
            text=running.whole.text,
            intent=reading.intent,
            language=reading.language,
            member=caller.member,
            focus=running.whole.focus,
        )
        key = await asyncio.to_thread(self.remembered.key, question, caller.audiences)
        if key is not None and running.started.replaces is None:
            known = await asyncio.to_thread(self.remembered.recall, key)
            if known is not None:
                return self._told_whole(running, known)
        answer = await self._made(running, question)
        if key is not None:
            await asyncio.to_thread(self.remembered.keep, key, answer)
        return answer

    def _told_whole(self, running: Running, answer: Answer) -> Answer:
        for piece in streaming.pieces(answer):
            self._tell(running, piece.name, piece.payload)
        return answer

    async def _made(self, running: Running, question: Question) -> Answer:
        """The answer as the answerer makes it, told piece by piece; of its suggestions, those that have answers."""
        finished: Answer | None = None
        async for value in self.answerer.stream(question, running.caller.audiences):
            if isinstance(value, Answer):
                finished = value
            elif value.name != "actions":  # they come last, when the suggestions are proven
                running.take(value)
                self._tell(running, value.name, value.payload)
        if finished is None:
            raise LianwenError("回答没有完成。")
        suggestions = await self._suggester.proven(
            finished.suggestions,
            asked=question.text,
            member=question.member,
            audiences=running.caller.audiences,
        )
        answer = finished.model_copy(update={"suggestions": suggestions})
        self._tell(running, "actions", streaming.actions(answer).payload)
        return answer

    def _whole(self, started: Started) -> Whole:
        with self.database.read() as session:
            turns = store.turns(session, started.conversation_id, limit=REMEMBERED + 1)
        skipped = (started.turn_id, started.replaces)
        return make_whole(started.question, [_past(t) for t in turns if t.id not in skipped and t.answer])

    # ending

    async def _finish(self, running: Running, state: str, answer: Answer) -> None:
        body = running.view(answer).to_json()
        if not await asyncio.to_thread(self._stored, running, state, body):
            self._tell(running, "error", interrupted().to_json()["error"])
            return
        if running.lost:  # the reader missed something: once more, as a whole
            running.lost = False
            for piece in (streaming.sources(answer), streaming.replaced(answer), streaming.actions(answer)):
                self._tell(running, piece.name, piece.payload)
        self._tell(running, "done", {"turn": body})
        self._end(running)

    async def _fail(self, running: Running, error: LianwenError) -> None:
        await asyncio.to_thread(self._stored, running, "failed", None)
        running.lost = False
        self._tell(running, "error", error.to_json()["error"])
        self._end(running)

    async def _cut_short(self, running: Running) -> None:
        """Stopped by its reader: what was shown is the answer. Stopped with the process: it failed."""
        if self._closing:
            await self._fail(running, interrupted())
            return
        reading = read(running.whole.text)
        text = running.shown or say("stopped", reading.language)
        await self._finish(running, "stopped", Answer(intent=reading.intent, text=text, reason="stopped"))

    def _stored(self, running: Running, state: str, answer: dict[str, Any] | None) -> bool:
        started = running.started
        with self.database.begin() as session:
            if answer is not None and started.replaces:
                store.replace_turn(session, started.replaces)
            return store.finish_turn(
                session, started.turn_id, state=state, standalone=running.whole.text, answer=answer
            )

    # telling

    def _tell(self, running: Running, name: str, payload: Any) -> None:
        """An event for whoever listens. After one is lost, none follows until the answer is told as a whole."""
        if running.lost:
            return
        try:
            self.bus.append(stream_of(running.started.turn_id), name, payload)
        except UpstreamError as error:
            log.warning("turn %s is answered, but not told: %s", running.started.turn_id, error.message)
            running.lost = True

    def _end(self, running: Running) -> None:
        try:
            self.bus.end(stream_of(running.started.turn_id))
        except UpstreamError as error:
            log.warning("a stream was not ended: %s", error.message)

    async def finished(self, turn_id: str, *, visitor: Visitor) -> TurnView:
        """The finished turn, waiting for it.

        :raises LianwenError: when it failed.
        """
        async for event in self.telling.events(turn_id):
            if event is not None and event.name == "error":
                raise LianwenError(str(event.payload.get("message", "回答时出错。")))
        return await asyncio.to_thread(self.turn, turn_id, visitor)

    def turn(self, turn_id: str, visitor: Visitor) -> TurnView:
        """A turn that has ended.

        :raises NotFound: when it is not this visitor's.
        :raises Conflict: while it is being answered.
        """
        with self.database.read() as session:
            row = store.turn(session, turn_id, visitor_id=visitor.id)
            if row.answer is None:
                live = row.state in store.LIVE
                raise Conflict("这个问题还没有回答完。" if live else "这次提问没有得到回答，请重试。")
            return TurnView.model_validate(row.answer)

    def own_turn(self, turn_id: str, visitor: Visitor) -> None:
        """:raises NotFound: when the turn is not this visitor's."""
        with self.database.read() as session:
            store.turn(session, turn_id, visitor_id=visitor.id)

    async def stop(self, turn_id: str, visitor: Visitor) -> None:
        """End the answering of a turn, in whatever process; stopping an ended one changes nothing."""
        await asyncio.to_thread(self.own_turn, turn_id, visitor)
        task = self._tasks.get(turn_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            return
        if await asyncio.to_thread(self._asked_to_stop, turn_id):
            await self._ended(turn_id)

    def _asked_to_stop(self, turn_id: str) -> bool:
        with self.database.begin() as session:
            return store.ask_to_stop(session, turn_id)

    async def _ended(self, turn_id: str) -> None:
        """Wait until the other process has stopped; one that died lets the turn's lease run out."""
        for _ in range(int(STOP_SECONDS / 0.2)):
            await asyncio.sleep(0.2)
            with self.database.read() as session:
                row = session.get(Turn, turn_id)
            if row is None or row.state not in store.LIVE:
                return


@dataclass(frozen=True, slots=True)
class _Given:
    """What came with a question."""

    question: str
    conversation_id: str | None
    key: str | None
    regenerate: str | None


def visitor_of(caller: Caller) -> Visitor:
    """:raises Unauthenticated: when the caller has no visitor token."""
    if caller.visitor is None:
        raise Unauthenticated("请先用 POST /api/visitors 取得访客令牌。")
    return caller.visitor


def _known(row: Turn, question: str) -> Started:
    if row.question != question:
        raise Conflict("同一个 idempotency_key 已用于另一个问题。", detail={"reason": "idempotency_key"})
    return Started(turn_id=row.id, conversation_id=row.conversation_id, question=row.question, fresh=False)


def _past(row: Turn) -> Past:
    body = row.answer or {}
    items = () if body.get("refused") else tuple((s["id"], s["title"], s["kind"]) for s in body.get("sources", ()))
    return Past(question=row.standalone_question, intent=str(body.get("intent", "")), items=items)
