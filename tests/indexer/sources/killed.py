"""A load in a process of its own, for the tests that kill it: ``python -m tests.indexer.sources.killed DB FOLDER``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.ingest import IngestOptions, ingest
from indexer.snapshot import SnapshotStore
from tests.indexer.sources.stores import open_catalogue


class HashedVectors:
    """Vectors made of hashes: quick, and the same in every process."""

    name = fingerprint = "hashed"
    dimension = 8

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [np.frombuffer(text.encode()[:8].ljust(8, b"x"), dtype=np.uint8).astype(np.float32) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


def load(database: Path, folder: Path) -> Catalogue:
    """Load the folder as a whole, and bring the index up to it."""
    catalogue = open_catalogue(database)
    ingest(catalogue, [str(folder)], IngestOptions(collection="c", kind="document", complete=True))
    build(catalogue, SnapshotStore(database.parent / "index"), HashedVectors())
    return catalogue


if __name__ == "__main__":
    sys.stdout.write(f"ready {time.time()}\n")
    sys.stdout.flush()
    load(Path(sys.argv[1]), Path(sys.argv[2]))
