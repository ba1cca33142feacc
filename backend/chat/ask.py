"""One question at a terminal: the same reading and answering as the chat, without a conversation."""

from __future__ import annotations

import asyncio
from typing import Any

from backend.answer.answerer import Answerer
from backend.answer.intent import read
from backend.answer.values import Answer, Question
from backend.chat.values import TurnView, clean_question
from backend.core.access import PUBLIC
from backend.core.errors import LianwenError
from backend.core.ids import new_id


def ask(
    answerer: Answerer, question: str, *, member: str | None = None, audiences: frozenset[str] = frozenset({PUBLIC})
) -> dict[str, Any]:
    """The turn (contract JSON) that answers ``question``.

    :raises InputError: when there is nothing to answer or too much of it.
    :raises NotReady: when there is no usable index.
    """
    text = clean_question(question)
    reading = read(text)
    asked = Question(text=text, intent=reading.intent, language=reading.language, member=member)
    answer = asyncio.run(_last(answerer, asked, audiences))
    view = TurnView.of(answer, turn_id=new_id("t_"), conversation_id=new_id("c_"), question=text, standalone=text)
    return view.to_json()


async def _last(answerer: Answerer, question: Question, audiences: frozenset[str]) -> Answer:
    last: Answer | None = None
    try:
        async for value in answerer.stream(question, audiences):
            if isinstance(value, Answer):
                last = value
    finally:
        await answerer.close()
    if last is None:
        raise LianwenError("回答没有完成。")
    return last
