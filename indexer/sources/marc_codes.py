"""Coded values that both MARC mappings translate: roles, kinds of material, forms, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from indexer.normalise import isbn13, issn
from indexer.records import Identifier
from indexer.sources.marc_fields import clean

INVALID_ISBN = "isbn-invalid"
"""Scheme of a cancelled or wrong ISBN: it can be searched, but says nothing of identity."""

_ROLE_WORDS = (
    ("原著", "aut"), ("编著", "aut"), ("編著", "aut"), ("著译", "aut"), ("译注", "trl"), ("編譯", "trl"),
    ("编译", "trl"),
    ("译", "trl"), ("譯", "trl"), ("主编", "edt"), ("主編", "edt"), ("编写", "aut"), ("編寫", "aut"), ("编绘", "ill"),
    ("作曲", "cmp"), ("作词", "lyr"), ("导演", "drt"), ("摄影", "pht"), ("校", "edt"), ("注", "ann"), ("绘", "ill"),
    ("繪", "ill"), ("图", "ill"), ("编", "edt"), ("編", "edt"), ("辑", "com"), ("輯", "com"), ("主讲", "spk"),
    ("撰", "aut"), ("著", "aut"), ("作", "aut"), ("述", "aut"),
)  # fmt: skip
_RELATOR_TERMS = {
    "author": "aut", "editor": "edt", "edited by": "edt", "ed": "edt", "translator": "trl", "tr": "trl",
    "compiler": "com", "comp": "com", "illustrator": "ill", "ill": "ill", "ill.": "ill", "composer": "cmp",
    "photographer": "pht", "narrator": "nrt", "performer": "prf", "publisher": "pbl", "director": "drt",
    "writer of introduction": "win", "adapter": "adp", "annotator": "ann", "contributor": "ctb", "artist": "art",
    "editor of compilation": "edc", "lyricist": "lyr", "creator": "cre", "issuing body": "isb",
}  # fmt: skip
_UNIMARC_RELATORS = {
    "070": "aut", "340": "edt", "730": "trl", "220": "com", "440": "ill", "230": "cmp", "600": "pht", "080": "aui",
    "010": "adp", "020": "ann", "040": "art", "300": "drt", "590": "prf", "650": "pbl", "651": "pbd", "205": "ctb",
    "212": "cwt", "420": "hnr", "520": "lyr", "550": "nrt", "710": "red", "727": "ths",
}  # fmt: skip
_TYPES = {
    "c": "score", "d": "score", "e": "map", "f": "map", "g": "video", "i": "audio", "j": "audio", "k": "graphic",
    "l": "electronic", "m": "electronic", "o": "kit", "p": "kit", "r": "object",
}  # fmt: skip


def role(*said: str) -> str | None:
    """A MARC relator code of what a record calls somebody (a code, an English term, a Chinese role word); the word
    itself where there is no code for it; None when nothing is said."""
    for word in said:
        bare = word.rsplit("/", 1)[-1].strip(" .,[]()（）")
        if not bare:
            continue
        if bare in _UNIMARC_RELATORS:
            return _UNIMARC_RELATORS[bare]
        if re.fullmatch("[a-z]{3}", bare):
            return bare
        if code := _RELATOR_TERMS.get(bare.lower()):
            return code
        return next((code for chinese, code in _ROLE_WORDS if chinese in bare), bare)
    return None


def material(leader: str) -> str:
    """book, serial, score, map, video, audio, graphic, electronic, kit or object, from the leader."""
    kind = _TYPES.get(leader[6:7], "book")
    return "serial" if kind == "book" and leader[7:8] in ("s", "i") else kind


_FORM_WORDS = (
    ("large-print", ("大字", "large print", "large-print")), ("braille", ("盲文", "braille")),
    ("microform", ("缩微", "縮微", "microform", "microfilm", "microfiche")),
    ("electronic", ("电子", "電子", "网络", "網路", "electronic", "online", "光盘", "computer file")),
    ("audio", ("录音", "錄音", "有声", "sound recording", "audio")),
    ("video", ("录像", "錄影", "videorecording", "video")),
)  # fmt: skip


def form(*said: str) -> str:
    """large-print, braille, microform, electronic, audio or video, from a general material designation or an edition
    statement; empty for what is printed as usual."""
    text = " ".join(said).strip().lower()
    if not text:
        return ""
    return next((name for name, words in _FORM_WORDS if any(word in text for word in words)), "")


_QUALIFIED = re.compile(r"[\s(（:：;；/]")


def isbns(values: Iterable[str], *, valid: bool = True) -> list[Identifier]:
    """Identifiers of ISBN subfields. A number that fails its check digit, or stands in ``$z`` (``valid`` false), is
    kept under a scheme of its own."""
    found = []
    for raw in values:
        bare = re.sub(r"^\s*ISBN[\s:：]*", "", raw, flags=re.IGNORECASE)
        shown = _QUALIFIED.split(bare, maxsplit=1)[0].strip(".,，。")
        value = isbn13(shown) or isbn13(re.sub(r"\s", "", re.split(r"[(（:：]", bare, maxsplit=1)[0]))
        if value and valid:
            found.append(Identifier(scheme="isbn", value=value, display=shown))
        elif value or re.search(r"\d{5}", shown):
            kept = value or re.sub(r"[^0-9A-Za-z]", "", shown).upper()
            found.append(Identifier(scheme=INVALID_ISBN, value=kept, display=shown))
    return found


def issns(values: Iterable[str]) -> list[Identifier]:
    return [Identifier(scheme="issn", value=value, display=raw) for raw in values if (value := issn(raw))]


def csbns(values: Iterable[str]) -> list[Identifier]:
    """统一书号: ``13017.139``, also with the word before it."""
    found = []
    for raw in values:
        match = re.search(r"\d{3,6}\s*[.．·]\s*\d{1,5}", raw)
        value = (
            re.sub(r"\s", "", match[0]).replace("．", ".").replace("·", ".") if match else clean(raw).replace(" ", "")
        )
        if value:
            found.append(Identifier(scheme="csbn", value=value, display=raw))
    return found
