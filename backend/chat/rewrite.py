"""Questions that lean on what was said before, made whole. Pure.

Four ways a question leans: it counts (第二本), it points (那本, 它, 该标准), it leaves out (那周末呢, 多少钱), or
it asks for more of the same (还有别的吗). A question that names its own subject is left alone: a topic may change
at any time, and a wrong rewriting is worse than none. What a shape means is decided here; the words of shapes are
in :mod:`backend.chat.leaning`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.chat import leaning

Item = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a turn leaves behind: its whole question, its intent and the items it showed, in order."""

    question: str
    intent: str
    items: tuple[Item, ...] = ()
    """(id, title, kind) of each cited source"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The question as it would be asked alone, and the items it points at."""

    text: str
    focus: tuple[str, ...] = ()
    changed: bool = False


def make_whole(question: str, history: Sequence[Past]) -> Whole:
    """``question`` after the turns ``history`` (oldest first)."""
    text = leaning.TOPIC_CHANGE.sub("", question, count=1)
    if not history or text != question:
        return Whole(text=text or question, changed=bool(text) and text != question)
    for attempt in (_by_number, _by_person, _by_pointing, _by_more, _by_ellipsis, _by_absence):
        found = attempt(question, history)
        if found is not None:
            return found
    return Whole(text=question)


# 第二本


def _by_number(question: str, history: Sequence[Past]) -> Whole | None:
    places = leaning.ordinals(question)
    items = next((past.items for past in reversed(history) if len(past.items) > 1), history[-1].items)
    if not places or not items or "《" in question:
        return None
    chosen = [(start, end, _counted(items, number)) for start, end, number in places]
    if any(item is None for _, _, item in chosen):
        return None
    text = question
    focus: list[str] = []
    for start, end, item in reversed(chosen):
        assert item is not None  # nothing is None, see above
        text = f"{text[:start]}《{item[1]}》{text[end:]}"
        focus.insert(0, item[0])
    return Whole(text=text, focus=tuple(focus), changed=True)


def _counted(items: Sequence[Item], number: int) -> Item | None:
    """The item that ``number`` counts: from 1, or from the end (-1)."""
    at = number - 1 if number > 0 else len(items) + number
    return items[at] if 0 <= at < len(items) else None


# 他, 这位作者


def _by_person(question: str, history: Sequence[Past]) -> Whole | None:
    match = leaning.PERSON.search(question)
    if match is None or "《" in question:
        return None
    for past in reversed(history):
        name = leaning.author(past.question)
        if name:
            return Whole(text=_replaced(question, match, name), changed=True)
        title = leaning.TITLE.search(past.question)
        if title or (past.items and past.items[0][2] == "catalogue"):
            named = title.group() if title else f"《{past.items[0][1]}》"
            focus = (past.items[0][0],) if past.items else ()
            return Whole(text=_replaced(question, match, f"{named}的作者"), focus=focus, changed=True)
    return None


def _replaced(text: str, match: re.Match[str], by: str) -> str:
    return text[: match.start()] + by + text[match.end() :]


# 那本, 它, 该标准, 这几本, 该馆


def _by_pointing(question: str, history: Sequence[Past]) -> Whole | None:
    if "《" in question or leaning.STANDARD_NUMBER.search(question):
        return None
    if place := leaning.THERE.search(question):
        named = next((found for past in reversed(history) if (found := leaning.library(past.question))), "")
        return Whole(text=_replaced(question, place, named), changed=True) if named else None
    items = next((past.items for past in reversed(history) if past.items), ())
    if (several := leaning.THESE.search(question)) and len(items) > 1:
        return _these(question, several, items)
    match = leaning.POINTING.search(question)
    if match is None or not items:
        return None
    wanted = "standard" if "标准" in match.group() or "standard" in match.group().lower() else "catalogue"
    chosen = next((item for item in items if item[2] == wanted), items[0])
    if chosen[2] not in ("catalogue", "standard"):
        return Whole(text=f"{leaning.TAIL.sub('', history[-1].question)}，{question}", changed=True)
    return Whole(text=_replaced(question, match, f"《{chosen[1]}》"), focus=(chosen[0],), changed=True)


def _these(question: str, match: re.Match[str], items: Sequence[Item]) -> Whole:
    count = leaning.number_of(match.group("count") or "") or 5
    shown = items[:count]
    titles = "、".join(f"《{item[1]}》" for item in shown)
    return Whole(text=_replaced(question, match, titles), focus=tuple(item[0] for item in shown), changed=True)


# 还有别的吗


def _by_more(question: str, history: Sequence[Past]) -> Whole | None:
    if not leaning.MORE.fullmatch(question.strip()):
        return None
    return Whole(text=f"除此之外，{history[-1].question}", changed=True)


# 那周末呢


def _by_ellipsis(question: str, history: Sequence[Past]) -> Whole | None:
    match = leaning.ELLIPSIS.fullmatch(question.strip()) if leaning.leans(question) else None
    rest = match.group("rest").strip() if match else ""
    previous = history[-1]
    if not rest or not previous.question:
        return None
    if leaning.asks(rest):
        subject = leaning.subject(previous.question)
        if not subject or leaning.subject(rest):
            return None
        return Whole(text=f"{subject}{rest}", focus=_focus(previous), changed=True)
    if leaning.whole_sentence(rest):
        return None
    text = leaning.exchanged(rest, previous.question)
    return Whole(text=text, focus=_focus(previous) if "《" not in rest else (), changed=True)


# 多少钱, 需要带什么


def _by_absence(question: str, history: Sequence[Past]) -> Whole | None:
    """A question of question words alone asks about the subject before it."""
    previous = history[-1]
    if not leaning.empty(question) or previous.intent in ("greeting", "off_topic", "personal", "librarian"):
        return None
    title = leaning.TITLE.search(previous.question)
    about = title.group() if title else leaning.about(previous.question)
    return Whole(text=f"{about}{question}", focus=_focus(previous), changed=True) if about else None


def _focus(previous: Past) -> tuple[str, ...]:
    return tuple(item[0] for item in previous.items[:1]) if "《" in previous.question else ()
