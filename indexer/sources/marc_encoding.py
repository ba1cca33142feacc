"""In which character encoding the fields of a MARC record are, and why: judged by what their bytes would spell.

A leader may say ``a`` (UTF-8) or nothing (MARC-8), a UNIMARC field 100 names its character sets, and all of them are
wrong often enough that they are hints only. Valid UTF-8 and escape sequences decide at once. Otherwise every encoding
that libraries use is tried, and what it makes of the bytes is scored: everyday Han characters in runs, Cyrillic words
whose letters keep their case, accents on letters that take them. A record may mix encodings (UTF-8 fields in a GBK
record): each field that is Chinese in valid UTF-8 is then read as such.
"""

from __future__ import annotations

import contextlib
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from pymarc.marc8 import marc8_to_unicode

from indexer.sources import iso5426

_CODECS = {"big5": "big5hkscs", "windows-1252": "cp1252", "windows-1251": "cp1251"}
_CJK = ("gb18030", "big5")
_CYRILLIC = ("windows-1251", "cp866", "koi8-r", "iso8859-5")
_HIGH = re.compile(rb"[\x80-\xff]")
_UTF8_HAN = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LATIN_WORD = re.compile(r"[A-Za-z]")
_TRIED = (*_CJK, *_CYRILLIC, "marc-8", "iso5426", "windows-1252")
_ACCEPTED = 0.45
_CERTAIN = 0.8
"""A score above which the encoding of the records before is not doubted."""
_CLOSE = 0.12
_SETS = {"01": "", "02": "iso5427", "03": "iso5426", "04": "iso5427", "10": "gb18030", "50": "utf-8"}
"""Codes of UNIMARC 100 $a/26-29 (GB/T 33286: 10 is GB 2312) that say something here."""


