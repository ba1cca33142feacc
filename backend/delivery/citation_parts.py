"""The small pieces of a citation: identifiers, where it was published, plain words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi\s*[:：]?\s*)?(10\.\d{4,9}/[^\s\"<>，。；》」]+)", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s，。；》]+", re.IGNORECASE)
_ISBN = re.compile(r"(?:ISBN[-: ]*)?(?<![0-9-])((?:97[89][- ]?)?(?:\d[- ]?){9}[\dXx])(?![0-9])", re.IGNORECASE)
_ISSN = re.compile(r"(?:ISSN[: ]*)?(?<![0-9-])(\d{4}-\d{3}[\dXx])(?![0-9-])", re.IGNORECASE)
_ACCESSED = re.compile(r"\[\d{4}(?:[-./]\d{1,2}){0,2}\]")
_YEAR = r"(?:1[5-9]|20)\d{2}"
_SPAN = r"\d{1,6}(?:\s*[-–—~～]+\s*[A-Za-z]?\d{1,6})?"
_RANGE = rf"[A-Za-z]?{_SPAN}(?:\s*[,，+;]\s*{_SPAN}(?!\s*[(（年]))*"
_SERIAL = (
    # 2019, 39(4): 45-52    2019(4): 45-52    2019, 39: 45
    re.compile(
        rf"(?P<year>{_YEAR})\s*[,，;]?\s*(?P<volume>\d{{1,4}})?\s*\((?P<issue>[^()]{{1,14}})\)\s*(?:[:：,，]\s*(?:pp?\.?\s*)?(?P<pages>{_RANGE}))?"
    ),
    re.compile(rf"(?P<year>{_YEAR})\s*[,，;]\s*(?P<volume>\d{{1,4}})\s*[:：]\s*(?P<pages>{_RANGE})"),
    # 12(3), 45–67
    re.compile(rf"(?P<volume>\d{{1,4}})\s*\((?P<issue>[^()]{{1,14}})\)\s*[,，:：]\s*(?:pp?\.?\s*)?(?P<pages>{_RANGE})"),
    # 文献(1), 56-75
    re.compile(rf"\((?P<issue>\d{{1,4}}(?:/\d{{1,4}})?|增刊\d?)\)\s*[,，:：]\s*(?:pp?\.?\s*)?(?P<pages>{_RANGE})"),
    # 2019年第4期, 第45-52页    vol. 12, no. 3, 2020, pp. 45-67    2019 39 4 45-52
    re.compile(
        rf"(?P<year>{_YEAR})\s*年?\s*[,，]?\s*(?:第?\s*(?P<volume>\d{{1,4}})\s*卷)?\s*[,，]?\s*第?\s*(?P<issue>\d{{1,4}})\s*期"
    ),
    re.compile(r"(?:第\s*(?P<volume>\d{1,4})\s*卷\s*[,，]?\s*)?第\s*(?P<issue>\d{1,4})\s*期"),
    re.compile(
        r"\bvol(?:ume|\.)?\s*(?P<volume>\d{1,4})(?:\s*[,，]?\s*(?:no|issue|iss)\.?\s*(?P<issue>\d{1,4}))?",
        re.IGNORECASE,
    ),
)
_PAGES = re.compile(
    rf"(?:[:：]\s*|\bpp?\.?\s*|(?:第|页码?|頁)\s*[:：]?\s*)(?P<one>{_RANGE})\s*[页頁]?|(?<![\d-])(?P<two>\d{{1,5}}\s*[-–—~～]\s*\d{{1,5}})\s*[页頁]?(?![\d-])",
    re.IGNORECASE,
)
_ONLY_YEAR = re.compile(rf"(?<![0-9-])({_YEAR})(?![0-9])")
_PRESS = re.compile(
    r"[^:：,，.。;；\s]*(?:出版社|出版公司|书局|书店|印书馆|出版集团|Press|Publish\w*|University)[^:：,，.。;；]*",
    re.IGNORECASE,
)
_JOURNAL_END = re.compile(
    r"(?:学报|日报|晚报|时报|报|电讯|论坛|论文集|集刊|汇编|杂志|通讯|学刊|月刊|季刊|周刊|研究|工作|建设|科学|技术|导刊|论丛|评论|情报|动态|教育|世界|知识|学院学报|"
    r"Journal|Review|Quarterly|Bulletin|Letters|Magazine|Science|Nature)(?:[（(][^）)]*[）)])?$",
    re.IGNORECASE,
)
_INSTITUTE = re.compile(
    r"(?:大学|大學|学院|學院|研究院|科学院|研究所|出版社|出版|书局|書局|商務|株式会社|公司|编辑部)$"
)
_HAN_NAME = re.compile(r"[\u3400-\u9fff]{2,4}(?:等)?|[\u3400-\u9fff]{1,6}·[\u3400-\u9fff·]{1,12}")


def valid_issn(text: str) -> bool:
    """Eight characters of which the last one checks (ISO 3297)."""
    bare = text.replace("-", "").upper()
    if not re.fullmatch(r"\d{7}[\dX]", bare):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(bare[:7], range(8, 1, -1), strict=True))
    return "0123456789X"[-total % 11] == bare[7]


def valid_isbn(text: str) -> bool:
    """Ten or thirteen characters of which the last one checks (ISO 2108)."""
    bare = re.sub(r"[^0-9X]", "", text.upper())
    if re.fullmatch(r"\d{13}", bare):
        return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(bare)) % 10 == 0
    if re.fullmatch(r"\d{9}[\dX]", bare):
        return sum((10 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(bare)) % 11 == 0
    return False


def isbn13(isbn: str) -> str:
    """ISBN-13 of an ISBN-10 (ISO 2108); other strings unchanged but for their hyphens."""
    bare = re.sub(r"[- ]", "", isbn).upper()
    if len(bare) != 10:
        return bare
    body = "978" + bare[:9]
    if not body.isdigit():
        return bare
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(body))
    return body + str(-total % 10)


def identifiers(text: str) -> tuple[str, dict[str, str]]:
    """The text without what identifies by itself, and that."""
    known: dict[str, str] = {}
    doi = _DOI.search(text)
    if doi:
        known["doi"] = doi[1].rstrip(".,;)")
        text = text.replace(doi[0], " ")
    text = _URL.sub(" ", text)
    for found in _ISBN.finditer(text):
        if valid_isbn(found[1]):
            known["isbn"] = re.sub(r"[- ]", "", found[1]).upper()
            text = text.replace(found[0], " ")
            break
    for found in _ISSN.finditer(text):
        labelled = found[0][:4].upper() == "ISSN"
        if valid_issn(found[1]) and (labelled or not re.search(r"[:：,，)）.;]\s*$", text[: found.start()])):
            known["issn"] = found[1].upper()
            text = text.replace(found[0], " ")
            break
    return " ".join(text.split()), known


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where and when. ``container``: what stands first, a journal or else a publisher."""

    container: str = ""
    publisher: str = ""
    year: int | None = None
    volume: str = ""
    issue: str = ""
    pages: str = ""


