r"""MARC as lines of text, as people mail it: MarcEdit (``=245  10$aTitle``), Aleph sequential
(``000000002 24510 L $$aTitle``), the work sheets of Chinese systems (``2001 ǂa题名ǂf责任者``), and the plain form of
many displays (``245 10 $aTitle``).

Each record becomes the same pymarc record that a binary file would give. MarcEdit's mnemonics
(``{dollar}``, ``{acute}e``) are turned into their characters.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pymarc

from indexer.sources.encoding import decode_line, detect
from indexer.sources.holding_rules import HoldingRules, built_in
from indexer.sources.marc_records import Gathering
from indexer.sources.values import Outcomes, Skipped

_MAKER = re.compile(r"=(?P<tag>\w{3})  ?(?P<rest>.*)", re.DOTALL)
_ALEPH = re.compile(r"(?P<id>\d{9}) (?P<tag>\w{3})(?P<ind>..) L (?P<rest>.*)", re.DOTALL)
_PLAIN = re.compile(r"(?P<tag>LDR|LEADER|000|[0-9A-Z]{3})[ \t|](?P<rest>.*)", re.DOTALL)
_SHEET = re.compile(r"(?P<tag>[0-9]{3})(?P<rest>[ 0-9_#]{2} ?[$‡ǂ▼@|\x1f][a-zA-Z0-9].*)", re.DOTALL)
_SHEET_CONTROL = re.compile(r"(?P<tag>00[1-9])(?P<rest>\S.*)", re.DOTALL)
_SHEET_LEADER = re.compile(r"[0-9?_ ]{5}[acdnop][a-z][a-z0-9 ].{14,18}")
_MARK = re.compile(r".{0,3}?([$‡ǂ▼@|\x1f])(?=[a-zA-Z0-9])")
_LONGEST_LINE = 1 << 20
_MNEMONICS = {
    "dollar": "$", "lcub": "{", "rcub": "}", "bsol": "\\", "esc": "", "copy": "©", "reg": "®", "deg": "°", "pound": "£",
    "eth": "ð", "thorn": "þ", "szlig": "ß", "oslash": "ø", "Oslash": "Ø", "aelig": "æ", "AElig": "Æ", "lstrok": "ł",
    "Lstrok": "Ł", "inodot": "ı", "oelig": "œ", "OElig": "Œ", "dstrok": "đ", "Dstrok": "Đ", "mlrhring": "ʾ",
    "mllhring": "ʿ", "softsign": "ʹ", "hardsign": "ʺ", "middot": "·", "iexcl": "¡", "iquest": "¿",
}  # fmt: skip
_ACCENTS = {
    "grave": "\u0300", "acute": "\u0301", "circ": "\u0302", "tilde": "\u0303", "macr": "\u0304", "breve": "\u0306",
    "dot": "\u0307", "uml": "\u0308", "hooka": "\u0309", "ring": "\u030a", "dblac": "\u030b", "caron": "\u030c",
    "cedil": "\u0327", "ogon": "\u0328", "dotb": "\u0323", "llig": "\ufe20", "rlig": "\ufe21",
}  # fmt: skip
_ACCENTED = re.compile(r"\{(" + "|".join(_ACCENTS) + r")\}(.)")
_MNEMONIC = re.compile(r"\{(\w+)\}")


def looks_like_lines(head: bytes) -> bool:
    """Do the first lines of a file hold MARC fields as text?"""
    text = head.decode("latin-1").lstrip("\xef\xbb\xbf\ufeff \r\n")
    lines = [line for line in text.splitlines()[:12] if line.strip()][:-1] or text.splitlines()[:1]
    if not lines:
        return False
    text = head.decode("utf-8", "replace")
    lines = [line for line in text.splitlines()[:12] if line.strip()][:-1] or text.splitlines()[:1]
    fields = sum(_SHEET.match(line) is not None for line in lines)
    heads = sum(bool(_SHEET_CONTROL.match(line) or _SHEET_LEADER.fullmatch(line)) for line in lines)
    if fields and (fields + heads) * 3 > len(lines) * 2:
        return True
    for pattern in (_MAKER, _ALEPH):
        if sum(pattern.fullmatch(line) is not None for line in lines) * 3 > len(lines) * 2:
            return True
    return bool(re.match(r"(LDR|LEADER|000)\s", lines[0])) and len(lines) > 1 and _PLAIN.match(lines[1]) is not None


def read_lines(path: Path, rules: HoldingRules | None = None) -> Outcomes:
    """Every record of a file of lines, streamed."""
    with path.open("rb") as file:
        yield from read_lines_stream(file, rules)


def read_lines_stream(file: BinaryIO, rules: HoldingRules | None = None) -> Outcomes:
    gathering = Gathering(rules=rules or built_in())
    for number, (first, lines, raw) in enumerate(_blocks(file), start=1):
        place = f"记录 {number}（第 {first} 行）"
        try:
            texts, encoding, why = _texts(lines)
            marc = record_of_lines(texts)
        except ValueError as error:
            yield from gathering.rest()
            yield Skipped(place=place, reason=str(error))
            continue
        yield from gathering.take(marc, raw, place=place, encoding=encoding, note=why)
    yield from gathering.rest()


def _blocks(file: BinaryIO) -> Iterator[tuple[int, list[bytes], bytes]]:
    """Lines of one record: up to an empty line, a new leader, or (Aleph) another record number."""
    lines: list[bytes] = []
    first = 1
    for number, line in enumerate(_bounded_lines(file), start=1):
        bare = line.strip(b"\xef\xbb\xbf\r\n")
        starts = re.match(rb"=?(LDR|LEADER|000)[ \t\d]", bare) is not None
        other = lines and re.match(rb"\d{9} ", bare) and bare[:9] != lines[0][:9]
        starts = starts or (_SHEET_LEADER.fullmatch(bare.decode("latin-1")) is not None)
        if lines and (not bare.strip(b" *") or starts or other) and not (starts and _only_aleph_head(lines, bare)):
            yield first, lines, b"\n".join(lines)
            lines = []
        if bare.strip(b" *"):
            first = first if lines else number
            lines.append(bare)
    if lines:
        yield first, lines, b"\n".join(lines)


def _only_aleph_head(lines: list[bytes], bare: bytes) -> bool:
    """Aleph writes ``FMT`` before ``LDR``, both with the record's number."""
    return bare[:9] == lines[0][:9] and bare[:9].isdigit()


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of one without end the beginning only."""
    reader = io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file
    while line := reader.readline(_LONGEST_LINE):
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = reader.readline(_LONGEST_LINE)
        yield line


def _texts(lines: list[bytes]) -> tuple[list[str], str, str]:
    whole = b"\n".join(lines)
    codec, why = detect(whole)
    if codec == "utf-8":
        return [decode_line(line)[0] for line in lines], "utf-8", why
    return whole.decode(codec, "replace").split("\n"), {"big5hkscs": "big5"}.get(codec, codec), why


def record_of_lines(lines: list[str]) -> pymarc.Record:
    """The record that these lines spell.

    :raises ValueError: when none of them is a field.
    """
    record = pymarc.Record()
    for line in _continued(lines):
        if match := _MAKER.match(line):
            _add(record, match["tag"], match["rest"].replace("\\", " "), mark="$")
        elif match := _ALEPH.match(line):
            control = match["tag"].isdigit() and match["tag"] < "010"
            rest = match["rest"].replace("^", " ") if control or match["tag"] == "LDR" else match["rest"]
            _add(record, match["tag"], rest if control or match["tag"] == "LDR" else match["ind"] + rest, mark="$$")
        elif match := _SHEET.match(line) or _SHEET_CONTROL.match(line):
            _add(record, match["tag"], match["rest"], mark=_mark(match["rest"]))
        elif match := _PLAIN.match(line):
            rest = match["rest"]
            _add(record, match["tag"], rest.strip() if match["tag"] < "010" else rest, mark=_mark(rest))
        elif _SHEET_LEADER.fullmatch(line):
            _add(record, "LDR", line.replace("_", " "), mark="$")
    if not record.fields:
        raise ValueError("这一段里没有 MARC 字段行")
    return record


_BEGINNINGS = (_MAKER, _ALEPH, _SHEET, _SHEET_CONTROL, _PLAIN)


def _mark(rest: str) -> str:
    """What stands for the subfield delimiter: ``$``, ``‡``, ``ǂ``, ``▼``, ``@``, ``|``, or the delimiter itself."""
    match = _MARK.match(rest)
    return match[1] if match else "$"


def _continued(lines: list[str]) -> Iterator[str]:
    """Lines; one that begins no field continues the field before it."""
    waiting = ""
    for line in lines:
        if any(pattern.match(line) for pattern in _BEGINNINGS) or _SHEET_LEADER.fullmatch(line):
            if waiting:
                yield waiting
            waiting = line
        else:
            waiting = f"{waiting} {line.strip()}" if waiting else line
    if waiting:
        yield waiting


def _add(record: pymarc.Record, tag: str, rest: str, *, mark: str) -> None:
    if tag in ("LDR", "LEADER", "000"):
        record.leader = pymarc.Leader(rest.strip("\r\n").ljust(24)[:24])
    elif tag.isdigit() and tag < "010":
        record.add_field(pymarc.Field(tag=tag, data=rest.rstrip()))
    elif tag != "FMT":
        head, *parts = rest.split(mark)
        subfields = [pymarc.Subfield(part[0], _characters(part[1:])) for part in parts if part]
        if not subfields and (bare := head[2:].strip()):
            subfields = [pymarc.Subfield("a", _characters(bare))]
        indicators = pymarc.Indicators(*(re.sub("[#_]", " ", head) + "  ")[:2])
        record.add_field(pymarc.Field(tag=tag, indicators=indicators, subfields=subfields))


def _characters(text: str) -> str:
    if "{" not in text:
        return text
    accented = _ACCENTED.sub(lambda match: match[2] + _ACCENTS[match[1]], text)
    return unicodedata.normalize("NFC", _MNEMONIC.sub(lambda match: _MNEMONICS.get(match[1], match[0]), accented))
