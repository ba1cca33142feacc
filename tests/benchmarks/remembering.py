"""An embedder for benchmarks that meet the same texts again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Embedder

Vectors = NDArray[np.float32]


class Remembering:
    """Embeds each text once: questions, so that their time is not counted with the search; passages of several
    indexes, so that the smaller ones cost nothing more."""

    def __init__(self, inner: Embedder) -> None:
        self.fingerprint, self.dimension, self.name = inner.fingerprint, inner.dimension, inner.name
        self._inner = inner
        self._queries: dict[str, Vectors] = {}
        self._passages: dict[str, Vectors] = {}

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return _remembered(texts, self._queries, self._inner.embed_queries)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return _remembered(texts, self._passages, self._inner.embed_passages)


def _remembered(texts: Sequence[str], known: dict[str, Vectors], embed: Callable[[Sequence[str]], Vectors]) -> Vectors:
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        known |= zip(new, embed(new), strict=True)
    return np.stack([known[text] for text in texts])
