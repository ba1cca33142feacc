"""The life of a turn: taken in, made whole, answered by a task of its own, stored, told as events.

The task belongs to no connection: whoever asked may leave and come back. One turn at a time is answered in a
conversation. Events go to the stream ``turn:{id}`` and are numbered by the bus; when the bus has forgotten an old turn,
its events are told again from the stored turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from backend.answer import streaming
from backend.answer.answerer import Answerer
from backend.answer.intent import Reading, read
from backend.answer.replies import say
from backend.answer.values import Answer, Intent, Piece, Question
from backend.chat import store
from backend.chat.handoff import Desk, NoDesk, NoRequests, RequestDesk, TranscriptLine
from backend.chat.models import Turn
from backend.chat.rewrite import Past, Whole, make_whole
from backend.chat.status import status_answer
from backend.chat.values import TurnView, clean_question
from backend.core.access import Caller, Visitor
from backend.core.db import Database
from backend.core.errors import Conflict, LianwenError, Unauthenticated
from backend.core.events import Event, EventBus

log = logging.getLogger(__name__)

REMEMBERED = 6
"""Turns that a question may lean on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A turn that is being answered, or was already (``fresh`` False: the idempotency key was seen)."""

    turn_id: str
    conversation_id: str
    question: str
    fresh: bool


class Chat:
    """Everything the chat routes do."""

    def __init__(
        self,
        *,
        database: Database,
        bus: EventBus,
        answerer: Answerer,
        requests: RequestDesk | None = None,
        desk: Desk | None = None,
    ) -> None:
        self.database = database
        self.bus = bus
        self.answerer = answerer
        self.requests = requests or NoRequests()
        self.desk = desk or NoDesk()
        self._tasks: dict[str, asyncio.Task[None]] = {}

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
        with self.database.begin() as session:
            if regenerate:
                again = store.turn(session, regenerate, visitor_id=visitor.id)
                question, conversation_id = again.question, again.conversation_id
            question = clean_question(question)
            if idempotency_key:
                known = store.turn_by_key(session, visitor_id=visitor.id, idempotency_key=idempotency_key)
                if known is not None:
                    return _known(known, question)
            if conversation_id:
                row = store.conversation(session, conversation_id, visitor_id=visitor.id)
            else:
                row = store.open_conversation(session, visitor_id=visitor.id, member=visitor.member)
            made = store.begin_turn(session, row, question=question, idempotency_key=idempotency_key)
            return Started(turn_id=made.id, conversation_id=row.id, question=question, fresh=True)

    def launch(self, started: Started, caller: Caller) -> None:
        """Answer a fresh turn in a task of its own."""
        if not started.fresh:
            return
        task = asyncio.create_task(self._run(started, caller), name=started.turn_id)
        self._tasks[started.turn_id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(started.turn_id, None))

    async def close(self) -> None:
        """Stop what is being answered; what was shown of it is kept as stopped."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.answerer.close()

    # answering

    async def _run(self, started: Started, caller: Caller) -> None:
        whole = Whole(text=started.question)
        shown = _Shown()
        try:
            whole = await asyncio.to_thread(self._whole, started, caller)
            reading = read(whole.text)
            self._tell(started, "meta", _meta(started, whole, reading))
            answer = await self._answered(started, caller, whole, reading, shown)
            view = _view(answer, started, whole)
            await self._finish(started, "done", whole, view)
        except asyncio.CancelledError:
            view = _view(shown.stopped(reading=read(whole.text)), started, whole)
            await asyncio.shield(self._finish(started, "stopped", whole, view))
            raise
        except LianwenError as error:
            await self._fail(started, whole, error)
        except Exception:  # the edge of the detached task: nobody else would see it
            log.exception("turn %s failed", started.turn_id)
            await self._fail(started, whole, LianwenError("回答时出错，已记录。请稍后重试。"))

    async def _answered(
        self, started: Started, caller: Caller, whole: Whole, reading: Reading, shown: _Shown
    ) -> Answer:
        if reading.intent is Intent.REQUEST_STATUS:
            answer = await asyncio.to_thread(status_answer, self.requests, reading, caller)
            for piece in streaming.pieces(answer):
                self._tell(started, piece.name, piece.payload)
            return answer
        question = Question(
            text=whole.text, intent=reading.intent, language=reading.language, member=caller.member, focus=whole.focus
        )
        finished: Answer | None = None
        async for value in self.answerer.stream(question, caller.audiences):
            if isinstance(value, Answer):
                finished = value
            else:
                shown.take(value)
                self._tell(started, value.name, value.payload)
        if finished is None:
            raise LianwenError("回答没有完成。")
        return finished

    def _whole(self, started: Started, caller: Caller) -> Whole:
        with self.database.read() as session:
            turns = store.turns(session, started.conversation_id, limit=REMEMBERED + 1)
        return make_whole(started.question, [_past(t) for t in turns if t.id != started.turn_id and t.answer])

    def _tell(self, started: Started, name: str, payload: Any) -> None:
        self.bus.append(stream_of(started.turn_id), name, payload)

    async def _finish(self, started: Started, state: str, whole: Whole, view: TurnView) -> None:
        body = view.to_json()
        await asyncio.to_thread(self._store, started.turn_id, state, whole.text, body)
        self._tell(started, "done", {"turn": body})

    async def _fail(self, started: Started, whole: Whole, error: LianwenError) -> None:
        await asyncio.to_thread(self._store, started.turn_id, "failed", whole.text, None)
        self._tell(started, "error", error.to_json()["error"])

    def _store(self, turn_id: str, state: str, standalone: str, answer: dict[str, Any] | None) -> None:
        with self.database.begin() as session:
            store.finish_turn(session, turn_id, state=state, standalone=standalone, answer=answer)

    # telling

    async def events(self, turn_id: str, *, after: int = 0, idle: float = 15.0) -> AsyncIterator[Event | None]:
        """The turn's events after ``after``, to its end; None whenever nothing came for ``idle`` seconds."""
        if not self.bus.replay(stream_of(turn_id), after=0):
            retold = await asyncio.to_thread(self._retold, turn_id, after)
            # a turn may have begun and ended between the two looks: then the bus has its events after all
            if retold is not None and not self.bus.replay(stream_of(turn_id), after=0):
                for event in retold:
                    yield event
                return
        async for told in self.bus.follow(stream_of(turn_id), after=after, idle=idle):
            yield told
            if told is not None and told.name in ("done", "error"):
                return
            if told is None and (state := await asyncio.to_thread(self._state, turn_id)) != "running":
                log.info("turn %s ended as %s without its last event", turn_id, state)
                for event in await asyncio.to_thread(self._retold, turn_id, after) or ():
                    yield event
                return

    def _state(self, turn_id: str) -> str:
        with self.database.read() as session:
            row = session.get(Turn, turn_id)
            return row.state if row else "failed"

    def _retold(self, turn_id: str, after: int) -> list[Event] | None:
        """The events of an ended turn from what is stored; after a cut the whole text comes as ``replace``."""
        with self.database.read() as session:
            row = session.get(Turn, turn_id)
        if row is None or row.state == "running":
            return None
        if row.answer is None:
            return [Event(after + 1, "error", LianwenError("这次提问没有得到回答，请重试。").to_json()["error"])]
        view = TurnView.model_validate(row.answer)
        answer = Answer.model_validate(
            {name: getattr(view, name) for name in Answer.model_fields if hasattr(view, name)}
        )
        meta = {
            "id": row.id,
            "turn_id": row.id,
            "conversation_id": row.conversation_id,
            "question": row.question,
            "standalone_question": view.standalone_question,
            "intent": view.intent,
        }
        told: list[tuple[str, Any]] = [("meta", meta)]
        if after:
            told += [
                (p.name, p.payload)
                for p in (streaming.sources(answer), streaming.replaced(answer), streaming.actions(answer))
            ]
        else:
            told += [(p.name, p.payload) for p in streaming.pieces(answer)]
        told.append(("done", {"turn": row.answer}))
        return [Event(after + number, name, payload) for number, (name, payload) in enumerate(told, start=1)]

    async def finished(self, turn_id: str, *, visitor: Visitor) -> TurnView:
        """The finished turn, waiting for it.

        :raises LianwenError: when it failed.
        """
        async for event in self.events(turn_id):
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
                raise Conflict("这个问题还没有回答完。" if row.state == "running" else "这次提问没有得到回答，请重试。")
            return TurnView.model_validate(row.answer)

    def own_turn(self, turn_id: str, visitor: Visitor) -> None:
        """:raises NotFound: when the turn is not this visitor's."""
        with self.database.read() as session:
            store.turn(session, turn_id, visitor_id=visitor.id)

    async def stop(self, turn_id: str, visitor: Visitor) -> None:
        """End the answering of a turn; stopping an ended one changes nothing."""
        await asyncio.to_thread(self.own_turn, turn_id, visitor)
        task = self._tasks.get(turn_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def feedback(self, turn_id: str, visitor: Visitor, *, helpful: bool, comment: str) -> None:
        with self.database.begin() as session:
            store.turn(session, turn_id, visitor_id=visitor.id)
            store.save_feedback(session, turn_id, helpful=helpful, comment=comment)

    def conversation(self, conversation_id: str, visitor: Visitor) -> dict[str, Any]:
        """``{id, turns, handoff}`` for its own visitor.

        :raises NotFound: for anybody else.
        """
        with self.database.read() as session:
            store.conversation(session, conversation_id, visitor_id=visitor.id)
            turns = [t.answer for t in store.turns(session, conversation_id) if t.answer is not None]
        return {"id": conversation_id, "turns": turns, "handoff": self.desk.state(conversation_id)}

    def transcript(self, conversation_id: str, visitor: Visitor) -> list[TranscriptLine]:
        """The conversation in words, as a librarian gets it."""
        with self.database.read() as session:
            store.conversation(session, conversation_id, visitor_id=visitor.id)
            turns = store.turns(session, conversation_id)
        lines = []
        for row in turns:
            lines.append(TranscriptLine(author="reader", text=row.question, at=row.created_at.isoformat()))
            if row.answer:
                at = (row.finished_at or row.created_at).isoformat()
                lines.append(TranscriptLine(author="assistant", text=str(row.answer["text"]), at=at))
        return lines


class _Shown:
    """What the reader has seen of a running turn: what a stop keeps."""

    def __init__(self) -> None:
        self.text = ""

    def take(self, piece: Piece) -> None:
        if piece.name == "delta":
            self.text += str(piece.payload["text"])
        elif piece.name == "replace":
            self.text = str(piece.payload["text"])

    def stopped(self, *, reading: Reading) -> Answer:
        return Answer(intent=reading.intent, text=self.text or say("stopped", reading.language), reason="stopped")


def visitor_of(caller: Caller) -> Visitor:
    """:raises Unauthenticated: when the caller has no visitor token."""
    if caller.visitor is None:
        raise Unauthenticated("请先用 POST /api/visitors 取得访客令牌。")
    return caller.visitor


def stream_of(turn_id: str) -> str:
    return f"turn:{turn_id}"


def _known(row: Turn, question: str) -> Started:
    if row.question != question:
        raise Conflict("同一个 idempotency_key 已用于另一个问题。", detail={"reason": "idempotency_key"})
    return Started(turn_id=row.id, conversation_id=row.conversation_id, question=row.question, fresh=False)


def _meta(started: Started, whole: Whole, reading: Reading) -> dict[str, Any]:
    return {
        "id": started.turn_id,
        "turn_id": started.turn_id,
        "conversation_id": started.conversation_id,
        "question": started.question,
        "standalone_question": whole.text,
        "intent": reading.intent.value,
    }


def _view(answer: Answer, started: Started, whole: Whole) -> TurnView:
    return TurnView.of(
        answer,
        turn_id=started.turn_id,
        conversation_id=started.conversation_id,
        question=started.question,
        standalone=whole.text,
    )


def _past(row: Turn) -> Past:
    body = row.answer or {}
    items = () if body.get("refused") else tuple((s["id"], s["title"], s["kind"]) for s in body.get("sources", ()))
    return Past(question=row.standalone_question, intent=str(body.get("intent", "")), items=items)