DOUBLED = "utf-8-twice"
_NOT_DOUBLED = re.compile(rb"[\xc4-\xdf\xe0-\xe1\xe3-\xf4]")
_DOUBLED = re.compile(rb"\xc3[\x80-\xbf](?:\xc2[\x80-\xbf])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """``name`` as reported, the reason, and whether a few fields need another encoding than the rest."""

    name: str
    why: str
    mixed: bool = False


def judge(content: bytes, *, leader: bytes, fields: Sequence[tuple[bytes, bytes]] = (), usual: str = "") -> Judgement:
    """The encoding of a record. ``usual`` is what the records before it in the same file were in: it decides when two
    encodings are nearly as good."""
    declared = leader[9:10] == b"a"
    if content.isascii():
        if b"\x1b" in content:
            return Judgement(name="marc-8", why="含 MARC-8 转义序列")
        return Judgement(name="utf-8", why="全部为 ASCII")
    if _valid(content, "utf-8"):
        if _is_doubled(content):
            return Judgement(name=DOUBLED, why="UTF-8 被当作西文又转换了一次，已还原")
        return Judgement(name="utf-8", why="字节是有效的 UTF-8" + ("" if declared else "（头标未声明）"))
    if b"\x1b" in content and not declared:
        return Judgement(name="marc-8", why="含 MARC-8 转义序列")
    return _judge_mixed(content, declared, fields) or _judge_legacy(content[24:], declared, fields, usual)


def _judge_mixed(content: bytes, declared: bool, fields: Sequence[tuple[bytes, bytes]]) -> Judgement | None:
    """UTF-8 with damage, or UTF-8 fields beside others; None when there is no UTF-8 worth the name."""
    sequences = _UTF8_SEQUENCE.findall(content)
    odd = len(_HIGH.findall(content)) - sum(len(one) for one in sequences)
    han = sum(_valid(body, "utf-8") and len(_UTF8_HAN.findall(body)) > 1 for _, body in fields)
    rest = b" ".join(body for _, body in fields if not _valid(body, "utf-8"))
    if han and len(_UTF8_HAN.findall(rest)) * 9 < len(_HIGH.findall(rest)) and (gb_like(rest) or big5_like(rest)):
        name = "gb18030" if _cjk_score("gb18030", rest) >= _cjk_score("big5", rest) else "big5"
        return Judgement(name=name, why=f"编码混用：{han} 个字段是 UTF-8，其余是 {name}", mixed=True)
    if odd <= len(sequences) * 0.34 or (declared and odd <= 2 * len(sequences) + 3 and not gb_like(content[24:])):
        told = "头标声明 UTF-8，" if declared else "多数字节是 UTF-8，"
        return Judgement(name="utf-8", why=f"{told}但含无效字节（已替换）")
    return None


def _judge_legacy(body: bytes, declared: bool, fields: Sequence[tuple[bytes, bytes]], usual: str) -> Judgement:
    hinted = _hint(fields)
    bare = b" ".join(_unstructured(field) for _, field in fields) if fields else body
    if usual in _TRIED and (_score(usual, bare) > _CERTAIN):
        return Judgement(name=usual, why=_why(usual, hinted, declared))
    scores = {name: _score(name, bare) for name in _TRIED}
    if hinted in scores:
        scores[hinted] += 0.15
    elif not hinted and not declared:
        scores["marc-8"] += 0.2
    best = max(scores, key=lambda name: scores[name])
    if usual in scores and scores[usual] > _ACCEPTED and scores[best] - scores[usual] < _CLOSE:
        best = usual
    if scores[best] < _ACCEPTED:
        fallback = "utf-8" if declared else "marc-8"
        return Judgement(name=fallback, why="没有一种编码读得通，按头标声明读取，无法识别的字节已替换")
    return Judgement(name=best, why=_why(best, hinted, declared))


def _why(name: str, hinted: str, declared: bool) -> str:
    why = _WHY.get(name, _CYRILLIC_WHY)
    if hinted == name:
        why += "；与 100 字段的字符集代码相符"
    return why + ("；头标误称 UTF-8" if declared else "")


_CYRILLIC_WHY = "高位字节拼成大小写一致的西里尔字母单词"
_WHY = {
    "gb18030": "双字节成串，落在 GB 常用字区",
    "big5": "双字节成串，落在 Big5 常用字区",
    "marc-8": "单字节变音符号位于字母之前（ANSEL）",
    "iso5426": "单字节变音符号位于字母之前（ISO 5426）",
    "windows-1252": "高位字节是西欧字母",
}


def _hint(fields: Sequence[tuple[bytes, bytes]]) -> str:
    """What a UNIMARC 100 $a/26-33 says of the character sets; empty when there is none."""
    for tag, body in fields:
        if tag == b"100" and b"\x1fa" in body:
            coded = body.partition(b"\x1fa")[2][:36]
            if len(coded) >= 30 and coded[:8].isdigit():
                sets = [coded[place : place + 2].decode("latin-1") for place in (26, 28, 30, 32)]
                return next((name for code in reversed(sets) if (name := _SETS.get(code, ""))), "")
    return ""


def _unstructured(field: bytes) -> bytes:
    """A field without its indicators and subfield codes, which are no text."""
    return re.sub(rb"\x1f.?", b" ", field)


def _score(name: str, body: bytes) -> float:
    if name in _CJK:
        return _cjk_score(name, body)
    if name in _CYRILLIC:
        return _cyrillic_score(body.decode(_CODECS.get(name, name), "replace"))
    if name == "windows-1252":
        return _latin_score(body.decode("latin-1"))
    return _diacritic_score(body, ansel=name == "marc-8")


def gb_like(body: bytes) -> bool:
    return _cjk_score("gb18030", body) > _ACCEPTED


def big5_like(body: bytes) -> bool:
    return _cjk_score("big5", body) > _ACCEPTED


def _cjk_score(name: str, body: bytes) -> float:
    """Mean worth of the characters: 1 an everyday one or a mark, less for rarer ones, negative for what is no text."""
    text = body.decode(_CODECS.get(name, name), "replace")
    worths = _worths(name)
    total, count = 0.0, 0
    for match in _BEYOND_ASCII.finditer(text):
        run = match[0]
        beside = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        wedged = len(run) <= 3 and len(_LATIN_WORD.findall(beside)) >= min(2, len(run))
        count += len(run)
        total += -0.5 * len(run) if wedged else sum(map(worths.__getitem__, run))
    return total / max(count, 2) if count else 0.0


_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")


class _Worths(dict[str, float]):
    """What each character is worth as evidence, worked out when first met."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, character: str) -> float:
        worth = self[character] = _worth(character, self._name)
        return worth


@cache
def _worths(name: str) -> _Worths:
    return _Worths(name)


def _worth(character: str, name: str) -> float:
    if character in _common(name):
        return 1.0
    if character == "\ufffd" or "\ue000" <= character <= "\uf8ff":
        return -2.0
    if "\u3400" <= character <= "\u9fff" or character >= "\U00020000":
        return 0.4
    return 0.6 if "\u3000" <= character <= "\u30ff" or character in "·—…“”‘’" or character >= "\uff00" else -0.5


@cache
def _common(name: str) -> frozenset[str]:
    """GB 2312 level 1 and symbols, or Big5's frequently used block and symbols."""
    if name == "gb18030":
        pairs = [bytes((lead, trail)) for lead in (0xA1, 0xA3, *range(0xB0, 0xD8)) for trail in range(0xA1, 0xFF)]
    else:
        trails = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
        pairs = [bytes((lead, trail)) for lead in (0xA1, 0xA2, *range(0xA4, 0xC7)) for trail in trails]
    codec = _CODECS.get(name, name)
    return frozenset(c for pair in pairs if (c := pair.decode(codec, "ignore")) and not "\ue000" <= c <= "\uf8ff")


def _cyrillic_score(text: str) -> float:
    """Cyrillic letters in words of one case but for the first letter; vowels among them."""
    high = sum(character >= "\x80" for character in text)
    good = 0.0
    for match in re.finditer(r"[Ѐ-ӿ]+", text):
        word = match[0]
        if _LATIN_WORD.search(text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]):
            good -= len(word)
            continue
        shaped = word.islower() or word.isupper() or word.istitle()
        sounding = len(word) < 4 or any(letter in "аеиоуыэюяіє" for letter in word.lower())
        worth = min(1.0, 0.25 * len(word))
        good += len(word) * (worth if shaped and sounding and word.strip("ЪъЬь") else -0.5)
    letters = re.findall(r"[а-я]", text.lower())
    if len(letters) > 20:  # о, е, а, и, н, т make up half of any Russian text
        good *= min(1.0, 2.4 * sum(letter in "оеаинтр" for letter in letters) / len(letters))
    return good / high if high else 0.0


