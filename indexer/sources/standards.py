"""What the first pages and the file name of a standard say of it: number, title, state, dates, what it replaces.

The cover of a Chinese standard (GB/T 1.1-2020, 8.1) has the number, below it what it replaces, the title, and at the
foot the days of issue and implementation; the foreword says the same in sentences. Only what is said is taken: no
state is worked out from a date.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from indexer.normalise import standard_numbers_in
from indexer.records import Identifier
from indexer.sources.dates import DAY, day_in
from indexer.sources.outline import mark_of

FIRST_PAGES = 6_000
"""Characters in which cover and foreword stand."""
_COVER = 1_500
_TAIL = 1_000
_ANY_DAY = (
    r"(?:(?:1[5-9]|20)\d{2}\s*(?:年|[-—–/.])\s*\d{1,2}\s*(?:月|[-—–/.])\s*\d{1,2}\s*日?"
    r"|[一二][〇零○一二三四五六七八九]{3}年[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}日)"
)
_ISSUED = re.compile(
    rf"(?P<after>{_ANY_DAY})\s*(?:予以|正式)?(?:发\s*布|批\s*准|颁\s*布|公\s*布)(?!\s*(?:日期|时间|日))"
    rf"|(?:发布|批准|颁布|公布)(?:日期|时间)?\s*[:：]?\s*(?P<before>{_ANY_DAY})"
)
_EFFECTIVE = re.compile(
    rf"(?P<after>{_ANY_DAY})\s*(?:起)?\s*(?:开始|正式)?(?:实\s*施|施\s*行|生\s*效)(?!\s*(?:日期|时间|日))"
    rf"|(?:实施|施行|生效)(?:日期|时间)?\s*[:：]?\s*(?P<before>{_ANY_DAY})"
)
_OWN_EFFECT = re.compile(
    rf"本[^。\n]{{1,14}}自\s*(?:(?P<day>{_ANY_DAY})|(?:公布|发布|印发|颁布)之日)\s*起\s*(?:正式)?(?:实施|施行|生效|执行)"
)
_STATES = {
    "现行": r"现行(?:有效)?",
    "废止": r"已?(?:废止|作废|撤销)|被代替|已被替代",
    "即将实施": r"即将实施|未实施|尚未实施|尚未生效",
}
_STATE = re.compile(rf"(?:标准)?(?:状态|时效性|有效性)\s*[:：]?\s*(?P<told>{'|'.join(_STATES.values())})")
_STATE_IN_NAME = re.compile(
    rf"[（(【\[《_\s-](?P<told>{'|'.join(_STATES.values())})[）)】\]》_\s-]|(?P<end>已作废|已废止)$"
)
_SEPARATORS = r"(?:[\s、，,;；和及与]|以及|《[^》]{1,60}》|（[^）]{0,40}）|\([^)]{0,40}\))*"
_REPLACES = re.compile(
    r"(?<![被由])(?P<partly>部分)?(?:全部)?(?:代\s*替|替\s*代|取代|替换)(?!的|了部分)\s*(?:了)?\s*[:：]?\s*"
)
_BY = re.compile(r"(?:已\s*)?(?:被|由)\s*[:：]?\s*")
_BY_LABEL = re.compile(r"(?:被(?:代替|替代|取代)(?:标准|情况)?|替代情况)\s*[:：]\s*(?:被)?\s*")
_BY_END = re.compile(r"\s*(?:所)?\s*(?:代\s*替|替\s*代|取代|替换)")
_LEVEL = re.compile(
    r"(?:国\s*家|行\s*业|地\s*方|团\s*体|企\s*业|军\s*用)\s*(?:计量技术规范|计量检定规程|标\s*准(?:化指导性技术文件)?)"
    r"|NATIONAL STANDARD"
)
_NO_TITLE = re.compile(
    r"^(?:ICS|CCS|备案号|中华人民共和国|代替|部分代替|替代|中国标准文献|UDC|P\s|[A-Z]\s?\d{2}$|前\s*言|目\s*次|目\s*录)"
    r"|^引\s*言|标\s*准$"
    r"|发\s*布$|实\s*施$|委员会$|总局$|出版社|^[\d\s.—–-]+$|^(?:（|\()?(?:IDT|MOD|NEQ|ISO|IEC)\b|^标准状态|^状态"
)
_HAN = re.compile("[\u3400-\u9fff]")
_JOINED = re.compile(r"(?<=[A-Za-z0-9])\s?[_∕⁄-]\s?(?=[TZ](?![A-Za-z]))", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said of a standard; empty where nothing is."""

    number: str = ""
    written: str = ""
    title: str = ""
    status: str = ""
    issue_date: str = ""
    effective_date: str = ""
    replaces: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    replaces_partly: tuple[str, ...] = ()

    @property
    def full_title(self) -> str:
        return f"{self.number} {self.title}".strip()

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return (Identifier(scheme="standard", value=self.number, display=self.written),) if self.number else ()

    @property
    def metadata(self) -> dict[str, Any]:
        """The facts under the keys that the standards watch reads; no empty ones."""
        told: dict[str, Any] = {
            "number": self.number, "status": self.status, "issue_date": self.issue_date,
            "effective_date": self.effective_date, "replaces": list(self.replaces),
            "replaced_by": list(self.replaced_by), "replaces_partly": list(self.replaces_partly),
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}


