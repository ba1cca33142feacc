"""Runs the prepared model: texts in, unit vectors out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile

from indexer.packaged.tokeniser import PAD, TextTokeniser
from indexer.packaged.weights import WeightsDamagedError

BATCH = 8

_LOAD_ERRORS = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile)


class ModelSession:
    """The model and its tokeniser. Safe to use from several threads."""

    def __init__(self, path: Path, tokeniser: TextTokeniser, *, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        # fusing residual and normalisation back together makes a batch four times slower (see graph.py)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.intra_op_num_threads = threads or os.cpu_count() or 1
        # Idle threads of the pool otherwise burn as much processor time as the model itself, and where others need the
        # cores (a busy server) one question takes 15 ms instead of 3.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._tokeniser = tokeniser
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _LOAD_ERRORS as error:
            raise WeightsDamagedError(f"{path} cannot be loaded: {error}") from error
        self.dimension = int(self._session.get_outputs()[0].shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, dimension] of texts that carry their prefix already."""
        tokens = self._tokeniser.encode(list(texts))
        vectors = np.empty((len(tokens), self.dimension), np.float32)
        by_length = sorted(range(len(tokens)), key=lambda number: len(tokens[number]))
        for start in range(0, len(by_length), BATCH):
            batch = by_length[start : start + BATCH]
            vectors[batch] = self._run([tokens[number] for number in batch])
        return vectors

    def _run(self, batch: list[list[int]]) -> NDArray[np.float32]:
        shape = (len(batch), max(map(len, batch)))
        ids = np.full(shape, PAD, np.int32)
        mask = np.zeros(shape, np.int32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        vectors: NDArray[np.float32] = self._session.run(None, {"ids": ids, "mask": mask})[0]
        return vectors
