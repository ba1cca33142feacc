"""True and false claims with the quotation they cite: what verification is measured on. Pure and seeded.

True claims say what a quotation says in other form: one clause of it, its clauses in another order, its numbers in
other figures, a question's own words with the answer put in. False claims are true ones with one thing changed: a
number, a date, a negation or its opposite, a name, a holding. Each false claim keeps everything else.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from backend.answer.numerals import numbers
from backend.answer.sentences import split
from backend.search.query import folded

SHORTEST, LONGEST = 8, 90
"""Characters of a sentence that claims are made from."""

_CLAUSE = re.compile(r"[，,；;：:]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DATE = re.compile(r"(\d{1,4})(?=年|月|日|号|世纪|年代|[:：]\d{2})")
_CHINESE_DIGIT = dict(zip("0123456789", "〇一二三四五六七八九", strict=True))
_NEGATION = re.compile(
    r"(?<![差别特区])(不得|不能|不可以|不可|不会|不予|不|没有|未能|未|并非|无法|禁止)(?![同少断仅只料久锈足如])"
)
_AFFIRMED = re.compile(
    r"(?<![不未没无可])(可以|能够|可|能|会|是|有|应当|应|需要|须|允许|得以|属于|位于|包括|开放|提供|获得|成为)"
)
_OPPOSITES = (
    ("以上", "以下"), ("以前", "以后"), ("之前", "之后"), ("高于", "低于"), ("大于", "小于"), ("增加", "减少"),
    ("上升", "下降"), ("最大", "最小"), ("最高", "最低"), ("最早", "最晚"), ("提高", "降低"), ("允许", "禁止"),
    ("免费", "收费"), ("有效", "无效"), ("必须", "不必"), ("全部", "部分"), ("增长", "下降"), ("胜", "负"),
    ("北部", "南部"), ("东部", "西部"), ("成功", "失败"),
)  # fmt: skip
_ASKED = re.compile(r"什么时候|什么时间|何时|哪一?年|谁|哪里|何地|什么地方|多少|什么|哪个国家|哪个城市|哪座城市|哪位")


SHELF: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("围城", ("甲市图书馆 三楼中文借阅区 I246.5/12 在架可借", "乙县图书馆 一楼借阅室 I246.5/8 已借出")),
    ("中国桥梁史", ("丙学院图书馆 主馆书库 U448/31 在馆阅览", "甲市图书馆 四楼参考区 U448/30 在架可借 2 册")),
    ("水稻栽培", ("乙县图书馆 一楼借阅室 S511/77 暂不可用", "丙学院图书馆 主馆书库 S511/70 已借出")),
    ("古文字学导论", ("甲市图书馆 三楼中文借阅区 H121/5 已借出", "丙学院图书馆 主馆书库 H121/6 在架可借")),
    ("园林植物图鉴", ("甲市图书馆 四楼参考区 S68/102 在馆阅览", "乙县图书馆 一楼借阅室 S68/99 在架可借")),
)  # fmt: skip
"""Titles with their holdings in the words of answers, for claims about availability where an index holds none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence, what it cites, and whether that carries it. ``kind``: how it was made."""

    text: str
    quotes: tuple[str, ...]
    true: bool
    kind: str
    lines: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def from_texts(texts: Iterable[str], *, seed: int = 1, limit: int = 2_000) -> list[Claim]:
    """Claims about sentences of ``texts``: a true one of some form and a false one of each kind that it allows."""
    chance = random.Random(seed)
    sentences = [text[s.start : s.end] for text in texts for s in split(text)]
    sentences = [one for one in sentences if SHORTEST <= len(one) <= LONGEST and "\n" not in one]
    chance.shuffle(sentences)
    sentences = sentences[:limit]
    names = _names(sentences)
    found: list[Claim] = []
    for sentence in sentences:
        for kind, text in _restated(sentence, chance):
            found.append(Claim(text=text, quotes=(sentence,), true=True, kind=kind))
            found.extend(_falsified(text, sentence, names, chance))
    return found


def from_answers(asked: Iterable[tuple[str, str, str, str]], *, seed: int = 1) -> list[Claim]:
    """Claims from (question, gold answer, sentence that holds it, its title): the answer in the question's words."""
    chance = random.Random(seed)
    found: list[Claim] = []
    for question, answer, sentence, title in asked:
        text = _ASKED.sub(answer.replace("\\", r"\\"), question.rstrip("？?。 "), count=1)
        if text == question.rstrip("？?。 ") or answer not in sentence or len(answer) > 20:
            continue
        claim = Claim(text=text, quotes=(sentence,), true=True, kind="question_with_answer", known=(title,))
        found.append(claim)
        found.extend(replace(one, known=(title,)) for one in _falsified(text, sentence, _names([sentence]), chance))
    return found


def from_holdings(titled: Iterable[tuple[str, Sequence[str]]], *, seed: int = 1) -> list[Claim]:
    """Claims from (title, its holdings as answers word them): one as it is, and with one part changed."""
    chance = random.Random(seed)
    found: list[Claim] = []
    rows = [(title, tuple(lines)) for title, lines in titled if lines]
    everything = [line for _, lines in rows for line in lines]
    for title, lines in rows:
        line = chance.choice(lines)
        common: dict[str, Any] = {"quotes": (title,), "lines": lines, "known": (title, "馆藏")}
        found.append(Claim(text=f"《{title}》馆藏：{line}。", true=True, kind="holding", **common))
        changed = [*_changed_holding(line, everything, chance)]
        found.extend(
            Claim(text=f"《{title}》馆藏：{other}。", true=False, kind="holding", **common)
            for other in changed
            if other not in lines
        )
    return found


# true claims