def looks_like_standard(text: str, file_name: str) -> bool:
    """Is it the text of a standard: what kind it is, its number, and when it was issued or comes into force?"""
    cover = unicodedata.normalize("NFKC", text[:_COVER])
    dated = _ISSUED.search(cover) is not None or _EFFECTIVE.search(cover) is not None
    numbered = bool(standard_numbers_in(cover[:600])) or bool(standard_number_of_name(file_name)[0])
    return numbered and dated and _LEVEL.search(cover) is not None


def facts_of(text: str, *, title: str = "", file_name: str = "") -> Facts:
    """Everything the first pages, the title and the file name say."""
    first = unicodedata.normalize("NFKC", text[:FIRST_PAGES])
    number, written, named_title = _number(first, title, file_name)
    replaces, partly, replaced_by = _replacements(first, number)
    issued = _day(_ISSUED, first)
    return Facts(
        number=number,
        written=written,
        title=_title(first, number, named_title, title),
        status=_status(first[:_COVER], file_name),
        issue_date=issued,
        effective_date=_day(_EFFECTIVE, first) or _effective_at_the_end(text, issued),
        replaces=replaces,
        replaced_by=replaced_by,
        replaces_partly=partly,
    )


def standard_number_of_name(name: str) -> tuple[str, str, str]:
    """Number, as written, and what else a file name says: ``GBT7714-2015``, ``GB_T 7714-2015 参考文献著录规则``.

    >>> standard_number_of_name("GB_T_7714-2015_参考文献著录规则（现行）")
    ('GB/T 7714-2015', 'GB/T_7714-2015', '参考文献著录规则')
    """
    plain = _JOINED.sub("/", unicodedata.normalize("NFKC", name))
    for start, end, value in standard_numbers_in(plain):
        rest = re.sub(r"[（(【\[].*?[）)】\]]", " ", plain[end:]).replace("_", " ")
        return value, plain[start:end], " ".join(rest.strip(" 《》-—_").split())
    return "", "", ""


def _number(first: str, title: str, file_name: str) -> tuple[str, str, str]:
    """The standard's own number: of the title, of the file name (made whole from the cover), else the cover's first."""
    found = standard_numbers_in(first[:_COVER])
    own = [(value, first[start:end]) for start, end, value in found if not _is_replaced(first, start)]
    for name in (title, file_name):
        value, written, rest = standard_number_of_name(name)
        if value:
            whole = next((one for one in own if one[0] == value or one[0].startswith(f"{value}-")), (value, written))
            return *whole, rest if _HAN.search(rest) else ""
    return (*own[0], "") if own else ("", "", "")


def _is_replaced(first: str, start: int) -> bool:
    """Does "代替" stand before the number, or does it come under ICS?"""
    before = first[max(0, start - 24) : start]
    return re.search(r"(?:代\s*替|替\s*代|取代|采用|修改|等同|ICS)[^\n。]*$", before) is not None


def _title(first: str, number: str, named: str, title: str) -> str:
    """The title on the cover (the Chinese lines below the number), of the file name, or as told."""
    for start, end, value in standard_numbers_in(first[:_COVER]):
        if value != number or _is_replaced(first, start):
            continue
        lines = list(_title_lines(first[end:_COVER]))
        if lines:
            return " ".join(lines)
    told = title.strip()
    for _, end, value in standard_numbers_in(told):
        if value == number or not number:
            told = told[end:].strip(" 《》-—:：　")
    return named or (told if told != number else "") or _named_in_foreword(first, number)


