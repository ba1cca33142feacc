"""Vector segments: the index type follows size and filter, and no filter loses hits."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from indexer import vectors
from indexer.vectors import Allowed, Moments, VectorFile, VectorSegment

DIMENSION, ROWS = 32, 6_000


@pytest.fixture
def rows() -> np.ndarray:
    random = np.random.default_rng(3)
    centres = random.normal(size=(60, DIMENSION))
    made = centres[random.integers(60, size=ROWS)] + random.normal(scale=0.6, size=(ROWS, DIMENSION)) + 1.5
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def segment(folder: Path, rows: np.ndarray, *, ivf: bool) -> VectorSegment:
    with mock.patch.object(vectors, "IVF_FROM", 1 if ivf else ROWS * 2):
        file = VectorFile(folder, DIMENSION)
        file.append(rows)
        file.close()
    assert (folder / "ivf.faiss").exists() == ivf
    return VectorSegment(folder, DIMENSION)


@pytest.mark.parametrize("ivf", [False, True])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.001])
def test_a_filter_loses_no_hits(tmp_path: Path, rows: np.ndarray, ivf: bool, share: float) -> None:
    searched = segment(tmp_path, rows, ivf=ivf)
    random = np.random.default_rng(5)
    allowed = random.random(ROWS) < share
    allowed[7] = True
    recall = []
    with mock.patch.object(vectors, "EXACT_UP_TO", 50):
        left = Allowed(np.ones(ROWS, dtype=np.bool_) if share == 1 else allowed)
        for query in rows[random.integers(ROWS, size=30)]:
            found, cosines = searched.nearest(query, 10, allowed=left)
            candidates = np.arange(ROWS) if share == 1 else np.flatnonzero(allowed)
            best = candidates[np.argsort(-(rows[candidates] @ query))[:10]]
            recall.append(len(set(found.tolist()) & set(best.tolist())) / len(best))
            assert share == 1 or allowed[found].all()
            assert np.all(np.diff(cosines) <= 0)
            # stored in half precision: two equally near ones may change places
            assert len(set(searched.scan(query, 10, allowed=left)[0].tolist()) & set(best.tolist())) >= len(best) - 1
    assert np.mean(recall) > 0.97


def test_nothing_allowed_finds_nothing(tmp_path: Path, rows: np.ndarray) -> None:
    found, _ = segment(tmp_path, rows, ivf=False).nearest(rows[0], 5, allowed=Allowed(np.zeros(ROWS, dtype=np.bool_)))
    assert len(found) == 0


def test_the_z_score_is_that_of_a_full_scan(rows: np.ndarray) -> None:
    moments = Moments.empty(DIMENSION)
    moments.add(rows[:4000].astype(np.float16))
    moments.add(rows[4000:].astype(np.float16))
    moments.add(rows[:1000].astype(np.float16), sign=-1)
    mean, deviation = moments.scorer().scale(rows[5])
    cosines = rows[1000:] @ rows[5]
    assert mean == pytest.approx(float(cosines.mean()), abs=1e-3)
    assert deviation == pytest.approx(float(cosines.std()), abs=1e-3)