def place(text: str, *, host_first: bool) -> Published:
    """Read what follows a title. ``host_first``: it begins with the name of a journal (or a publisher in APA)."""
    text = _ACCESSED.sub(" ", text)
    serial = next((found for shape in _SERIAL if (found := shape.search(text))), None)
    numbers = serial.groupdict() if serial else {}
    tail = text[serial.end() :] if serial else text
    head = text[: serial.start()] if serial else text
    paged = None if numbers.get("pages") else _PAGES.search(tail)
    if paged is None and not numbers.get("pages") and serial:
        paged = _PAGES.search(head)
    year = numbers.get("year") or _year(head) or _year(tail)
    press = _publisher(head)
    container = re.split(r"[,，.。;；](?:\s|$|(?=[\d(]))", head.strip(), maxsplit=1)[0] if host_first else ""
    pages = (numbers.get("pages") or (paged["one"] or paged["two"] if paged else "") or "").strip(" ,，;+")
    if (
        not pages
        and container
        and (bare := re.fullmatch(r"\s*(?:(\d{1,4}),\s*)?(\d{1,6})[.\s]*", _after(head, container)))
    ):
        pages = bare[2]
        numbers["volume"] = numbers.get("volume") or bare[1]
    return Published(
        container=re.sub(rf"\s*\(?{_YEAR}\)?\s*$", "", container).strip(),
        publisher=press,
        year=int(year) if year else None,
        volume=numbers.get("volume") or "",
        issue=(numbers.get("issue") or "").strip(),
        pages=pages,
    )


def _after(head: str, container: str) -> str:
    return head.strip().removeprefix(container).lstrip(" ,，.。;；")


def is_journal(name: str) -> bool:
    """Does it sound like a journal or newspaper?"""
    return bool(_JOURNAL_END.search(name)) and not _PRESS.search(name)


