"""Which entries describe the same manifestation, and which manifestations are one work: by keys and checks, pure.

Two entries meet by a key: the folded description (title with parts, responsibility, publisher, year, edition, form),
or a shared ISBN. Meeting is not enough: :func:`agreement` compares them point by point and says why they are one. It
forgives what cataloguers do differently (a subtitle told by one side only, 商务印书馆 / 商务, [美] before a name, a
record in romanisation only), and refuses where volumes, years, editions, languages or forms differ, so that the ISBN of
a set never merges its volumes. What cannot be told apart for want of a year or title stays alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from indexer.normalise import fold, title_key
from indexer.pinyin import syllables
from indexer.records import Record

_ROLE_WORDS = re.compile(
    r"\s*[\[(（]?等?[\])）]?\s*(总主编|主编|编著|编译|编写|编纂|编绘|译注|译著|校注|主审|原著|选编|辑录|编|著|撰|译|绘|辑|注|等|"
    r"edited by|by)\s*$"
)
_ASIDE = re.compile(r"[(（\[〔【][^)）\]〕】]{0,40}[)）\]〕】]|\d{3,4}\s*-\s*(\d{3,4})?")
_HAN = re.compile(r"[\u3400-\u9fff]")
_FIRST_EDITIONS = frozenset({"", "1版", "第1版", "初版", "1sted", "1stedition", "firsted", "firstedition", "di1ban"})
_COMPANY = re.compile(r"(股份有限公司|有限责任公司|有限公司|公司|集团|\(集团\))")
_NUMERALS = {numeral: str(value) for value, numeral in enumerate("〇一二三四五六七八九")} | {"零": "0"}
_VOLUME_AT_END = re.compile(
    r"^(?P<title>.*?\w)[\s.．:：,，、·()（\[]*"
    r"(?P<volume>第?\s*[0-9一二三四五六七八九十〇]{1,4}\s*[卷册辑编部篇集]|卷\s*[0-9一二三四五六七八九十〇]{1,4}|"
    r"[上中下][卷册编部集]|(?<=[\s(（.．:：,，])[上中下])[)）\]\s]*$"
)


def record_key(record: Record) -> str:
    """Key of the manifestation; empty when the record says too little to be compared."""
    title, volumes = _designated(record)
    if not title or record.year is None:
        return ""
    return "|".join(
        (
            record.material,
            _form(record),
            _language(record),
            title,
            volumes,
            creator_key(record),
            publisher_key(record.publisher),
            str(record.year),
            edition_key(record),
            title_key(record.extent) if record.material == "book" and not record.publisher else "",
        )
    )


def isbns_of(record: Record) -> set[str]:
    return {one.value for one in record.identifiers if one.scheme == "isbn"}


def meeting_keys(record: Record) -> tuple[str, ...]:
    """Keys under which records with an ISBN in common are compared: with year and volume, so that the many volumes
    under a set's ISBN are not all compared with each other."""
    volumes = _designated(record)[1]
    return tuple(f"{isbn}|{record.year}|{volumes}" for isbn in sorted(isbns_of(record)))


def work_key(record: Record) -> str:
    """Key of the work: title (of a translation the original's, where the record says it) without edition and imprint,
    and the first person responsible."""
    creator = creator_key(record)
    title, volumes = _designated(record, whole=False)
    uniform = title_key(str(record.metadata.get("uniform_title", "")))
    if not (uniform or title) or not creator:
        return ""
    return "|".join((record.material, uniform or title, volumes, creator))


# One point of a description


def _designated(record: Record, *, whole: bool = True) -> tuple[str, str]:
    """The title's key and the volume's; a volume that stands in the title itself is taken out of it."""
    parts = [volume_key(part) for part in record.parts]
    title = record.title
    if not parts and (match := _VOLUME_AT_END.match(fold(title))):
        title, parts = title[: match.end("title")], [volume_key(match["volume"])]
    return title_key(f"{title} {record.subtitle}" if whole else title), "/".join(parts)


