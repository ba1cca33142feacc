"""Words: two tantivy indexes, one document an item and one document a passage.

All text is tokenised here before it reaches the engine, which only splits at spaces, so that build and query cannot
differ. Items carry known-item keys (``isbn:…``, ``title:…``) as untouched terms and their filters as terms, so that a
filter takes part in the query instead of thinning its result.
"""

from __future__ import annotations

import contextlib
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, Query

from indexer.columns import clc_class
from indexer.keys import known_keys
from indexer.normalise import fold
from indexer.pinyin import pairs, syllables
from indexer.records import IndexItem
from indexer.tokens import Tokeniser

WORD_FIELDS = ("bag", "title", "variant", "creator", "subject", "series", "pinyin")
FILTER_FIELDS = ("audience", "collection", "kind", "language", "clc", "member", "held")
_HEAP = 60_000_000
_COMMON = 0.02
"""Share of the documents from which a token is too common to be counted one by one."""
_APART = 2
_SINGLE_TERMS = 8
_SINGLE_NUMBERS = 1_000
_PRUNED = 0.05
"""Share of the best possible score that may go uncounted to spare the longest postings."""
_LONG = 1_000
"""Documents from which a posting is long."""
_FREQUENCIES_KEPT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalFilter:
    """Terms an item must carry: for each field one of the values. Years inclusive. ``numbers`` limits to items."""

    terms: Mapping[str, Sequence[str]]
    year_from: int | None = None
    year_to: int | None = None
    numbers: Sequence[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WordQuery:
    """What is looked for by words.

    Every token of ``weights`` scores in every field of ``boosts``. To match at all, an item must hold ``at_least`` of
    the ``required`` tokens in its bag (0: any scoring token), or all ``pinyin`` pairs in its title or creators.
    """

    weights: Mapping[str, float]
    boosts: Mapping[str, float] = field(default_factory=lambda: {"bag": 1.0})
    required: Sequence[str] = ()
    at_least: int = 0
    pinyin: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Engine keys (item number, or number and ordinal) with raw scores, best first; ``count`` of all matches."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    count: int


def _item_schema() -> tantivy.Schema:
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("id", tokenizer_name="raw", index_option="basic")
    schema.add_unsigned_field("number", indexed=True, fast=True)
    for name in WORD_FIELDS:
        schema.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    schema.add_text_field("known", tokenizer_name="raw", index_option="basic")
    for name in FILTER_FIELDS:
        schema.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    schema.add_integer_field("year", indexed=True, fast=True)
    return schema.build()


def _passage_schema() -> tantivy.Schema:
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("id", tokenizer_name="raw", index_option="basic")
    schema.add_unsigned_field("key", fast=True)
    schema.add_unsigned_field("number", indexed=True)
    schema.add_text_field("bag", tokenizer_name="whitespace", index_option="freq")
    for name in FILTER_FIELDS:
        schema.add_text_field(name, tokenizer_name="raw", index_option="basic")
    schema.add_integer_field("year", indexed=True)
    return schema.build()


SCHEMAS = {"items": _item_schema, "passages": _passage_schema}
PASSAGE_BITS = 20
"""A passage's key is ``number << 20 | ordinal``."""


class LexicalWriter:
    """Adds items to and removes them from both indexes in ``directory`` (created or continued)."""

    def __init__(self, directory: Path, tokeniser: Tokeniser) -> None:
        self._tokeniser = tokeniser
        self._indexes: dict[str, tantivy.Index] = {}
        self._writers: dict[str, tantivy.IndexWriter] = {}
        for name, schema in SCHEMAS.items():
            (directory / name).mkdir(exist_ok=True)
            self._indexes[name] = _open(directory / name, schema())
            self._writers[name] = self._indexes[name].writer(_HEAP, 1)

    def add(self, number: int, entry: IndexItem) -> None:
        item = entry.item
        body = self._tokeniser.tokens(item.text)
        words = self._words(entry, body)
        filters = _filters(entry)
        document = _document(number, entry, filters)
        for key in sorted(known_keys(item)):
            document.add_text("known", key)
        for name, text in words.items():
            if text:
                document.add_text(name, text)
        self._writers["items"].add_document(document)
        for passage in entry.passages:
            document = _document(number, entry, filters)
            document.add_unsigned("key", number << PASSAGE_BITS | passage.ordinal)
            whole = passage.text == item.text and not passage.context
            tokens = body if whole else self._tokeniser.tokens(f"{passage.context}\n{passage.text}")
            document.add_text("bag", " ".join(tokens))
            self._writers["passages"].add_document(document)

    def remove(self, item_id: str) -> None:
        for writer in self._writers.values():
            writer.delete_documents_by_term("id", item_id)

    def commit(self) -> None:
        """Write everything out, wait for merges, leave only live files. The writer is spent."""
        for writer in self._writers.values():
            writer.commit()
            writer.garbage_collect_files()
            writer.wait_merging_threads()
        self._close()

    def abandon(self) -> None:
        """Give up what was not committed."""
        for writer in self._writers.values():
            with contextlib.suppress(ValueError):
                writer.rollback()
        self._close()

    def _close(self) -> None:
        self._writers.clear()
        self._indexes.clear()

    def _words(self, entry: IndexItem, body: list[str]) -> dict[str, str]:
        item, tokens = entry.item, self._tokeniser.tokens
        fields = {
            "title": tokens(item.title),
            "variant": tokens("\n".join((*item.title_variants, *item.romanised))),
            "creator": tokens("\n".join(item.creators)),
            "subject": tokens("\n".join(item.subjects)),
            "series": tokens("\n".join(item.series)),
        }
        bag = [*fields["title"], *body] if item.kind != "catalogue" else body
        missing = [name for name in fields if name != "title" and not set(fields[name]) <= set(body)]
        bag += [token for name in missing for token in fields[name]]
        if item.kind == "catalogue" and not set(fields["title"]) <= set(body):
            bag += fields["title"]
        read = [syllables(fold(text)) for text in (item.title, *item.title_variants, *item.creators)]
        spoken = [pair for found in read for pair in (pairs(found) or found)]
        return {name: " ".join(found) for name, found in {**fields, "bag": bag, "pinyin": spoken}.items()}


def _document(number: int, entry: IndexItem, filters: Mapping[str, Sequence[str]]) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("id", entry.item.id)
    document.add_unsigned("number", number)
    for name, values in filters.items():
        for value in values:
            document.add_text(name, value)
    if entry.item.year is not None:
        document.add_integer("year", entry.item.year)
    return document


def _filters(entry: IndexItem) -> dict[str, list[str]]:
    item = entry.item
    return {
        "audience": [item.audience],
        "collection": [item.collection],
        "kind": [item.kind],
        "language": [item.language] if item.language else [],
        "clc": [clc_class(item)] if clc_class(item) else [],
        "member": sorted({holding.member for holding in item.holdings}),
        "held": sorted({holding.member for holding in item.holdings if holding.available}),
    }


def _open(directory: Path, schema: tantivy.Schema) -> tantivy.Index:
    index = tantivy.Index(schema, path=str(directory), reuse=True)
    index.register_tokenizer("whitespace", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    return index


class LexicalReader:
    """Searches one snapshot's two indexes. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._indexes = {name: _open(directory / name, schema()) for name, schema in SCHEMAS.items()}
        self._schemas = {name: index.schema for name, index in self._indexes.items()}
        for index in self._indexes.values():
            index.config_reader("manual")
            index.reload()
        self._searchers = {name: index.searcher() for name, index in self._indexes.items()}
        # not a method of this reader: it would keep the reader, and so its files, until garbage is collected
        self._spread = lru_cache(maxsize=_FREQUENCIES_KEPT)(partial(_spread, self._searchers))

    def items(self, words: WordQuery, narrow: LexicalFilter, *, limit: int, any_token: bool = False) -> Found:
        """Items by words, best first: those that hold enough of them, or any scoring token."""
        return self._found("items", self._ranked("items", words, narrow, any_token=any_token), "number", limit)

    def passages(self, words: WordQuery, narrow: LexicalFilter, *, limit: int) -> Found:
        """Passages by words; keys are ``number << 20 | ordinal``."""
        return self._found("passages", self._ranked("passages", words, narrow), "key", limit)

    def known(
        self, tiers: Mapping[str, float], narrow: LexicalFilter, *, limit: int, also: Sequence[str] = ()
    ) -> Found:
        """Items that carry one of the known-item keys, and one of ``also``; the score is the tier of their highest."""
        if not tiers:
            return Found(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32), 0)
        schema = self._schemas["items"]
        each = [Query.const_score_query(Query.term_query(schema, "known", key), tier) for key, tier in tiers.items()]
        must = [(Occur.Must, Query.disjunction_max_query(each)), *self._must("items", narrow)]
        if also:
            must.append((Occur.Must, Query.const_score_query(_any_of(schema, "known", also), 0.0)))
        return self._found("items", Query.boolean_query(must), "number", limit)

    def known_like(self, key: str, narrow: LexicalFilter, *, limit: int) -> list[int]:
        """Items with a known-item key that differs in one character, exchanged ones counting once."""
        schema = self._schemas["items"]
        near = Query.fuzzy_term_query(schema, "known", key, 1)
        query = Query.boolean_query([(Occur.Must, near), *self._must("items", narrow)])
        return [int(number) for number in self._found("items", query, "number", limit).keys]

    def keys_starting(self, prefix: str, narrow: LexicalFilter, *, limit: int) -> list[str]:
        """Known-item keys of visible items that start so, in order."""
        must = self._must("items", narrow)
        only = Query.boolean_query(must) if must else None
        return [term for term, _ in self._searchers["items"].terms_with_prefix("known", prefix, only, limit)]

    def facets(self, words: WordQuery, narrow: LexicalFilter, *, also: Sequence[int] = ()) -> dict[str, dict[str, int]]:
        """Counts by value of every filter field (and ``year``) over all items that match, and those of ``also``."""
        return self._counts(self._matching("items", words, narrow, also))

    def number_of(self, item_id: str) -> int | None:
        """The number of a live item."""
        found = self._found("items", Query.term_query(self._schemas["items"], "id", item_id), "number", 1)
        return int(found.keys[0]) if len(found.keys) else None

    def document_frequency(self, token: str) -> int:
        """Items whose bag holds ``token``."""
        return self._spread("items", "bag", token)[0]

    def rarity(self, token: str) -> float:
        """BM25's inverse document frequency of ``token`` among the items' bags."""
        return self._spread("items", "bag", token)[1]

    @property
    def count(self) -> int:
        return int(self._searchers["items"].num_docs)

    def _counts(self, query: Query) -> dict[str, dict[str, int]]:
        fields = ("collection", "kind", "language", "clc", "member", "held", "year")
        request = {name: {"terms": {"field": name, "size": 10_000}} for name in fields}
        answer = self._searchers["items"].aggregate(query, request)
        return {
            name: {_word(bucket["key"]): int(bucket["doc_count"]) for bucket in answer[name]["buckets"]}
            for name in fields
        }

    def _ranked(self, index: str, words: WordQuery, narrow: LexicalFilter, *, any_token: bool = False) -> Query:
        scoring = self._scoring(index, words)
        if any_token or not words.at_least:
            return Query.boolean_query([*self._must(index, narrow), (Occur.Must, Query.boolean_query(scoring))])
        enough = Query.const_score_query(self._enough(index, words), 0.0)
        return Query.boolean_query([*self._must(index, narrow), (Occur.Must, enough), *scoring])

    def _matching(self, index: str, words: WordQuery, narrow: LexicalFilter, also: Sequence[int]) -> Query:
        found = [self._enough(index, words)]
        if also:
            found.append(_numbered(self._schemas[index], also))
        return Query.boolean_query([*self._must(index, narrow), (Occur.Must, _any(found))])

    def _scoring(self, index: str, words: WordQuery) -> list[tuple[Occur, Query]]:
        """Each token in each field.

        Of a union the engine walks every posting, and those of the commonest tokens, which tell least, are most of the
        walk. So the long ones go that together could add :data:`_PRUNED` of the best score at most.
        """
        schema = self._schemas[index]
        terms = [
            (name, token, boost * weight)
            for name, boost in words.boosts.items()
            for token, weight in words.weights.items()
        ]
        terms += [("pinyin", pair, 1.0) for pair in words.pinyin if index == "items"]
        spread = [self._spread(index, name, token) for name, token, _ in terms]
        worth = [weight * rarity for (_, _, weight), (_, rarity) in zip(terms, spread, strict=True)]
        spare = _PRUNED * sum(worth)
        pruned = set()
        long = [place for place, (held, _) in enumerate(spread) if held > _LONG]
        for place in sorted(long, key=lambda place: worth[place] / spread[place][0]):
            if worth[place] <= spare:
                spare -= worth[place]
                pruned.add(place)
        return [
            (Occur.Should, Query.boost_query(Query.term_query(schema, name, token, "freq"), weight))
            for place, (name, token, weight) in enumerate(terms)
            if place not in pruned
        ]

    def _enough(self, index: str, words: WordQuery) -> Query:
        """Enough of the question is in the item: by characters, or all of it by pinyin."""
        schema = self._schemas[index]
        ways = [self._holding(index, words.required, words.at_least)]
        if words.pinyin and index == "items":
            ways.append(_all([Query.term_query(schema, "pinyin", pair, "basic") for pair in words.pinyin]))
        return _any(ways)

    def _holding(self, index: str, tokens: Sequence[str], count: int) -> Query:
        """Documents whose bag holds ``count`` of the tokens.

        The engine walks "so many of these" posting by posting, four times as slowly as "any" or "all" of them. So the
        two commonest tokens stand apart: some of the rare ones, and none, either or both of the common ones.
        """
        terms = {token: Query.term_query(self._schemas[index], "bag", token, "basic") for token in tokens}
        wanted = max(1, min(count, len(terms)))
        frequency = {token: self._spread(index, "bag", token)[0] for token in terms}
        most = sorted(terms, key=lambda token: -frequency[token])[:_APART]
        common = [terms[token] for token in most if frequency[token] > _COMMON * self._searchers[index].num_docs]
        rare = [query for token, query in terms.items() if token not in most[: len(common)]]
        ways = [
            _all([_at_least(rare, wanted - apart), _at_least(common, apart)])
            for apart in range(min(len(common), wanted) + 1)
            if wanted - apart <= len(rare)
        ]
        return _any(ways) if ways else Query.empty_query()

    def _must(self, index: str, narrow: LexicalFilter) -> list[tuple[Occur, Query]]:
        schema = self._schemas[index]
        wanted = [_any_of(schema, name, list(values)) for name, values in narrow.terms.items()]
        if narrow.year_from is not None or narrow.year_to is not None:
            wanted.append(
                Query.range_query(
                    schema,
                    "year",
                    tantivy.FieldType.Integer,
                    narrow.year_from if narrow.year_from is not None else -(10**6),
                    narrow.year_to if narrow.year_to is not None else 10**6,
                )
            )
        if narrow.numbers is not None:
            wanted.append(_numbered(schema, narrow.numbers))
        return [(Occur.Must, Query.const_score_query(query, 0.0)) for query in wanted]

    def _found(self, index: str, query: Query, field: str, limit: int) -> Found:
        searcher = self._searchers[index]
        result = searcher.search(query, limit=max(limit, 1), count=True)
        addresses = [address for _, address in result.hits]
        keys = np.array(searcher.fast_field_values(field, addresses), dtype=np.int64)
        scores = np.array([score for score, _ in result.hits], dtype=np.float32)
        return Found(keys, scores, int(result.count))


def _at_least(queries: Sequence[Query], count: int) -> Query | None:
    """``count`` of the queries; None when that asks nothing."""
    if not count:
        return None
    if count == len(queries):
        return _all(queries)
    return Query.boolean_query([(Occur.Should, query) for query in queries], minimum_number_should_match=count)


def _all(queries: Sequence[Query | None]) -> Query:
    asked = [query for query in queries if query is not None]
    return asked[0] if len(asked) == 1 else Query.boolean_query([(Occur.Must, query) for query in asked])


def _any(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else Query.boolean_query([(Occur.Should, query) for query in queries])


def _any_of(
    schema: tantivy.Schema, name: str, values: Sequence[str] | Sequence[int], *, single: int = _SINGLE_TERMS
) -> Query:
    """Documents with one of the values. A set of terms is gathered in full before anything else is looked at: a
    millisecond for the audience of a million items, which up to ``single`` single terms do not cost."""
    if len(values) > single:
        return Query.term_set_query(schema, name, list(values))
    return _any([Query.term_query(schema, name, value, "basic") for value in values])


def _numbered(schema: tantivy.Schema, numbers: Sequence[int]) -> Query:
    """Items of these numbers; each number is of one document, so that many single terms cost little."""
    return _any_of(schema, "number", sorted({int(number) for number in numbers}), single=_SINGLE_NUMBERS)


def _spread(searchers: Mapping[str, tantivy.Searcher], index: str, name: str, token: str) -> tuple[int, float]:
    """How many documents of an index hold a token in a field, and BM25's inverse document frequency of it."""
    searcher = searchers[index]
    held = int(searcher.doc_freq(name, token))
    return held, math.log(1 + max(searcher.num_docs - held, 0.5) / (held + 0.5))


def _word(key: object) -> str:
    return str(int(key)) if isinstance(key, float) else str(key)


def clean(text: str) -> str:
    """Text without control characters and lone surrogates, which no engine should meet."""
    whole = text.encode("utf-8", "ignore").decode("utf-8", "ignore")
    return "".join(" " if unicodedata.category(char) == "Cc" else char for char in whole)


def bag_weights(tokens: Iterable[str], weight: float) -> dict[str, float]:
    """Token → ``weight`` × how often it occurs."""
    weights: dict[str, float] = {}
    for token in tokens:
        weights[token] = weights.get(token, 0.0) + weight
    return weights
