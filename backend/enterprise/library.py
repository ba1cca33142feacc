"""What the branches need of search: standards by number, and items that changed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from backend.core.access import PUBLIC
from backend.enterprise.standards import Standard, standard_of
from backend.search.engine import SearchEngine
from backend.search.values import Filters, Hit, SearchRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedItem:
    """An item as it is after a change."""

    id: str
    kind: str
    title: str
    text: str
    audience: str
    revision: int


class Changes(Protocol):
    """Port to the catalogue's order of changes."""

    def head(self) -> int: ...

    def after(self, revision: int) -> Iterable[ChangedItem]: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one branch may see: the public collections and its own."""

    engine: SearchEngine
    branch: str
    _found: dict[str, Standard | None] = field(default_factory=dict)

    @property
    def audiences(self) -> frozenset[str]:
        return frozenset({PUBLIC, f"branch:{self.branch}"})

    def standard(self, number: str) -> Standard | None:
        """The standard of that number (in any spelling), or None."""
        if number not in self._found:
            self._found[number] = self._look_up(number)
        return self._found[number]

    def _look_up(self, number: str) -> Standard | None:
        request = SearchRequest(q=number, filters=Filters(kinds=("standard",)), size=5)
        wanted = compact(number)
        for hit in self.engine.search(request, self.audiences).hits:
            if wanted in {compact(own) for own in standard_numbers(hit)}:
                return self.standard_of_hit(hit)
        return None

    def standard_of_hit(self, hit: Hit) -> Standard | None:
        """The facts of a found standard."""
        item = self.engine.item(hit.id, self.audiences)
        if item is None:
            return None
        numbers = standard_numbers(hit)
        return standard_of(item.id, numbers[0] if numbers else item.title, item.title, item.metadata)


def compact(number: str) -> str:
    """A standard number without what differs between spellings.

    >>> compact("GB/T 7714—2015") == compact("ＧＢ/T7714-2015")
    True
    """
    return "".join(c for c in unicodedata.normalize("NFKC", number).upper() if c.isalnum() or c == ".")


def standard_numbers(hit: Hit) -> Sequence[str]:
    """The standard numbers of a hit, its own first."""
    return [identifier.value for identifier in hit.identifiers if identifier.scheme == "standard"]