def _year(text: str) -> str:
    """The year of publication: the last one that stands alone, not one end of a range."""
    found = [match[1] for match in _ONLY_YEAR.finditer(text)]
    return found[-1] if found else ""


def _publisher(text: str) -> str:
    """``地: 社, 年``, or a word that ends like a publisher."""
    pressed = re.search(r"[:：]\s*([^:：,，.。;；]{2,60}?)\s*[,，]\s*(?:\[?c?)?(?:1[5-9]|20)\d{2}", text)
    if pressed and not pressed[1].strip()[:1].isdigit():
        return pressed[1].strip()
    named = re.search(rf"(?:^|[.。:：,，]\s*)([^.。:：,，]{{2,60}}?)\s*[,，]\s*\[?c?{_YEAR}", text)
    if named and _PRESS.search(named[1]):
        return named[1].strip()
    named = _PRESS.search(text)
    return re.sub(rf"\s+{_YEAR}.*$", "", named[0]).strip() if named else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    title: str = ""
    authors: str = ""
    journal: str = ""
    publisher: str = ""
    year: int | None = None
    volume: str = ""
    issue: str = ""
    pages: str = ""


def plain_words(text: str) -> Words:
    """``作者 题名 期刊 年 卷期 页``, in spaces or commas.

    >>> found = plain_words("李某 县域图书馆的总分馆制 图书馆工作 2018 37(2) 12-19")
    >>> found.authors, found.title, found.journal, found.year, found.issue, found.pages
    ('李某', '县域图书馆的总分馆制', '图书馆工作', 2018, '2', '12-19')
    """
    loose = re.sub(rf"(?<!\d)({_YEAR})\s+(\d{{1,4}}\s*\()", r"\1, \2", text)
    loose = re.sub(r"(\(\d{1,4}\))\s+(?=\d)", r"\1: ", loose)
    published = place(loose, host_first=False)
    cut = _last(
        rf"(?<![0-9])(?:{_YEAR})(?![0-9])(?=\s*(?:年|[,，;(（]|\s\d|$|[.。])|\s)|第\s*\d+\s*[卷期]|\bvol\b", text
    )
    head = (text[: cut.start()] if cut and cut.start() > 1 else text).strip(" ,，.。;；(（")
    parts = _parts(head)
    press = next((part for part in parts[1:] if _PRESS.search(part) or _INSTITUTE.search(part)), "")
    press = press if parts and press == parts[-1] else ""
    parts = parts[:-1] if press else parts
    press = re.sub(r"^[^:：]{1,12}[:：]\s*", "", press)
    authors, journal = _who(parts), ""
    named = parts[len(authors) :]
    if len(named) >= 2 and (published.issue or published.pages or _JOURNAL_END.search(named[-1])):
        *named, journal = named
    title = " ".join(named) if named else " ".join(parts)
    return Words(
        title=title,
        authors=", ".join(authors) if named else "",
        journal=journal,
        publisher=press or published.publisher,
        year=published.year,
        volume=published.volume,
        issue=published.issue,
        pages=published.pages,
    )


def _last(pattern: str, text: str) -> re.Match[str] | None:
    """The last year; or, without one, the first volume or issue."""
    found = list(re.finditer(pattern, text, re.IGNORECASE))
    years = [each for each in found if each[0][:1].isdigit()]
    return years[-1] if years else (found[0] if found else None)


def _parts(head: str) -> list[str]:
    """Cut at the spaces between Chinese words, else at punctuation."""
    spaced = re.split(r"(?<=[\u3400-\u9fff）)》?])\s+|\s+(?=[\u3400-\u9fff《“])", head)
    parts = spaced if len(spaced) > 1 and not re.search(r"[,，;；]\s", head) else []
    if not parts:
        parts = [part.strip() for part in re.split(r"[,，.。;；|]\s*|\s+/\s+", head)]
    if len(parts) == 1:
        parts = spaced
    return [part.strip(" ,，.。;；") for part in parts if part.strip(" ,，.。;；")]


def _who(parts: list[str]) -> list[str]:
    """The people that stand before the title: short Chinese names, as long as something longer follows."""
    people: list[str] = []
    for part in parts[:-1]:
        if not _HAN_NAME.fullmatch(re.sub(r"(?:编著|主编|著|编|译)$", "", part)):
            break
        people.append(part)
    longest = max(parts, key=len, default="")
    return people if longest not in people else []
