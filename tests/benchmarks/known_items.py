"""Identifiers as people type them: 1,000 drawn from a catalogue, made noisy, asked; is the item first?

ISBN, ISSN, standard, call and record numbers and whole titles, each spoilt in one way: full-width, spaces, missing or
wrong dashes, lower case, a label before it, a question around it, Traditional for Simplified. Known items are decided
before the two engines are fused, so a stand-in for the embedding model serves.
Run: ``python -m tests.benchmarks.known_items FILE… [--draws 1000]``
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import opencc

from backend.search.engine import SearchEngine
from backend.search.values import SearchRequest
from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.keys import known_keys, squeeze, title_key
from indexer.normalise import call_number_key
from indexer.records import StoredItem
from indexer.snapshot import SnapshotStore
from tests.indexer.factories import catalogue, load
from tests.search.library import HashingEmbedder

PUBLIC = frozenset({"public"})
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_TO_TRADITIONAL = opencc.OpenCC("s2t")


@dataclass(frozen=True, slots=True)
class Asked:
    """A noisy name, the key it stands for, and what was done to it."""

    scheme: str
    noise: str
    text: str
    key: str


Noise = Callable[[random.Random, str], str]


def _scatter(chance: random.Random, text: str) -> str:
    return "".join(c + (" " if c.isalnum() and chance.random() < 0.3 else "") for c in text).strip()


_ASKING_NUMBERS = ("{}有吗？", "请问 {} 在哪里", "想借{}", "查一下（{}）")
_ASKING_TITLES = ("《{}》在哪里", "有没有《{}》这本书", "我想借《{}》")

NUMBER_NOISE: dict[str, Noise] = {
    "as it is": lambda _, text: text,
    "full width": lambda _, text: text.translate(_FULL_WIDTH),
    "lower case": lambda _, text: text.lower(),
    "no hyphens": lambda _, text: re.sub(r"[-\s]", "", text),
    "wrong dash": lambda chance, text: text.replace("-", chance.choice("–—－−‐")),
    "spaces for hyphens": lambda _, text: text.replace("-", " "),
    "in a question": lambda chance, text: chance.choice(
        ["{}有吗？", "请问 {} 在哪里", "想借{}", "查一下（{}）"]
    ).format(text),
}
TITLE_NOISE: dict[str, Noise] = {
    "as it is": lambda _, text: text,
    "full width": lambda _, text: text.translate(_FULL_WIDTH),
    "lower case": lambda _, text: text.lower(),
    "book title marks": lambda _, text: f"《{text}》",
    "asked for": lambda chance, text: chance.choice(["《{}》在哪里", "有没有《{}》这本书", "我想借《{}》"]).format(
        text
    ),
    "traditional": lambda _, text: _TO_TRADITIONAL.convert(text),
    "no punctuation": lambda _, text: re.sub(r"[^\w]+", "", text),
    "spaces": _scatter,
}
_NO_QUESTION = ("call", "record")
"""A call or record number is what is typed alone: in a sentence it is a word like any other."""


def isbn10(isbn: str) -> str:
    """The ten-digit form of a 978 ISBN.

    >>> isbn10("9787503717444")
    '7503717440'
    """
    body = isbn[3:12]
    rest = -sum((10 - place) * int(digit) for place, digit in enumerate(body)) % 11
    return body + ("X" if rest == 10 else str(rest))


def hyphenated(digits: str) -> str:
    """An ISBN as it is printed; where exactly the hyphens stand does not matter here."""
    head, tail = (digits[:3] + "-", digits[3:]) if len(digits) == 13 else ("", digits)
    return f"{head}{tail[0]}-{tail[1:5]}-{tail[5:-1]}-{tail[-1]}"


def names(item: StoredItem) -> Iterator[tuple[str, str, str]]:
    """(scheme, name, key) of everything that ``item`` may be asked by."""
    for identifier in item.identifiers:
        value = identifier.value
        key = f"{identifier.scheme}:{squeeze(value)}"
        if identifier.scheme == "isbn" and len(value) == 13:
            yield "isbn", hyphenated(value), key
            if value.startswith("978"):
                yield "isbn10", hyphenated(isbn10(value)), key
        elif identifier.scheme in ("issn", "standard"):
            yield identifier.scheme, value, key
    for holding in item.holdings:
        if holding.call_number.strip():
            yield "call", holding.call_number, f"call:{call_number_key(holding.call_number)}"
    yield "record", item.source_id, f"src:{squeeze(item.source_id)}"
    if title_key(item.title):
        yield "title", item.title, f"title:{title_key(item.title)}"


def draw(items: Sequence[StoredItem], count: int, seed: int) -> list[Asked]:
    """``count`` noisy names, the schemes taking turns as far as the items have them."""
    chance = random.Random(seed)
    by_scheme: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for item in items:
        for scheme, name, key in names(item):
            by_scheme[scheme].append((name, key))
    drawn = []
    schemes = sorted(by_scheme)
    while len(drawn) < count:
        scheme = schemes[len(drawn) % len(schemes)]
        name, key = chance.choice(by_scheme[scheme])
        kinds = dict(TITLE_NOISE if scheme == "title" else NUMBER_NOISE)
        if scheme in _NO_QUESTION:
            kinds = {
                "as it is": kinds["as it is"],
                "full width": kinds["full width"],
                "lower case": kinds["lower case"],
            }
        noise = chance.choice(sorted(kinds))
        drawn.append(Asked(scheme, noise, kinds[noise](chance, name), key))
    return drawn


def misses(engine: SearchEngine, items: Sequence[StoredItem], asked: Sequence[Asked]) -> list[Asked]:
    """What is not answered by an item of that name in the first place."""
    owners: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for key in known_keys(item):
            owners[key].add(item.id)
    return [one for one in asked if _first(engine, one.text) not in owners[one.key]]


def _first(engine: SearchEngine, text: str) -> str:
    hits = engine.search(SearchRequest(q=text, size=1), PUBLIC).hits
    return hits[0].id if hits else ""


def stored(books: Catalogue) -> list[StoredItem]:
    """Every item, in order of id."""
    return [item for _, item in sorted(books.get(books.ids()).items())]


def opened(folder: Path, files: Sequence[Path]) -> tuple[SearchEngine, list[StoredItem]]:
    """An engine over ``files`` and the items in it."""
    books = catalogue(folder)
    for number, file in enumerate(files):
        load(books, file, collection=f"set{number}", member="M")
    snapshots, embedder = SnapshotStore(folder / "index"), HashingEmbedder(64)
    build(books, snapshots, embedder)
    return SearchEngine(snapshots, books, embedder), stored(books)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine, items = opened(Path(folder), chosen.files)
        asked = draw(items, chosen.draws, chosen.seed)
        missed = misses(engine, items, asked)
    wrong, all_of = Counter(one.scheme for one in missed), Counter(one.scheme for one in asked)
    figures = {
        "items": len(items),
        "asked": len(asked),
        "hit@1": round(1 - len(missed) / len(asked), 4),
        "by scheme": {name: f"{count - wrong[name]}/{count}" for name, count in sorted(all_of.items())},
        "missed": [f"{one.scheme}, {one.noise}: {one.text}" for one in missed[:20]],
    }
    json.dump(figures, sys.stdout, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
