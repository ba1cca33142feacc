"""A turn told as numbered events, to whoever asks, from wherever they were cut off.

While a turn is being answered its events come from the bus. When the bus has forgotten them (the turn is old, or its
process died) they are told again from the stored turn: to one who has seen nothing as they were, to one who was cut
off as a ``replace`` of the whole text, so that no character is told twice or lost. Numbers go on from the last one
told. A turn whose process died is ended here when its lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from backend.answer import streaming
from backend.answer.values import Answer
from backend.chat import store
from backend.chat.models import Turn
from backend.chat.values import TurnView
from backend.core.db import Database
from backend.core.errors import LianwenError
from backend.core.events import Event, EventBus

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Silence after which a follower looks whether the turn is still being answered."""


class Interrupted(LianwenError):
    """A turn ended without an answer; mostly because its process went away."""

    code = "interrupted"


def interrupted() -> Interrupted:
    return Interrupted("这次提问没有得到回答（回答中断或出错），请重新提问。")


def stream_of(turn_id: str) -> str:
    return f"turn:{turn_id}"


class Telling:
    """The events of turns."""

    def __init__(self, database: Database, bus: EventBus) -> None:
        self._database = database
        self._bus = bus

    async def events(self, turn_id: str, *, after: int = 0, idle: float = 15.0) -> AsyncGenerator[Event | None, None]:
        """The turn's events after ``after``, to its end; None whenever nothing came for ``idle`` seconds."""
        stream, told, quiet = stream_of(turn_id), after, 0.0
        look = min(idle, LOOK_SECONDS)
        if not await asyncio.to_thread(self._bus.replay, stream):
            again = await asyncio.to_thread(self._retold, turn_id, after)
            # a turn may have begun and ended between the two looks: then the bus has its events after all
            if again is not None and not await asyncio.to_thread(self._bus.replay, stream):
                for kept in again:
                    yield kept
                return
        async with aclosing(self._followed(stream, after=after, idle=look)) as events:
            async for event in events:
                if event is not None:
                    told, quiet = event.id, 0.0
                    yield event
                    if event.name in ("done", "error"):
                        return
                    continue
                again = await asyncio.to_thread(self._retold, turn_id, told)
                if again is not None:
                    log.info("turn %s ended without its last event", turn_id)
                    for last in again:
                        yield last
                    return
                quiet += look
                if quiet >= idle:
                    quiet = 0.0
                    yield None

    async def _followed(self, stream: str, *, after: int, idle: float) -> AsyncGenerator[Event | None, None]:
        """The stream after ``after``; when that number is of an earlier life of it, only the passing of time."""
        if after > await asyncio.to_thread(self._bus.last, stream):
            while True:
                await asyncio.sleep(idle)
                yield None
        async with aclosing(self._bus.follow(stream, after=after, idle=idle)) as events:
            async for event in events:
                yield event

    def _retold(self, turn_id: str, after: int) -> list[Event] | None:
        """The events of an ended turn from what is stored; None while it is being answered."""
        with self._database.read() as session:
            row = session.get(Turn, turn_id)
            leased = row is not None and row.state in store.LIVE and store.is_leased(session, turn_id)
        if leased:
            return None
        if row is not None and row.state in store.LIVE:
            with self._database.begin() as session:
                store.abandon(session, turn_id)
                row = session.get(Turn, turn_id, populate_existing=True)
            log.warning("turn %s was left by the process that answered it", turn_id)
        if row is None or row.answer is None:
            return [Event(after + 1, "error", interrupted().to_json()["error"])]
        told = _told(row, row.answer, cut=after > 0)
        return [Event(after + number, name, payload) for number, (name, payload) in enumerate(told, start=1)]


def _told(row: Turn, body: dict[str, Any], *, cut: bool) -> list[tuple[str, Any]]:
    view = TurnView.model_validate(body)
    answer = Answer.model_validate({name: getattr(view, name) for name in Answer.model_fields if hasattr(view, name)})
    pieces = (
        [streaming.sources(answer), streaming.replaced(answer), streaming.actions(answer)]
        if cut
        else list(streaming.pieces(answer))
    )
    beginning = meta(
        turn_id=row.id,
        conversation_id=row.conversation_id,
        question=row.question,
        standalone=view.standalone_question,
        intent=view.intent.value,
    )
    return [("meta", beginning), *((piece.name, piece.payload) for piece in pieces), ("done", {"turn": body})]


def meta(*, turn_id: str, conversation_id: str, question: str, standalone: str, intent: str) -> dict[str, Any]:
    """The payload of a turn's first event."""
    return {
        "id": turn_id,
        "turn_id": turn_id,
        "conversation_id": conversation_id,
        "question": question,
        "standalone_question": standalone,
        "intent": intent,
    }
