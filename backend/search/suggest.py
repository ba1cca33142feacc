"""Other wordings that would find something: titles that sound the same, or differ in one character or ISBN digit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from backend.search.query import ParsedQuery
from indexer.keys import title_key
from indexer.normalise import fold
from indexer.pinyin import syllables
from indexer.records import StoredItem
from indexer.view import IndexView, Narrow

MAX_SUGGESTIONS = 3
_LOOK_AT = 20
_LONGEST = 30
_SHORT = 8
_PAIR = 2


class Items(Protocol):
    """What suggestions need of the catalogue."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]: ...


def misspelt(view: IndexView, parsed: ParsedQuery, tokens: Sequence[str]) -> bool:
    """Do neighbours in a query as short as a title stand together nowhere? ``tokens``: what is looked for."""
    if not 2 <= len(title_key(parsed.content)) <= _SHORT:
        return False
    pairs = (token for token in tokens if len(token) == _PAIR and not token.isascii())
    return any(not view.lexical.document_frequency(pair) for pair in pairs)


def suggestions(
    view: IndexView, catalogue: Items, parsed: ParsedQuery, narrow: Narrow, *, spelling: bool
) -> tuple[str, ...]:
    """Titles that the caller may see and probably meant; none when the question is no title or number.

    ``spelling``: also those that differ in one character and sound otherwise.
    """
    wanted = title_key(parsed.content)
    only = view.lexical_filter(narrow)
    numbers: list[int] = []
    if 2 <= len(wanted) <= _LONGEST:
        sound = "".join(syllables(fold(parsed.content)))
        alike = {f"py:{sound}": 1.0} if sound else {}
        numbers += view.lexical.known(alike, only, limit=_LOOK_AT).keys.tolist()
        if spelling:
            numbers += view.lexical.known_like(f"title:{wanted}", only, limit=_LOOK_AT)
    for isbn in parsed.misprinted:
        numbers += view.lexical.known({f"isbn:{isbn}": 1.0}, only, limit=_LOOK_AT).keys.tolist()
        numbers += view.lexical.known_like(f"isbn:{isbn}", only, limit=_LOOK_AT)
    ids = list(dict.fromkeys(item_id for item_id in view.ids(np.array(numbers, dtype=np.int64)) if item_id))
    items = catalogue.get(ids)
    titles = [
        items[item_id].title for item_id in ids if item_id in items and items[item_id].audience in narrow.audiences
    ]
    return tuple(dict.fromkeys(title for title in titles if title_key(title) != wanted))[:MAX_SUGGESTIONS]