def _restated(sentence: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    yield "whole", sentence
    clauses = [part for part in _CLAUSE.split(sentence.rstrip("。！？!?；;")) if part.strip()]
    long = [part for part in clauses if len(part) >= SHORTEST]
    if len(clauses) > 1 and long:
        yield "clause", chance.choice(long) + "。"
    if len(clauses) > 2:
        order = clauses[1:]
        chance.shuffle(order)
        yield "reordered", "，".join([clauses[0], *order]) + "。"
    if numbers(folded(sentence)):
        yield "figures", _NUMBER.sub(lambda m: _wide(m.group()), sentence)
        if re.search(r"(?<!\d)\d{4}年", sentence):
            yield "figures", re.sub(r"(?<!\d)\d{4}(?=年)", lambda m: _in_chinese(m.group()), sentence)
    yield "led_in", f"根据资料，{sentence}"


def _wide(figures: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in figures)


def _in_chinese(figures: str) -> str:
    return "".join(_CHINESE_DIGIT[c] for c in figures)


# false claims


def _falsified(text: str, quote: str, names: dict[str, list[str]], chance: random.Random) -> Iterator[Claim]:
    makers: tuple[tuple[str, Callable[[], str | None]], ...] = (
        ("number", lambda: _other_number(text, quote, _NUMBER, chance)),
        ("date", lambda: _other_number(text, quote, _DATE, chance)),
        ("swapped", lambda: _swapped(text)),
        ("negation", lambda: _negated(text, chance)),
        ("opposite", lambda: _opposite(text)),
        ("name", lambda: _other_name(text, quote, names, chance)),
    )
    for kind, make in makers:
        made = make()
        if made is not None and folded(made) != folded(text) and folded(made).rstrip("。") not in folded(quote):
            yield Claim(text=made, quotes=(quote,), true=False, kind=kind)


def _other_number(text: str, quote: str, pattern: re.Pattern[str], chance: random.Random) -> str | None:
    """One number changed in one digit to a value that the quotation does not hold with this unit."""
    places = list(pattern.finditer(text))
    if not places:
        return None
    place = chance.choice(places)
    given = set(numbers(folded(quote)))
    figures = place.group(1) if pattern.groups else place.group()
    for _ in range(10):
        at = chance.randrange(len(figures))
        if not figures[at].isdigit():
            continue
        digit = chance.choice([d for d in "123456789" if d != figures[at]])
        made = text[: place.start()] + figures[:at] + digit + figures[at + 1 :] + text[place.end() :]
        if set(numbers(folded(made))) - given:
            return made
    return None


def _swapped(text: str) -> str | None:
    """Two numbers with the same unit in each other's place."""
    places = list(_NUMBER.finditer(text))
    for left in places:
        for right in places:
            same = text[left.end() : left.end() + 1] == text[right.end() : right.end() + 1]
            if left.end() < right.start() and left.group() != right.group() and same:
                middle = text[left.end() : right.start()]
                return text[: left.start()] + right.group() + middle + left.group() + text[right.end() :]
    return None


def _negated(text: str, chance: random.Random) -> str | None:
    """A negation taken away, or put before a verb."""
    there = list(_NEGATION.finditer(text))
    if there:
        place = chance.choice(there)
        return text[: place.start()] + _without(place.group()) + text[place.end() :]
    verbs = list(_AFFIRMED.finditer(text))
    if not verbs:
        return None
    place = chance.choice(verbs)
    word = "没" if place.group() == "有" else "不"
    return text[: place.start()] + word + text[place.start() :]


def _without(negation: str) -> str:
    return {"禁止": "允许", "不得": "可以", "没有": "有", "无法": "可以", "并非": "是", "未能": "能够"}.get(
        negation, negation[1:]
    )


def _opposite(text: str) -> str | None:
    for pair in _OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if one in text:
                return text.replace(one, other, 1)
    return None


def _other_name(text: str, quote: str, names: dict[str, list[str]], chance: random.Random) -> str | None:
    """One name replaced by another of its sort: of the same quotation where there is one, else of another text."""
    own = _tagged(text)
    if not own:
        return None
    word, sort = chance.choice(own)
    near = [other for other, other_sort in _tagged(quote) if other_sort == sort and other != word]
    pool = near or [other for other in names.get(sort, []) if other != word and other not in quote]
    return text.replace(word, chance.choice(pool), 1) if pool else None


def _names(sentences: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for sentence in sentences[:400]:
        for word, sort in _tagged(sentence):
            found.setdefault(sort, []).append(word)
    return {sort: sorted(set(words)) for sort, words in found.items()}


@lru_cache(maxsize=4_096)
def _tagged(text: str) -> list[tuple[str, str]]:
    """Names in a text with their sort: person (nr), place (ns), body (nt), other (nz)."""
    import jieba.posseg  # a second dictionary in memory: only where verification is measured

    return [
        (str(pair.word), str(pair.flag)[:2])
        for pair in jieba.posseg.cut(text)
        if str(pair.flag)[:2] in ("nr", "ns", "nt", "nz") and len(pair.word) > 1
    ]


def _changed_holding(line: str, others: Sequence[str], chance: random.Random) -> Iterator[str]:
    for one, other in (
        ("在架可借", "已借出"),
        ("已借出", "在架可借"),
        ("在馆阅览", "在架可借"),
        ("暂不可用", "在架可借"),
    ):
        if one in line:
            yield line.replace(one, other)
            break
    parts = line.split(" ")
    names = sorted({other.split(" ")[0] for other in others} - {parts[0]})
    if names:
        yield " ".join([chance.choice(names), *parts[1:]])
    digits = list(re.finditer(r"\d", line))
    if digits:
        place = chance.choice(digits)
        yield line[: place.start()] + str((int(place.group()) + 3) % 10) + line[place.end() :]
