"""Questions that lean on what was said before, made whole. Pure.

Three ways a question leans: it counts (第二本), it points (那本, 它, 该标准), or it leaves out (那周末呢). A question
that names its own subject is left alone: a topic may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMERAL = {c: n for n, c in enumerate("一二三四五六七八九十", start=1)} | {"两": 2, "首": 1}
_ITEM = r"(?:本|册|部|篇|个|条|项|种|份|则)"
_ORDINAL = re.compile(rf"第([一二两三四五六七八九十]|\d{{1,2}}){_ITEM}(?:书|标准|文献|结果|论文|图书)?")
_LAST = re.compile(rf"(?:最后|末尾|末)(?:的)?(?:那)?一?{_ITEM}(?:书|标准)?")
_POINTING = re.compile(
    rf"(?:上面|刚才|前面|之前)?(?:说|提到|找到)?的?(?:这|那|该|此)(?:一)?{_ITEM}(?:书|标准|文献|论文|图书|规定|资料)?|"
    r"该(?:书|标准|馆|文献|论文|刊)|此书|(?:它|其)(?=的|在|有|是|能|可|还|被|多|什|何|哪|怎|$|[？?])|\b(?:it|"
    r"that (?:book|one|standard)|this (?:book|one|standard))\b"
)
_ENGLISH_ORDINAL = re.compile(r"\bthe (first|second|third|fourth|fifth|last)( one| book| item)?\b", re.I)
_ENGLISH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_ELLIPSIS = re.compile(
    r"^(?:那么?|然后|还有|再问|如果是?|要是|换成|and|what about|how about)?[\s，,]*(.{1,16}?)[\s，,]*(?:呢|"
    r"怎么样|如何|可以吗|行吗|也?一样吗)?[？?。]?$",
    re.I,
)
_LEANS = re.compile(r"^(那|那么|然后|还有|如果|要是|换成|and |what about|how about)|呢[？?。]?$", re.I)
_TAIL = re.compile(r"[呢吗吧呀啊？?。！!\s]+$")
_QUESTION_WORD = re.compile(r"什么|怎|如何|谁|哪|几|多少|多久|多长|是否|为什么|有没有|能不能|可不可以|吗")

_SLOTS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        r"周[一二三四五六日末]|星期[一二三四五六日天]|礼拜[一二三四五六日天]|工作日|平时|平日|节假日|法定节假日|春节|国庆节?|寒假|暑假|寒暑假|今天|明天|后天|昨天|早上|上午|中午|下午|晚上|夜间",
        r"本科生|研究生|硕士生?|博士生?|学生|教师|教职工|老师|校友|儿童|少儿|老年人?|老人|成人|市民|外地人|外籍(?:读者|人士)?|残障(?:读者|人士)?|企业(?:用户|读者)?",
        r"期刊|杂志|报纸|图书|书|学位论文|论文|光盘|电子书|古籍|教材|工具书|CD|DVD|dvd",
        r"借|还|续借|预约|复印|打印|扫描|赔偿|挂失|退证|办证|办理|注销",
        r"[\u4e00-\u9fff]{2,12}(?:图书馆|学院|大学|馆|分馆)",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a turn leaves behind: its whole question, its intent and the items it showed, in order."""

    question: str
    intent: str
    items: tuple[tuple[str, str, str], ...] = ()
    """(id, title, kind) of each cited source"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The question as it would be asked alone, and the items it points at."""

    text: str
    focus: tuple[str, ...] = ()
    changed: bool = False


def make_whole(question: str, history: Sequence[Past]) -> Whole:
    """``question`` after the turns ``history`` (oldest first)."""
    if not history:
        return Whole(text=question)
    for attempt in (_by_number, _by_pointing, _by_ellipsis):
        found = attempt(question, history)
        if found is not None:
            return found
    return Whole(text=question)


def _by_number(question: str, history: Sequence[Past]) -> Whole | None:
    number, place = 0, None
    if match := _ORDINAL.search(question):
        number, place = _NUMERAL.get(match.group(1)) or int(match.group(1)), match.span()
    elif match := _LAST.search(question):
        number, place = -1, match.span()
    elif match := _ENGLISH_ORDINAL.search(question):
        number, place = _ENGLISH[match.group(1).lower()], match.span()
    if place is None:
        return None
    items = next((past.items for past in reversed(history) if len(past.items) > 1), history[-1].items)
    at = number - 1 if number > 0 else len(items) - 1
    return _put(question, place, items[at]) if 0 <= at < len(items) else None


def _by_pointing(question: str, history: Sequence[Past]) -> Whole | None:
    match = _POINTING.search(question)
    if match is None or "《" in question:
        return None
    items = next((past.items for past in reversed(history) if past.items), ())
    if not items:
        return None
    standard = "标准" in match.group() or "standard" in match.group().lower()
    chosen = next((item for item in items if item[2] == "standard"), items[0]) if standard else items[0]
    if chosen[2] not in ("catalogue", "standard"):
        previous = history[-1].question
        return Whole(text=f"{_TAIL.sub('', previous)}，{question}", changed=True)
    return _put(question, match.span(), chosen)


def _put(question: str, place: tuple[int, int], item: tuple[str, str, str]) -> Whole:
    start, end = place
    return Whole(text=f"{question[:start]}《{item[1]}》{question[end:]}", focus=(item[0],), changed=True)


def _by_ellipsis(question: str, history: Sequence[Past]) -> Whole | None:
    if len(question) > 20 or not _LEANS.search(question):
        return None
    match = _ELLIPSIS.match(question)
    rest = match.group(1) if match else ""
    previous = history[-1]
    if not rest or not previous.question:
        return None
    if _QUESTION_WORD.search(rest):
        subject = _subject(previous)
        return Whole(text=f"{subject}{rest}", focus=_focus(previous), changed=True) if subject else None
    for slot in _SLOTS:
        new, old = slot.search(rest), slot.search(previous.question)
        if new and old:
            text = previous.question[: old.start()] + new.group() + previous.question[old.end() :]
            return Whole(text=text, focus=_focus(previous), changed=True)
    return Whole(text=f"{rest}{previous.question}", changed=True)


def _focus(previous: Past) -> tuple[str, ...]:
    return tuple(item[0] for item in previous.items[:1]) if "《" in previous.question else ()


def _subject(previous: Past) -> str:
    title = re.search(r"《[^》]+》", previous.question)
    if title:
        return title.group()
    place = _SLOTS[-1].search(previous.question)
    return place.group() if place else ""
