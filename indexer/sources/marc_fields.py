"""What the two MARC mappings share: a record's fields by tag, cleaning of values, and how fields are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pymarc

from indexer.normalise import year_in

# ISBD marks that end an element because another follows; brackets that only say "supplied by the cataloguer".
_TRAILING = re.compile(r"[\s/:;,=＝／：；，]+$")
_CONTROL = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\ufeff]")
_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{2,6})(?:%x)?|([0-9]{2,7}));")
_UNCLEAN = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\ufeff]|\\s\\s|[\\s/:;,=＝／：；，]$|^\\s|&#"
)
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_REPUBLIC = re.compile(r"民[國国]\s*([0-9〇零一二三四五六七八九十]{1,4})")
_DIGITS = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {"零": 0}


class MarcFields:
    """A record's fields by tag: looked up many times, so sorted once."""

    __slots__ = ("_controls", "_fields", "leader")

    def __init__(self, record: pymarc.Record) -> None:
        self.leader = str(record.leader)
        self._fields: dict[str, list[pymarc.Field]] = {}
        self._controls: dict[str, str] = {}
        for field in record.fields:
            if field.control_field:
                self._controls.setdefault(field.tag, (field.data or "").strip("\x00 \t\r\n"))
            else:
                self._fields.setdefault(field.tag, []).append(field)

    def control(self, tag: str) -> str:
        """The content of a control field, or nothing."""
        return self._controls.get(tag, "")

    def data(self, *tags: str) -> list[pymarc.Field]:
        """Data fields of these tags, tag by tag."""
        if len(tags) == 1:
            return self._fields.get(tags[0], [])
        return [field for tag in tags if tag in self._fields for field in self._fields[tag]]

    def lower_codes(self) -> None:
        """Read upper-case subfield codes as lower-case ones in the fields that have no others."""
        for fields in self._fields.values():
            for place, field in enumerate(fields):
                if field.subfields and not any(one.code.islower() for one in field.subfields):
                    lowered = [pymarc.Subfield(one.code.lower(), one.value) for one in field.subfields]
                    fields[place] = pymarc.Field(tag=field.tag, indicators=field.indicators, subfields=lowered)

    def has(self, *tags: str) -> bool:
        return any(tag in self._fields for tag in tags)


def clean(value: str | None) -> str:
    """A value without control characters, non-sorting marks, trailing ISBD punctuation and doubled spaces."""
    if not value or _UNCLEAN.search(value) is None:
        return value or ""
    if "&#" in value:
        value = _REFERENCE.sub(_referred, value)
    bare = re.sub(r"\s+", " ", _CONTROL.sub("", value)).strip()
    return _TRAILING.sub("", bare).strip()


def _referred(match: re.Match[str]) -> str:
    """The character of ``&#x4E2D;`` (or ``&#x4E2D%x;``), in which MARC-8 files write what MARC-8 lacks."""
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


_ABBREVIATED = re.compile(r"(\b[^\W\d_]|\b(Co|Inc|Ltd|Jr|etc|ed|rev))\.$")


def undotted(value: str) -> str:
    """``value`` without the full stop that ends a field, unless it ends an abbreviation such as ``Inc.``."""
    if value.endswith(("．", "。")) or (value.endswith(".") and not _ABBREVIATED.search(value)):
        return value[:-1].rstrip()
    return value


def unbracketed(value: str) -> str:
    """``[1994]`` and ``[北京`` as ``1994`` and ``北京``."""
    return value.strip("[]〔〕 ")


def first(fields: Sequence[pymarc.Field], *codes: str) -> str:
    """The first filled value of ``codes``, taken in their order, or nothing."""
    for code in codes:
        for field in fields:
            for subfield in field.subfields:
                if subfield.code == code and (value := clean(subfield.value)):
                    return value
    return ""


def firsts(fields: Sequence[pymarc.Field], code: str) -> list[str]:
    """The first ``code`` of each field, cleaned, empty ones left out."""
    found = []
    for field in fields:
        for subfield in field.subfields:
            if subfield.code == code:
                if value := clean(subfield.value):
                    found.append(value)
                break
    return found


def every(fields: Sequence[pymarc.Field], *codes: str) -> list[str]:
    """Every value of ``codes`` in each field, cleaned, in order."""
    if not fields:
        return []
    return [
        value
        for field in fields
        for subfield in field.subfields
        if subfield.code in codes and (value := clean(subfield.value))
    ]


def joined(fields: Sequence[pymarc.Field], codes: str, *, by: str = " ") -> list[str]:
    """For each field the values of ``codes`` (one letter each) in order, joined."""
    return [text for field in fields if (text := by.join(every([field], *codes)))]


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Without repetition, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


def has_han(text: str) -> bool:
    return _HAN.search(text) is not None


def year_of(*dates: str) -> int | None:
    """The first year in any of the dates: ``2011.6``, ``c1994``, ``民國 89``, ``民国三十五年``; ``[19--]`` has none."""
    for date in dates:
        if year := year_in(date):
            return year
        if (match := _REPUBLIC.search(date)) and 0 < (count := _number(match[1])) < 150:
            return 1911 + count
    return None


def _number(numeral: str) -> int:
    if numeral.isdigit() and numeral.isascii():
        return int(numeral)
    tens, ten, ones = numeral.partition("十")
    if ten:
        return _DIGITS.get(tens or "一", 0) * 10 + (_DIGITS.get(ones, 0) if ones else 0)
    return int("".join(str(_DIGITS.get(digit, 0)) for digit in numeral))
