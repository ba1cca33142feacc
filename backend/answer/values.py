"""What goes into an answer and what comes out of it: frozen values, the JSON of the turn contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from backend.search.values import HoldingView


class Intent(StrEnum):
    """What the reader wants."""

    FIND_ITEM = "find_item"
    LOCATE = "locate"
    POLICY = "policy"
    INDUSTRY = "industry"
    REQUEST_ITEM = "request_item"
    REQUEST_STATUS = "request_status"
    LIBRARIAN = "librarian"
    GREETING = "greeting"
    OFF_TOPIC = "off_topic"
    PERSONAL = "personal"
    QUESTION = "question"


Language = Literal["zh", "en"]
Judgement = Literal["enough", "partly", "none", "conflicting"]
Mode = Literal["extractive", "model"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Citation(Frozen):
    """``quote == stored text of source[start:end]``, counted in characters. ``source`` is the number ``n``;
    ``locator`` says in words where it stands in the original (第 12 页, 4.3 条), where that is known."""

    source: int
    quote: str
    start: int
    end: int
    locator: str | None = None


class Sentence(Frozen):
    """One claim and the quotations that it stands on (at least one)."""

    text: str
    citations: tuple[Citation, ...]


class SourceHolding(HoldingView):
    """A holding with its member's name in words."""

    member_name: str = ""


class Source(Frozen):
    """An item that an answer cites or shows as near. ``member``: whose rule a policy is."""

    n: int
    id: str
    source_id: str
    collection: str
    kind: str
    title: str
    url: str = ""
    member: str = ""
    year: int | None = None
    creators: tuple[str, ...] = ()
    holdings: tuple[SourceHolding, ...] = ()


class Action(Frozen):
    """Something the reader can do next. ``record_id`` and ``services`` belong to ``request``, ``url`` to ``open``."""

    kind: Literal["request", "handoff", "open"]
    label: str
    record_id: str | None = None
    title: str | None = None
    services: tuple[str, ...] = ()
    url: str | None = None


class Provenance(Frozen):
    """What made the answer: the prompt's name and version, the model, the index snapshot."""

    prompt: str = ""
    model: str = ""
    snapshot: str = ""


class Answer(Frozen):
    """A finished answer. ``text`` is the sentences joined; greetings, refusals and notices have text alone."""

    intent: Intent
    mode: Mode = "extractive"
    refused: bool = False
    reason: str | None = None
    text: str
    sentences: tuple[Sentence, ...] = ()
    sources: tuple[Source, ...] = ()
    actions: tuple[Action, ...] = ()
    suggestions: tuple[str, ...] = ()
    provenance: Provenance = Provenance()
    confidence: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question made whole. ``focus`` are ids of items it is about (from the turn before), best first."""

    text: str
    intent: Intent
    language: Language = "zh"
    member: str | None = None
    focus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a streamed answer: exactly the SSE event of that name."""

    name: Literal["sources", "delta", "citation", "replace", "actions"]
    payload: dict[str, object] = field(default_factory=dict)
