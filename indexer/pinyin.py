"""Han titles and names as pinyin without tones, so that they are found by those who type them so. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_normal

_HAN = re.compile(r"[\u3400-\u9fff]+")
_LETTERS = re.compile(r"[a-z]+")
_LONGEST = 6
MAX_TYPED = 60
"""Letters of a query that are read as pinyin."""


@lru_cache(maxsize=50_000)
def _of_run(run: str) -> tuple[str, ...]:
    return tuple(lazy_pinyin(run, style=Style.NORMAL, errors="ignore"))


def syllables(folded: str) -> list[str]:
    """The syllables of the Han characters in folded text; polyphones by the words that they stand in.

    >>> syllables("重庆图书馆")
    ['chong', 'qing', 'tu', 'shu', 'guan']
    """
    return [syllable for run in _HAN.findall(folded) for syllable in _of_run(run)]


def pairs(found: list[str]) -> list[str]:
    """Neighbouring syllables joined: the unit in which pinyin is searched."""
    return [first + second for first, second in pairwise(found)]


def initials(found: list[str]) -> str:
    """First letters.

    >>> initials(["tu", "shu", "guan"])
    'tsg'
    """
    return "".join(syllable[0] for syllable in found)


@cache
def _known() -> frozenset[str]:
    readings = {reading for character in PINYIN_DICT.values() for reading in character.split(",")}
    found = {to_normal(reading) for reading in readings}
    # without the vowelless interjections (m, ng, hng), which would cut "hung" in two
    return frozenset(one for one in found if re.fullmatch(r"[a-z]*[aeiouv][a-z]*", one) and len(one) <= _LONGEST)


def typed(folded: str) -> list[str] | None:
    """The syllables of a query that was typed in pinyin, with or without spaces; None when it was not.

    >>> typed("zhongguo lishi"), typed("library science")
    (['zhong', 'guo', 'li', 'shi'], None)
    """
    if len(folded) > MAX_TYPED or not re.fullmatch(r"[a-z' ]+", folded.strip()):
        return None
    found: list[str] = []
    for word in _LETTERS.findall(folded):
        split = _split(word)
        if split is None:
            return None
        found.extend(split)
    return found or None


def _split(word: str) -> list[str] | None:
    """The division of ``word`` into the fewest syllables."""
    best: list[list[str] | None] = [[], *([None] * len(word))]
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - _LONGEST), end):
            before = best[start]
            if before is not None and word[start:end] in _known():
                longer = [*before, word[start:end]]
                current = best[end]
                if current is None or len(longer) < len(current):
                    best[end] = longer
    return best[len(word)]


_MARKED = re.compile(r"[a-z]'|[a-z]-[a-z]|hs|ts|tz|ih\b|ieh\b|ueh\b|ung\b|ssu|szu")
_QUOTES = str.maketrans(dict.fromkeys("‘’ʻʼ`´", "'") | {"ê": "e"})
_INITIALS = {
    "ch'": "ch", "ch": "zh", "hs": "x", "k'": "k", "k": "g", "p'": "p", "p": "b", "t'": "t", "t": "d", "ts'": "c",
    "tz'": "c", "ts": "z", "tz": "z", "j": "r", "ss": "s", "sz": "s", "sh": "sh",
    **{same: same for same in ("f", "h", "l", "m", "n", "s", "w", "y", "")},
}  # fmt: skip
_BEFORE_I = {"ch": "q", "zh": "j"}
_FINALS = {
    "ien": "ian", "ih": "i", "erh": "er", "ieh": "ie", "eh": "e", "ueh": "ue", "uei": "ui", "ung": "ong",
    "iung": "iong", "en": "en",
}  # fmt: skip
_WHOLE = {"i": "yi", "yu": "you", "yen": "yan", "ssu": "si", "szu": "si", "tzu": "zi", "tz'u": "ci", "erh": "er"}
_BY_LENGTH = sorted(_INITIALS, key=len, reverse=True)


def wade_giles(typed_text: str) -> list[str] | None:
    """The pinyin syllables of a query in Wade-Giles romanisation; None when it is none.

    >>> wade_giles("K'ang-hsi tzu-tien"), wade_giles("Hsü Chün-lin"), wade_giles("library-based")
    (['kang', 'xi', 'zi', 'dian'], ['xu', 'jun', 'lin'], None)
    """
    text = unicodedata.normalize("NFKC", typed_text).lower().translate(_QUOTES).strip()
    if len(text) > MAX_TYPED or not re.fullmatch(r"[a-zü' -]+", text) or not _MARKED.search(text):
        return None
    found = [_from_wade_giles(part) for part in re.split(r"[ -]+", text) if part]
    return [syllable for syllable in found if syllable] if all(found) else None


def _from_wade_giles(syllable: str) -> str:
    """One syllable in pinyin; empty when it is none."""
    if syllable in _WHOLE:
        return _WHOLE[syllable]
    initial = next(start for start in _BY_LENGTH if syllable.startswith(start))
    final = syllable[len(initial) :]
    spelt = _INITIALS[initial]
    if final.startswith(("i", "ü")) and final != "ih":
        spelt = _BEFORE_I.get(spelt, spelt)
    if final == "o" and spelt in ("g", "k", "h"):
        final = "e"
    plain = final.replace("ü", "u")
    made = spelt + _FINALS.get(plain, plain)
    return made if made in _known() else ""
