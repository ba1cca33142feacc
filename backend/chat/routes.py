"""Chat over HTTP: JSON, or server-sent events that can be resumed.

``build_router(chat)`` → the router; ``chat.close()`` belongs into the application's shutdown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from backend.chat.history import History
from backend.chat.turn import Chat, visitor_of
from backend.chat.values import MAX_QUESTION, TurnView, clean_question
from backend.core.errors import Conflict
from backend.core.events import Event
from backend.core.http import VisitorDep, limited
from backend.core.limits import CHAT

HEARTBEAT = 15.0
_STREAM_HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class TurnBody(Body):
    """A question. ``regenerate``: answer that turn's question anew (``question`` may then be empty)."""

    question: str = ""
    conversation_id: str | None = Field(default=None, max_length=64)
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=128)
    regenerate: str | None = Field(default=None, max_length=64)


class FeedbackBody(Body):
    helpful: bool
    comment: str = Field(default="", max_length=MAX_QUESTION)


class HandoffBody(Body):
    note: str = Field(default="", max_length=MAX_QUESTION)
    contact: str = Field(default="", max_length=200)


class MessageBody(Body):
    text: str


LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]


def build_router(chat: Chat) -> APIRouter:
    """The chat endpoints over ``chat``."""
    router = APIRouter(prefix="/api/chat", tags=["chat"])
    history = History(chat.database, chat.desk)
    _turn_routes(router, chat, history)
    _conversation_routes(router, chat, history)
    return router


def _turn_routes(router: APIRouter, chat: Chat, history: History) -> None:
    @router.post("/turns", dependencies=[limited("chat", CHAT)], response_model=TurnView)
    async def ask(body: TurnBody, request: Request, caller: VisitorDep) -> Response:
        """Ask. ``Accept: text/event-stream`` streams; anything else answers with the finished turn."""
        started = await asyncio.to_thread(
            chat.start,
            caller,
            body.question,
            conversation_id=body.conversation_id,
            idempotency_key=body.idempotency_key,
            regenerate=body.regenerate,
        )
        chat.launch(started, caller)
        if "text/event-stream" in request.headers.get("accept", ""):
            return _stream(chat.telling.events(started.turn_id, idle=HEARTBEAT))
        turn = await chat.finished(started.turn_id, visitor=visitor_of(caller))
        return JSONResponse(turn.to_json())

    @router.get("/turns/{turn_id}/events")
    async def events(turn_id: str, caller: VisitorDep, last_event_id: LastEventId = None) -> Response:
        """The turn's events after ``Last-Event-ID``, to its end."""
        await asyncio.to_thread(chat.own_turn, turn_id, visitor_of(caller))
        return _stream(chat.telling.events(turn_id, after=event_number(last_event_id), idle=HEARTBEAT))

    @router.get("/turns/{turn_id}", response_model=TurnView)
    def turn(turn_id: str, caller: VisitorDep) -> Response:
        return JSONResponse(chat.turn(turn_id, visitor_of(caller)).to_json())

    @router.post("/turns/{turn_id}/stop", status_code=204)
    async def stop(turn_id: str, caller: VisitorDep) -> Response:
        await chat.stop(turn_id, visitor_of(caller))
        return Response(status_code=204)

    @router.post("/turns/{turn_id}/feedback", status_code=204)
    def feedback(turn_id: str, body: FeedbackBody, caller: VisitorDep) -> Response:
        comment = clean_question(body.comment) if body.comment.strip() else ""
        history.feedback(turn_id, visitor_of(caller), helpful=body.helpful, comment=comment)
        return Response(status_code=204)


def _conversation_routes(router: APIRouter, chat: Chat, history: History) -> None:
    @router.get("/conversations/{conversation_id}")
    def conversation(conversation_id: str, caller: VisitorDep) -> dict[str, Any]:
        """Turns and, after a handoff, the talk with the librarian. Only for the visitor who owns it."""
        return history.conversation(conversation_id, visitor_of(caller))

    @router.post("/conversations/{conversation_id}/handoff", dependencies=[limited("handoff", CHAT)])
    def handoff(conversation_id: str, body: HandoffBody, caller: VisitorDep) -> dict[str, Any]:
        """Pass the conversation to a librarian; again gives the same ticket."""
        transcript = history.transcript(conversation_id, visitor_of(caller))
        ticket = chat.desk.open_ticket(
            conversation_id=conversation_id,
            caller=caller,
            transcript=transcript,
            note=body.note.strip(),
            contact=body.contact.strip(),
        )
        return dict(ticket)

    @router.post("/conversations/{conversation_id}/messages", dependencies=[limited("chat", CHAT)])
    def message(conversation_id: str, body: MessageBody, caller: VisitorDep) -> dict[str, Any]:
        """From the reader to the librarian, while the conversation is handed off."""
        history.transcript(conversation_id, visitor_of(caller))
        text = clean_question(body.text)
        said = chat.desk.reader_message(conversation_id=conversation_id, caller=caller, text=text)
        if said is None:
            raise Conflict("这个对话没有转给馆员，或已经结束。")
        return dict(said)

    @router.get("/conversations/{conversation_id}/events")
    async def events(conversation_id: str, caller: VisitorDep, last_event_id: LastEventId = None) -> Response:
        """What the librarian writes, as it comes."""
        await asyncio.to_thread(history.transcript, conversation_id, visitor_of(caller))
        stream, after = f"conversation:{conversation_id}", event_number(last_event_id)
        if after > await asyncio.to_thread(chat.bus.last, stream):
            after = 0  # a number of an earlier life of the stream; a message that is told twice has the same id
        return _stream(chat.bus.follow(stream, after=after, idle=HEARTBEAT))


def event_number(header: str | None) -> int:
    """The number in ``Last-Event-ID``; anything unreadable counts as the beginning."""
    return int(header) if header and header.isascii() and header.isdigit() and len(header) < 16 else 0


def _stream(events: AsyncGenerator[Event | None, None]) -> StreamingResponse:
    return StreamingResponse(_encoded(events), media_type="text/event-stream", headers=_STREAM_HEADERS)


async def _encoded(events: AsyncGenerator[Event | None, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            if event is None:
                yield b": heartbeat\n\n"
            else:
                body = json.dumps(event.payload, ensure_ascii=False, separators=(",", ":"))
                yield f"id: {event.id}\nevent: {event.name}\ndata: {body}\n\n".encode()
