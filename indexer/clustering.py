"""Which entries describe the same manifestation, and which manifestations are one work: by keys, never by guess.

Two entries are one record only when folded title with parts, first responsibility, publisher, year and edition all
agree; an ISBN alone never merges (a set's ISBN stands on each of its volumes). A record without a year or without a
title stays alone. Every merge can say why.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from indexer.normalise import fold, title_key
from indexer.records import Record

_ROLE_WORDS = re.compile(r"(主编|编著|编译|编写|编纂|译注|译著|校注|主审|编|著|撰|译|绘|等|edited by|by)\s*$")


def record_key(record: Record) -> str:
    """Key of the manifestation; empty when the record says too little to be compared."""
    title = title_key(" ".join((record.title, record.subtitle)))
    if not title or record.year is None:
        return ""
    parts = "/".join(volume_key(part) for part in record.parts)
    edition = title_key(record.edition)
    first_edition = {"", "1版", "第1版", "第一版", "初版", "一版", "1sted", "di1ban", "di一版"}
    return "|".join(
        (
            record.material,
            title,
            parts,
            creator_key(record),
            title_key(record.publisher),
            str(record.year),
            "" if edition in first_edition else edition,
            title_key(record.extent) if record.material == "book" and not record.publisher else "",
        )
    )


def work_key(record: Record) -> str:
    """Key of the work: title without edition and imprint, and the first person responsible."""
    creator = creator_key(record)
    title = title_key(record.title)
    if not title or not creator:
        return ""
    return "|".join((record.material, title, "/".join(volume_key(part) for part in record.parts), creator))


def creator_key(record: Record) -> str:
    """The first person or body responsible, folded, without role words and dates."""
    name = record.contributors[0].name if record.contributors else re.split(r"[;；,，]", record.responsibility)[0]
    bare = re.sub(r"[(（\[〔【][^)）\]〕】]*[)）\]〕】]|\d{3,4}\s*-\s*(\d{3,4})?", "", fold(name)).strip()
    return title_key(_ROLE_WORDS.sub("", bare))


_NUMERALS = {numeral: str(value) for value, numeral in enumerate("〇一二三四五六七八九")}


def volume_key(part: str) -> str:
    """A volume's designation, Chinese and Arabic numerals alike: 第一卷, 第1卷 and 卷一 give ``1卷``."""
    folded = fold(part)
    numbered = re.sub(r"[一二三四五六七八九〇十]+", lambda match: _arabic(match[0]), folded)
    match = re.fullmatch(r"\W*(?:第)?\s*(\d+)\s*([卷册集辑编部分])?.*", numbered) or re.fullmatch(
        r"\W*([卷册集辑编部])\s*(\d+).*", numbered
    )
    if match is None:
        return title_key(numbered)
    digits = next(group for group in match.groups() if group and group.isdigit())
    return f"{int(digits)}:{title_key(numbered)}" if len(title_key(numbered)) > len(digits) + 2 else str(int(digits))


def _arabic(numeral: str) -> str:
    if numeral == "十":
        return "10"
    tens, _, ones = numeral.partition("十")
    if "十" in numeral:
        return f"{_NUMERALS.get(tens, '1')}{_NUMERALS.get(ones, '0')}"
    return "".join(_NUMERALS[character] for character in numeral)


def identify(collection: str, key: str) -> str:
    """A short stable id of a key within its collection."""
    raw = f"{collection}\0{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=10).hexdigest()


def merge_reason(records: Sequence[Record]) -> str:
    """Why these are one record, for a librarian to read; empty for a single one."""
    if len(records) < 2:
        return ""
    shared = set.intersection(*({i.value for i in r.identifiers if i.scheme == "isbn"} for r in records))
    same = f"题名、责任者、出版者、出版年（{records[0].year}）与版次一致"
    return same + (f"，ISBN 同为 {min(shared)}" if shared else "")
