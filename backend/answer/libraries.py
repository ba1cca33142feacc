"""Which library does a question name? Pure.

Members are known by their full names; readers say less (师范学院图书馆, 市图书馆, 青溪馆). What all names begin with
is left out, and 图书馆 at the end. A library that is named and is no member is named back: its rules may well be
elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_NAMED = re.compile(
    r"[\u4e00-\u9fff]{1,12}?图书馆|[\u4e00-\u9fff]{1,4}(?<![本分总县旧新老场茶宾饭该个])(?:省|市|县|院)(?:图|馆)(?![书])"
)
_TIME = (
    r"周末|周[一二三四五六日天]|星期[一二三四五六日天]|礼拜[一二三四五六日天]|[今明后昨][天日晚早]|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|"
    r"[寒暑假]假|假日|假期|节日|春节|元旦|国庆节?|五一|中秋节?|端午节?|清明节?|除夕|平时|平日|工作日|现在|目前|[年月日号点时天]|期间|以[前后]"
)
_PERSON = r"孩|孩子|老人|老年人|学生|读者|老师|教师|家长|外地人|外国人|残疾人|盲人|市民|居民"
_GENERAL = re.compile(
    r"^(?:.*(?:请问|想问|问|你们|我们|咱们|本|这个?|那个?|该|哪些|哪个?|各个?|每个?|别的|其他|外|公共|高校|大学|学校|学院|数字|自助|流动|移动|儿童|少儿|去|到|在|进|向|给|从|叫|逛|对|和|与|"
    r"的|是|有|县|市|馆|联盟|成员|地方|上|下|里|用|找|[一这那哪几]个|[一这那哪几]座|[一这那哪几]家|为什么|什么|怎么|如何|"
    rf"{_TIME}|{_PERSON}))?图书馆$"
)
_KIND = r"(?:图书馆|馆|图|院|学院)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """``members``: codes of the members named, in order; ``other``: a library named that is no member."""

    members: tuple[str, ...] = ()
    other: str = ""


def named(question: str, names: Mapping[str, str]) -> Named:
    """The libraries that a question names, among the members ``names`` (code → name)."""
    places: dict[str, int] = {}
    left = question
    for code, pattern in _patterns(tuple(sorted(names.items(), key=lambda pair: -len(pair[1])))):
        if match := pattern.search(left):
            places.setdefault(code, question.find(match.group()))
            left = left.replace(match.group(), "，", 1)
    if places:
        return Named(members=tuple(sorted(places, key=lambda code: places[code])))
    for match in _NAMED.finditer(left):
        if not _GENERAL.match(match.group()) and not re.search(r"图书馆学|图书馆[员法]", left[match.start() :]):
            return Named(other=re.sub(rf"^(?:{_TIME})+", "", match.group()))
    return Named()


@lru_cache(maxsize=8)
def _patterns(names: tuple[tuple[str, str], ...]) -> list[tuple[str, re.Pattern[str]]]:
    """One pattern a distinct name, longer names first; an alias of the same name adds nothing."""
    distinct = {name: code for code, name in reversed(names) if name}
    shared = _beginning(list(distinct)) if len(distinct) > 1 else ""
    found = []
    for name, code in distinct.items():
        own = name.removeprefix(shared) if len(name.removeprefix(shared)) > 2 else name
        core = own.removesuffix("图书馆")
        forms = [re.escape(name), re.escape(own)]
        inner = re.search(r"(?:市|省)?([\u4e00-\u9fff]{2,}?)(?:县|区|市)$", core)
        if inner:
            forms.append(f"{re.escape(inner.group(1))}(?:县|区|市)?{_KIND}")
        elif len(core) >= 2:
            forms.append(f"{re.escape(core)}{_KIND}?")
        else:
            forms.append(f"(?<![\u4e00-\u9fff]){re.escape(core)}{_KIND}")
        found.append((code, re.compile("|".join(forms))))
    return sorted(found, key=lambda pair: -len(pair[1].pattern))


def _beginning(names: list[str]) -> str:
    """What all names begin with."""
    shared = names[0]
    for name in names[1:]:
        while not name.startswith(shared):
            shared = shared[:-1]
    return shared