def _form(record: Record) -> str:
    return str(record.metadata.get("form", ""))


def _language(record: Record) -> str:
    """The language of the text, where it is told and is not Chinese."""
    code = record.languages[0] if record.languages else ""
    return "" if code in ("chi", "zho", "zh", "und", "mul", "zxx") else code


@lru_cache(maxsize=20_000)
def publisher_key(publisher: str) -> str:
    """A publisher without the words that only say what kind of firm it is."""
    return title_key(_COMPANY.sub("", fold(publisher)))


def edition_key(record: Record) -> str:
    """An edition statement, numerals alike; nothing for the first edition."""
    said = str(record.metadata.get("edition_statement") or record.edition)
    if not said:
        return ""
    key = title_key(_numbered(fold(said)))
    bare = re.sub(r"^第", "", key)
    return "" if key in _FIRST_EDITIONS or bare in _FIRST_EDITIONS else bare


def creator_key(record: Record) -> str:
    """The first author or, where there is none, the first person or body named; folded, without role words, countries,
    dynasties and dates."""
    people = record.contributors
    authors = [one for one in people if one.role in ("aut", "cre")]
    first = next(iter(authors or people), None)
    return name_key(first.name if first else re.split(r"[;；,，]", record.responsibility)[0])


@lru_cache(maxsize=50_000)
def name_key(name: str) -> str:
    bare = _ASIDE.sub("", fold(name)).strip()
    return title_key(_ROLE_WORDS.sub("", bare))


@lru_cache(maxsize=20_000)
def volume_key(part: str) -> str:
    """A volume's designation, numerals alike: 第一卷, 第1卷 and 卷一 give ``1``, 上册 and 上 give 上."""
    numbered = _numbered(fold(part))
    if match := re.fullmatch(r"\W*([上中下])\s*[卷册集辑编部]?\W*", numbered):
        return match[1]
    match = re.fullmatch(r"\W*(?:第)?\s*(\d+)\s*([卷册集辑编部分])?.*", numbered) or re.fullmatch(
        r"\W*([卷册集辑编部]|v|vol|volume|pt|part|bk|book|no|di)[\s.]*(\d+).*", numbered
    )
    if match is None:
        return title_key(numbered)
    digits = next(group for group in match.groups() if group and group.isdigit())
    bare = title_key(numbered)
    return f"{int(digits)}:{bare}" if len(bare) > len(digits) + 4 else str(int(digits))


def _numbered(text: str) -> str:
    return re.sub(r"[一二三四五六七八九〇零十]+", lambda match: _arabic(match[0]), text)


def _arabic(numeral: str) -> str:
    if "十" in numeral:
        tens, _, ones = numeral.partition("十")
        return f"{_NUMERALS.get(tens, '1')}{_NUMERALS.get(ones, '0')}"
    return "".join(_NUMERALS[character] for character in numeral)


# Comparison


def agreement(one: Record, other: Record) -> tuple[str, ...]:
    """On what two records agree and which differences are forgiven, so that they are one manifestation; empty when they
    are not."""
    isbns = isbns_of(one), isbns_of(other)
    shared = isbns[0] & isbns[1]
    told = _described_alike(one, other)
    if told is None:
        return ()
    if not shared:
        alike = record_key(one) == record_key(other) != ""
        return (f"题名、责任者、出版者、出版年（{one.year}）与版次一致",) if alike else ()
    same = list(told)
    same.append(f"出版年同为 {one.year}" if one.year == other.year else "出版年只有一方著录")
    return (f"ISBN 同为 {min(shared)}", *same)


def contradiction(one: Record, other: Record) -> bool:
    """Do two records say what cannot be said of one manifestation?"""
    return _described_alike(one, other) is None


def _described_alike(one: Record, other: Record) -> tuple[str, ...] | None:
    """On which points of the description they agree; None when they differ on one of them."""
    if conflict(one, other):
        return None
    points = []
    for compare in (_titles_agree, _people_agree, _publishers_agree):
        point = compare(one, other)
        if point is None:
            return None
        points.append(point)
    return tuple(point for point in points if point)


