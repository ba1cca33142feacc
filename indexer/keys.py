"""Known-item keys: the untouched terms by which one item, or one shelf, is asked for."""

from __future__ import annotations

import re

from indexer.normalise import call_number_key, fold, isbn13
from indexer.pinyin import initials, syllables
from indexer.records import StoredItem

_LETTERS = re.compile(r"[\W_]+", re.UNICODE)
_YEAR = re.compile(r"[-—–:]\s*(?:19|20)\d{2}$")
MAX_TITLE_KEY = 200
MAX_SPOKEN = 40


def squeeze(text: str) -> str:
    """Folded text without spaces and punctuation: the form in which titles and free identifiers are compared."""
    return _LETTERS.sub("", fold(text))


def title_key(title: str) -> str:
    """Comparison form of a title; empty when nothing of it is a letter or a digit."""
    return squeeze(title)[:MAX_TITLE_KEY]


def standard_base(number: str) -> str:
    """A standard number without its year: ``GB/T 7714-2015`` → ``GB/T 7714``."""
    return _YEAR.sub("", number)


def _spoken(title: str, head: str) -> set[str]:
    """Keys of a title as it is typed in pinyin: whole and first letters, with and without what follows a colon."""
    keys = set()
    for form in {fold(title), head}:
        found = syllables(form)
        if 0 < len(found) <= MAX_SPOKEN:
            keys |= {f"py:{''.join(found)}", f"pi:{initials(found)}"}
    return keys


_DATES = re.compile(r"[,，（(\[][^A-Za-z\u3400-\u9fff]*\d.*$")
MAX_CREATORS = 20


def creator_key(name: str) -> str:
    """Comparison form of a person's or body's name: without dates.

    >>> creator_key("Ba, Jin, 1904-2005"), creator_key("余華（1960-）")
    ('bajin', '余华')
    """
    return squeeze(_DATES.sub("", name))[:MAX_TITLE_KEY]


def _creators(item: StoredItem) -> tuple[set[str], set[str]]:
    """Keys of those responsible, as written and as spoken, and which romanised forms are theirs and no titles."""
    names = {key for creator in item.creators[:MAX_CREATORS] if (key := creator_key(creator))}
    spoken = {"".join(syllables(fold(creator))) for creator in item.creators[:MAX_CREATORS]} - {""}
    return names | spoken, {form for form in item.romanised if creator_key(form) in spoken}


def known_keys(item: StoredItem) -> set[str]:
    """Every key under which ``item`` can be asked for by name."""
    keys = {f"id:{squeeze(item.id)}", f"src:{squeeze(item.source_id)}"}
    for identifier in item.identifiers:
        keys.add(f"{identifier.scheme}:{squeeze(identifier.value)}")
        keys |= {f"any:{squeeze(form)}" for form in (identifier.value, identifier.display) if form}
        if identifier.scheme == "isbn-invalid" and isbn13(identifier.value):
            keys.add(f"isbn:{squeeze(identifier.value)}")  # cancelled, or another binding's: it leads here all the same
        if identifier.scheme == "standard":
            keys.add(f"stdbase:{squeeze(standard_base(identifier.value))}")
    names, romanised_names = _creators(item)
    keys |= {f"creator:{name}" for name in names}
    for title in (item.title, *item.title_variants, *(form for form in item.romanised if form not in romanised_names)):
        key = title_key(title)
        if key:
            keys.add(f"title:{key}")
            head = title_key(re.split(r"[:：=/／]", title, maxsplit=1)[0])
            if head:
                keys.add(f"head:{head}")
            keys |= _spoken(title, head)
    for holding in item.holdings:
        if holding.call_number.strip():
            keys.add(f"call:{call_number_key(holding.call_number)}")
    for mark in item.classifications:
        keys.add(f"class:{squeeze(mark.number)}")
    return keys
