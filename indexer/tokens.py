"""Text → search tokens, the same when an index is built and when it is asked.

A token bag holds jieba's search-mode words and the single characters and pairs of every Han run, over folded text, and
whole Latin words and numbers. The union does better on Chinese questions than words alone, and pairs find what the
dictionary cuts otherwise.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from functools import lru_cache

import jieba

from indexer.normalise import fold

jieba.setLogLevel(logging.WARNING)

_CJK = r"\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
_RUN = re.compile(rf"[{_CJK}]+|(?:(?![{_CJK}])[^\W_])+")
_HAN = re.compile(rf"[{_CJK}]")
# Romanising cataloguers put spaces between the words of Chinese titles: they divide nothing.
_SPACED = re.compile(rf"(?<=[{_CJK}])[ \t]+(?=[{_CJK}])")
SHORT = 24
"""Characters of a Han run up to which its tokens are kept for the next time."""
MAX_TOKEN = 64
"""Characters of a token that count: longer runs are no words, and the engine bounds a term's bytes."""
UNKNOWN_WORD, UNKNOWN_CHARACTER = 16.0, 12.0
"""Rarity of what the dictionary lacks: about that of its rarest words, and of its rare characters."""


@lru_cache(maxsize=1)
def _cutter() -> jieba.Tokenizer:
    cutter = jieba.Tokenizer()
    cutter.initialize()
    return cutter


class Tokeniser:
    """jieba search words ∪ character uni- and bigrams. Thread-safe."""

    name = "jieba-search+char12"
    version = f"2 (jieba {jieba.__version__})"

    def tokens(self, text: str) -> list[str]:
        """Tokens of ``text`` in order of place, with repetitions (their number is the term frequency)."""
        return self.folded_tokens(fold(text))

    def folded_tokens(self, folded: str) -> list[str]:
        """Tokens of text that is folded already."""
        found: list[str] = []
        for run in _RUN.finditer(_SPACED.sub("", folded)):
            piece = run.group()
            if _HAN.match(piece):
                found.extend(_han_tokens(piece))
            else:
                found.append(piece[:MAX_TOKEN])
        return found

    def whole_words(self, folded: str) -> list[str]:
        """Dictionary words of two characters or more, Latin words and numbers of folded text, in order of place."""
        found: list[str] = []
        for run in _RUN.finditer(folded):
            piece = run.group()
            if _HAN.match(piece):
                found.extend(word[:MAX_TOKEN] for word in _cutter().cut(piece) if len(word) > 1)
            else:
                found.append(piece[:MAX_TOKEN])
        return found

    def words(self, folded: str) -> list[tuple[str, float]]:
        """The distinct words of folded text with their rarity: −ln of their share of Chinese at large.

        The share is jieba's own count, so it is the same whatever an index holds; what jieba does not know is rare.
        """
        cutter = _cutter()
        distinct = dict.fromkeys(word for word in cutter.cut(folded) if word[0].isalnum())
        return [(word[:MAX_TOKEN], _rarity(cutter.FREQ.get(word, 0), cutter.total, len(word))) for word in distinct]

    @property
    def fingerprint(self) -> str:
        """What an index remembers of the tokeniser that built it."""
        return f"{self.name} {self.version}"


# A catalogue says the same names, subjects and publishers again and again.
@lru_cache(maxsize=65_536)
def _short_run(run: str) -> tuple[str, ...]:
    return tuple(_cut(run))


def _rarity(count: int, total: int, length: int) -> float:
    if count:
        return -math.log(count / total)
    return UNKNOWN_WORD if length > 1 else UNKNOWN_CHARACTER


def _han_tokens(run: str) -> Sequence[str]:
    return _short_run(run) if len(run) <= SHORT else _cut(run)


def _cut(run: str) -> list[str]:
    pairs = [run[i : i + 2] for i in range(len(run) - 1)]
    words = [word[:MAX_TOKEN] for word in _cutter().cut_for_search(run)]
    return [*run, *pairs, *words]
