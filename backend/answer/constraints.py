"""What a reader demands of the items beside their subject: years, language, availability. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from backend.search.query import folded
from backend.search.values import Filters

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_N = r"(\d{1,2}|[一二两三四五六七八九十]{1,3})"
_RECENT = re.compile(rf"(?:最?近|过去|最新的?){_N}年(?:来|内|以来|里)?(?:出版)?的?|(?:last|past) (\d{{1,2}}) years")
_BETWEEN = re.compile(
    r"(1[5-9]\d{2}|20\d{2})年?\s*(?:-|—|–|~|～|到|至)\s*(1[5-9]\d{2}|20\d{2})年?(?:之?间)?(?:出版)?的?"
)
_AFTER = re.compile(
    r"(1[5-9]\d{2}|20\d{2})年?(?:以后|之后|以来|后|起)(?:出版)?的?|(?:since|after) (1[5-9]\d{2}|20\d{2})"
)
_BEFORE = re.compile(r"(1[5-9]\d{2}|20\d{2})年?(?:以前|之前|前)(?:出版)?的?|before (1[5-9]\d{2}|20\d{2})")
_IN = re.compile(r"(1[5-9]\d{2}|20\d{2})年(?:出版)?的?")
_LANGUAGES = {
    "eng": r"英(?:文|语)(?:版|原版|书|图书|资料)?(?:的)?|\bin english\b", "jpn": r"日(?:文|语)(?:版|原版|书|"
    r"图书)?(?:的)?",
    "rus": r"俄(?:文|语)(?:版|原版|书|图书)?(?:的)?", "ger": r"德(?:文|语)(?:版|原版|书|图书)?(?:的)?",
    "fre": r"法(?:文|语)(?:版|原版|书|图书)?(?:的)?", "kor": r"(?:韩|朝)(?:文|语)(?:版|原版|书|图书)?(?:的)?",
    "chi": r"中文(?:版|书|图书)(?:的)?|\bin chinese\b",
}  # fmt: skip
_AVAILABLE = re.compile(
    r"(现在|目前|今天)?(能|可以?|还能)(借到?的?|外借的?)|在架的?|没(有)?被?借(走|出)的?|\bavailable( now)?\b"
)
_NEWEST = re.compile(r"最新(?:出版)?的?|最近出版的?|新出的?|\b(?:newest|latest)\b")
_ASKED = re.compile(
    r"(?:你们|贵|本|我们|咱们|哪个|哪些|哪家)(?:图书馆|联盟)|"
    r"(?:^|(?<=[，。？！、,.?!\s在去到问]))(?:[\u4e00-\u9fff]{0,10}(?:市|县|区|省|州|校|院|大学|国家))?(?:图书馆|联盟)"
    r"(?:里|内|各馆|成员馆)?(?=有|能|可|借|收|是|\s|$)"
)
"""The library that is asked, not what is asked for: 数字图书馆 and 区域图书馆联盟 are subjects."""
_ASKING = re.compile(
    r"你们?(?=有|能|馆|这)|[那这](?:些|几)?[本册部篇套]书?|[该此]书|馆里|馆内|帮我|帮忙|给我|我想要?|我要|想要|需要|找一?下|查一?下|检索|搜一?下|推荐|借阅|"
    r"有没有|有无|有哪些|有什么|有?关于|有关|方面|相关|主编|作品|几本|一些|一本|书籍|图书(?!馆)|资料|文献|哪里|哪儿|哪个馆|哪些馆|哪家|哪个|哪些|"
    r"什么|怎么|如何|可以|馆藏|索书号|收藏|申请|预约|馆际互借|文献传递|复印|扫描|讲述|介绍|论述|(?<=[\u4e00-\u9fff])的书|写的|著的|编的|译的|写过|"
    r"\b(do|you|have|any|books?|about|on|by|the|a|an|find|me|is|are|there|i|want|to|borrow|looking|for|where|can|get|"
    r"which|library|has|please|request|copy|of|recommend|some|novels?|works?)\b|[\s，。？！、,.?!《》“”\"'：:]"
)
_EDGES = re.compile(
    r"^(?:请|我|想|要|找|查|看看?|读|借|讲|给|有(?![机限色氧丝轨])|在|和(?![平声])|与|及|的)+|"
    r"(?:的|本|册|书|类|等|写|著|编|译|吗|呢|吧|么|有|在|能|可|怎|讲)+$"
)
"""Single characters are taken away only at the edges of what is left: 书法, 有机化学 and 本草纲目 are subjects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``words``: the question without its constraints; ``subject``: without asking words, too (may be empty);
    ``newest``: the latest ones are wanted first."""

    words: str
    subject: str
    filters: Filters
    newest: bool = False


def read(question: str, *, this_year: int) -> Wish:
    """The constraints in a question about items."""
    text = folded(question)
    start: int | None = None
    end: int | None = None
    if match := _RECENT.search(text):
        start = this_year - _number(match.group(1) or match.group(2)) + 1
    elif match := _BETWEEN.search(text):
        start, end = sorted((int(match.group(1)), int(match.group(2))))
    elif match := _AFTER.search(text):
        start = int(match.group(1) or match.group(2))
    elif match := _BEFORE.search(text):
        end = int(match.group(1) or match.group(2)) - 1
    elif match := _IN.search(text):
        start = end = int(match.group(1))
    left = text.replace(match.group(), " ") if match else text
    languages = []
    for code, pattern in _LANGUAGES.items():
        if found := re.search(pattern, left):
            languages.append(code)
            left = left.replace(found.group(), " ")
    newest = _NEWEST.search(left)
    left = left.replace(newest.group(), " ") if newest else left
    available = _AVAILABLE.search(left)
    left = left.replace(available.group(), " ") if available else left
    return Wish(
        words=left.strip() or text,
        subject=_joined(_EDGES.sub("", part) for part in _ASKING.sub(" ", _ASKED.sub(" ", left)).split()),
        filters=Filters(year_from=start, year_to=end, languages=tuple(languages), available=bool(available)),
        newest=bool(newest),
    )


def _joined(parts: Iterable[str]) -> str:
    """Words of a subject: Latin ones with the space between them, Chinese ones without."""
    return re.sub(r"(?<![!-~]) | (?![!-~])", "", " ".join(part for part in parts if part))


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    tens, _, ones = text.rpartition("十")
    if "十" in text:
        return (_DIGITS.get(tens, 1) if tens else 1) * 10 + _DIGITS.get(ones, 0)
    return _DIGITS.get(text, 1)