def _title_lines(after: str) -> Iterator[str]:
    """The lines below the number, to the first that is no title."""
    begun = False
    for line in after.split("\n")[:14]:
        plain = line.strip().strip("《》")
        if not plain:
            continue
        dated = DAY.search(plain) or _ISSUED.search(plain) or _EFFECTIVE.search(plain)
        fits = _HAN.search(plain) and not _NO_TITLE.search(plain) and not dated and len(plain) <= 60
        sentence = plain.endswith(("。", "；")) or (mark_of(plain) is not None and begun)
        if fits and not sentence and not standard_numbers_in(plain):
            begun = True
            yield plain
        elif begun:
            return


def _named_in_foreword(first: str, number: str) -> str:
    for _, end, value in standard_numbers_in(first):
        if value == number and (named := re.match(r"\s*《([^》\n]{2,80})》", first[end:])):
            return named[1]
    return ""


def _status(cover: str, file_name: str) -> str:
    """What is said of its state: after "状态", or in brackets in the file's name."""
    told = _STATE.search(cover) or _STATE_IN_NAME.search(f" {unicodedata.normalize('NFKC', file_name)} ")
    return state_of(next((group for group in told.groups() if group), "") if told else "")


def state_of(word: str) -> str:
    """现行, 废止 or 即将实施, whatever the word for it; empty for another one.

    >>> [state_of(word) for word in ("现行有效", "作废", "尚未实施", "题录")]
    ['现行', '废止', '即将实施', '']
    """
    return next((state for state, pattern in _STATES.items() if re.fullmatch(pattern, word.strip())), "")


def _day(pattern: re.Pattern[str], first: str) -> str:
    for found in pattern.finditer(first):
        if day := day_in(found["after"] or found["before"]):
            return day
    return ""


def _effective_at_the_end(text: str, issued: str) -> str:
    """Rules say in their last article when they come into force: on a day, or on the day of issue."""
    last = unicodedata.normalize("NFKC", text[-_TAIL:])
    if told := _OWN_EFFECT.search(last):
        return day_in(told["day"]) if told["day"] else issued
    return ""


def _replacements(first: str, own: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Numbers after "代替", after "部分代替", and those by which it is itself replaced."""
    numbers = standard_numbers_in(first)
    whole: list[str] = []
    partly: list[str] = []
    by: list[str] = []
    for label in _BY_LABEL.finditer(first):
        by += _listed(first, numbers, label.end())
    for passive in _BY.finditer(first):
        listed, end = _listed_with_end(first, numbers, passive.end())
        if listed and _BY_END.match(first, end) and not _of_another(first, numbers, passive.start(), own):
            by += listed
    for active in _REPLACES.finditer(first):
        if _of_another(first, numbers, active.start(), own):
            continue
        (partly if active["partly"] else whole).extend(_listed(first, numbers, active.end()))
    gone = {own, *by}
    return (
        tuple(dict.fromkeys(one for one in whole if one not in gone)),
        tuple(dict.fromkeys(one for one in partly if one not in gone)),
        tuple(dict.fromkeys(one for one in by if one != own)),
    )


def _of_another(first: str, numbers: list[tuple[int, int, str]], place: int, own: str) -> bool:
    """Is the sentence about another standard ("GB/T 1 代替 GB/T 2" in the text of GB/T 3)?"""
    before = [(end, value) for _, end, value in numbers if place - 12 <= end <= place]
    if not before or not own:
        return False
    end, value = before[-1]
    return "\n" not in first[end:place] and value != own and not own.startswith(f"{value}-")


def _listed(first: str, numbers: list[tuple[int, int, str]], place: int) -> list[str]:
    return _listed_with_end(first, numbers, place)[0]


def _listed_with_end(first: str, numbers: list[tuple[int, int, str]], place: int) -> tuple[list[str], int]:
    """The numbers that follow ``place`` one after the other, with names and commas between, and where they end."""
    found: list[str] = []
    for start, end, value in numbers:
        if start < place:
            continue
        if re.fullmatch(_SEPARATORS, first[place:start]) is None:
            break
        found.append(value)
        place = end
    named = re.match(_SEPARATORS, first[place:])
    return found, place + (named.end() if named else 0)
