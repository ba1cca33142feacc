"""What a reader typed → what is looked for. Pure: no index, no I/O.

Known items are recognised here and decided before fusion: identifiers, standard numbers, call numbers, classes, titles.
Everything else is words; quotes, wildcards and operators are only punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from backend.search.values import MAX_QUERY
from indexer.keys import squeeze, standard_base, title_key
from indexer.lexical import clean
from indexer.normalise import call_number_key, fold, isbn13, issn, misprinted_isbn, standard_numbers_in
from indexer.pinyin import pairs, typed, wade_giles

_QUOTED = re.compile(r"[《〈「『“\"]([^《》〈〉「」『』“”\"]{1,200})[》〉」』”\"]")
_ISBN = re.compile(r"(?<![\dA-Za-z])(?:97[89][\s\-‐-―−]*)?\d(?:[\s\-‐-―−]*\d){8}[\s\-‐-―−]*[\dXx](?![\dA-Za-z])")
_ISSN = re.compile(r"(?<![\dA-Za-z\-])\d{4}[\s\-‐-―−]*\d{3}[\dXx](?![\dA-Za-z\-])")
_NUMBER = re.compile(r"(?:isbn|issn)?\d{6,}x?", re.ASCII)
_CALL = re.compile(r"[A-Z]{1,3}\d[\w.\-=()（）\"':+]*(?:\s*/\s*[\w.\-:=()]+)*", re.ASCII)
_CLASS = re.compile(r"[A-Z]{1,2}\d{0,4}(?:[.\-]\d+)*")

_PARTS = re.compile(r"的?[\s,，、《》〈〉「」『』/;；:：]+|(?<=\w)的(?=\w)|(?<=\w)[著写编](?=的)")
MAX_PARTS = 6

QUESTION_PHRASES = (
    "请问一下|请问|我想知道|想知道|我想问|想问一下|我想找|我想借|我要借|我要找|帮我找|帮我查|有没有|能不能|可不可以|是不是|"
    "是什么意思|什么意思|是什么|叫什么|有哪些|有什么|为什么|怎么样|怎么办|怎么|怎样|如何|多少钱|多少|多久|多长时间|几点|几个|"
    "什么时候|什么|哪里有|哪里|哪儿|哪个|哪些|哪一|哪|谁|几|吗|呢|吧|啊|的书|方面的|关于|一下|可以|能否|是否"
)
_PHRASES = re.compile(QUESTION_PHRASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """Keys that name one item (any of them), their tier (higher goes first) and the words that explain the hit.

    A tier stands for one explanation. ``also``: the item must carry one of these keys, too. ``prefix``: keys that start
    so count, too. ``fallback``: only when no item holds the query as a word. ``newest_first``: of several, by year.
    """

    keys: tuple[str, ...]
    tier: int
    why: str
    prefix: bool = False
    fallback: bool = False
    also: tuple[str, ...] = ()
    newest_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedQuery:
    """``text`` as read (bounded, without control characters), its folded form, the folded form without question
    phrases, and the known items it may name, strongest first. ``misprinted``: ISBNs in it with a wrong digit.
    ``number``: it is nothing but a long number."""

    text: str
    folded: str
    content: str
    known: tuple[KnownItem, ...] = ()
    pinyin: tuple[str, ...] = ()
    misprinted: tuple[str, ...] = ()
    number: bool = False
    truncated: bool = False

    @property
    def empty(self) -> bool:
        return not squeeze(self.folded)


def parse(question: str) -> ParsedQuery:
    """Read a question of any length and content."""
    bounded = clean(question[:MAX_QUERY]).strip()
    folded = fold(bounded)
    plain = unicodedata.normalize("NFKC", bounded)
    return ParsedQuery(
        text=bounded,
        folded=folded,
        content=without_question_phrases(folded),
        known=tuple(_known_items(bounded, plain)),
        pinyin=tuple(pairs(_syllables(bounded))),
        misprinted=tuple(_misprinted(plain)),
        number=_NUMBER.fullmatch(squeeze(folded)) is not None,
        truncated=len(question) > MAX_QUERY,
    )


def without_question_phrases(folded: str) -> str:
    """The folded question without 什么, 多少钱, 怎么…; the whole when nothing else is in it."""
    left = _PHRASES.sub(" ", folded)
    return left if squeeze(left) else folded


def _known_items(text: str, plain: str) -> list[KnownItem]:
    """What ``text`` may name; ``plain``: the same in NFKC."""
    if not squeeze(plain):
        return []
    found = [*_identifiers(plain), *_titles(text), *_marks(plain)]
    whole = squeeze(plain)
    if len(whole) <= 64:
        keys = (f"id:{whole}", f"src:{whole}", f"any:{whole}")
        found.append(KnownItem(keys=keys, tier=90, why="编号完全匹配"))
    return sorted(found, key=lambda item: -item.tier)


def _identifiers(plain: str) -> list[KnownItem]:
    found = []
    for match in _ISBN.finditer(plain):
        value = isbn13(match.group())
        if value:
            found.append(KnownItem(keys=(f"isbn:{value}",), tier=102, why="ISBN 匹配"))
    for match in _ISSN.finditer(plain):
        number = issn(match.group())
        if number:
            found.append(KnownItem(keys=(f"issn:{squeeze(number)}",), tier=101, why="ISSN 匹配"))
    for _, _, standard in standard_numbers_in(plain):
        found.append(KnownItem(keys=(f"standard:{squeeze(standard)}",), tier=100, why="标准号匹配"))
        base = squeeze(standard_base(standard))
        found.append(KnownItem(keys=(f"stdbase:{base}",), tier=95, why="标准号匹配（其他年份版本）", newest_first=True))
    return found


def _misprinted(plain: str) -> list[str]:
    found = (misprinted_isbn(match.group()) for match in _ISBN.finditer(plain))
    return [isbn for isbn in found if isbn][:MAX_PARTS]


def _titles(text: str) -> list[KnownItem]:
    found = []
    for match in _QUOTED.finditer(text):
        key = title_key(match.group(1))
        if key:
            found.append(KnownItem(keys=(f"title:{key}",), tier=85, why="题名完全匹配"))
            found.append(KnownItem(keys=(f"head:{key}",), tier=80, why="题名匹配"))
    whole = title_key(text)
    if whole:
        found.append(KnownItem(keys=(f"title:{whole}",), tier=85, why="题名完全匹配"))
        found.append(KnownItem(keys=(f"head:{whole}",), tier=80, why="题名匹配"))
        found.append(KnownItem(keys=(f"creator:{whole}",), tier=45, why="责任者匹配"))
    return [*found, *_with_creator(text), *_spoken(text)]


def _with_creator(text: str) -> list[KnownItem]:
    """A title and who wrote it, in either order: 红楼梦 曹雪芹, 余华的《活着》."""
    parts = [key for part in _PARTS.split(without_question_phrases(fold(text))) if (key := title_key(part))]
    if not 2 <= len(parts) <= MAX_PARTS:
        return []
    found = []
    for place in range(1, len(parts)):
        for title, creator in _either_way("".join(parts[:place]), "".join(parts[place:])):
            keys, also = (f"title:{title}", f"head:{title}"), (f"creator:{creator}",)
            found.append(KnownItem(keys=keys, also=also, tier=82, why="题名和责任者匹配"))
    return found


def _either_way(first: str, second: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (first, second), (second, first)


def _syllables(text: str) -> list[str]:
    """What was typed in pinyin or Wade-Giles, in pinyin; nothing for anything else."""
    return typed(fold(text)) or wade_giles(text) or []


def _spoken(text: str) -> list[KnownItem]:
    letters = squeeze(fold(text))
    if found := _syllables(text):
        return [
            KnownItem(keys=(f"py:{''.join(found)}",), tier=78, why="题名拼音匹配"),
            KnownItem(keys=(f"creator:{''.join(found)}",), tier=45, why="责任者匹配"),
        ]
    if re.fullmatch(r"[a-z]{2,12}", letters):
        return [KnownItem(keys=(f"pi:{letters}",), tier=50, why="题名拼音首字母匹配", fallback=True)]
    return []


def _marks(plain: str) -> list[KnownItem]:
    upper = plain.strip().upper()
    found = []
    key = call_number_key(upper)
    if len(upper) <= 64:
        found.append(KnownItem(keys=(f"call:{key}",), tier=92, why="索书号完全匹配"))
    if _CALL.fullmatch(upper) and len(upper) <= 64:
        found.append(KnownItem(keys=(f"call:{key}",), tier=60, why="索书号开头相同", prefix=True))
    if _CLASS.fullmatch(upper):
        found.append(KnownItem(keys=(f"class:{squeeze(upper)}",), tier=70, why="分类号匹配"))
    return found


def folded(text: str) -> str:
    """``text`` as words are compared: NFKC, lower case, Simplified. For layers that do not know the indexer."""
    return fold(text)