def _latin_score(text: str) -> float:
    """Letters of western Europe beside other letters, but not where ANSEL would read an accent and its letter."""
    high = [place for place, character in enumerate(text) if character >= "\x80"]
    good = 0.0
    for place in high:
        letter, before, after = text[place], text[max(0, place - 1) : place], text[place + 1 : place + 2]
        if _ANSEL_PAIR.match(text, place):
            good += 0.2
        elif letter.isalpha() and letter not in "µªº" and _LATIN_WORD.search(before + after):
            good += 0.85 if letter.islower() or not before.islower() else -0.5
        elif letter in "«»°§©®·¿¡£ªº–—’“”\xa0" and not _LATIN_WORD.match(after):
            good += 0.5
        else:
            good -= 0.6
    return good / len(high) if high else 0.0


_ANSEL_PAIR = re.compile("[áâãè][aeiouyAEIOUY]|ð[cCsStT]|ò[hstdzHSTDZ]|ë.ì|ì[a-z]|å[aeiou]|äo")


def _diacritic_score(body: bytes, *, ansel: bool) -> float:
    """Diacritics that stand before letters which take them, in ANSEL (E0-FE) or ISO 5426 (C0-DF)."""
    marks = range(0xE0, 0xFF) if ansel else range(0xC0, 0xE0)
    letters = (range(0xA1, 0xC9),) if ansel else (range(0xA1, 0xC0), range(0xE1, 0xFD))
    good, count = 0.0, 0
    for place, byte in enumerate(body):
        if byte < 0x80:
            continue
        count += 1
        after = body[place + 1] if place + 1 < len(body) else 0x20
        if byte in marks:
            good += 1.0 if after in b"aeiouyAEIOUYcnszgCNSZ" or after in marks else 0.25 if chr(after).isalpha() else -1
        elif any(byte in block for block in letters):
            good += 0.5 if ansel else 0.2
        else:
            good -= 1.0
    return good / count if count else 0.0


def decoded(content: bytes, found: Judgement) -> str:
    """The text of one field. Bytes that mean nothing become U+FFFD."""
    if content.isascii() and b"\x1b" not in content:
        return content.decode("ascii")
    if found.name == DOUBLED:
        return _undoubled(content)
    if found.mixed and _valid(content, "utf-8"):
        return content.decode("utf-8")
    if found.name == "marc-8":
        return _marc8(content)
    if found.name == "iso5426":
        return iso5426.decode(content)
    return content.decode(_CODECS.get(found.name, found.name), "replace")


def _marc8(content: bytes) -> str:
    """Subfield by subfield, so that a damaged escape sequence costs one of them at most."""
    return "\x1f".join(_marc8_part(part) for part in content.split(b"\x1f"))


def _marc8_part(part: bytes) -> str:
    if part.isascii() and b"\x1b" not in part:
        return part.decode("ascii")
    for cut in range(4):  # an East Asian character of three bytes may be cut off at the end
        with (
            contextlib.suppress(UnicodeError, ValueError, IndexError, KeyError, TypeError),
            contextlib.redirect_stderr(io.StringIO()),  # pymarc prints what it meets
        ):
            told = str(marc8_to_unicode(part[: len(part) - cut], hide_utf8_warnings=True))
            return unicodedata.normalize("NFC", told) + "\ufffd" * (cut > 0)
    return re.sub(rb"\x1b[$()*+,\-.]*.?", b"", part).decode("ascii", "replace")


def _is_doubled(content: bytes) -> bool:
    """Is nearly everything beyond ASCII a UTF-8 sequence whose bytes were taken for Latin-1 and encoded again?"""
    if _NOT_DOUBLED.search(content) or len(_DOUBLED.findall(content)) < 2:
        return False
    once = content.decode("utf-8").encode("latin-1", "ignore")
    return _valid(once, "utf-8")


def _undoubled(content: bytes) -> str:
    once = content.decode("utf-8")
    try:
        return once.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return once


def _valid(content: bytes, codec: str) -> bool:
    try:
        content.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