def conflict(one: Record, other: Record) -> str:
    """Why two records cannot be one manifestation whatever else they share; empty when nothing speaks against it."""
    isbns = isbns_of(one), isbns_of(other)
    years = {one.year, other.year} - {None}
    languages = {one.languages[0] for one in (one, other) if one.languages}
    checks = (
        (one.material != other.material or _form(one) != _form(other), "资料类型或载体不同"),
        (_designated(one)[1] != _designated(other)[1], "卷册不同"),
        (len(years) > 1, "出版年不同"),
        (edition_key(one) != edition_key(other), "版次不同"),
        (len(languages) > 1, "语种不同"),
        (bool(isbns[0] - isbns[1] and isbns[1] - isbns[0]), "ISBN 不同"),
    )
    return next((reason for differs, reason in checks if differs), "")


def _titles_agree(one: Record, other: Record) -> str | None:
    """What is the same in the titles; None when they differ."""
    keys = [title_key(r.title) for r in (one, other)]
    subtitles = [title_key(r.subtitle) for r in (one, other)]
    if keys[0] + subtitles[0] == keys[1] + subtitles[1]:
        return "题名一致" if one.title == other.title else "题名一致（繁简、标点不计）"
    if _designated(one, whole=False)[0] == _designated(other, whole=False)[0] and "" in subtitles:
        return "正题名一致，副题名只有一方著录"
    if _scripts_differ(one.title, other.title) and _sounds_alike(one, other):
        return "题名的拼音一致，一方只有罗马字母"
    return None


def _scripts_differ(one: str, other: str) -> bool:
    return bool(_HAN.search(one)) != bool(_HAN.search(other))


def _sounds_alike(one: Record, other: Record) -> bool:
    han, latin = (one, other) if _HAN.search(one.title) else (other, one)
    sounds = {"".join(syllables(fold(f"{han.title}{extra}"))) for extra in ("", han.subtitle)}
    sounds |= {title_key(form) for form in han.romanised}
    return bool({title_key(latin.title), title_key(latin.title + latin.subtitle)} & (sounds - {""}))


def _people_agree(one: Record, other: Record) -> str | None:
    names = [{name_key(c.name) for c in r.contributors} | ({creator_key(r)} - {""}) for r in (one, other)]
    if not names[0] or not names[1]:
        return "责任者只有一方著录"
    if names[0] & names[1]:
        return "责任者一致"
    sounds = [_spoken_names(r) for r in (one, other)]
    if sounds[0] & sounds[1]:
        return "责任者的拼音一致"
    return None


def _spoken_names(record: Record) -> set[str]:
    """Names as letters in a fixed order, so that ``Zhang, Duqin`` meets 张笃勤."""
    found = set()
    for person in record.contributors:
        for form in (person.name, *person.alternates):
            folded = fold(_ASIDE.sub("", fold(form)))
            found.add("".join(syllables(folded)) if _HAN.search(folded) else title_key(folded))
    return found - {""}


def _publishers_agree(one: Record, other: Record) -> str | None:
    keys = publisher_key(one.publisher), publisher_key(other.publisher)
    if keys[0] == keys[1]:
        return "出版者一致" if keys[0] else ""
    if not all(keys):
        return "出版者只有一方著录"
    shorter, longer = sorted(keys, key=len)
    if len(shorter) > 1 and longer.startswith(shorter):
        return f"出版者写法不同：{one.publisher}／{other.publisher}"
    if _scripts_differ(*keys):
        return "出版者一方为罗马字母"
    return None


def merge_reason(records: Sequence[Record]) -> str:
    """Why these are one record, for a librarian to read; empty for a single one."""
    if len(records) < 2:
        return ""
    found = dict.fromkeys(point for other in records[1:] for point in agreement(records[0], other))
    return "；".join(found) if found else "由馆员合并"


def identify(collection: str, key: str) -> str:
    """A short stable id of a key within its collection."""
    raw = f"{collection}\0{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=10).hexdigest()
