"""A question that asks several things → the questions it asks. Pure.

Cut where a new question begins (two question marks, 还有, 以及, a comma between two askings) and where one asking is
meant for several things (本科生和研究生分别, 市馆和县馆各). A part that has no subject of its own gets the one before
it. What is one question with 和 in it (X和Y的区别, A和B是什么关系) stays whole.
"""

from __future__ import annotations

import re

from backend.search.query import without_question_phrases

MOST = 4
"""Parts that are answered; what is asked beyond stays with the last one."""

_ASKS = re.compile(
    r"什么|怎么|怎样|如何|谁|哪|几|多少|多久|多长|多大|是否|为什么|有没有|能不能|可不可以|吗|\b(?:what|when|where|who|how|which|can|is|are|do|does)\b",
    re.I,
)
_MARKS = re.compile(r"(?<=[？?])\s*")
_JOINT = re.compile(
    r"[，,；;。]\s*(?:还有|另外|以及|并且|同时|顺便(?:问一?下)?|再(?:问|请问)一?下)?[，,\s]*|(?<=.)(?:还有|以及)(?=.)|"
    r"(?<= )and (?=(?:what|when|where|who|how|can|is|do)\b)",
    re.I,
)
_EACH = re.compile(
    r"^(?P<lead>请问|想问一?下)?(?P<one>[^，,、？?]{2,14}?)(?:和|与|跟|及|以及|、)(?P<two>[^，,、？?]{2,14}?)(?P<of>的[^，,？?]{1,10})?(?:分别|各自|各)(?P<rest>[^，,]{2,})$"
)
_TOGETHER = re.compile(r"区别|不同|关系|差别|比较|相比|对比|之间")
_LIBRARIES = re.compile(
    r"^(?P<one>[\u4e00-\u9fff]{1,12}(?:图书馆|馆))(?:和|与|跟|、)(?P<two>[\u4e00-\u9fff]{1,12}(?:图书馆|馆))(?P<rest>(?:的|都|几|怎|什|可|能|周|有|在).+)$"
)


def split_parts(question: str) -> list[str]:
    """The questions in ``question``, in order; the question itself when it is one."""
    text = question.strip()
    found = [part for asked in _by_marks(text) for joint in _by_joints(asked) for part in _by_each(joint)]
    if len(found) < 2:
        return [text]
    whole: list[str] = []
    for part in found:
        whole.append(_with_subject(part, whole[-1]) if whole else part)
    return [*whole[: MOST - 1], " ".join(whole[MOST - 1 :])] if len(whole) > MOST else whole


def _by_marks(text: str) -> list[str]:
    parts = [part.strip() for part in _MARKS.split(text) if part.strip()]
    return parts if len(parts) > 1 and all(_is_question(part) for part in parts) else [text]


def _by_joints(text: str) -> list[str]:
    parts = [part.strip() for part in _JOINT.split(text) if part and part.strip()]
    asking = [part for part in parts if _is_question(part)]
    return parts if len(parts) > 1 and len(asking) == len(parts) else [text]


def _by_each(text: str) -> list[str]:
    if _TOGETHER.search(text):
        return [text]
    match = _EACH.match(text) or _LIBRARIES.match(text)
    if match is None or not _asks(match.group("rest") + (match.groupdict().get("of") or "")):
        return [text]
    rest = (match.groupdict().get("of") or "") + match.group("rest").removeprefix("都")
    return [match.group("one") + rest, match.group("two") + rest]


def _asks(text: str) -> bool:
    return _ASKS.search(text) is not None or text.startswith("的")


def _is_question(text: str) -> bool:
    return len(text) >= 3 and _ASKS.search(text) is not None


def _with_subject(part: str, before: str) -> str:
    """A part of question words alone (要多少钱) asks about what was asked before it."""
    left = re.sub(r"[\s，,？?要需收是用带在的]", "", without_question_phrases(part))
    if len(left) > (3 if part[0] in "要需收交" else 2) or "《" in part:
        return part
    title = re.search(r"《[^》]+》", before)
    subject = (
        title.group()
        if title
        else re.sub(r"[\s，,？?]", "", without_question_phrases(re.sub(r"怎么(?=办.)", "", before)))
    )
    return f"{subject}{part}"
