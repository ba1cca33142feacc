"""Other wordings that would find something: titles that sound the same, or differ in one character."""

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


class Items(Protocol):
    """What suggestions need of the catalogue."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredItem]: ...


def suggestions(view: IndexView, catalogue: Items, parsed: ParsedQuery, narrow: Narrow) -> tuple[str, ...]:
    """Titles that the caller may see and probably meant; none when the question is no title-like thing."""
    wanted = title_key(parsed.content)
    if not 2 <= len(wanted) <= _LONGEST:
        return ()
    only = view.lexical_filter(narrow)
    sound = "".join(syllables(fold(parsed.content)))
    alike = {f"py:{sound}": 1.0} if sound else {}
    found = view.lexical.known(alike, only, limit=_LOOK_AT).keys.tolist()
    numbers = [*found, *view.lexical.titles_like(wanted, only, limit=_LOOK_AT)]
    ids = list(dict.fromkeys(item_id for item_id in view.ids(np.array(numbers, dtype=np.int64)) if item_id))
    items = catalogue.get(ids)
    titles = [
        items[item_id].title for item_id in ids if item_id in items and items[item_id].audience in narrow.audiences
    ]
    return tuple(dict.fromkeys(title for title in titles if title_key(title) != wanted))[:MAX_SUGGESTIONS]
