"""Placeholder until the catalogue's normalisation is merged: folding and identifiers."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import opencc


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def fold(text: str) -> str:
    """NFKC, lower case, Traditional → Simplified."""
    whole = text.encode("utf-8", "ignore").decode("utf-8", "ignore")
    return str(_converter().convert(unicodedata.normalize("NFKC", whole).lower()))


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Folded text and for each of its characters the offset of the original one."""
    folded, offsets = [], []
    for place, char in enumerate(text):
        for piece in fold(char):
            folded.append(piece)
            offsets.append(place)
    return "".join(folded), offsets


def isbn13(text: str) -> str | None:
    """ISBN-13 without hyphens, or None."""
    raw = re.sub(r"[\s\-‐-―−]", "", unicodedata.normalize("NFKC", text)).upper()
    if re.fullmatch(r"\d{9}[\dX]", raw):
        total = sum((10 - i) * (10 if c == "X" else int(c)) for i, c in enumerate(raw))
        if total % 11:
            return None
        raw = "978" + raw[:9]
        return raw + str(-sum(int(c) * (1, 3)[i % 2] for i, c in enumerate(raw)) % 10)
    if re.fullmatch(r"97[89]\d{10}", raw) and sum(int(c) * (1, 3)[i % 2] for i, c in enumerate(raw)) % 10 == 0:
        return raw
    return None


def issn(text: str) -> str | None:
    """ISSN as ``1234-567X``, or None."""
    raw = re.sub(r"[\s\-‐-―−]", "", unicodedata.normalize("NFKC", text)).upper()
    if not re.fullmatch(r"\d{7}[\dX]", raw):
        return None
    total = sum((8 - i) * (10 if c == "X" else int(c)) for i, c in enumerate(raw))
    return None if total % 11 else f"{raw[:4]}-{raw[4:]}"


_STANDARD = re.compile(
    r"(?<![A-Za-z])([A-Z]{2,6})\s*(?:[/_ ]\s*([A-Z]))?\s*((?:\d{1,6})(?:\.\d{1,3})*)(?:\s*[-‐-―−]\s*((?:19|20)?\d{2}))?(?!\d)",
    re.I,
)


def standard_numbers_in(text: str) -> list[tuple[int, int, str]]:
    """Standard numbers with their places."""
    found = []
    for match in _STANDARD.finditer(
        unicodedata.normalize("NFKC", text) if len(unicodedata.normalize("NFKC", text)) == len(text) else text
    ):
        body, kind, number, year = match.groups()
        value = body.upper() + (f"/{kind.upper()}" if kind else "") + f" {number}" + (f"-{year}" if year else "")
        found.append((match.start(), match.end(), value))
    return found


def standard_number(text: str) -> str | None:
    """The standard number that ``text`` is, in its usual spelling, or None."""
    found = standard_numbers_in(text.strip())
    return found[0][2] if found and found[0][:2] == (0, len(text.strip())) else None


def call_number_key(text: str) -> str:
    """Comparison form of a call number."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()
